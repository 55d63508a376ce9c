"""What a `Matched` shows, and what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationWarning
from evaluation.matching import Matched, Problem, Weighted, match_frame, register_method, registry
from tests.matching.data import small_problem


def matched_small(**options: Any) -> Matched:
    frame = small_problem(3, treated=40, others=90)
    given = {"treatment": "t", "covariates": ["x", "stratum"], "exact": ["stratum"]} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(frame, **given)


def test_the_input_is_not_changed_and_rows_are_aligned() -> None:
    frame = small_problem(3, treated=40, others=90)
    frame.index = pd.Index(np.arange(130) % 7, name="duplicated")
    copy = frame.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(frame, treatment="t", covariates=["x"], caliper=0.2)
    pd.testing.assert_frame_equal(frame, copy)
    assert matched.frame is frame
    for series in (matched.weights, matched.subclass, matched.propensity, matched.treated):
        assert series.index is frame.index or series.index.equals(frame.index)
    again = match_frame_quiet(frame.reset_index(drop=True), caliper=0.2)
    np.testing.assert_array_equal(matched.weights, again.weights)


def match_frame_quiet(frame: pd.DataFrame, **options: Any) -> Matched:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(frame, treatment="t", covariates=["x"], **options)


def test_summary_adds_up() -> None:
    matched = matched_small(caliper=0.05)
    counts = matched.summary()
    total = counts.loc["matched"] + counts.loc["unmatched"] + counts.loc["discarded"]
    assert (total == counts.loc["all"]).all()
    lost = counts[counts.index.str.startswith("lost_")].sum()
    assert lost["treated"] == counts.loc["unmatched", "treated"] == len(matched.unmatched)
    assert matched.effective_comparators == pytest.approx(
        counts.loc["matched_effective", "comparison"]
    )


def test_effective_comparators_sum_weights_by_person_first() -> None:
    person = np.r_[np.arange(40), 1000 + np.arange(90) // 3]
    matched = matched_small(person=person, ratio=2)
    by_person = matched.weights[40:].groupby(person[40:]).sum()
    expected = by_person.sum() ** 2 / (by_person**2).sum()
    assert matched.effective_comparators == pytest.approx(expected)


def test_html_hides_small_counts_and_what_gives_them() -> None:
    frame = small_problem(3, treated=60, others=200)
    frame.loc[:4, "stratum"] = "c"
    matched = match_frame_quiet(frame, exact="stratum")
    counts = matched.summary()
    assert 0 < counts.loc["unmatched", "treated"] < 11
    page = matched._repr_html_()
    assert "secret" in page
    shown = page.split("<tbody>")[1]
    for name in ("matched", "unmatched"):
        assert f"</th><td>{counts.loc[name, 'treated']:.0f}<" not in shown


def test_html_shows_counts_that_may_be_shown() -> None:
    matched = match_frame_quiet(small_problem(3, treated=60, others=200), replace=True)
    assert matched.summary().loc["unmatched", "treated"] == 0
    assert ">60<" in matched._repr_html_()


def test_to_dict_is_json_without_rows() -> None:
    told = matched_small(caliper=0.2, reuse_max=3).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["treated"] == 40
    assert told["family"] == "replacement"


def test_plot_leaves_out_small_bars() -> None:
    from evaluation.matching.plots import bar_heights

    matched = matched_small()
    heights, edges = bar_heights(matched, bins=10)
    inside = np.clip(np.searchsorted(edges, matched.problem.distance, "right") - 1, 0, 9)
    treated = matched.problem.treated
    counts = np.bincount(inside[treated], minlength=10)
    assert ((heights["treated"][0] > 0) == (counts >= 11)).all()
    axes = matched.plot(bins=4)
    assert len(axes.patches) == 16
    assert axes.get_xlabel()


def test_same_seed_same_match_other_seed_other_match() -> None:
    one, same = (matched_small(order="random", seed=5) for _ in range(2))
    pd.testing.assert_series_equal(one.weights, same.weights)
    assert not one.pairs.equals(matched_small(order="random", seed=6).pairs)


def test_atc_swaps_the_roles() -> None:
    matched = matched_small(estimand="ATC", replace=True)
    comparison = ~matched.problem.treated
    assert (matched.weights[comparison] == 1).all()
    assert matched.pairs["comparison"].nunique() == comparison.sum()


def test_a_method_plugs_in_with_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @register_method("everyone", family="moment_weights", options={"power": 1})
    def everyone(problem: Problem) -> Weighted:
        weights = np.where(problem.treated, 1.0, problem.options["power"])
        return Weighted(weights, np.full(weights.size, -1))

    frame = small_problem(3)
    matched = match_frame(frame, treatment="t", covariates=["x"], method="everyone", power=2)
    assert matched.family == "moment_weights"
    assert matched.weights[~matched.treated].unique().tolist() == [2.0]
    assert len(matched.pairs) == 0


def test_a_result_that_is_not_aligned_is_refused() -> None:
    matched = matched_small()
    with pytest.raises(AssertionError):
        Matched(
            matched.frame.iloc[1:], "t", ("x",), "nearest", "sets", {}, matched.problem,
            matched.weighted,
        )  # fmt: skip


def test_importing_the_room_stays_light() -> None:
    code = (
        "import sys, evaluation.matching; "
        "print([m for m in ('numba', 'statsmodels', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_both_languages_have_the_same_sentences() -> None:
    import tomllib
    from importlib.resources import files
    from string import Formatter

    tables = {}
    for language in ("fr", "en"):
        text = (files("evaluation.wording") / language / "matching.toml").read_text("utf-8")
        flat = {}
        for code, entry in tomllib.loads(text).items():
            for key, sentence in entry.items():
                flat[code, key] = str(sentence)
        tables[language] = flat
    assert tables["fr"].keys() == tables["en"].keys()
    for key, sentence in tables["fr"].items():
        fields = [
            {field for _, field, _, _ in Formatter().parse(s) if field}
            for s in (sentence, tables["en"][key])
        ]
        if key[0].startswith("EVAL"):
            assert fields[0] == fields[1], key
