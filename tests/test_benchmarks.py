"""The benchmarks, on a handful of people: what they make, what they print."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks import _estimators as study
from benchmarks import _frames, _people, _tables, _verdicts, monte_carlo
from benchmarks import cohort as benchmark
from benchmarks._frames import Cell
from evaluation.errors import EvaluationError
from evaluation.pipeline.lock import run_lock
from evaluation.study import MatchingRules

TABLES = ("registrations", "entries", "hires")
SCALE = 0.0008


def here(function: Callable[..., Any], *given: Any) -> Any:
    return function(*given)


def pool(workers: int, mp_context: object) -> ThreadPoolExecutor:
    """Stand for processes: starting one costs more than all the work of this test."""
    return ThreadPoolExecutor(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("national")
    return folder, benchmark.make(folder, SCALE)


def test_the_register_is_an_extract_of_a_nation(made: tuple[Path, dict[str, int]]) -> None:
    folder, sizes = made
    tables = {name: pq.read_table(folder / f"{name}.parquet").to_pandas() for name in TABLES}
    assert {name: len(table) for name, table in tables.items()} == {t: sizes[t] for t in TABLES}
    registered = set(tables["registrations"].person_id)
    assert len(registered) == sizes["people"]
    assert set(tables["hires"].person_id) <= registered
    assert set(tables["entries"].person_id) <= registered
    assert tables["registrations"].region.nunique() == 18
    # the shape of the nation: 30 million hires of 4.3 million people, 7 million registrations
    assert 6 < sizes["hires"] / sizes["people"] < 8
    assert 1.4 < sizes["registrations"] / sizes["people"] < 1.9


def test_it_is_made_the_same_again(made: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    folder, sizes = made
    assert benchmark.make(tmp_path, SCALE) == sizes
    for name in TABLES:
        digests = {
            hashlib.sha256((place / f"{name}.parquet").read_bytes()).hexdigest()
            for place in (folder, tmp_path)
        }
        assert len(digests) == 1


def test_the_last_line_says_seconds_and_memory(
    made: tuple[Path, dict[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, sizes = made
    (folder / "sizes.json").write_text(json.dumps({"scale": SCALE, **sizes}), encoding="utf-8")
    monkeypatch.setattr(benchmark, "apart", here)
    monkeypatch.setattr(benchmark, "warm", lambda folder: None)
    monkeypatch.setattr(benchmark, "ProcessPoolExecutor", pool)
    words = ["--scale", str(SCALE), "--keep", str(folder), "--region", "11", "--region", "84"]
    benchmark.main(words)
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["regions"] == 2
    assert row["entrants"] > 10
    assert row["rows"] > 5 * row["entrants"]
    seconds = row["seconds"]
    assert seconds["register"] > 0
    assert seconds["cohorts"] > 0
    assert seconds["total"] == pytest.approx(seconds["register"] + seconds["cohorts"], rel=0.01)
    assert row["peak_rss_gb"] > 0.05
    assert not list(folder.glob("work-*"))


def test_a_folder_of_another_scale_is_refused(made: tuple[Path, dict[str, int]]) -> None:
    folder, sizes = made
    (folder / "sizes.json").write_text(json.dumps({"scale": 9, **sizes}), encoding="utf-8")
    with pytest.raises(SystemExit, match="another scale"):
        benchmark.kept_register(folder, SCALE)


TINY = Cell("tiny", entrants=250, stock=3.0)


@pytest.fixture
def tiny_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "CELLS", {"tiny": TINY})


def test_a_frame_is_a_cohort_whose_people_recur() -> None:
    drawn = _frames.draw(TINY, 7)
    frame, treated = drawn.frame, drawn.frame["treated"] == 1
    pd.testing.assert_frame_equal(frame, _frames.draw(TINY, 7).frame)
    assert not frame.duplicated(["person_id", "index_month"]).any()
    assert frame.loc[treated, "person_id"].is_unique
    assert len(frame) > 1.5 * frame["person_id"].nunique()
    first = frame[treated].set_index("person_id")["index_month"].cat.codes
    before = frame[~treated].join(first.rename("entry"), on="person_id")
    assert before["entry"].notna().any()
    assert (before["index_month"].cat.codes < before["entry"].fillna(99)).all()
    assert (frame.loc[treated, "sampling_weight"] == 1).all()
    assert frame["sampling_weight"].max() > 1


def test_what_is_said_to_be_true_is_what_happens() -> None:
    cell = Cell("true", entrants=20_000, stock=2.0, effect=8.0)
    drawn = _frames.draw(cell, 5)
    frame, treated = drawn.frame, (drawn.frame["treated"] == 1).to_numpy()
    hired = frame["durable_6m"].to_numpy()
    chance = drawn.p1[treated]
    error = np.sqrt(np.sum(chance * (1 - chance))) / treated.sum()
    assert abs(hired[treated].mean() - chance.mean()) < 4 * error
    # those who do not enter in the month, weighted to the entrants by the known odds of entering
    assert drawn.later > 0.1
    odds = _odds_of_entry(cell, drawn)
    weight = (frame["sampling_weight"] * odds)[~treated].to_numpy()
    away = np.average(hired[~treated], weights=weight)
    assert 100 * away == pytest.approx(100 * drawn.p0[treated].mean(), abs=0.5)
    assert 100 * (drawn.p1 - drawn.p0)[treated].mean() > 6


def _odds_of_entry(cell: Cell, drawn: _frames.Drawn) -> pd.Series:
    """Return the odds of entering in the row's month, from the row's own columns."""
    frame = drawn.frame
    traits = {
        name: (frame[name].cat.codes if name in _people.LEVELS else frame[name]).to_numpy(float)
        for name in _people.HIRES
    }
    scale = _frames._scale(cell)
    linear = scale.entry + _frames._predictors(traits, cell, scale)[0]
    linear += _frames.ENTRY_BY_DURATION[frame["duration_class"].cat.codes]
    linear += _frames.ENTRY_BY_MONTH[frame["index_month"].cat.codes]
    return pd.Series(np.exp(linear), frame.index)


def test_a_programme_that_does_nothing_moves_no_probability() -> None:
    drawn = _frames.draw(Cell("tiny-null", entrants=250, stock=1.5, effect=0.0), 3)
    treated = drawn.frame["treated"] == 1
    assert np.abs((drawn.p1 - drawn.p0)[treated]).max() < 1e-12


def test_the_default_of_the_studies_is_among_the_estimators() -> None:
    rules = MatchingRules()
    default = study.ESTIMATORS[study.DEFAULT]
    options = {"ratio": 1, "replace": False, "caliper": None, **default.options}
    assert default.method == rules.method
    assert options == {name: getattr(rules, name) for name in options}
    assert rules.exact == _frames.EXACT


def test_one_score_for_all_changes_nothing() -> None:
    drawn = _frames.draw(TINY, 0)
    names = ("nearest_1", "ipw", "replace_3")
    shared = study.replicate(TINY, 0, names)["found"]
    alone = _frames.draw(TINY, study.FIRST_SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert shared == {name: study.estimated(alone, study.ESTIMATORS[name]) for name in names}
        assert shared["ipw"] != study.estimated(drawn, study.ESTIMATORS["ipw"])


def test_an_interrupted_study_goes_on(
    tiny_study: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--workers", "1", "--estimator", "nearest_1", "--keep"]
    monte_carlo.main([*words, str(tmp_path / "whole"), "--replications", "3"])
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])
    monte_carlo.main([*words, str(tmp_path / "cut"), "--replications", "2"])
    kept = tmp_path / "cut" / "tiny.jsonl"
    first, second = kept.read_text("utf-8").splitlines()
    kept.write_text(f"{first}\n{second[:40]}", encoding="utf-8")
    capsys.readouterr()
    monte_carlo.main([*words, str(tmp_path / "cut"), "--replications", "3"])
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["headline"] == whole["headline"]
    assert again["chosen"] is None
    rows = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    assert [row["replication"] for row in rows] == [0, 1, 2]
    assert rows[0] == json.loads(first)
    assert set(again["headline"]) == {"estimator", "coverage", "rejection", "bias", "rmse"}
    assert again["seconds"]["nearest_1"] > 0
    assert again["peak_rss_gb"] > 0.05


def test_candidates_and_named_estimators_run_in_full() -> None:
    cells, names = list(study.CELLS), ["nearest_1", "ipw", "kernel"]
    planned = monte_carlo.plan(cells, names, 1000, named=False)
    assert planned["ipw"] == dict.fromkeys(cells, 1000)
    assert planned["nearest_1"] == dict.fromkeys(cells, 200)
    assert planned["kernel"] == dict.fromkeys(study.CORNERS, 200)
    planned = monte_carlo.plan(cells, names, 1000, named=True)
    assert all(planned[name] == dict.fromkeys(cells, 1000) for name in names)
    todo = list(monte_carlo.tasks({"ipw": {"a": 2, "b": 1}}, {("a", 0, "ipw")}))
    assert todo == [("b", 0, ("ipw",)), ("a", 1, ("ipw",))]


def test_two_runs_never_write_into_one_folder(tiny_study: None, tmp_path: Path) -> None:
    words = ["--workers", "1", "--estimator", "nearest_1", "--keep", str(tmp_path)]
    with run_lock(tmp_path), pytest.raises(EvaluationError) as error:
        monte_carlo.main([*words, "--replications", "1"])
    assert error.value.code == "EVAL-712"
    assert not list(tmp_path.glob("*.jsonl"))


def test_what_is_kept_is_shown_without_a_run(
    tiny_study: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--workers", "1", "--estimator", "nearest_1", "--keep", str(tmp_path)]
    with pytest.raises(SystemExit, match="no replication"):
        monte_carlo.main([*words, "--show"])
    monte_carlo.main([*words, "--replications", "2"])
    ran = json.loads(capsys.readouterr().out.splitlines()[-1])
    with (tmp_path / "tiny.jsonl").open("a", encoding="utf-8") as lines:
        lines.write('{"being": "writ')
    before = (tmp_path / "tiny.jsonl").read_bytes()
    monte_carlo.main([*words, "--show"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["headline"] == ran["headline"]
    assert (tmp_path / "tiny.jsonl").read_bytes() == before


def test_replications_of_other_cells_are_refused(tiny_study: None, tmp_path: Path) -> None:
    (tmp_path / "setting.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit, match="other cells"):
        monte_carlo.Kept(tmp_path)


def found(estimate: float, se: float = 1.0, true: float = 0.0) -> dict[str, Any]:
    low, high = estimate - 1.96 * se, estimate + 1.96 * se
    return {"points": [estimate, low, high], "se": se, "true": true, "matched": 9,
            "p": 0.01 if abs(estimate) > 1.96 * se else 0.5, "estimand": "ATT",
            "uplift": [estimate, low, None], "true_uplift": true}  # fmt: skip


def test_a_refused_interval_is_a_failure() -> None:
    figures = _verdicts.figures([found(0.0), found(1.0), found(3.0), {"refused": "EVAL-508"}])
    assert figures["refused"] == 0.25
    assert figures["coverage"] == 0.5
    assert figures["rejection"] == 0.5
    assert figures["uplift_coverage"] == 0.0
    assert figures["bias"] == pytest.approx(4 / 3)
    assert figures["rmse"] == pytest.approx((10 / 3) ** 0.5)
    assert figures["se_ratio"] == pytest.approx(1 / np.std([0, 1, 3], ddof=1))


def told(rmse: float, **changed: Any) -> dict[str, Any]:
    return {"replications": 1000, "coverage": 0.95, "uplift_coverage": 0.95, "rejection": 0.05,
            "rmse": rmse, "estimand": "ATT"} | changed  # fmt: skip


def test_the_choice_is_the_least_worst_error_inside_the_bands() -> None:
    cells, null = ["a", "b"], ["b"]
    table = {
        "simple": {"a": told(1.01), "b": told(0.5)},
        "best": {"a": told(1.0), "b": told(0.9)},
        "narrow": {"a": told(0.1, coverage=0.92), "b": told(0.1, coverage=0.96)},
        "rejects": {"a": told(0.1), "b": told(0.1, rejection=0.08)},
        "rejects on average": {"a": told(0.1), "b": told(0.1, rejection=0.065)},
        "percent": {"a": told(0.1, uplift_coverage=0.98), "b": told(0.1)},
        "few": {"a": told(0.1, replications=199), "b": told(0.1)},
        "absent": {"a": told(0.1)},
        "other": {"a": told(0.1, estimand="ATO"), "b": told(0.1)},
    }
    assert _verdicts.choose(table, cells, null) == "simple"
    assert _verdicts.choose({k: table[k] for k in table if k != "simple"}, cells, null) == "best"
    assert all(
        _verdicts.faults(mine, cells, null) for name, mine in table.items()
        if name not in ("simple", "best")
    )  # fmt: skip
    assert _verdicts.choose({"few": table["few"]}, cells, null) is None


def test_the_page_keeps_what_stands_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# a\n{_tables.BEGIN}\nold\n{_tables.END}\nb\n", encoding="utf-8")
    _tables.fill(page, ["new"])
    assert page.read_text("utf-8") == f"# a\n{_tables.BEGIN}\nnew\n{_tables.END}\nb\n"
    page.write_text("# a\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="page"):
        _tables.fill(page, ["new"])
