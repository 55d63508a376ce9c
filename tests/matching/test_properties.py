"""Invariants of nearest-neighbour matching on generated problems, and brute force."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import Matched, match_frame
from tests.matching.data import small_problem

pytestmark = pytest.mark.property

SEEDS = st.integers(0, 10_000)
ORDERS = ["largest", "smallest", "data", "random", "closest", "farthest"]
QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def matched_on_score(frame: pd.DataFrame, **options: Any) -> Matched:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            frame,
            treatment="t",
            covariates=["x"],
            distance=frame["score"].to_numpy(),
            **({"seed": 1} | options),
        )


def greedy_by_hand(frame: pd.DataFrame, order: list[int], caliper: float) -> dict[int, int]:
    """Let each treated row of ``order`` take the nearest free comparator of its stratum."""
    free = set(np.flatnonzero(frame["t"] == 0).tolist())
    score, stratum = frame["score"].to_numpy(), frame["stratum"].to_numpy()
    chosen = {}
    for row in order:
        gaps = {c: abs(score[c] - score[row]) for c in free if stratum[c] == stratum[row]}
        best = min(gaps, key=gaps.__getitem__, default=None)
        if best is not None and gaps[best] <= caliper * np.std(score, ddof=1):
            chosen[row] = best
            free.remove(best)
    return chosen


@QUICK
@given(SEEDS, st.sampled_from(["largest", "smallest", "data"]), st.floats(0.05, 2))
def test_greedy_agrees_with_brute_force(seed: int, order: str, caliper: float) -> None:
    frame = small_problem(seed)
    treated = np.flatnonzero(frame["t"] == 1)
    sign = {"largest": -1, "smallest": 1, "data": 0}[order]
    ordered = treated[np.argsort(sign * frame["score"].to_numpy()[treated], kind="stable")]
    expected = greedy_by_hand(frame, ordered.tolist(), caliper)
    if not expected:
        with pytest.raises(EvaluationError, match="EVAL-413"):
            matched_on_score(frame, exact=["stratum"], caliper=caliper, order=order)
        return
    matched = matched_on_score(frame, exact=["stratum"], caliper=caliper, order=order)
    assert matched.pairs.set_index("treated")["comparison"].to_dict() == expected


@QUICK
@given(SEEDS)
def test_closest_takes_the_closest_pair_left_every_time(seed: int) -> None:
    frame = small_problem(seed)
    score = frame["score"].to_numpy()
    gaps = np.abs(score[:12, None] - score[None, 12:])
    expected = {}
    for _ in range(12):
        i, j = np.unravel_index(np.argmin(gaps), gaps.shape)
        expected[int(i)] = int(j) + 12
        gaps[i], gaps[:, j] = np.inf, np.inf
    matched = matched_on_score(frame, order="closest")
    assert matched.pairs.set_index("treated")["comparison"].to_dict() == expected


@QUICK
@given(SEEDS, st.integers(1, 4))
def test_replacement_takes_the_k_nearest(seed: int, ratio: int) -> None:
    frame = small_problem(seed)
    score = frame["score"].to_numpy()
    matched = matched_on_score(frame, replace=True, ratio=ratio)
    assert matched.family == ("replacement")
    for row, others in matched.pairs.groupby("treated")["comparison"]:
        nearest = 12 + np.argsort(np.abs(score[12:] - score[row]))[:ratio]
        assert sorted(others) == sorted(nearest.tolist())


@QUICK
@given(SEEDS, st.integers(1, 3), st.sampled_from(ORDERS), st.sampled_from([None, 0.3]))
def test_weights_and_sets_are_consistent(
    seed: int, ratio: int, order: str, caliper: float | None
) -> None:
    frame = small_problem(seed)
    matched = matched_on_score(frame, ratio=ratio, order=order, caliper=caliper, exact=["stratum"])
    weights, subclass, pairs = matched.weights, matched.subclass, matched.pairs
    treated = frame["t"] == 1
    assert not pairs["comparison"].duplicated().any()
    assert pairs.groupby("treated").size().max() <= ratio
    assert weights[~treated].sum() == pytest.approx((weights[~treated] > 0).sum())
    assert set(weights[treated].unique()) <= {0.0, 1.0}
    assert ((weights > 0) == (subclass >= 0)).all()
    assert (frame["stratum"].to_numpy()[pairs["treated"]]
            == frame["stratum"].to_numpy()[pairs["comparison"]]).all()  # fmt: skip
    sets = frame.assign(w=weights, s=subclass).query("s >= 0").groupby("s")
    assert (sets["t"].sum() == 1).all()
    lost = set(matched.unmatched["row"])
    assert lost == set(np.flatnonzero(treated & (weights == 0)))
    if caliper is not None:
        assert (pairs["distance"] <= caliper * np.std(frame["score"], ddof=1) + 1e-12).all()


@QUICK
@given(SEEDS, st.sampled_from(["largest", "smallest", "closest", "farthest"]), st.integers(1, 2))
def test_permuted_rows_give_the_permuted_match(seed: int, order: str, ratio: int) -> None:
    frame = small_problem(seed).assign(key=range(42))
    shuffled = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    options: dict[str, Any] = {"order": order, "ratio": ratio, "exact": ["stratum"]}
    one, other = matched_on_score(frame, **options), matched_on_score(shuffled, **options)
    keys = shuffled["key"].to_numpy()
    back = {(keys[a], keys[b]) for a, b in other.pairs[["treated", "comparison"]].to_numpy()}
    assert back == set(map(tuple, one.pairs[["treated", "comparison"]].to_numpy()))


@QUICK
@given(SEEDS, st.integers(1, 4), st.integers(1, 3))
def test_reuse_is_limited_and_never_twice_in_a_set(seed: int, reuse: int, ratio: int) -> None:
    frame = small_problem(seed, treated=20, others=10)
    pairs = matched_on_score(frame, reuse_max=reuse, ratio=ratio).pairs
    assert pairs["comparison"].value_counts().max() <= reuse
    assert not pairs.duplicated(["treated", "comparison"]).any()


@QUICK
@given(SEEDS, st.floats(0.1, 2))
def test_caliper_on_a_covariate_holds_and_costs_nobody_reachable(seed: int, width: float) -> None:
    frame = small_problem(seed)
    x, limit = frame["x"].to_numpy(), width * np.std(frame["x"], ddof=1)
    matched = matched_on_score(frame, replace=True, caliper_covariates={"x": width})
    pairs = matched.pairs
    assert (np.abs(x[pairs["treated"]] - x[pairs["comparison"]]) <= limit + 1e-12).all()
    nearest = np.abs(x[:12, None] - x[None, 12:]).min(axis=1)
    assert set(matched.unmatched["row"]) == set(np.flatnonzero(nearest > limit))


@QUICK
@given(SEEDS)
def test_units_are_used_once_and_never_for_themselves(seed: int) -> None:
    frame = small_problem(seed, treated=8, others=34)
    frame["unit"] = np.random.default_rng(seed).integers(0, 14, len(frame))
    pairs = matched_on_score(frame, unit_id="unit").pairs
    units = frame["unit"].to_numpy()
    assert not pd.Series(units[pairs["comparison"]]).duplicated().any()
    assert (units[pairs["treated"]] != units[pairs["comparison"]]).all()


@QUICK
@given(SEEDS, st.sampled_from(["mahalanobis", "robust_mahalanobis", "scaled_euclidean"]))
def test_distances_in_space_agree_with_brute_force(seed: int, distance: str) -> None:
    from evaluation.matching.engines.distances import METRICS

    frame = small_problem(seed)
    covariates = frame[["x", "score"]]
    points = METRICS[distance](covariates, frame["t"].to_numpy() == 1, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(frame, treatment="t", covariates=["x", "score"], distance=distance)
    free = set(range(12, 42))
    for row, chosen in matched.pairs[["treated", "comparison"]].to_numpy():
        gaps = {c: ((points[c] - points[row]) ** 2).sum() for c in free}
        assert chosen == min(gaps, key=gaps.__getitem__)
        free.remove(chosen)


def test_mahalanobis_distance_ignores_units_of_measure() -> None:
    from evaluation.matching.engines.distances import mahalanobis

    frame = small_problem(4)
    treated = frame["t"].to_numpy() == 1
    one = mahalanobis(frame[["x", "y", "stratum"]], treated)
    other = mahalanobis(
        frame[["x", "y", "stratum"]].assign(x=1000 * frame["x"] - 3, y=-frame["y"]), treated
    )

    def gaps(points: np.ndarray) -> np.ndarray:
        return ((points[:, None] - points[None]) ** 2).sum(axis=2)

    np.testing.assert_allclose(gaps(one), gaps(other), atol=1e-9)
