"""Generalised full matching: R's quality, both arms everywhere, the algorithm by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import EvaluationError
from evaluation.matching import Matched
from tests.matching.data import DATA
from tests.matching.sets import by_hand, quiet, same_partition
from tests.matching.test_optimal import rows_of, run

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=80, deadline=None, derandomize=True)


def spread(matched: Matched) -> dict[str, float]:
    """Return the largest and mean distances inside the sets, and between their arms."""
    assert matched.problem.distance is not None
    largest, inside, pairs, between, couples = 0.0, 0.0, 0, 0.0, 0
    for rows in pd.Series(range(len(matched.frame))).groupby(matched.subclass.to_numpy()):
        at, arm = matched.problem.distance[rows[1]], matched.problem.treated[rows[1]]
        assert arm.any()
        assert not arm.all()
        at_sorted, size = np.sort(at), at.size
        largest = max(largest, float(np.ptp(at)))
        inside += 2 * float(at_sorted @ (2 * np.arange(size) - size + 1))
        pairs += size * (size - 1)
        gaps = np.abs(at[arm][:, None] - at[~arm])
        between, couples = between + float(gaps.sum()), couples + gaps.size
    return {
        "largest_inside": largest,
        "mean_inside": inside / pairs,
        "mean_between_arms": between / couples,
    }


def sets_by_hand(x: np.ndarray, t: np.ndarray, radius: float) -> np.ndarray:
    """Return the seed of each row by the definition, one row at a time; -1 where none."""
    n = x.size
    near = np.full(n, -1)
    for i in range(n):
        gaps = np.where(t != t[i], np.abs(x - x[i]), np.inf)
        if gaps.min() <= radius:
            near[i] = int(gaps.argmin())
    pointed = [int((near == i).sum()) for i in range(n)]
    taken: set[int] = set()
    sets = np.full(n, -1)
    for i in sorted(range(n), key=lambda i: (pointed[i], i)):
        if near[i] >= 0 and i not in taken and near[i] not in taken:
            taken |= {i, int(near[i])}
            sets[[i, near[i]]] = i
    seeds = np.flatnonzero(sets == np.arange(n))
    for i in np.flatnonzero(sets < 0):
        gaps = np.abs(x[seeds] - x[i])
        if seeds.size and gaps.min() <= radius:
            sets[i] = seeds[gaps.argmin()]
    return sets


@pytest.mark.golden
@pytest.mark.parametrize("name", ["quick", "quick_exact"])
@pytest.mark.parametrize("dataset", DATA)
def test_the_sets_are_as_tight_as_those_of_quickmatch(dataset: str, name: str) -> None:
    """The seeds depend on ties, so that a set or two may differ; the largest distance may not."""
    matched, spec = run(dataset, name, method="generalised_full")
    treated, weights = matched.problem.treated, matched.weights.to_numpy()
    assert (weights > 0).all()
    mine = spread(matched)
    assert mine["largest_inside"] <= spec["largest_inside"] * (1 + 1e-12)
    assert mine["mean_inside"] <= spec["mean_inside"] * 1.0005
    assert mine["mean_between_arms"] <= spec["mean_between_arms"] * 1.001
    assert matched.subclass.max() + 1 == pytest.approx(spec["sets"], abs=2)
    np.testing.assert_allclose([weights[treated].sum(), weights[~treated].sum()], spec["weights"])
    effective = matched.summary().loc["matched_effective"]
    np.testing.assert_allclose(effective, spec["effective"], rtol=0.03)


@pytest.mark.property
@QUICK
@given(SEEDS, st.integers(1, 20), st.integers(1, 30), st.sampled_from([None, 0.3, 1.0]))
def test_the_algorithm_is_the_one_described(
    seed: int, treated: int, others: int, caliper: float | None
) -> None:
    frame = rows_of(seed, treated=treated, others=others)
    x, t = frame["x"].to_numpy(), frame["t"].to_numpy() == 1
    width = np.inf if caliper is None else caliper * float(np.std(x, ddof=1))
    expected = sets_by_hand(x, t, width / 2)
    options: dict[str, Any] = {"distance": frame["x"], "method": "generalised_full"}
    if (expected < 0).all():
        with pytest.raises(EvaluationError, match="EVAL-413"):
            quiet(frame, treatment="t", covariates=["x"], caliper=caliper, **options)
        return
    matched = quiet(frame, treatment="t", covariates=["x"], caliper=caliper, **options)
    assert same_partition(matched.subclass.to_numpy(), expected)
    lost = frame.index[(expected < 0) & t]
    assert matched.unmatched["row"].tolist() == lost.tolist()
    assert set(matched.unmatched["reason"]) <= {"caliper"}
    used = matched.subclass >= 0
    spans = frame["x"][used].groupby(matched.subclass[used]).agg(np.ptp)
    assert (spans <= width + 1e-12).all()


@pytest.mark.property
@QUICK
@given(SEEDS, st.sampled_from(["ATT", "ATC", "ATE"]), st.sampled_from(["x", "mahalanobis"]))
def test_weights_follow_from_the_sets_and_the_sampling_weights(
    seed: int, estimand: str, distance: str
) -> None:
    rng = np.random.default_rng(seed)
    frame = rows_of(seed, treated=15, others=40)
    frame["s"] = np.where(frame["t"] == 1, 1.0, rng.choice([1.0, 3.0], len(frame)))
    matched = quiet(
        frame, treatment="t", covariates=["x", "z"], method="generalised_full", exact="stratum",
        distance=frame["x"] if distance == "x" else distance, estimand=estimand,
        sampling_weight="s",
    )  # fmt: skip
    assert (matched.subclass >= 0).all()
    frame["set"] = matched.subclass.to_numpy()
    assert frame.groupby("set")["t"].nunique().eq(2).all()
    assert frame.groupby("set")["stratum"].nunique().eq(1).all()
    np.testing.assert_allclose(matched.weights, by_hand(frame, ["set"], estimand))


def test_a_stratum_of_strangers_changes_nothing() -> None:
    frame = rows_of(6)
    both = pd.concat([frame, frame.assign(stratum="elsewhere")], ignore_index=True)
    options: dict[str, Any] = {"treatment": "t", "covariates": ["x"], "exact": "stratum"}
    one = quiet(frame, distance=frame["x"], method="generalised_full", **options)
    other = quiet(both, distance=both["x"], method="generalised_full", **options)
    assert same_partition(other.subclass.to_numpy()[: len(frame)], one.subclass.to_numpy())


def test_rows_in_another_order_give_sets_of_the_same_quality() -> None:
    """Ties in how many rows point to a seed follow the order of the data, as in R."""
    frame = rows_of(7, treated=60, others=200)
    found = []
    for order in (np.arange(260), np.random.default_rng(1).permutation(260)):
        rows = frame.iloc[order].reset_index(drop=True)
        matched = quiet(
            rows, treatment="t", covariates=["x"], distance=rows["x"], method="generalised_full"
        )
        found.append(spread(matched))
    assert found[0]["mean_inside"] == pytest.approx(found[1]["mean_inside"], rel=0.2)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"estimand": "ATO"}, "EVAL-451"),
        ({"caliper": 0.2, "distance": "mahalanobis"}, "EVAL-425"),
        ({"ratio": 2}, "EVAL-402"),
    ],
)
def test_refusals(options: dict[str, Any], code: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        quiet(
            rows_of(3), treatment="t", covariates=["x", "z"], method="generalised_full", **options
        )
    assert code in [fault.code for fault in caught.value.faults]
