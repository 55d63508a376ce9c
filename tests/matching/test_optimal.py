"""Optimal pair matching: never worse than R's, equal to brute force, refusals, losses."""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import Matched, match_frame
from evaluation.matching.engines import lists as _lists
from evaluation.matching.engines.assignment import pair_on_line, pair_sparse
from evaluation.matching.engines.distances import mahalanobis
from tests.matching.data import COVARIATES, DATA, EXACT, GOLDEN, TREATMENT, golden_linear
from tests.matching.sets import quiet

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=200, deadline=None, derandomize=True)
LOST = 1e4
"""Cost of an empty seat in the brute force, more than all distances together."""


@cache
def golden_specs(dataset: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"optimal_{dataset}.json").read_text("utf-8"))["specs"]


def run(dataset: str, name: str, **options: Any) -> tuple[Matched, dict[str, Any]]:
    """Run a specification on R's own score; return it with R's numbers."""
    if name.endswith("_exact"):
        options["exact"] = EXACT[dataset]
    distance = "mahalanobis" if name.endswith("_mahal") else golden_linear(dataset)
    matched = quiet(
        DATA[dataset](), treatment=TREATMENT[dataset], covariates=COVARIATES[dataset],
        distance=distance, **options,
    )  # fmt: skip
    return matched, golden_specs(dataset)[name]


def total_distance(matched: Matched) -> float:
    """Return the total distance over the pairs, in the coordinates matched on."""
    problem, pairs = matched.problem, matched.weighted.pairs
    assert pairs is not None
    if problem.distance is not None:
        points = problem.distance[:, None]
    else:
        points = mahalanobis(problem.covariates, problem.treated)
    return float(np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1).sum())


def rows_of(seed: int, *, treated: int = 9, others: int = 20, grid: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=treated + others) + 0.7 * (np.arange(treated + others) < treated)
    return pd.DataFrame(
        {
            "t": np.r_[np.ones(treated, int), np.zeros(others, int)],
            "x": np.round(score * 3) / 3 if grid else score,
            "z": rng.normal(size=treated + others),
            "stratum": rng.choice(["a", "b"], treated + others),
        }
    )


def least_cost(distances: np.ndarray, ratio: int) -> float:
    """Return the least cost of filling seats, empty ones included, by a dense assignment."""
    seats = np.repeat(distances, ratio, axis=0)
    penalty = np.where(np.arange(len(seats)) % ratio == 0, 2 * LOST, LOST)
    refusals = np.where(np.eye(len(seats)) > 0, penalty[:, None], 1e9)
    costs = np.hstack([np.where(np.isfinite(seats), seats, 1e9), refusals])
    i, j = linear_sum_assignment(costs)
    return float(costs[i, j].sum())


def cost_of(found: np.ndarray, distances: np.ndarray) -> float:
    used = found[found >= 0]
    assert len(np.unique(used)) == used.size
    rows, _ = np.nonzero(found >= 0)
    counts = (found >= 0).sum(axis=1)
    empty = LOST * (found.size - used.size + (counts == 0).sum())
    return float(distances[rows, used].sum() + empty)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("dataset", "name", "options"),
    [
        ("nsw_cps", "optimal", {}),
        ("nsw_cps", "optimal_exact", {}),
        ("nhefs", "optimal", {}),
        ("nhefs", "optimal_exact", {}),
        ("nhefs", "optimal_k2", {"ratio": 2}),
        ("nhefs", "optimal_mahal", {}),
    ],
)
def test_the_total_distance_is_no_worse_than_that_of_optmatch(
    dataset: str, name: str, options: dict[str, Any]
) -> None:
    matched, spec = run(dataset, name, method="optimal", **options)
    treated, weights = matched.problem.treated, matched.weights.to_numpy()
    assert spec["total_distance"] * 0.985 < total_distance(matched) <= spec["total_distance"]
    assert [(weights[arm] > 0).sum() for arm in (treated, ~treated)] == spec["matched"]
    np.testing.assert_allclose([weights[treated].sum(), weights[~treated].sum()], spec["weights"])
    assert matched.subclass.max() + 1 == spec["sets"]
    assert matched.family == "sets"


