"""The notebooks that are shipped: thin, clean, parametrised as promised, and run for real."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from typer.testing import CliRunner

import evaluation
from evaluation.cli import app
from evaluation.pipeline.notebooks import notebook_path, parameters_of, read_notebook
from evaluation.pipeline.runner import run_notebook
from evaluation.pipeline.traces import in_html
from evaluation.simulation import simulate
from evaluation.study import load_study

NAMES = ("region_report", "national_summary", "lalonde_benchmark", "clock")
ROOT = Path(evaluation.__file__).parents[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_thin_and_clean(name: str) -> None:
    book = read_notebook(notebook_path(name))
    nbformat.validate(book)
    assert book.nbformat == 4
    assert book.nbformat_minor == 5
    assert book.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in book.cells]
    assert len(set(ids)) == len(ids)
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs == []
        assert cell.execution_count is None
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef}
        if "plot(" in cell.source:
            assert cell.metadata.alt, cell.id


def test_parameters_are_those_of_the_command_line() -> None:
    path = notebook_path("region_report")
    found = {n: p.default for n, p in parameters_of(read_notebook(path), path.name).items()}
    assert found == {
        "study": "data/demonstration/study.toml", "region": "24", "department": "",
        "overrides": [], "output": "", "language": "",
    }  # fmt: skip
    path = notebook_path("national_summary")
    assert list(parameters_of(read_notebook(path), path.name)) == [
        "study", "overrides", "output", "language",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["region_report", "national_summary"])
def test_papermill_itself_reads_every_parameter(name: str) -> None:
    """A comment that holds an equals sign makes papermill call a good parameter unknown."""
    from papermill.inspection import inspect_notebook

    path = notebook_path(name)
    ours = {
        n: (p.kind, p.default) for n, p in parameters_of(read_notebook(path), path.name).items()
    }
    theirs = inspect_notebook(str(path))
    assert {
        n: (p["inferred_type_name"], ast.literal_eval(p["default"])) for n, p in theirs.items()
    } == ours
    assert all(p["help"] for p in theirs.values())


def test_only_public_verbs_are_used() -> None:
    for name in NAMES[:2]:
        for cell in read_notebook(notebook_path(name)).cells:
            if cell.cell_type == "code":
                for node in ast.walk(ast.parse(cell.source)):
                    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "ev":
                        assert node.attr in evaluation.__all__
                    assert not isinstance(node, ast.ImportFrom)


@pytest.mark.notebook
@pytest.mark.slow
def test_lalonde_finds_the_experiment_and_the_published_estimate(tmp_path: Path) -> None:
    source = notebook_path("lalonde_benchmark")
    ran = run_notebook(source, tmp_path / "lalonde.ipynb", {}, cell_timeout=120)
    assert ran.error == ""
    text = ran.notebook.read_text("utf-8")
    assert "1794 dollars (erreur type 671)" in text
    assert "-8498 dollars" in text
    cells = {cell.id: cell for cell in nbformat.read(ran.notebook, as_version=4).cells}
    table = cells["table"].outputs[0].data["text/html"]
    # The published value and ours stand side by side in the row of the method.
    row = next(row for row in table.split("<tr") if "<th>entropy_balancing</th>" in row)
    assert row.count("<td>1406.0</td>") == 2
    assert table.count("1406.0") == 2
    assert in_html(table) == []
    image = cells["plot"].outputs[0]
    assert image.metadata["image/png"]["alt"].startswith("Effets estimés")


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small register") / "demonstration"
    simulate(folder, scale=0.3, regions=("24",))
    return folder


@pytest.mark.notebook
@pytest.mark.slow
def test_from_a_register_to_a_page(demonstration: Path, tmp_path: Path) -> None:
    out = tmp_path / "report é"
    runner = CliRunner()
    words = ["run", str(demonstration / "study.toml"), "--output", str(out), "--region", "24"]
    told = runner.invoke(app, words)
    assert told.exit_code == 0, told.output
    results = json.loads((out / "results" / "24.json").read_text("utf-8"))
    assert results["flow"]["matched"] > 100
    assert len(results["methods"]) >= 4
    assert results["verdict"]["grade"] in ("strong", "moderate", "weak", "unusable")
    page = (out / "regions" / "24-centre-val-de-loire.html").read_text("utf-8")
    assert "Centre-Val de Loire" in page
    assert runner.invoke(app, ["verify", str(out), "--disclosure"]).exit_code == 0

    people = _people(demonstration)
    for file in out.rglob("*"):
        if file.is_file() and file.suffix in (".html", ".json", ".csv", ".ipynb"):
            text = file.read_text("utf-8")
            assert not [person for person in people if person in text], file.name
            assert str(demonstration) not in text, file.name
            assert str(ROOT) not in text, file.name
    annex = (out / "annex" / "24.html").read_text("utf-8")
    assert "<script" not in annex
    assert "No description" not in annex
    assert 'alt=""' not in annex

    again = runner.invoke(app, words)
    assert again.exit_code == 0
    assert "inchangé" in again.output


@pytest.mark.notebook
@pytest.mark.slow
def test_a_notebook_by_hand_gives_the_same_numbers(demonstration: Path, tmp_path: Path) -> None:
    import evaluation as ev

    study = load_study(demonstration / "study.toml", output=str(tmp_path / "verbs"))
    cohort = ev.build_cohort(ev.read_register(study), region="24")
    matched = ev.match(cohort)
    effect = ev.estimate(matched)
    ev.publish(ev.estimate_territory(cohort, matched=matched, effect=effect))
    ran = run_notebook(
        notebook_path("region_report"),
        tmp_path / "24.ipynb",
        {"study": str(study.path), "region": "24", "output": str(tmp_path / "notebook")},
    )
    assert ran.error == ""
    one, other = (
        (tmp_path / n / "results" / "24.json").read_bytes() for n in ("verbs", "notebook")
    )
    assert one == other


def _people(folder: Path) -> list[str]:
    table = pd.read_parquet(folder / "registrations.parquet", columns=["person_id"])
    return sorted(table["person_id"].unique())[:: max(1, len(table) // 400)]
