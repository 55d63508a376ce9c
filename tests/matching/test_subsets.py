"""Cardinality and profile matching: balance holds, nothing larger exists, limits are said."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError
from evaluation.matching import match_frame
from evaluation.matching.algorithms.cardinality import cardinality
from evaluation.matching.algorithms.profile import profile
from evaluation.matching.engines.all_levels import all_levels
from tests.diagnostics.samples import made, problem, real

METHODS = {"cardinality": cardinality, "profile": profile}


def imbalance(given, weights):
    """Return the largest standardised difference, all levels, the treated's own scale."""
    columns = all_levels(given.covariates).dense().to_numpy()[:, 1:]
    t = given.treated
    spread = columns[t].std(axis=0)
    spread = np.where(spread > 1e-9, spread, columns[~t].std(axis=0))
    gaps = np.average(columns[t], axis=0, weights=weights[t]) - np.average(
        columns[~t], axis=0, weights=weights[~t]
    )
    return float(np.abs(gaps / spread).max())


@pytest.mark.golden
@pytest.mark.parametrize(("name", "kept"), [("cardinality", 403), ("profile", 976)])
def test_as_large_as_the_reference(name, kept):
    """MatchIt 4.7.2 with SYMPHONY, tols = 0.1, on NHEFS: 403 pairs; 976 comparators."""
    given, _ = real("nhefs", tolerance=0.1)
    weights = METHODS[name](given).weights
    assert int((weights[given.treated] > 0).sum()) == 403
    assert int((weights[~given.treated] > 0).sum()) >= kept
    assert imbalance(given, weights) <= 0.1 + 1e-9


@pytest.mark.property
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", METHODS)
def test_nothing_larger_exists(name, seed):
    """Every subset of a dozen rows is tried."""
    rng = np.random.default_rng(seed)
    treated = np.arange(12) < 5
    frame = pd.DataFrame({
        "x": np.round(rng.normal(size=12) + 0.3 * treated, 1),
        "g": pd.Categorical(rng.choice(["a", "b"], 12)),
    })  # fmt: skip
    given = problem(frame, treated, fitted=False, options={"tolerance": 0.4})
    best = 0
    for taken in product([0.0, 1.0], repeat=12):
        weights = np.array(taken)
        arms = weights[treated].sum(), weights[~treated].sum()
        legal = arms[0] == 5 if name == "profile" else arms[0] == arms[1]
        if legal and min(arms) > 0 and imbalance(given, weights) <= 0.4:
            best = max(best, int(weights.sum()))
    if best == 0:
        with pytest.raises(EvaluationError, match="EVAL-486"):
            METHODS[name](given)
    else:
        assert int(METHODS[name](given).weights.sum()) == best


@pytest.mark.property
def test_both_arms_have_the_same_number_in_each_stratum():
    given, _ = made(1, n=400, fitted=False, options={"tolerance": 0.1})
    given = dataclasses.replace(given, sampling_weight=np.ones(400))
    kept = cardinality(given).weights > 0
    for stratum in range(3):
        inside = kept & (given.strata == stratum)
        assert (inside & given.treated).sum() == (inside & ~given.treated).sum() > 0


def test_what_it_cannot_do_is_said():
    given, _ = made(2, n=300, fitted=False, options={"tolerance": 0.1})
    for name, method in METHODS.items():
        with pytest.raises(EvaluationError) as caught:
            method(given)
        assert caught.value.code == "EVAL-488"
        assert name in str(caught.value)
    even = dataclasses.replace(given, sampling_weight=np.ones(300))
    with pytest.raises(EvaluationError) as caught:
        profile(even)
    assert caught.value.code == "EVAL-473"
    with pytest.raises(EvaluationError) as caught:
        cardinality(dataclasses.replace(even, options={"tolerance": -1}))
    assert caught.value.code == "EVAL-452"


def test_no_answer_in_time_is_refused():
    given, _ = real("nsw_cps", tolerance=0.1, seconds=0)
    with pytest.raises(EvaluationError) as caught:
        profile(given)
    assert caught.value.code == "EVAL-486"


def test_an_answer_cut_short_says_by_how_much(monkeypatch):
    """The solver stopped at its limit with 8 rows, its bound being 10."""
    from scipy import optimize

    x = np.r_[np.linspace(0, 1, 5), np.linspace(0, 1, 5)]
    given = problem(pd.DataFrame({"x": x}), np.arange(10) < 5, fitted=False)
    stopped = np.r_[np.ones(4), 0.0, np.ones(4), 0.0]
    answer = optimize.OptimizeResult(x=stopped, status=1, mip_dual_bound=-10.0)
    monkeypatch.setattr(optimize, "milp", lambda *_, **__: answer)
    with pytest.warns(match="EVAL-489"):
        weighted = cardinality(given)
    assert [note.data["gap"] for note in weighted.notes] == [20.0]
    assert weighted.weights.sum() == 8


def test_treated_left_out_are_counted():
    x = np.r_[np.linspace(0, 1, 20), np.linspace(4, 5, 10), np.linspace(0, 1.2, 40)]
    frame = pd.DataFrame({"t": (np.arange(70) < 30).astype(int), "x": x})
    with pytest.warns(match="EVAL-412"):
        matched = match_frame(frame, treatment="t", covariates=["x"], method="cardinality")
    weights = matched.weights.to_numpy()
    assert 0 < weights[:30].sum() < 30
    assert set(matched.unmatched["reason"]) == {"tolerance"}
    assert len(matched.unmatched) == 30 - weights[:30].sum()
