"""A whole run with small stand-ins for the notebooks: what is written, kept, withdrawn, told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.pipeline import Report, Request, render_folder, run, verify
from evaluation.pipeline.executor import Event, Perform
from evaluation.pipeline.jobs import Job, perform
from evaluation.study import load_study
from tests.pipeline import workers
from tests.test_cli import STUDY

REGISTER = SimpleNamespace(digest="sha256:register", quality=SimpleNamespace(files=()))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("evaluation.verbs.read_register", lambda _: REGISTER)
    file = tmp_path / "study.toml"
    file.write_text(STUDY + "[disclosure]\nmin_cell = 11\n", "utf-8")
    return file


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run jobs in this process: the executor has tests of its own."""

    def one_by_one(jobs: list[Job], workers: int, work: Perform) -> Iterator[Event]:
        for job in jobs:
            told: list[str] = []
            outcome = work(job, told.append)
            yield from (Event(job.key, stage) for stage in told)
            yield Event(job.key, outcome=outcome)

    monkeypatch.setattr("evaluation.pipeline.session.run_jobs", one_by_one)


def go(study: Path, *regions: str, overrides: tuple[str, ...] = (), fresh: bool = False) -> Report:
    request = Request(load_study(study, overrides), overrides, regions, (), fresh)
    return run(request, Console(file=io.StringIO()), workers.publishing)


def statuses(report: Report) -> dict[str, str]:
    return {line.key: line.status for line in report.lines}


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.usefixtures("here")
def test_a_failing_territory_is_told_and_takes_no_other_down(study: Path) -> None:
    report = go(study, "24", "94", "53")
    assert statuses(report) == {"24": "done", "94": "failed", "53": "done", "national": "done"}
    assert [line.title for line in report.failed] == ["Corse"]
    assert report.lines[0].grade == "moderate"
    assert report.lines[0].effect is not None
    out = study.parent / "out"
    assert report.index == out / "index.html"
    written = files(out)
    assert {
        "index.html", "index.fr.html", "results.csv", "results.xlsx", "manifest.json",
        "results/24.json", "regions/24-centre-val-de-loire.html", "results/national.json",
        "regions/24-centre-val-de-loire.fr.html",
    } <= written  # fmt: skip
    assert not any(name.endswith(".partial") for name in written)
    page = report.index.read_text("utf-8")
    assert "Corse" in page or "Corsica" in page
    assert "EVAL-399" in page
    assert verify(out) == []
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["territories"]["94"]["status"] == "failed"
    assert manifest["register"]["digest"] == REGISTER.digest
    assert manifest["seed"] == 20180618
    assert str(study.parent) not in (out / "manifest.json").read_text("utf-8")


@pytest.mark.usefixtures("here")
def test_an_identical_run_keeps_everything_but_what_failed(study: Path) -> None:
    go(study, "24", "94")
    again = go(study, "24", "94")
    assert statuses(again) == {"24": "kept", "94": "failed", "national": "kept"}
    assert again.lines[0].effect == go(study, "24").lines[0].effect
    assert statuses(go(study, "24", fresh=True)) == {"24": "done", "national": "done"}
    (study.parent / "out" / "regions" / "24-centre-val-de-loire.html").write_text("touched")
    assert statuses(go(study, "24"))["24"] == "done"


@pytest.mark.usefixtures("here")
def test_another_parameter_runs_again_and_older_territories_leave_the_index(study: Path) -> None:
    go(study, "24", "53")
    with pytest.warns(EvaluationWarning):
        report = go(study, "24", overrides=("matching.ratio=1",))
    assert statuses(report) == {"24": "done", "national": "done"}
    assert [fault.code for fault in report.faults] == ["EVAL-719"]
    table = (study.parent / "out" / "results.csv").read_text("utf-8")
    assert "Centre-Val de Loire" in table
    assert "Bretagne" not in table
    assert not (study.parent / ".work" / "estimates" / "53.json").exists()
    render_folder(study.parent / "out")
    assert "Bretagne" not in (study.parent / "out" / "results.csv").read_text("utf-8")


@pytest.mark.usefixtures("here")
def test_a_territory_that_now_fails_is_withdrawn(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(study, "24")
    request = Request(load_study(study), (), ("24",), (), True)
    monkeypatch.setattr("evaluation.pipeline.session.notebook_path", lambda _: Path("none.ipynb"))
    report = run(request, Console(file=io.StringIO()), perform)
    assert statuses(report) == {"24": "failed"}
    left = files(study.parent / "out")
    assert "results/24.json" not in left
    assert not any(name.startswith(("regions/", "annex/")) for name in left)
    assert "EVAL-701" in report.index.read_text("utf-8")


def test_results_are_the_same_whatever_the_number_of_workers(study: Path) -> None:
    go(study, "24", "53", overrides=("run.workers=1",))
    out = study.parent / "out"
    kept = ("results", "regions", "index.html", "results.csv")
    one = {n: (out / n).read_bytes() for n in files(out) if n.startswith(kept) and "xlsx" not in n}
    go(study, "53", "24", overrides=("run.workers=2",), fresh=True)
    assert one == {n: (out / n).read_bytes() for n in one}
    assert len(one) >= 9


@pytest.mark.usefixtures("here")
def test_nothing_is_written_when_a_fault_is_seen_first(study: Path) -> None:
    with pytest.raises(EvaluationError) as caught:
        go(study, "24", "2A")
    assert caught.value.code == "EVAL-112"
    assert sorted(p.name for p in study.parent.iterdir()) == ["study.toml"]


@pytest.mark.usefixtures("here")
def test_render_remakes_pages_and_verify_then_still_holds(study: Path) -> None:
    go(study, "24")
    out = study.parent / "out"
    page = out / "regions" / "24-centre-val-de-loire.html"
    before = page.read_bytes()
    page.write_text("x")
    (out / "index.html").unlink()
    runner = CliRunner()
    assert runner.invoke(app, ["verify", str(out)]).exit_code == 3
    assert runner.invoke(app, ["render", str(out)]).exit_code == 0
    assert page.read_bytes() == before
    told = runner.invoke(app, ["verify", str(out), "--disclosure"])
    assert told.exit_code == 0, told.output


@pytest.mark.usefixtures("here")
def test_a_failure_exits_1_and_says_where_the_page_is(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(request: Request, console: Console) -> Report:
        return run(request, console, workers.publishing)

    monkeypatch.setattr("evaluation.pipeline.conductor.run", small)
    runner = CliRunner()
    told = runner.invoke(app, ["run", str(study), "--region", "94", "--workers", "1"])
    assert told.exit_code == 1
    assert "index.html" in told.output
    assert "EVAL-399" in told.output
    told = runner.invoke(app, ["run", str(study), "--region", "24", "--lang", "fr"])
    assert told.exit_code == 0, told.output
    assert "Rapport" in told.output
    assert "moyen" in told.output