@pytest.mark.golden
def test_the_dense_assignment_confirms_the_total_on_real_data() -> None:
    matched, _ = run("nhefs", "optimal_mahal", method="optimal")
    problem = matched.problem
    points = mahalanobis(problem.covariates, problem.treated)
    gaps = np.linalg.norm(points[problem.treated][:, None] - points[~problem.treated], axis=2)
    i, j = linear_sum_assignment(gaps)
    assert total_distance(matched) == pytest.approx(gaps[i, j].sum(), rel=1e-12)
    on_score, _ = run("nhefs", "optimal", method="optimal")
    score = on_score.problem.distance
    gaps = np.abs(score[problem.treated][:, None] - score[~problem.treated])
    i, j = linear_sum_assignment(gaps)
    assert total_distance(on_score) == pytest.approx(gaps[i, j].sum(), rel=1e-12)


@pytest.mark.property
@QUICK
@given(
    SEEDS, st.integers(0, 10), st.integers(0, 16), st.integers(1, 3),
    st.sampled_from([np.inf, 0.1, 0.5, 1.5]), st.booleans(),
)  # fmt: skip
def test_the_line_agrees_with_the_dense_assignment(
    seed: int, seekers: int, others: int, ratio: int, width: float, grid: bool
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(rng.normal(), 1, seekers), rng.normal(size=others)
    if grid:
        x, y = np.round(x * 2) / 2, np.round(y * 2) / 2
    x, y = np.sort(x), np.sort(y)
    found = pair_on_line(x, np.array([0, seekers]), y, np.array([0, others]), ratio, width)
    gaps = np.abs(x[:, None] - y[None])
    assert all(gaps[i, j] <= width for i, row in enumerate(found) for j in row if j >= 0)
    if seekers == 0:
        assert found.size == 0
        return
    within = np.where(gaps <= width, gaps, np.inf)
    assert cost_of(found, gaps) == pytest.approx(least_cost(within, ratio), abs=1e-7)


@pytest.mark.property
@QUICK
@given(SEEDS, st.integers(1, 14), st.integers(1, 40), st.integers(1, 2), st.booleans())
def test_lists_grow_until_they_prove_the_dense_optimum(
    seed: int, seekers: int, others: int, ratio: int, grid: bool
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(1, 1, (seekers, 2)), rng.normal(size=(others, 2))
    if grid:
        a, b = np.round(a), np.round(b)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_lists, "FIRST", 1)
        found = _lists.assigned(a, b, ratio)
    gaps = np.linalg.norm(a[:, None] - b[None], axis=2)
    assert cost_of(found, gaps) == pytest.approx(least_cost(gaps, ratio), abs=1e-7)


@pytest.mark.property
@QUICK
@given(SEEDS, st.integers(1, 10), st.integers(1, 12))
def test_prices_prove_the_sparse_assignment(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    listed = rng.random((rows, columns)) < 0.5
    costs, refusal = rng.normal(size=(rows, columns)), rng.normal(1, 1, rows)
    start = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
    i, j = np.nonzero(listed)
    match, u, v = pair_sparse(start, j, costs[i, j], refusal, columns)
    chosen = np.flatnonzero(match >= 0)
    assert (u[i] + v[j] <= costs[i, j] + 1e-9).all()
    assert (u <= refusal + 1e-9).all()
    assert (v <= 0).all()
    paid = costs[chosen, match[chosen]].sum() + refusal[match < 0].sum()
    assert paid == pytest.approx(u.sum() + v.sum(), abs=1e-9)
    assert not v[np.setdiff1d(np.arange(columns), match[chosen])].any()


@pytest.mark.property
@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS, st.sampled_from(["x", "scaled_euclidean"]), st.sampled_from(["ATT", "ATC"]))
def test_sets_keep_strata_and_calipers_whatever_the_order_of_rows(
    seed: int, distance: str, estimand: str
) -> None:
    frame = rows_of(seed)
    options: dict[str, Any] = {
        "treatment": "t", "covariates": ["x", "z"], "exact": "stratum", "method": "optimal",
        "estimand": estimand,
    }  # fmt: skip
    if distance == "x":
        options["caliper"] = 0.5
    one = quiet(frame, distance=frame["x"] if distance == "x" else distance, **options)
    pairs = one.pairs
    stratum = frame["stratum"].to_numpy()
    assert (stratum[pairs["treated"]] == stratum[pairs["comparison"]]).all()
    assert pairs["treated"].is_unique
    assert pairs["comparison"].is_unique
    if distance == "x":
        assert (pairs["distance"] <= 0.5 * np.std(frame["x"], ddof=1) + 1e-12).all()
    order = np.random.default_rng(seed).permutation(len(frame))
    mixed = frame.iloc[order].reset_index(drop=True)
    other = quiet(mixed, distance=mixed["x"] if distance == "x" else distance, **options)
    assert len(other.pairs) == len(pairs)
    assert total_distance(other) == pytest.approx(total_distance(one), rel=1e-12)
    np.testing.assert_array_equal(other.weights, one.weights.to_numpy()[order])


def test_a_stratum_of_strangers_changes_nothing() -> None:
    frame = rows_of(4)
    extra = rows_of(5).assign(stratum="elsewhere")
    both = pd.concat([frame, extra], ignore_index=True)
    options: dict[str, Any] = {
        "treatment": "t", "covariates": ["x"], "exact": "stratum", "method": "optimal"
    }  # fmt: skip
    one = quiet(frame, distance=frame["x"], **options)
    other = quiet(both, distance=both["x"], **options)
    mine = other.pairs[other.pairs["treated"] < len(frame)].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, one.pairs)


