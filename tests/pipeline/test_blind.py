"""A blind run reads no outcome; every run that does is counted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.cohort.types import Cohort
from evaluation.errors import fail
from evaluation.pipeline import Request
from evaluation.pipeline.blind import masked, run_blind, unblinded
from evaluation.study import Study, load_study
from tests.effects.cohorts import cohort_of
from tests.test_cli import STUDY

BLOCKS = '[matching]\nblocks = ["B0", "B1", "B2", "B4", "B5"]\n'


def study_in(folder: Path) -> Path:
    file = folder / "study.toml"
    file.write_text(STUDY + BLOCKS, "utf-8")
    return file


def with_outcomes(study: Study, *, flipped: bool) -> Cohort:
    made = dataclasses.replace(cohort_of(seed=3, entrants=300), study=study)
    if flipped:
        made.frame["durable_6m"] = 1 - made.frame["durable_6m"]
        made.frame["placebo_6m"] = 1 - made.frame["placebo_6m"]
    return made


def run_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *, flipped: bool) -> tuple[Path, str]:
    study = load_study(study_in(folder))
    monkeypatch.setattr("evaluation.verbs.read_register", lambda _: SimpleNamespace())
    monkeypatch.setattr(
        "evaluation.verbs.build_cohort",
        lambda _, region: with_outcomes(study, flipped=flipped) if region == "24"
        else fail("EVAL-721", folder="none"),
    )  # fmt: skip
    lines = run_blind(Request(study, (), ("24", "53")))
    assert [bool(line.error) for line in lines] == [False, True]
    assert lines[0].max_abs_smd is not None
    assert lines[0].page is not None
    return study.work / "blind", lines[0].page.read_text("utf-8")


def test_no_outcome_can_move_a_blind_page(tmp_path, monkeypatch):
    pages = []
    for name, flipped in (("a", False), ("b", True)):
        (tmp_path / name).mkdir()
        folder, page = run_of(tmp_path / name, monkeypatch, flipped=flipped)
        record = json.loads((folder / "24.json").read_text("utf-8"))
        assert set(record) == {"territory", "study", "flow", "balance", "overlap", "warnings"}
        assert record["flow"]["matched"] > 100
        assert not (tmp_path / name / "out").exists()
        pages.append((page, {k: record[k] for k in ("flow", "balance", "overlap")}))
    assert pages[0] == pages[1]


def test_outcomes_leave_the_cohort_before_it_is_matched():
    cohort = cohort_of(seed=3, entrants=300)
    left = masked(cohort)
    gone = set(cohort.frame.columns) - set(left.frame.columns)
    assert {"durable_6m", "durable_6m__lolf_p102", "placebo_6m", "placebo_any_6m"} <= gone
    assert all(cohort.variables[name].block in ("outcome", "placebo") for name in gone)


def test_specifications_are_counted_once_whatever_folder_remains(tmp_path):
    assert unblinded(tmp_path, [], "b") == ["b"]
    assert unblinded(tmp_path, [], "a") == ["a", "b"]
    assert unblinded(tmp_path, [], "a") == ["a", "b"]
    assert unblinded(tmp_path / "new", ["a", "b"], "c") == ["a", "b", "c"]


def test_the_command_says_that_nothing_was_read(tmp_path, monkeypatch):
    study = study_in(tmp_path)
    monkeypatch.setattr("evaluation.verbs.read_register", lambda _: SimpleNamespace())
    monkeypatch.setattr(
        "evaluation.verbs.build_cohort",
        lambda _, region: with_outcomes(load_study(study), flipped=False),
    )
    told = CliRunner().invoke(app, ["run", str(study), "--region", "24", "--blind"])
    assert told.exit_code == 0, told.output
    assert "No outcome was read" in told.output
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".work" / "unblinded.json").exists()
