"""What every registered method promises: the same contract for all, new ones included."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import estimate
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import Matched, match_frame
from evaluation.matching.registry import _HOMES

METHODS = tuple(_HOMES)
pytestmark = pytest.mark.property
# Cells need covariates that repeat; a subset of the largest size is rarely the only one.
COARSE = ("exact", "cem")
NOT_UNIQUE = ("cardinality", "profile", "generalised_full")
WITHOUT_STRATA = ("profile",)
SCORED = ("nearest", "optimal", "full", "generalised_full", "subclass", "radius", "kernel")
# their score is fitted on all rows; the largest subset is rarely unique; no strata
FOLLOWS_OTHER_ROWS = ("ipw", "aipw", "overlap", "cardinality", "profile")


def rows(seed: int = 0, n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, zone = rng.normal(size=n), rng.choice(["north", "south"], n)
    treat = (rng.random(n) < 1 / (1 + np.exp(1.6 - 0.6 * x))).astype(int)
    return pd.DataFrame({
        "treat": treat, "x": x, "rough": np.round(x).clip(-1, 1), "zone": zone,
        "group": pd.Categorical(rng.choice(["a", "b"], n)),
        "y": (rng.random(n) < 0.3).astype(int),
    })  # fmt: skip


def run(frame: pd.DataFrame, method: str, **options: Any) -> Matched:
    covariates = ["rough", "group"] if method in COARSE else ["x", "group"]
    exact = None if method in WITHOUT_STRATA else ["zone"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            frame, treatment="treat", covariates=covariates, method=method,
            **({"exact": exact} | options),
        )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", [1, 2])
def test_weights_are_normalised_and_losses_accounted_for(method, seed):
    matched = run(rows(seed), method)
    treated, weights = matched.treated.to_numpy(), matched.weights.to_numpy()
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    for arm in (treated, ~treated):
        kept = arm & (weights > 0)
        assert kept.any()
        assert weights[kept].sum() == pytest.approx(kept.sum(), rel=1e-9)
    if matched.estimand == "ATT":
        assert set(np.round(weights[treated], 12)) <= {0.0, 1.0}
        lost = set(np.flatnonzero(treated & (weights == 0)))
        assert set(matched.unmatched["row"]) == lost
    else:
        assert method == "overlap"


@pytest.mark.parametrize("method", METHODS)
def test_pairs_and_sets_never_cross_an_exact_stratum(method):
    frame = rows(3)
    matched = run(frame, method)
    zone = frame["zone"].to_numpy()
    pairs = matched.pairs
    assert (zone[pairs["treated"]] == zone[pairs["comparison"]]).all()
    sets = matched.subclass.to_numpy()
    for label in np.unique(sets[sets >= 0]):
        assert len(set(zone[sets == label])) == 1
        arms = set(matched.treated.to_numpy()[sets == label])
        assert arms == {True, False}


@pytest.mark.parametrize("method", [name for name in METHODS if name not in NOT_UNIQUE])
def test_permuted_rows_give_the_permuted_result(method):
    frame = rows(4)
    order = np.random.default_rng(9).permutation(len(frame))
    before = run(frame, method).weights.to_numpy()
    after = run(frame.iloc[order].reset_index(drop=True), method).weights.to_numpy()
    np.testing.assert_allclose(after, before[order], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in FOLLOWS_OTHER_ROWS])
def test_a_stratum_without_treated_changes_nothing(method):
    """Comparators of a zone where nobody entered, once or twice over, receive no weight."""
    frame = rows(5)
    alone = frame[frame["treat"] == 0].assign(zone="elsewhere")
    results = []
    for extra in ([], [alone], [alone, alone]):
        whole = pd.concat([frame, *extra], ignore_index=True)
        # a score fitted here would learn from them
        options = {"distance": whole["x"].to_numpy()} if method in SCORED else {}
        results.append(run(whole, method, **options).weights.to_numpy())
    for found in results[1:]:
        assert (found[len(frame) :] == 0).all()
        np.testing.assert_allclose(found[: len(frame)], results[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_an_effect_follows_with_its_interval(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        effect = estimate(run(rows(6, n=600), method), "y")
    assert effect.points.low < effect.points.estimate < effect.points.high
    assert effect.difference.se > 0


@pytest.mark.parametrize("method", METHODS)
def test_unknown_options_are_refused_with_the_nearest(method):
    with pytest.raises(EvaluationError) as caught:
        run(rows(), method, calliper=0.2)
    assert caught.value.code == "EVAL-402"
    assert "calliper" in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_arm_is_refused(method):
    with pytest.raises(EvaluationError) as caught:
        run(rows().assign(treat=0), method)
    assert caught.value.code == "EVAL-409"


@pytest.mark.parametrize("method", ["nearest", "optimal", "full", "generalised_full"])
def test_a_line_is_a_space_of_one_dimension(method):
    """A score vector and Euclidean distances on that one column are two engines, one result."""
    frame = rows(7, n=160)
    score = frame["x"].to_numpy() / frame["x"].std(ddof=1)
    order = {"order": "data"} if method == "nearest" else {}
    weights, totals = [], []
    for distance in (score, "scaled_euclidean", "mahalanobis"):
        matched = on_one_column(frame, method, distance, order)
        weights.append(matched.weights.to_numpy())
        pairs = matched.pairs
        gaps = np.abs(score[pairs["treated"]] - score[pairs["comparison"]])
        totals.append(gaps.sum())
        scale = pairs["distance"].sum() / gaps.sum() if len(pairs) else 1.0
        np.testing.assert_allclose(pairs["distance"], scale * gaps, atol=1e-9)
    if method != "full":  # several full matchings have the least total
        for other in weights[1:]:
            np.testing.assert_allclose(other, weights[0], atol=1e-9)
    assert totals[1:] == pytest.approx([totals[0]] * 2, rel=1e-9)


def on_one_column(frame, method, distance, order):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            frame, treatment="treat", covariates=["x"], method=method, exact=["zone"],
            distance=distance, **order,
        )  # fmt: skip