def test_ratio_gives_everyone_a_first_before_anyone_a_second() -> None:
    frame = rows_of(1, treated=6, others=8)
    with pytest.warns(EvaluationWarning) as caught:
        matched = match_frame(
            frame, treatment="t", covariates=["x"], distance=frame["x"], method="optimal", ratio=2
        )
    assert "EVAL-415" in {w.message.fault.code for w in caught}
    sizes = matched.pairs.groupby("treated").size()
    assert len(sizes) == 6
    assert sizes.sum() == 8
    comparators = matched.weights[frame["t"] == 0]
    assert comparators.sum() == pytest.approx(8)


def test_losses_have_their_reason() -> None:
    frame = pd.DataFrame(
        {
            "t": [1, 1, 1, 1, 1, 0, 0],
            "x": [0.0, 0.1, 9.0, 0.2, 5.0, 0.05, 0.3],
            "stratum": ["a", "a", "a", "a", "b", "a", "a"],
        }
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        matched = match_frame(
            frame, treatment="t", covariates=["x"], distance=frame["x"], method="optimal",
            exact="stratum", caliper=0.5,
        )  # fmt: skip
    reasons = matched.unmatched.set_index("row")["reason"].to_dict()
    assert reasons == {0: "no_comparator_left", 2: "caliper", 4: "stratum_empty"} or reasons == {
        1: "no_comparator_left", 2: "caliper", 4: "stratum_empty"
    }  # fmt: skip
    codes = {w.message.fault.code for w in caught if isinstance(w.message, EvaluationWarning)}
    assert {"EVAL-412", "EVAL-414"} <= codes


def test_unequal_sampling_weights_within_a_stratum_are_said() -> None:
    frame = rows_of(2).assign(w=np.r_[np.ones(9), np.tile([1.0, 2.0], 10)])
    options: dict[str, Any] = {"treatment": "t", "covariates": ["x"], "method": "optimal"}
    codes = {note.code for note in quiet(frame, **options, sampling_weight="w").notes}
    assert "EVAL-446" in codes
    frame["w"] = np.where(frame["t"] == 1, 1.0, 2.0)
    codes = {note.code for note in quiet(frame, **options, sampling_weight="w").notes}
    assert "EVAL-446" not in codes


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"estimand": "ATE"}, "EVAL-436"),
        ({"caliper": 0.2, "distance": "mahalanobis"}, "EVAL-425"),
        ({"order": "largest"}, "EVAL-402"),
        ({"replace": True}, "EVAL-402"),
        ({"ratio": 0}, "EVAL-403"),
        ({"caliper": 0.0}, "EVAL-413"),
    ],
)
def test_refusals(options: dict[str, Any], code: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        quiet(rows_of(3), treatment="t", covariates=["x", "z"], method="optimal", **options)
    assert code in [fault.code for fault in caught.value.faults]


def test_too_many_pairs_are_refused_before_memory_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lists, "LIMIT", 100)
    with pytest.raises(EvaluationError, match="EVAL-447"):
        quiet(
            rows_of(3), treatment="t", covariates=["x", "z"], method="optimal",
            distance="mahalanobis",
        )  # fmt: skip
