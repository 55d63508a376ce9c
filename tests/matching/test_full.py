"""Full matching: never worse than R's, the cheapest edge cover, sets of the right shape."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from evaluation.effects import estimate
from evaluation.errors import EvaluationError
from evaluation.matching import Matched
from evaluation.matching.algorithms import full
from tests.matching.sets import by_hand, quiet, same_partition
from tests.matching.test_optimal import rows_of, run, total_distance

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def check_shape(matched: Matched) -> None:
    """Hold every set to one row of an arm and one or more of the other, and to its pairs."""
    frame = pd.DataFrame({"t": matched.problem.treated, "set": matched.subclass})
    used = frame[frame["set"] >= 0]
    sizes = used.groupby("set")["t"].agg(["sum", "size"])
    assert (np.minimum(sizes["sum"], sizes["size"] - sizes["sum"]) == 1).all()
    pairs = matched.pairs
    labels = matched.subclass.to_numpy()
    assert (labels[pairs["treated"]] == labels[pairs["comparison"]]).all()
    assert len(pairs) == (sizes["size"] - 1).sum()


def cheapest_cover(gaps: np.ndarray) -> float:
    """Return the least total of edges touching every row and column that has a finite one."""
    finite = np.isfinite(gaps)
    gaps = gaps[finite.any(axis=1)][:, finite.any(axis=0)]
    i, j = np.nonzero(np.isfinite(gaps))
    if i.size == 0:
        return 0.0
    ends = np.zeros((sum(gaps.shape), i.size))
    ends[i, np.arange(i.size)] = -1
    ends[gaps.shape[0] + j, np.arange(i.size)] = -1
    return float(linprog(gaps[i, j], A_ub=ends, b_ub=-np.ones(len(ends)), method="highs").fun)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("dataset", "name", "options"),
    [
        ("nsw_cps", "full", {}),
        ("nsw_cps", "full_exact", {}),
        ("nsw_cps", "full_cal02", {"caliper": 0.2}),
        ("nsw_cps", "full_ate", {"estimand": "ATE"}),
        ("nhefs", "full", {}),
        ("nhefs", "full_exact", {}),
        ("nhefs", "full_cal02", {"caliper": 0.2}),
        ("nhefs", "full_ate", {"estimand": "ATE"}),
        ("nhefs", "full_mahal", {}),
    ],
)
def test_the_total_distance_is_no_worse_than_that_of_optmatch(
    dataset: str, name: str, options: dict[str, Any]
) -> None:
    matched, spec = run(dataset, name, method="full", **options)
    treated, weights = matched.problem.treated, matched.weights.to_numpy()
    check_shape(matched)
    assert spec["total_distance"] * 0.99 < total_distance(matched) <= spec["total_distance"]
    assert [(weights[arm] > 0).sum() for arm in (treated, ~treated)] == spec["matched"]
    np.testing.assert_allclose([weights[treated].sum(), weights[~treated].sum()], spec["weights"])
    if "used_zlib_base64" in spec:
        bits = np.frombuffer(zlib.decompress(base64.b64decode(spec["used_zlib_base64"])), np.uint8)
        np.testing.assert_array_equal(weights > 0, np.unpackbits(bits)[: weights.size])
    effective = matched.summary().loc["matched_effective"]
    np.testing.assert_allclose(effective, spec["effective"], rtol=0.1)


@pytest.mark.property
@QUICK
@given(
    SEEDS, st.integers(1, 12), st.integers(1, 12), st.sampled_from([None, 0.1, 0.3, 1.0]),
    st.sampled_from(["line", "grid", "space"]),
)  # fmt: skip
def test_the_sets_are_a_cheapest_cover(
    seed: int, treated: int, others: int, caliper: float | None, kind: str
) -> None:
    frame = rows_of(seed, treated=treated, others=others, grid=kind == "grid")
    options: dict[str, Any] = {"method": "full", "treatment": "t", "covariates": ["x", "z"]}
    if kind == "space":
        options |= {"distance": "scaled_euclidean"}
    else:
        options |= {"distance": frame["x"], "caliper": caliper}
    try:
        matched = quiet(frame, **options)
    except EvaluationError as error:
        assert error.code == "EVAL-413"  # noqa: PT017
        assert caliper is not None
        return
    check_shape(matched)
    t = matched.problem.treated
    if kind == "space":
        from evaluation.matching.engines.distances import scaled_euclidean

        points = scaled_euclidean(matched.problem.covariates, t)
        gaps = np.linalg.norm(points[t][:, None] - points[~t], axis=2)
        i, j = matched.pairs["treated"], matched.pairs["comparison"]
        total = np.linalg.norm(points[i] - points[j], axis=1).sum()
    else:
        x = frame["x"].to_numpy()
        gaps = np.abs(x[t][:, None] - x[~t])
        total = total_distance(matched)
        if caliper is not None:
            width = caliper * np.std(x, ddof=1)
            gaps = np.where(gaps <= width, gaps, np.inf)
            reachable = np.isfinite(gaps)
            np.testing.assert_array_equal(matched.weights[t] > 0, reachable.any(axis=1))
            np.testing.assert_array_equal(matched.weights[~t] > 0, reachable.any(axis=0))
            assert (matched.pairs["distance"] <= width + 1e-12).all()
    assert total == pytest.approx(cheapest_cover(gaps), abs=1e-9)


@pytest.mark.property
@QUICK
@given(SEEDS, st.sampled_from(["ATT", "ATC", "ATE"]))
def test_weights_follow_from_the_sets_and_the_sampling_weights(seed: int, estimand: str) -> None:
    rng = np.random.default_rng(seed)
    frame = rows_of(seed, treated=15, others=40)
    frame["s"] = np.where(frame["t"] == 1, 1.0, rng.choice([1.0, 3.0], len(frame)))
    matched = quiet(
        frame, treatment="t", covariates=["x"], distance=frame["x"], method="full",
        estimand=estimand, exact="stratum", sampling_weight="s",
    )  # fmt: skip
    check_shape(matched)
    frame["set"] = matched.subclass.to_numpy()
    assert frame.groupby("set")["stratum"].nunique().max() == 1
    np.testing.assert_allclose(matched.weights, by_hand(frame, ["set"], estimand))


@pytest.mark.property
@QUICK
@given(SEEDS, st.sampled_from(["x", "scaled_euclidean"]))
def test_the_order_of_rows_and_strangers_change_nothing(seed: int, distance: str) -> None:
    frame = rows_of(seed)
    options: dict[str, Any] = {"treatment": "t", "covariates": ["x", "z"], "exact": "stratum"}

    def sets(rows: pd.DataFrame) -> Matched:
        chosen = rows["x"] if distance == "x" else distance
        return quiet(rows, distance=chosen, method="full", **options)

    one = sets(frame)
    order = np.random.default_rng(seed).permutation(len(frame))
    other = sets(frame.iloc[order].reset_index(drop=True))
    assert same_partition(other.subclass.to_numpy(), one.subclass.to_numpy()[order])
    np.testing.assert_allclose(other.weights, one.weights.to_numpy()[order], rtol=1e-12)
    if distance == "x":
        both = pd.concat([frame, frame.assign(stratum="elsewhere")], ignore_index=True)
        again = sets(both)
        assert same_partition(again.subclass.to_numpy()[: len(frame)], one.subclass.to_numpy())


def test_losses_have_their_reason_in_both_arms() -> None:
    frame = pd.DataFrame(
        {
            "t": [1, 1, 1, 0, 0, 0],
            "x": [0.0, 9.0, 0.2, 0.05, 30.0, 0.3],
            "stratum": ["a", "a", "b", "a", "a", "a"],
        }
    )
    options: dict[str, Any] = {
        "treatment": "t", "covariates": ["x"], "distance": frame["x"], "method": "full",
        "exact": "stratum", "caliper": 0.1,
    }  # fmt: skip
    matched = quiet(frame, **options)
    assert matched.unmatched.set_index("row")["reason"].to_dict() == {
        1: "caliper", 2: "stratum_empty"
    }  # fmt: skip
    whole = quiet(frame, **options, estimand="ATE")
    assert whole.unmatched.set_index("row")["reason"].to_dict() == {
        1: "caliper", 2: "stratum_empty", 4: "caliper"
    }  # fmt: skip
    assert matched.weights[matched.subclass < 0].sum() == 0


def test_the_effect_has_a_variance_by_set_and_person() -> None:
    frame = rows_of(8, treated=80, others=200)
    frame["y"] = frame["x"] + np.random.default_rng(1).normal(size=len(frame))
    matched = quiet(frame, treatment="t", covariates=["x"], distance=frame["x"], method="full")
    assert matched.family == "sets"
    effect = estimate(matched, "y")
    assert effect.variance == "set_person"
    assert effect.clusters == matched.subclass.nunique() - (matched.subclass < 0).any()
    assert effect.difference.se > 0
    y, w, t = frame["y"], matched.weights, matched.treated
    means = [np.average(y[arm], weights=w[arm]) for arm in (t, ~t)]
    assert effect.difference.estimate == pytest.approx(means[0] - means[1])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"estimand": "ATO"}, "EVAL-451"),
        ({"caliper": 0.2, "distance": "mahalanobis"}, "EVAL-425"),
        ({"ratio": 2}, "EVAL-402"),
        ({"caliper": 0.0}, "EVAL-413"),
    ],
)
def test_refusals(options: dict[str, Any], code: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        quiet(rows_of(3), treatment="t", covariates=["x", "z"], method="full", **options)
    assert code in [fault.code for fault in caught.value.faults]


def test_too_many_pairs_are_refused_before_memory_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "LIMIT", 3)
    with pytest.raises(EvaluationError, match="EVAL-447"):
        quiet(
            rows_of(3), treatment="t", covariates=["x", "z"], method="full",
            distance="mahalanobis",
        )  # fmt: skip
