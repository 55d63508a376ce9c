"""Nearest-neighbour matching under all its options against a plain loop over all pairs."""

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
from evaluation.matching.engines.distances import METRICS
from tests.matching.data import small_problem

pytestmark = pytest.mark.property

MANY = settings(max_examples=150, deadline=None, derandomize=True)
SOME = settings(max_examples=40, deadline=None, derandomize=True)
SPACE = "mahalanobis"
ASKED = st.fixed_dictionaries(
    {
        "order": st.sampled_from(["data", "random", "closest", "largest", "smallest"]),
        "ratio": st.integers(1, 3),
        "distance": st.sampled_from(["array", SPACE]),
        "estimand": st.sampled_from(["ATT", "ATC"]),
    },
    optional={
        "caliper": st.sampled_from([0.1, 0.5]),
        "caliper_covariates": st.sampled_from([{"x": 0.3}, {"x": 0.8, "y": 1.5}]),
        "exact": st.just(["stratum"]),
        "antiexact": st.sampled_from([["firm"], ["firm", "sector"]]),
        "unit_id": st.just("unit"),
        "reuse_max": st.integers(1, 4),
        "discard": st.sampled_from(["treated", "control", "both"]),
        "within_caliper": st.just(["x", "y"]),
    },
)


def rows(seed: int) -> pd.DataFrame:
    frame = small_problem(seed, treated=14, others=32)
    rng = np.random.default_rng(seed + 1)
    frame = frame.assign(
        firm=rng.integers(0, 4, 46), sector=rng.choice(["s", "u"], 46), unit=rng.integers(0, 16, 46)
    )
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def legal(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the options without those that the distance does not allow."""
    options = dict(asked)
    if options["distance"] == SPACE:
        for name in ("caliper", "discard", "within_caliper"):
            options.pop(name, None)
        if options["order"] in ("largest", "smallest"):
            options["order"] = "data"
    if "caliper" not in options:
        options.pop("within_caliper", None)
    return options


def run(frame: pd.DataFrame, options: dict[str, Any]) -> Matched:
    given_ = dict(options, distance=frame["score"].to_numpy())
    if options["distance"] == SPACE:
        given_["distance"] = SPACE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(frame, treatment="t", covariates=["x", "y"], seed=5, **given_)


def outside(frame: pd.DataFrame, options: dict[str, Any]) -> np.ndarray:
    treated, score = frame["t"].to_numpy() == 1, frame["score"].to_numpy()
    out = np.zeros(len(frame), bool)
    for arm, here in (("treated", treated), ("control", ~treated)):
        if options.get("discard") in (arm, "both"):
            out |= here & ((score < score[~here].min()) | (score > score[~here].max()))
    return out


def pairwise(frame: pd.DataFrame, options: dict[str, Any], kept: np.ndarray) -> np.ndarray:
    """Return the distance of every pair of rows, infinite where they may not be matched."""
    score, treated = frame["score"].to_numpy(), frame["t"].to_numpy() == 1
    apart = np.abs(score[:, None] - score)
    gaps = apart.copy()
    if options["distance"] == SPACE or "within_caliper" in options:
        points = METRICS[SPACE](frame[["x", "y"]], treated, kept)
        gaps = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    barred = treated[:, None] == treated
    barred |= ~kept[:, None] | ~kept
    if "caliper" in options:
        barred |= apart > options["caliper"] * np.std(score[kept], ddof=1)
    for name, width in options.get("caliper_covariates", {}).items():
        x = frame[name].to_numpy()
        barred |= np.abs(x[:, None] - x) > width * np.std(x[kept], ddof=1)
    for name in [*options.get("exact", []), *options.get("antiexact", []), "unit_id"]:
        values = frame["unit" if name == "unit_id" else name].to_numpy()
        equal = values[:, None] == values
        if name in options.get("exact", []):
            barred |= ~equal
        elif name in options.get("antiexact", []) or "unit_id" in options:
            barred |= equal
    return np.where(barred, np.inf, gaps)


def in_turn(frame: pd.DataFrame, options: dict[str, Any], focal: np.ndarray) -> list[int]:
    score = frame["score"].to_numpy()[focal]
    if options["order"] == "random":
        return list(focal[np.random.default_rng(5).permutation(focal.size)])
    sign = {"largest": -1, "smallest": 1}.get(options["order"], 0)
    return list(focal[np.argsort(sign * score, kind="stable")])


def by_hand(frame: pd.DataFrame, options: dict[str, Any]) -> set[tuple[int, int]]:
    """Let the focal rows of each pass take, in turn or closest first, the nearest that is free."""
    in_focal = (frame["t"] == (1 if options["estimand"] == "ATT" else 0)).to_numpy()
    kept = ~outside(frame, options)
    gaps = pairwise(frame, options, kept)
    left = np.full(len(frame), options.get("reuse_max", 1))
    unit = frame["unit"].to_numpy() if "unit_id" in options else np.arange(len(frame))
    chosen: set[tuple[int, int]] = set()
    order = in_turn(frame, options, np.flatnonzero(in_focal & kept))
    for _ in range(options["ratio"]):
        waiting, still = list(order), []
        while waiting:
            row = waiting[0]
            if options["order"] == "closest":
                row = waiting[int(np.argmin([gaps[i][left > 0].min(initial=np.inf)
                                             for i in waiting]))]  # fmt: skip
            waiting.remove(row)
            free = np.where(left > 0, gaps[row], np.inf)
            best = int(np.argmin(free))
            if np.isfinite(free[best]):
                chosen.add((row, best))
                still.append(row)
                gaps[row, best] = np.inf
                left[unit == unit[best]] -= 1
        order = [row for row in order if row in still]
    return chosen


@MANY
@given(st.integers(0, 10_000), ASKED)
def test_every_option_agrees_with_a_loop_over_all_pairs(seed: int, asked: dict[str, Any]) -> None:
    frame, options = rows(seed), legal(asked)
    expected = by_hand(frame, options)
    if not expected:
        with pytest.raises(EvaluationError, match="EVAL-413"):
            run(frame, options)
        return
    matched = run(frame, options)
    sides = ["treated", "comparison"] if options["estimand"] == "ATT" else ["comparison", "treated"]
    assert set(map(tuple, matched.pairs[sides].to_numpy().tolist())) == expected
    lost = sum(len(found) for found in matched.weighted.reasons.values())
    focal = frame["t"] == (1 if options["estimand"] == "ATT" else 0)
    assert lost + len({row for row, _ in expected}) == focal.sum()


@SOME
@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from([None, ["firm"]]),
       st.sampled_from([None, {"x": 0.5}]), st.sampled_from(["array", SPACE]))  # fmt: skip
def test_with_replacement_the_nearest_allowed_are_taken(
    seed: int, ratio: int, antiexact: list[str] | None, widths: dict[str, float] | None,
    distance: str,
) -> None:  # fmt: skip
    frame = rows(seed)
    options = {"distance": distance, "antiexact": antiexact, "caliper_covariates": widths}
    options = {name: value for name, value in options.items() if value is not None}
    gaps = pairwise(frame, options, np.ones(len(frame), bool))
    matched = run(frame, {**options, "ratio": ratio, "replace": True})
    found = matched.pairs.groupby("treated")["comparison"].apply(set).to_dict()
    for row in np.flatnonzero(frame["t"] == 1):
        near = np.argsort(gaps[row], kind="stable")[:ratio]
        assert found.get(row, set()) == set(near[np.isfinite(gaps[row][near])])


@SOME
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans(), st.sampled_from([1, 2]))
def test_equal_distances_in_space_go_to_the_row_more_steps_away(
    seed: int, ratio: int, replace: bool, levels: int
) -> None:
    """Coordinates on a coarse grid: nearly every choice is between equally near rows."""
    from evaluation.matching.engines import kernels
    from evaluation.matching.engines.line import lay_out

    rng = np.random.default_rng(seed)
    points = rng.integers(0, levels + 1, (160, 3)).astype(float)
    available = rng.random(160) < 0.7
    strata = rng.integers(0, 2, 160)
    line, of, at = lay_out(points[:, 0], strata, available, points=points)
    focal = np.flatnonzero(~available)
    quota = np.full(focal.size, ratio)
    if replace:
        found = kernels.with_replacement(line, at[focal], quota)
    else:
        found = kernels.in_order(line, at[focal], quota, 1)
    rank, free = np.argsort(np.argsort(points[:, 0], kind="stable")), available.copy()
    for turn in range(ratio):
        for i, row in enumerate(focal):
            taken = of[found[i, :turn]]
            pool = np.setdiff1d(np.flatnonzero(free & (strata == strata[row])), taken)
            gaps = ((points[pool] - points[row]) ** 2).sum(axis=1)
            steps = rank[pool] - rank[row]
            best = pool[np.lexsort((steps, np.abs(steps), -gaps))[-1:]]
            assert list(best) == [of[k] for k in found[i, turn : turn + 1] if k >= 0]
            free[best] = replace


def test_rows_lost_to_antiexact_are_told_apart() -> None:
    frame = rows(3).assign(firm=lambda f: np.where(f["t"] == 1, f.index % 2, 1))
    with pytest.warns(EvaluationWarning) as said:
        matched = match_frame(frame, treatment="t", covariates=["x"], antiexact="firm")
    assert any("EVAL-412" in str(warning.message) for warning in said)
    lost = matched.unmatched
    assert set(lost["reason"]) == {"antiexact"}
    assert set(lost["row"]) == set(frame.index[(frame["t"] == 1) & (frame["firm"] == 1)])
    firms = frame["firm"].to_numpy()
    assert (firms[matched.pairs["treated"]] != firms[matched.pairs["comparison"]]).all()


def test_a_column_cannot_agree_and_differ() -> None:
    with pytest.raises(EvaluationError, match="EVAL-474"):
        match_frame(rows(1), treatment="t", covariates=["x"], exact="firm", antiexact=["firm"])
    with pytest.raises(EvaluationError, match="EVAL-400"):
        match_frame(rows(1), treatment="t", covariates=["x"], antiexact=["frim"])


@SOME
@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from(["array", SPACE]))
def test_ties_are_all_those_as_near_as_the_last_one_taken(
    seed: int, ratio: int, distance: str
) -> None:
    frame = rows(seed)
    coarse = frame.assign(**{name: frame[name].round() for name in ("score", "x", "y")})
    options = {"distance": distance, "antiexact": ["sector"]}
    gaps = pairwise(coarse, options, np.ones(len(frame), bool))
    squared = gaps if distance == SPACE else gaps**2 / np.var(coarse["score"], ddof=1)
    matched = run(coarse, {**options, "ratio": ratio, "replace": True, "ties": True})
    found = matched.pairs.groupby("treated")["comparison"].apply(set).to_dict()
    for row in np.flatnonzero(coarse["t"] == 1):
        last = np.sort(squared[row])[ratio - 1]
        assert found[row] == set(np.flatnonzero(squared[row] <= last + 1e-5))
    share = matched.pairs.groupby("treated")["comparison"].transform("size").rdiv(1)
    summed = np.bincount(matched.pairs["comparison"], share, minlength=len(frame))
    weights = matched.weights.to_numpy()[coarse["t"] == 0]
    expected = summed[coarse["t"] == 0]
    np.testing.assert_allclose(weights / weights.sum(), expected / expected.sum())


@SOME
@given(st.integers(0, 10_000), st.sampled_from(["data", "largest", "closest"]),
       st.sampled_from(["array", SPACE]))  # fmt: skip
def test_strata_repeated_under_other_names_changes_nothing(
    seed: int, order: str, distance: str
) -> None:
    frame = rows(seed)
    options = legal({"order": order, "distance": distance, "exact": ["stratum"]})
    # All strata together, so that the covariance behind the distance stays the same.
    again = frame.assign(stratum=frame["stratum"] + " again")
    one, both = run(frame, options), run(pd.concat([frame, again], ignore_index=True), options)
    sides = ["treated", "comparison"]
    inside = both.pairs[both.pairs["treated"] < len(frame)]
    assert inside[sides].to_numpy().tolist() == one.pairs[sides].to_numpy().tolist()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ties": True}, "EVAL-440"),
        ({"ties": True, "replace": True, "reuse_max": 2}, "EVAL-440"),
        ({"ties": "yes", "replace": True}, "EVAL-403"),
        ({"bias_adjust": True}, "EVAL-440"),
        ({"bias_adjust": ["xx"], "replace": True}, "EVAL-459"),
        ({"bias_adjust": "x", "replace": True}, "EVAL-403"),
    ],
)
def test_options_of_replacement_are_refused_without_it(options: dict[str, Any], code: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        with pytest.raises(EvaluationError, match=code) as caught:
            match_frame(rows(1), treatment="t", covariates=["x", "y"], **options)
    assert "{" not in caught.value.text("fr") + caught.value.text("en")


def test_sampling_weights_that_a_distance_leaves_out_are_said() -> None:
    frame = rows(2).assign(w=lambda f: np.where(f["t"] == 1, 1.0, 4.0))
    options = {"treatment": "t", "covariates": ["x", "y"], "sampling_weight": "w"}
    with pytest.warns(EvaluationWarning, match="EVAL-441"):
        match_frame(frame, distance=SPACE, **options)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        match_frame(frame, **options)
    assert not any("EVAL-441" in str(warning.message) for warning in seen)
