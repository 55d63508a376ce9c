"""Exact matching: MatchIt's cells and weights, the definition, losses, refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.effects import estimate
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from evaluation.matching.engines.cells import Part, combined
from tests.matching.data import DATA
from tests.matching.sets import by_hand, check_golden, quiet, same_partition

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=30, deadline=None, derandomize=True)


def rows_of(seed: int, n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    treated = (rng.random(n) < 0.3).astype(int)
    return pd.DataFrame(
        {
            "t": treated,
            "a": rng.integers(0, 4, n),
            "b": rng.choice(["x", "y", "z"], n, p=[0.6, 0.3, 0.1]),
            "c": rng.choice([0.5, 1.5], n),
            "s": np.where(treated == 1, 1.0, rng.choice([1.0, 2.0, 3.5], n)),
            "y": rng.normal(size=n),
        }
    )


@pytest.mark.golden
@pytest.mark.parametrize("dataset", DATA)
def test_cells_and_weights_are_those_of_matchit(dataset: str) -> None:
    check_golden(dataset, "exact_factor")


@pytest.mark.property
@QUICK
@given(SEEDS, st.sampled_from(["ATT", "ATC", "ATE"]))
def test_weights_follow_the_definition(seed: int, estimand: str) -> None:
    frame = rows_of(seed)
    matched = quiet(
        frame, treatment="t", covariates=["a", "b"], exact=["c"], method="exact",
        estimand=estimand, sampling_weight="s",
    )  # fmt: skip
    np.testing.assert_allclose(matched.weights, by_hand(frame, ["a", "b", "c"], estimand))
    cells = frame.groupby(["a", "b", "c"]).ngroup().to_numpy()
    used = matched.weights.to_numpy() > 0
    assert same_partition(matched.subclass.to_numpy(), np.where(used, cells, -1))


@pytest.mark.property
@QUICK
@given(SEEDS)
def test_permuted_rows_give_permuted_weights_and_the_same_labels(seed: int) -> None:
    frame = rows_of(seed)
    order = np.random.default_rng(seed).permutation(len(frame))
    options = {"treatment": "t", "covariates": ["a", "b", "c"], "method": "exact"}
    one, other = quiet(frame, **options), quiet(frame.iloc[order], **options)
    assert (other.subclass.to_numpy() == one.subclass.to_numpy()[order]).all()
    np.testing.assert_allclose(other.weights, one.weights.to_numpy()[order], rtol=1e-12)


@pytest.mark.property
@QUICK
@given(SEEDS)
def test_a_stratum_of_one_arm_changes_nothing_for_the_others(seed: int) -> None:
    frame = rows_of(seed)
    apart = frame.assign(t=0, a=99)
    options = {"treatment": "t", "covariates": ["a", "b"], "method": "exact"}
    alone, both = quiet(frame, **options), quiet(pd.concat([frame, apart]), **options)
    np.testing.assert_allclose(both.weights[: len(frame)], alone.weights, rtol=1e-12)
    assert (both.weights[len(frame) :] == 0).all()


@pytest.mark.property
def test_a_duplicated_comparator_is_one_of_sampling_weight_two() -> None:
    frame = rows_of(3).assign(s=1.0)
    twice = np.flatnonzero(frame["t"] == 0)[:40]
    repeated = pd.concat([frame, frame.iloc[twice]], ignore_index=True)
    frame.loc[twice, "s"] = 2.0
    options = {"treatment": "t", "covariates": ["a", "b"], "method": "exact"}
    heavy = quiet(frame, sampling_weight="s", **options)
    many = quiet(repeated, **options)
    means = [estimate(matched, "y").rate_comparison.estimate for matched in (heavy, many)]
    assert means[0] == pytest.approx(means[1], rel=1e-12)


def test_codes_combine_in_lexicographic_order_whatever_their_number() -> None:
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 50, 400) * 2**58 // 2**58 for _ in range(4)]
    parts = [Part(str(j), column, 2**40) for j, column in enumerate(columns)]
    codes, size = combined(parts, 400)
    frame = pd.DataFrame(dict(enumerate(columns)))
    assert (codes == frame.groupby(list(range(4))).ngroup()).all()
    assert size == codes.max() + 1


def test_losses_are_said_with_the_covariate_that_costs_most() -> None:
    frame = rows_of(5)
    frame["id"] = np.arange(len(frame)) // 3
    with pytest.warns(EvaluationWarning, match="EVAL-412"):
        matched = match_frame(frame, treatment="t", covariates=["a", "id"], method="exact")
    note = next(n for n in matched.notes if n.code == "EVAL-499")
    assert note.data["column"] == "id"
    without = quiet(frame, treatment="t", covariates=["a"], method="exact")
    treated = frame["t"] == 1
    kept = (without.weights[treated] > 0) & (matched.weights[treated] == 0)
    lost = (matched.weights[treated] == 0).sum()
    assert note.data["share"] == round(100 * kept.sum() / lost) > 10
    assert set(matched.unmatched["row"]) == set(np.flatnonzero(treated & (matched.weights == 0)))


def test_lost_rows_of_the_ate_are_those_of_both_arms() -> None:
    frame = rows_of(6)
    frame.loc[frame["t"] == 1, "a"] = frame.loc[frame["t"] == 1, "a"] % 3
    with pytest.warns(EvaluationWarning, match="EVAL-412"):
        matched = match_frame(
            frame, treatment="t", covariates=["a"], method="exact", estimand="ATE"
        )
    lost = set(matched.unmatched["row"])
    assert lost == set(np.flatnonzero((frame["t"] == 0) & (frame["a"] == 3)))
    note = next(n for n in matched.notes if n.code == "EVAL-412")
    assert note.data["total"] == len(frame)


def test_few_large_cells_take_the_stacked_variance_many_or_small_ones_that_of_sets() -> None:
    frame = rows_of(7, n=1000)
    few = quiet(frame, treatment="t", covariates=["a"], method="exact")
    assert few.family == "moment_weights"
    assert "EVAL-498" in [n.code for n in few.notes]
    assert estimate(few, "y").variance == "sandwich"
    frame["many"] = np.random.default_rng(0).integers(0, 60, 1000)
    many = quiet(frame, treatment="t", covariates=["many"], method="exact")
    assert many.family == "sets"
    assert estimate(many, "y").variance == "set_person"
    small = quiet(
        frame[frame["many"] < 8].iloc[:60], treatment="t", covariates=["many"], method="exact"
    )
    assert small.family == "sets"


@pytest.mark.property
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_the_stacked_variance_of_few_cells_is_that_of_repeated_samples(estimand: str) -> None:
    found, errors = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        n = 600
        cell = rng.integers(0, 4, n)
        t = rng.random(n) < 0.15 + 0.1 * cell
        y = rng.normal(size=n) + 1.5 * cell
        frame = pd.DataFrame({"t": t.astype(int), "cell": cell, "y": y})
        matched = quiet(
            frame, treatment="t", covariates=["cell"], method="exact", estimand=estimand
        )
        difference = estimate(matched, "y").difference
        found.append(difference.estimate)
        errors.append(difference.se)
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(150)
    assert 0.85 < np.mean(errors) / np.std(found, ddof=1) < 1.15


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("EVAL-451", {"estimand": "ATO"}),
        ("EVAL-490", {"covariates": ["y"]}),
        ("EVAL-402", {"ratio": 2}),
        ("EVAL-402", {"caliper": 0.2}),
    ],
)
def test_refusals(code: str, options: dict) -> None:
    chosen = {"treatment": "t", "covariates": ["a"], "method": "exact"} | options
    with pytest.raises(EvaluationError) as error:
        quiet(rows_of(0), **chosen)
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")


def test_a_distance_that_plays_no_part_is_said() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        match_frame(
            rows_of(1), treatment="t", covariates=["a"], method="exact", distance="probability"
        )
    assert "EVAL-418" in [w.message.fault.code for w in caught]
