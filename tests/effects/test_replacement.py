from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import estimate
from evaluation.effects.neighbours import same_arm_neighbour, same_arm_neighbour_in_space
from evaluation.errors import EvaluationError
from tests.effects.build import matched_of


def nearest_with_replacement(distance: np.ndarray, treated: np.ndarray) -> np.ndarray:
    rows, pool = np.flatnonzero(treated), np.flatnonzero(~treated)
    return np.array([[i, pool[np.argmin(np.abs(distance[pool] - distance[i]))]] for i in rows])


def reused(rng: np.random.Generator, *, n: int = 600, effect: float = 0.0, noise: float = 1.0,
           person: np.ndarray | None = None):  # fmt: skip
    distance = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(1 - distance))
    y = distance + effect * treated + noise * rng.normal(size=n)
    pairs = nearest_with_replacement(distance, treated)
    weights = np.bincount(pairs[:, 1], minlength=n) + treated
    return matched_of(pd.DataFrame({"y": y}), treated, weights, pairs=pairs, family="replacement",
                      distance=distance, person=person)  # fmt: skip


@pytest.mark.property
def test_the_neighbour_is_the_nearest_of_the_same_arm_and_stratum():
    rng = np.random.default_rng(1)
    for _ in range(20):
        n = int(rng.integers(3, 40))
        distance = rng.normal(size=n)
        strata, treated = rng.integers(3, size=n), rng.random(n) < 0.5
        found = same_arm_neighbour(distance, strata, treated)
        for i in range(n):
            alike = (strata == strata[i]) & (treated == treated[i]) & (np.arange(n) != i)
            if not alike.any():
                assert found[i] == -1
            else:
                best = np.abs(distance[alike] - distance[i]).min()
                assert abs(distance[found[i]] - distance[i]) == pytest.approx(best)
                assert alike[found[i]]


@pytest.mark.property
def test_in_space_the_neighbour_is_another_person_of_the_same_arm_and_stratum():
    rng = np.random.default_rng(7)
    for _ in range(20):
        n = int(rng.integers(4, 60))
        points, strata = rng.normal(size=(n, 3)), rng.integers(2, size=n)
        treated, person = rng.random(n) < 0.5, rng.integers(n // 2 + 1, size=n)
        rows = np.flatnonzero(rng.random(n) < 0.7)
        found = same_arm_neighbour_in_space(points, strata, treated, person=person, rows=rows)
        assert (np.delete(found, rows) == -1).all()
        for i in rows:
            alike = (strata == strata[i]) & (treated == treated[i]) & (person != person[i])
            gaps = np.where(alike, ((points - points[i]) ** 2).sum(axis=1), np.inf)
            assert found[i] == (np.argmin(gaps) if alike.any() else -1)


@pytest.mark.property
def test_in_space_the_local_variance_tracks_the_spread_where_noise_is_uneven():
    """Few comparators serve many treated rows just where outcomes are noisy."""
    from evaluation.matching import match_frame

    rng = np.random.default_rng(8)
    gaps, local, common = [], [], []
    for _ in range(200):
        x = rng.normal(size=(500, 2))
        treated = rng.random(500) < 1 / (1 + np.exp(1 - 1.2 * x[:, 0]))
        noise = np.exp(np.where(treated, -1.0, x[:, 0])) * rng.normal(size=500)
        frame = pd.DataFrame({"d": treated.astype(int), "a": x[:, 0], "b": x[:, 1], "y": noise})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matched = match_frame(
                frame, treatment="d", covariates=["a", "b"], distance="mahalanobis", replace=True
            )
        first = estimate(matched, "y").difference
        gaps.append(first.estimate)
        local.append(first.se)
        second = estimate(matched, "y", variance="abadie_imbens_homoscedastic").difference
        common.append(second.se)
    spread = np.std(gaps)
    assert np.sqrt(np.mean(np.square(local))) == pytest.approx(spread, rel=0.15)
    assert np.sqrt(np.mean(np.square(common))) < 0.9 * spread


@pytest.mark.property
def test_standard_errors_match_the_spread_of_estimates():
    rng = np.random.default_rng(2)
    gaps, errors = [], []
    for _ in range(200):
        effect = estimate(reused(rng, n=400), "y")
        gaps.append(effect.difference.estimate)
        errors.append(effect.difference.se)
    assert np.mean(errors) == pytest.approx(np.std(gaps), rel=0.15)


def test_named_choice_differs_and_rates_are_kept():
    matched = reused(np.random.default_rng(3), effect=1.0)
    local = estimate(matched, "y")
    common = estimate(matched, "y", variance="abadie_imbens_homoscedastic")
    assert local.variance == "abadie_imbens"
    assert local.difference.estimate == common.difference.estimate
    assert local.difference.se == pytest.approx(common.difference.se, rel=0.25)
    assert local.difference.se != common.difference.se


def test_a_person_in_several_months_raises_the_variance():
    rng = np.random.default_rng(4)
    n = 900
    # Three rows a person, one noise for all three.
    person = np.tile(np.arange(n // 3), 3)
    distance = rng.normal(size=n)
    treated = rng.random(n) < 0.3
    y = rng.normal(size=n // 3)[person]
    pairs = nearest_with_replacement(distance, treated)
    weights = np.bincount(pairs[:, 1], minlength=n) + treated
    kwargs = {"pairs": pairs, "family": "replacement", "distance": distance}
    frame = pd.DataFrame({"y": y})
    apart = estimate(matched_of(frame, treated, weights, **kwargs), "y")
    shared = estimate(matched_of(frame, treated, weights, person=person, **kwargs), "y")
    assert shared.rate_comparison.se > 1.1 * apart.rate_comparison.se
    assert shared.difference.se >= apart.difference.se


def test_a_correction_that_leaves_no_variance_is_refused():
    class Steep:
        probability = np.full(600, 0.5)
        calls = 0

        def design_transpose_times(self, vector):
            return np.array([vector.sum()])

        def score_influence(self, direction):
            self.calls += 1
            return np.zeros(600) if self.calls == 1 else np.full(600, 10.0)

    matched = reused(np.random.default_rng(5))
    object.__setattr__(matched.problem, "score", Steep())
    with pytest.raises(EvaluationError, match="EVAL-508"):
        estimate(matched, "y")
    assert estimate(matched, "y", score_estimated=False).difference.se > 0


@pytest.mark.slow
@pytest.mark.property
def test_the_correction_for_an_estimated_score_tracks_the_true_spread():
    from evaluation.matching import match_frame

    rng = np.random.default_rng(11)
    gaps, plain, corrected = [], [], []
    for _ in range(150):
        x = rng.normal(size=(800, 2))
        treated = rng.random(800) < 1 / (1 + np.exp(1 - 0.6 * x.sum(axis=1)))
        y = 7 * x[:, 0] - 5 * x[:, 1] + 3 * treated * x[:, 1] + rng.normal(size=800)
        frame = pd.DataFrame({"d": treated.astype(int), "a": x[:, 0], "b": x[:, 1], "y": y})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matched = match_frame(frame, treatment="d", covariates=["a", "b"], replace=True)
        first = estimate(matched, "y", score_estimated=False).difference
        gaps.append(first.estimate)
        plain.append(first.se)
        corrected.append(estimate(matched, "y").difference.se)
    spread = np.std(gaps)
    assert np.mean(plain) > 1.15 * spread
    # Its own sampling error is 6 %, and the correction is a little conservative at this size.
    assert np.mean(corrected) == pytest.approx(spread, rel=0.2)
