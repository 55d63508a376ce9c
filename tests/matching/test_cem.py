"""Coarsened exact matching: MatchIt's cells, bins, pairs inside cells, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from evaluation.matching.engines.bins import bin_count, coarsened, equal_width, quantiles
from evaluation.matching.engines.distances import mahalanobis
from tests.matching.data import DATA
from tests.matching.sets import by_hand, check_golden, quiet, same_partition

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=30, deadline=None, derandomize=True)


def rows_of(seed: int, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    treated = (rng.random(n) < 0.3).astype(int)
    return pd.DataFrame(
        {
            "t": treated,
            "x": np.round(rng.normal(size=n) + 0.3 * treated, 1),
            "z": rng.exponential(size=n),
            "b": rng.choice(["p", "q", "r", "u"], n),
            "s": np.where(treated == 1, 1.0, rng.choice([1.0, 2.0], n)),
            "stratum": rng.integers(0, 2, n),
        }
    )


@pytest.mark.golden
@pytest.mark.parametrize("name", ["cem", "cem_q4", "cem_k2k", "cem_k2k_closest"])
@pytest.mark.parametrize("dataset", DATA)
def test_cells_pairs_and_weights_are_those_of_matchit(dataset: str, name: str) -> None:
    check_golden(dataset, name)


@pytest.mark.property
@QUICK
@given(SEEDS, st.sampled_from(["ATT", "ATC", "ATE"]), st.integers(2, 6))
def test_weights_follow_the_definition(seed: int, estimand: str, bins: int) -> None:
    frame = rows_of(seed)
    edges = [np.linspace(frame[v].min(), frame[v].max(), bins + 1)[1:-1] for v in ("x", "z")]
    for name, cuts in zip(("x", "z"), edges, strict=True):
        frame[f"{name}_bin"] = (frame[name].to_numpy()[:, None] >= cuts).sum(axis=1)
    matched = quiet(
        frame, treatment="t", covariates=["x", "z", "b"], exact=["stratum"], method="cem",
        bins=bins, estimand=estimand, sampling_weight="s",
    )  # fmt: skip
    keys = ["x_bin", "z_bin", "b", "stratum"]
    np.testing.assert_allclose(matched.weights, by_hand(frame, keys, estimand))
    cells = frame.groupby(keys).ngroup().to_numpy()
    used = matched.weights.to_numpy() > 0
    assert same_partition(matched.subclass.to_numpy(), np.where(used, cells, -1))


@pytest.mark.property
@QUICK
@given(SEEDS)
def test_pairs_inside_cells_are_the_nearest_left_in_data_order(seed: int) -> None:
    frame = rows_of(seed, n=150)
    covariates = ["x", "z", "b"]
    matched = quiet(frame, treatment="t", covariates=covariates, method="cem", bins=3, k2k=True)
    cells = quiet(frame, treatment="t", covariates=covariates, method="cem", bins=3)
    cell, treated = cells.subclass.to_numpy(), frame["t"].to_numpy() == 1
    points = mahalanobis(matched.problem.covariates, treated)
    free, expected = set(np.flatnonzero(~treated & (cell >= 0)).tolist()), {}
    for row in np.flatnonzero(treated & (cell >= 0)):
        gaps = {c: ((points[c] - points[row]) ** 2).sum() for c in free if cell[c] == cell[row]}
        if gaps:
            expected[int(row)] = min(gaps, key=gaps.__getitem__)
            free.remove(expected[int(row)])
    found = matched.pairs.set_index("treated")["comparison"].to_dict()
    assert found.keys() == expected.keys()
    for row, chosen in found.items():
        own, best = (((points[c] - points[row]) ** 2).sum() for c in (chosen, expected[row]))
        assert own == pytest.approx(best, abs=1e-9)
    assert matched.family == "sets"
    assert matched.pairs["comparison"].is_unique


@pytest.mark.property
@QUICK
@given(SEEDS, st.sampled_from(["sturges", "fd", "scott", "q3", 5]))
def test_row_order_does_not_matter(seed: int, bins: Any) -> None:
    frame = rows_of(seed)
    order = np.random.default_rng(seed).permutation(len(frame))
    options = {"treatment": "t", "covariates": ["x", "z", "b"], "method": "cem", "bins": bins}
    one, other = quiet(frame, **options), quiet(frame.iloc[order], **options)
    assert (other.subclass.to_numpy() == one.subclass.to_numpy()[order]).all()


@QUICK
@given(SEEDS, st.integers(1, 12), st.integers(0, 3))
def test_equal_bins_are_cut_where_the_edges_lie(seed: int, count: int, digits: int) -> None:
    values = np.round(np.random.default_rng(seed).normal(size=200) * 7, digits)
    width = (values.max() - values.min()) / count
    edges = values.min() + np.arange(1, count) * width
    expected = np.searchsorted(edges, values, side="right")
    assert (equal_width(values, count) == expected).all()


def test_rules_count_bins_as_r_does() -> None:
    values = np.arange(1, 101, dtype=float) ** 1.5
    # nclass.Sturges, nclass.scott, nclass.FD of (1:100)^1.5, by their definitions
    assert bin_count(values, "sturges") == 8
    width = 3.5 * np.std(values, ddof=1) * 100 ** (-1 / 3)
    assert bin_count(values, "scott") == np.ceil((values.max() - values.min()) / width)
    low, high = np.percentile(values, [25, 75])
    width = 2 * (high - low) * 100 ** (-1 / 3)
    assert bin_count(values, "fd") == np.ceil((values.max() - values.min()) / width)
    # Freedman and Diaconis on a column that is mostly one value: the next wider quantiles.
    mostly = np.r_[np.zeros(80), np.arange(1.0, 21)]
    low, high = np.percentile(mostly, [12.5, 87.5])
    width = (high - low) / 0.75 * 100 ** (-1 / 3)
    assert bin_count(mostly, "fd") == np.ceil(20 / width)
    assert bin_count(np.ones(50), "fd") == bin_count(np.ones(50), "scott") == 1


def test_quantiles_are_those_of_numpy() -> None:
    values = np.sort(np.random.default_rng(0).normal(size=57))
    shares = np.linspace(0, 1, 23)
    np.testing.assert_allclose(quantiles(values, shares), np.quantile(values, shares), rtol=1e-12)


def test_each_covariate_has_its_own_rule() -> None:
    frame = rows_of(2)
    rules = {"x": [0.0, 1.0], "z": "q4", "b": [["p", "q"]]}
    parts = {p.name: p.codes for p in coarsened(frame[["x", "z", "b", "s"]], rules)}
    x = frame["x"].to_numpy()
    assert (parts["x"] == (x >= 0).astype(int) + (x >= 1)).all()
    assert np.bincount(parts["z"]).tolist() == [100, 100, 100, 100]
    groups = frame["b"].replace({"q": "p"}).to_numpy()
    assert same_partition(parts["b"], pd.factorize(groups)[0])
    sturges = int(np.ceil(np.log2(400) + 1))
    assert (parts["s"] == np.where(frame["s"] == 2, sturges - 1, 0)).all()


def test_one_bin_leaves_a_covariate_out() -> None:
    frame = rows_of(4)
    with_it = quiet(
        frame, treatment="t", covariates=["x", "z"], method="cem", bins={"x": 4, "z": 1}
    )
    without = quiet(frame, treatment="t", covariates=["x"], method="cem", bins=4)
    np.testing.assert_array_equal(with_it.weights, without.weights)


@pytest.mark.parametrize(
    ("option", "options"),
    [("order", {"order": "closest"}), ("sampling_weight", {"k2k": True, "sampling_weight": "s"})],
)
def test_options_without_effect_are_said(option: str, options: dict) -> None:
    with pytest.warns(EvaluationWarning) as caught:
        match_frame(rows_of(1), treatment="t", covariates=["x"], method="cem", **options)
    faults = [w.message.fault for w in caught if w.message.fault.code == "EVAL-418"]
    assert [fault.data["option"] for fault in faults] == [option]


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("EVAL-491", {"bins": "sturgess"}),
        ("EVAL-491", {"bins": "q1"}),
        ("EVAL-491", {"bins": 0}),
        ("EVAL-491", {"bins": True}),
        ("EVAL-491", {"bins": {"x": [1.0, np.inf]}}),
        ("EVAL-491", {"bins": {"x": []}}),
        ("EVAL-491", {"bins": {"b": 4}}),
        ("EVAL-491", {"bins": {"b": [["p", "nobody"]]}}),
        ("EVAL-491", {"bins": {"b": [["p"], ["p", "q"]]}}),
        ("EVAL-492", {"bins": {"xx": 4}}),
        ("EVAL-490", {"bins": {"z": list(np.linspace(0, 9, 20_000)), "x": 99}}),
        ("EVAL-403", {"k2k": "yes"}),
        ("EVAL-429", {"k2k": True, "order": "largest"}),
        ("EVAL-436", {"k2k": True, "estimand": "ATE"}),
        ("EVAL-451", {"estimand": "ATO"}),
        ("EVAL-402", {"bin": 4}),
    ],
)
def test_refusals(code: str, options: dict) -> None:
    chosen = {"treatment": "t", "covariates": ["x", "z", "b"], "method": "cem"} | options
    with pytest.raises(EvaluationError) as error:
        quiet(rows_of(0), **chosen)
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")
