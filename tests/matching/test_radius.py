"""Radius matching: the kernels against a plain loop, the bootstrap, the adjustment, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from evaluation.errors import EvaluationError
from evaluation.matching.algorithms.radius import radius, within_radius
from evaluation.matching.engines.smooth_match import layout, smooth_match
from tests.diagnostics.samples import difference, made, taken


def _plain(score, weight, treated, strata, t_weight, reach):
    """The definition, one treated at a time."""
    given = np.zeros(len(score))
    for i in np.flatnonzero(t_weight):
        same = ~treated & (strata == strata[i]) & (weight > 0)
        gap = np.abs(score - score[i])
        kernel = np.where(same & (gap < reach), weight * (1 - gap / max(reach, 1e-300)), 0.0)
        if kernel.sum() <= 0:
            kernel = np.where(same & (gap == gap[same].min()), weight, 0.0)
        given += t_weight[i] * kernel / kernel.sum()
    return given


@pytest.mark.property
@pytest.mark.parametrize("multiple", [0.01, 0.5, 1.5, 30.0])
@pytest.mark.parametrize("digits", [0, 1, 12])
def test_kernels_follow_the_definition(multiple, digits):
    """Ties, empty radii, narrow and wide windows, rows that a replication leaves out."""
    rng = np.random.default_rng(int(multiple * 100) + digits)
    n = 900
    score, strata = np.round(rng.normal(size=n), digits), rng.integers(0, 3, n)
    treated, base = rng.random(n) < 0.25, rng.uniform(0.5, 2, n)
    base[treated] = 1.0
    multiplier = rng.poisson(1.0, n).astype(float)
    plan = layout(treated, strata, base, window=within_radius(multiple, 0.9))
    found = smooth_match(plan, score, multiplier)
    weight = base * multiplier
    expected = _plain(score, weight, treated, strata, found.treated, found.width)
    np.testing.assert_allclose(found.comparison, expected, atol=1e-10)
    assert found.comparison.sum() == pytest.approx(found.treated.sum())
    assert (found.comparison[multiplier == 0] == 0).all()


def test_weights_stay_in_their_stratum():
    given, _ = made(1, options={"max_share": 1.0})
    weights = radius(given).weights
    t = given.treated
    kept = np.bincount(given.strata[t], weights[t])
    shares = np.bincount(given.strata[~t], weights[~t])
    np.testing.assert_allclose(shares / shares.sum(), kept / kept.sum(), rtol=1e-10)
    assert set(np.unique(weights[t])) <= {0.0, 1.0}


def test_adjustment_is_weighted_least_squares():
    """The adjusted mean is the mean prediction, at the entrants, of statsmodels' regression."""
    given, outcome = made(2, options={"bias_adjust": ["x", "flag"]})
    weighted = radius(given)
    t, used = given.treated & (weighted.weights > 0), ~given.treated & (weighted.weights > 0)
    linear = given.score.linear
    design = sm.add_constant(
        np.column_stack([linear, linear**2, given.covariates["x"], given.covariates["flag"]])
    )
    fit = sm.WLS(outcome[used], design[used], weights=weighted.weights[used]).fit()
    first, second = weighted.adjusted(outcome)
    assert first == pytest.approx(outcome[t].mean(), rel=1e-12)
    assert second == pytest.approx(fit.predict(design[t]).mean(), rel=1e-8)


def test_adjustment_reproduces_a_linear_outcome_exactly():
    """A regression that holds the truth leaves no bias, whatever the radius."""
    given, _ = made(3, options={"radius": 20.0})
    truth = 2.0 + 0.5 * given.covariates["x"].to_numpy() - given.covariates["flag"].to_numpy()
    weighted = radius(given)
    first, second = weighted.adjusted(truth)
    assert first - second == pytest.approx(0, abs=1e-9)
    assert abs(difference(weighted.weights, given.treated, truth)) > 1e-3


@pytest.mark.parametrize("adjust", [True, False])
def test_unit_weights_replicate_the_estimate(adjust):
    given, outcome = made(4, options={"bias_adjust": adjust})
    weighted = radius(given)
    outcomes = np.column_stack([outcome, 1 - outcome])
    found = weighted.replicate(outcomes, np.ones((len(outcome), 2)))
    assert found.shape == (2, 2, 2)
    np.testing.assert_allclose(found[0, 0], weighted.adjusted(outcome), rtol=1e-9)
    np.testing.assert_allclose(found[:, 0], 1 - found[:, 1], rtol=1e-9)


