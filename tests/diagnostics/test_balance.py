"""Balance tables: equal to MatchIt and cobalt, protected when shown, fast."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from evaluation.diagnostics import STATISTICS, balance_of
from evaluation.errors import EvaluationError
from evaluation.matching.algorithms.ipw import ipw
from evaluation.wording import catalogue
from tests.diagnostics.samples import SAMPLES, Held, golden, made, problem, real

mpl.use("Agg")

MATCHIT = {"Std. Mean Diff.": "smd", "Var. Ratio": "variance_ratio",
           "eCDF Mean": "ecdf_mean", "eCDF Max": "ecdf_max"}  # fmt: skip


def _by_term(balance, separator):
    """Rows under R's names: ``age``, ``sexl1`` (MatchIt) or ``sex_l1`` (cobalt)."""
    rows = {}
    for row in balance.frame.to_dict("records"):
        factor = row["level"] not in (None, "1") or row["level"] == "l1"
        rows[row["covariate"] + (f"{separator}{row['level']}" if factor else "")] = row
    return rows


@pytest.mark.golden
@pytest.mark.parametrize("name", SAMPLES)
def test_matchit_tables(name):
    """matchit(..., distance = "glm", link = "linear.logit", caliper = 0.2), summary()."""
    expected = golden(f"balance_{name}")["nn_cal02"]
    given, _ = real(name)
    weights = np.zeros(len(given.treated))
    weights[expected["rows"]] = expected["weights"]
    rows = _by_term(balance_of(Held(given, weights)), "")
    for table, when in (("all", "before"), ("matched", "after")):
        assert len(expected[table]) == len(rows)
        for line in expected[table]:
            ours = rows[line["term"]]
            comparison = ours[f"mean_comparison_{when}"]
            treated = ours["mean_treated" if when == "after" else "mean_treated_before"]
            assert treated == pytest.approx(line["Means Treated"], rel=1e-12)
            assert comparison == pytest.approx(line["Means Control"], rel=1e-12)
            for theirs, stem in MATCHIT.items():
                if line[theirs] is None:
                    assert np.isnan(ours[f"{stem}_{when}"])
                else:
                    assert ours[f"{stem}_{when}"] == pytest.approx(line[theirs], abs=1e-11)


@pytest.mark.golden
@pytest.mark.parametrize("name", SAMPLES)
def test_cobalt_table_of_a_weighting(name):
    """bal.tab(weightit(method = "glm"), binary = "std", s.d.denom = "treated")."""
    expected = golden(f"balance_{name}")["w_ps_att"]["cobalt"]
    given, _ = real(name, trim=None)
    rows = _by_term(balance_of(Held(given, ipw(given).weights)), "_")
    columns = {"M.0.Adj": "mean_comparison_after", "M.1.Adj": "mean_treated",
               "Diff.Un": "smd_before", "Diff.Adj": "smd_after",
               "V.Ratio.Adj": "variance_ratio_after", "KS.Adj": "ecdf_max_after"}  # fmt: skip
    for line in expected:
        for theirs, ours in columns.items():
            if line[theirs] is not None:
                found = rows[line["term"]][ours]
                assert found == pytest.approx(line[theirs], rel=1e-6, abs=1e-7)


@pytest.mark.property
def test_weight_two_equals_a_duplicated_row():
    given, _ = made(1, fitted=False)
    rng = np.random.default_rng(0)
    weights = np.where(given.treated, 1.0, rng.integers(0, 3, 1500))
    rows = np.repeat(np.arange(1500), weights.astype(int))
    repeated = problem(given.covariates.iloc[rows].reset_index(drop=True), given.treated[rows],
                       fitted=False)  # fmt: skip
    first = balance_of(Held(given, weights)).frame
    second = balance_of(Held(repeated, np.ones(len(rows)))).frame
    same = ["mean_comparison_after", "mean_treated", "ecdf_max_after", "ecdf_mean_after"]
    for name in same:
        keep = first["covariate"] != "x" if name == "ecdf_mean_after" else slice(None)
        np.testing.assert_allclose(first.loc[keep, name], second.loc[keep, name], atol=1e-12)


@pytest.mark.property
def test_order_of_rows_and_units_do_not_matter():
    given, _ = made(2, fitted=False)
    weights = np.where(given.treated, 1.0, np.linspace(0.5, 2, 1500))
    before = balance_of(Held(given, weights)).frame
    order = np.random.default_rng(3).permutation(1500)
    changed = given.covariates.assign(x=3.0 - 1000.0 * given.covariates["x"])
    moved = replace(
        given,
        covariates=changed.iloc[order].reset_index(drop=True),
        treated=given.treated[order],
        sampling_weight=given.sampling_weight[order],
    )
    after = balance_of(Held(moved, weights[order])).frame
    sign = np.where(before["covariate"] == "x", -1.0, 1.0)
    np.testing.assert_allclose(after["smd_after"], sign * before["smd_after"], atol=1e-10)
    for name in ("variance_ratio_after", "ecdf_max_before", "ecdf_max_after"):
        np.testing.assert_allclose(after[name], before[name], atol=1e-10)


@pytest.mark.property
def test_same_arms_are_perfectly_balanced():
    given, _ = made(3, fitted=False)
    twice = pd.concat([given.covariates] * 2, ignore_index=True)
    both = problem(twice, np.arange(3000) < 1500, fitted=False)
    frame = balance_of(Held(both, np.ones(3000))).frame
    for statistic in STATISTICS.values():
        values = frame[statistic.after].dropna()
        np.testing.assert_allclose(values, statistic.perfect, atol=1e-12)
        low, high = statistic.threshold
        assert low <= statistic.perfect <= high


