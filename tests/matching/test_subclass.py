"""Subclassification: MatchIt's subclasses, exact strata, filling, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from evaluation.matching.algorithms.subclass import subclasses
from tests.matching.data import COVARIATES, DATA, TREATMENT
from tests.matching.sets import by_hand, check_golden, expected, quiet, same_partition

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=30, deadline=None, derandomize=True)


def rows_of(seed: int, n: int = 400, strata: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    treated = (rng.random(n) < 0.3).astype(int)
    return pd.DataFrame(
        {
            "t": treated,
            "x": rng.normal(size=n) + 0.5 * treated,
            "s": np.where(treated == 1, 1.0, rng.choice([1.0, 2.0], n)),
            "stratum": rng.integers(0, strata, n),
        }
    )


@pytest.mark.golden
@pytest.mark.parametrize("name", ["subclass5", "subclass6", "subclass10", "subclass10_ate"])
@pytest.mark.parametrize("dataset", DATA)
def test_subclasses_and_weights_are_those_of_matchit(dataset: str, name: str) -> None:
    check_golden(dataset, name)


@pytest.mark.golden
@pytest.mark.parametrize("dataset", DATA)
def test_the_score_fitted_here_leads_to_the_same_subclasses(dataset: str) -> None:
    matched = quiet(
        DATA[dataset](),
        treatment=TREATMENT[dataset],
        covariates=COVARIATES[dataset],
        method="subclass",
    )
    sets, weights = expected(dataset, "subclass6")
    assert same_partition(matched.subclass.to_numpy(), sets)
    np.testing.assert_allclose(matched.weights, weights, rtol=1e-10)


@pytest.mark.property
@QUICK
@given(SEEDS, st.integers(2, 8), st.sampled_from(["ATT", "ATC", "ATE"]))
def test_strata_are_cut_one_by_one_at_the_quantiles(seed: int, count: int, estimand: str) -> None:
    frame = rows_of(seed)
    matched = quiet(
        frame, treatment="t", covariates=["x"], distance=frame["x"], exact=["stratum"],
        method="subclass", subclasses=count, estimand=estimand, sampling_weight="s",
    )  # fmt: skip
    x, t, stratum = frame["x"].to_numpy(), frame["t"].to_numpy() == 1, frame["stratum"].to_numpy()
    cell = np.zeros(len(frame), int)
    for s in np.unique(stratum):
        rows = stratum == s
        focal = rows & {"ATT": t, "ATC": ~t, "ATE": np.ones_like(t)}[estimand]
        cuts = np.quantile(x[focal], np.linspace(0, 1, count + 1)[1:-1])
        cell[rows] = 100 * s + np.searchsorted(cuts, x[rows], side="right")
    frame["cell"] = cell
    assert frame.groupby("cell")["t"].nunique().eq(2).all()
    assert same_partition(matched.subclass.to_numpy(), cell)
    np.testing.assert_allclose(matched.weights, by_hand(frame, ["cell"], estimand))


@pytest.mark.property
@QUICK
@given(SEEDS, st.integers(2, 12))
def test_every_subclass_has_both_arms_and_keeps_its_order(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    treated = np.arange(200) < 15
    distance = rng.normal(size=200) + 3.0 * treated
    found = subclasses(distance, treated, np.ones(200, bool), count=count)
    assert set(found) == set(range(count))
    for arm in (treated, ~treated):
        assert (np.bincount(found[arm], minlength=count) > 0).all()
        ordered = found[arm][np.argsort(distance[arm])]
        assert (np.diff(ordered) >= 0).all()


@pytest.mark.property
@QUICK
@given(SEEDS)
def test_row_order_does_not_matter(seed: int) -> None:
    frame = rows_of(seed, strata=3)
    order = np.random.default_rng(seed).permutation(len(frame))
    options = {
        "treatment": "t", "covariates": ["x"], "exact": ["stratum"], "method": "subclass",
    }  # fmt: skip
    one = quiet(frame, distance=frame["x"].to_numpy(), **options)
    other = quiet(frame.iloc[order], distance=frame["x"].to_numpy()[order], **options)
    assert (other.subclass.to_numpy() == one.subclass.to_numpy()[order]).all()


def test_small_strata_get_fewer_subclasses_and_lone_ones_are_lost() -> None:
    frame = rows_of(3, strata=2)
    few = np.flatnonzero((frame["t"] == 1) & (frame["stratum"] == 1))[3:]
    frame = frame.drop(index=few).reset_index(drop=True)
    lone = frame[frame["t"] == 1].iloc[:12].assign(stratum=7)
    frame = pd.concat([frame, lone], ignore_index=True)
    with pytest.warns(EvaluationWarning, match="EVAL-412"):
        matched = match_frame(
            frame, treatment="t", covariates=["x"], distance=frame["x"], exact=["stratum"],
            method="subclass", subclasses=5,
        )  # fmt: skip
    note = next(n for n in matched.notes if n.code == "EVAL-493")
    assert (note.data["count"], note.data["total"]) == (1, 2)
    assert matched.subclass.max() + 1 == 5 + 3
    assert set(matched.unmatched["row"]) == set(np.flatnonzero(frame["stratum"] == 7))


def test_equal_distances_leave_fewer_subclasses_and_it_is_said() -> None:
    frame = rows_of(4)
    with pytest.warns(EvaluationWarning, match="EVAL-494"):
        matched = match_frame(
            frame, treatment="t", covariates=["x"], distance=np.sign(frame["x"]), method="subclass"
        )
    assert matched.subclass.nunique() == 2


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("EVAL-403", {"subclasses": 1}),
        ("EVAL-403", {"subclasses": 2.5}),
        ("EVAL-403", {"subclasses": True}),
        ("EVAL-451", {"estimand": "ATO"}),
        ("EVAL-458", {"distance": "mahalanobis"}),
        ("EVAL-495", {"subclasses": 300}),
        ("EVAL-402", {"subclass": 5}),
        ("EVAL-402", {"caliper": 0.2}),
    ],
)
def test_refusals(code: str, options: dict) -> None:
    chosen = {"treatment": "t", "covariates": ["x"], "method": "subclass"} | options
    with pytest.raises(EvaluationError) as error:
        quiet(rows_of(0), **chosen)
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")