@pytest.mark.property
def test_replication_follows_the_resampled_rows():
    """Weights in a replication are the rows repeated, with the score one Newton step on."""
    given, outcome = made(5, options={"max_share": 1.0})
    weighted = radius(given)
    counts = np.random.default_rng(0).poisson(1.0, 1500).astype(float)
    found = weighted.replicate(outcome[:, None], counts[:, None])[0, 0]
    rows = np.repeat(np.arange(1500), counts.astype(int))
    score = given.score.one_step(counts[:, None])[:, 0]
    plan = layout(given.treated[rows], given.strata[rows], given.sampling_weight[rows],
                  window=within_radius(3.0, 0.9))  # fmt: skip
    again = smooth_match(plan, score[rows], np.ones(len(rows)))
    t = again.treated > 0
    assert found[0] == pytest.approx(outcome[rows][t].mean())
    once = smooth_match(
        layout(given.treated, given.strata, given.sampling_weight,
               window=within_radius(3.0, 0.9)), score, counts)  # fmt: skip
    assert np.bincount(rows, again.comparison, minlength=1500) == pytest.approx(once.comparison)


@pytest.mark.property
def test_row_order_does_not_matter():
    given, outcome = made(6)
    order = np.random.default_rng(1).permutation(1500)
    moved = replace(
        taken(given, order), distance=given.distance[order],
    )  # fmt: skip
    first, second = radius(given), radius(moved)
    np.testing.assert_allclose(second.weights, first.weights[order], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(second.adjusted(outcome[order]), first.adjusted(outcome), rtol=1e-7)


@pytest.mark.property
def test_bootstrap_error_is_of_the_right_size():
    """Standard error over repeated samples against the mean bootstrap error, no effect."""
    found, errors = [], []
    for seed in range(24):
        given, outcome = made(seed + 200, n=700)
        weighted = radius(given)
        first, second = weighted.adjusted(outcome)
        counts = np.random.default_rng(seed).multinomial(700, np.full(700, 1 / 700), size=30)
        draws = weighted.replicate(outcome[:, None], counts.T.astype(float))[:, 0]
        found.append(first - second)
        errors.append((draws[:, 0] - draws[:, 1]).std(ddof=1))
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(24)
    assert 0.7 < np.mean(errors) / np.std(found) < 1.8


def test_support_cap_and_notes():
    given, _ = made(7, options={"max_share": 0.002})
    top = int(np.flatnonzero(given.treated)[0])
    linear = given.score.linear.copy()
    linear[top] = linear[~given.treated].max() + 1
    weighted = radius(replace(given, score=replace(given.score, linear=linear)))
    assert top in weighted.reasons["outside_support"]
    assert weighted.weights[top] == 0
    comparison = weighted.weights[~given.treated]
    assert comparison.max() / comparison.sum() < 0.0025
    assert {"EVAL-465", "EVAL-466", "EVAL-467"} <= {n.code for n in weighted.notes}
    assert all(n.text("fr") != n.text("en") for n in weighted.notes)


def test_a_given_distance_is_taken_as_known():
    given, outcome = made(8)
    weighted = radius(replace(given, score=None, distance_name="array"))
    assert "EVAL-468" in [n.code for n in weighted.notes]
    counts = np.random.default_rng(0).poisson(1.0, (1500, 3)).astype(float)
    assert np.isfinite(weighted.replicate(outcome[:, None], counts)).all()


def test_probability_scale():
    given, _ = made(9)
    by_probability = radius(replace(given, distance_name="probability"))
    plan = layout(given.treated, given.strata, given.sampling_weight,
                  window=within_radius(3.0, 0.9), max_share=0.04)  # fmt: skip
    expected = smooth_match(plan, given.score.probability, np.ones(1500))
    used = ~given.treated
    share = by_probability.weights[used] / by_probability.weights[used].sum()
    np.testing.assert_allclose(
        share, expected.comparison[used] / expected.comparison.sum(), atol=1e-12
    )


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("EVAL-451", {"estimand": "ATE"}),
        ("EVAL-452", {"options": {"radius": 0}}),
        ("EVAL-452", {"options": {"quantile": 2}}),
        ("EVAL-452", {"options": {"bias_adjust": "x"}}),
        ("EVAL-458", {"distance": None, "score": None, "distance_name": "mahalanobis"}),
        ("EVAL-459", {"options": {"bias_adjust": ["flagg"]}}),
    ],
)
def test_refusals(code, change):
    given, _ = made(10)
    with pytest.raises(EvaluationError) as error:
        radius(replace(given, **change))
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")


def test_nobody_on_the_support():
    given, _ = made(11)
    apart = np.where(given.treated, 10.0, 0.0) + 1e-3 * given.distance
    with pytest.raises(EvaluationError, match="EVAL-464"):
        radius(replace(given, score=None, distance=apart))