def test_headline_figures_and_record():
    given, _ = made(4, fitted=False)
    balance = balance_of(Held(given, np.ones(1500)), blocks={"x": "B3"})
    sizes = balance.frame["smd_after"].abs()
    assert balance.max_abs_smd == sizes.max()
    assert balance.mean_abs_smd == pytest.approx(sizes.mean())
    assert balance.share_below(sizes.median() + 1e-12) >= 0.5
    record = json.loads(json.dumps(balance.to_dict(), allow_nan=False))
    assert record["rows"][0]["block"] == "B3"
    assert record["rows"][0]["level"] is None
    assert [row["level"] for row in record["rows"][1:]] == ["1", "a", "b", "c"]
    assert record["rows"][1]["variance_ratio"] is None
    assert "," in balance.summary("fr").split(":")[1]
    assert balance.summary("fr") != balance.summary("en")


def test_other_columns_of_the_same_rows():
    given, outcome = made(5, fitted=False)
    frame = pd.DataFrame({"y": outcome, "word": np.where(outcome > 0, "p", None)})
    balance = balance_of(Held(given, np.ones(1500)), frame=frame)
    levels = balance.frame[["covariate", "level"]].to_numpy().tolist()
    assert levels == [["y", "1"], ["word", "p"], ["word", "missing"]]
    with pytest.raises(EvaluationError, match="EVAL-469"):
        balance_of(Held(given, np.ones(1500)), columns=["X"])
    with pytest.raises(EvaluationError, match="EVAL-470"):
        balance_of(Held(given, np.ones(1500)), frame=frame.head(10))
    with pytest.raises(EvaluationError, match="EVAL-453"):
        balance_of(Held(given, np.ones(1500)), frame=frame.assign(y=np.nan))
    with pytest.raises(EvaluationError, match="EVAL-472"):
        balance_of(Held(given, np.where(given.treated, 1.0, 0.0)))


def test_constant_columns():
    given, _ = made(6, fitted=False)
    frame = pd.DataFrame({"one": np.ones(1500), "five": np.full(1500, 5.0),
                          "arm": np.where(given.treated, 1.0, np.arange(1500) % 2)})  # fmt: skip
    found = balance_of(Held(given, np.ones(1500)), frame=frame).frame.set_index("covariate")
    assert found.loc["one", "smd_after"] == found.loc["five", "smd_after"] == 0
    assert np.isfinite(found.loc["arm", "smd_after"])
    assert found.loc["arm", "smd_after"] > 0.5


def _levels(counts_treated, counts_comparison):
    codes = np.concatenate([np.repeat(np.arange(len(c)), c)
                            for c in (counts_treated, counts_comparison)])  # fmt: skip
    names = [f"level{k}" for k in range(len(counts_treated))]
    frame = pd.DataFrame({"c": pd.Categorical.from_codes(codes, names)})
    treated = np.arange(len(codes)) < sum(counts_treated)
    return Held(problem(frame, treated, fitted=False), np.ones(len(codes)))


@pytest.mark.parametrize(
    ("treated", "comparison", "shown"),
    [
        ([50, 40, 30], [500, 400, 300], [0, 1, 2]),
        ([50, 40, 5], [500, 400, 300], [0]),
        ([50, 40, 30, 5, 7], [500, 400, 300, 99, 99], [0, 1, 2]),
        ([50, 40, 30, 2, 3], [500, 400, 300, 99, 99], [0, 1]),
        ([80, 6], [500, 400], []),
        ([50, 40, 30], [500, 400, 4], [0]),
        ([5, 5], [500, 400], []),
    ],
)
def test_small_levels_and_what_gives_them_away_are_not_shown(treated, comparison, shown):
    balance = balance_of(_levels(treated, comparison))
    rows, omitted = balance.displayed()
    assert [int(level[-1]) for level in rows["level"]] == shown
    assert omitted == len(treated) - len(shown)
    html = balance._repr_html_()
    labels = [t.get_text() for t in balance.plot().get_yticklabels()] if shown else []
    for level in range(len(treated)):
        assert (f"level{level}" in html) == (level in shown)
        assert (f"c = level{level}" in labels) == (level in shown)
    if 0 < len(shown) < len(treated):
        assert str(omitted) in html.split("</table>")[1]
    if not shown and sum(treated) < 11:
        assert "secret" in html


def test_plot_draws_into_the_axis_it_is_given():
    import matplotlib.pyplot as plt

    given, _ = made(7, fitted=False)
    figure, axis = plt.subplots()
    assert balance_of(Held(given, np.ones(1500))).plot(axis, language="en") is axis
    assert axis.get_xlabel() == catalogue("en")["diagnostics.smd.label"]
    plt.close(figure)


def test_every_statistic_has_its_columns_and_words():
    given, _ = made(8, fitted=False)
    columns = balance_of(Held(given, np.ones(1500))).frame.columns
    for statistic in STATISTICS.values():
        assert {statistic.before, statistic.after} <= set(columns)
        for language in ("fr", "en"):
            assert {statistic.label, f"diagnostics.{statistic.name}.note"} <= set(
                catalogue(language)
            )


def test_a_large_table_is_fast():
    """50 000 rows, 12 covariates: the bound is ten times what it takes."""
    rng = np.random.default_rng(0)
    n = 50_000
    columns = {f"x{k}": rng.normal(size=n) for k in range(6)}
    columns |= {
        f"c{k}": pd.Categorical.from_codes(rng.integers(0, 9, n), list("abcdefghi"))
        for k in range(6)
    }
    held = Held(problem(pd.DataFrame(columns), rng.random(n) < 0.1, fitted=False), np.ones(n))
    start = time.perf_counter()
    balance_of(held)
    assert time.perf_counter() - start < 1.5
