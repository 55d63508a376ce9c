"""What a notebook declares is read without running it, and wrong parameters are refused."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from evaluation.errors import EvaluationError
from evaluation.pipeline.notebooks import (
    check_values,
    notebook_path,
    parameters_of,
    read_notebook,
)
from tests.pipeline.builders import notebook


def codes(caught: pytest.ExceptionInfo[EvaluationError]) -> list[str]:
    return [fault.code for fault in caught.value.faults]


def test_parameters_are_read_with_type_and_default(tmp_path: Path) -> None:
    path = notebook(tmp_path, "1 + 1")
    found = parameters_of(read_notebook(path), path.name)
    assert {name: (p.kind, p.default) for name, p in found.items()} == {
        "region": ("str", "24"),
        "overrides": ("list", []),
    }


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ('region = "24"', 1),
        ('region: str = "24"\nother: int = 1 + 1', 2),
        ("region: str", 1),
        ('region: str = "24"\nimport os', 2),
        ("region: str = (", 1),
    ],
)
def test_a_parameters_cell_holds_annotated_literals_only(
    tmp_path: Path, cell: str, line: int
) -> None:
    path = notebook(tmp_path, parameters=cell)
    with pytest.raises(EvaluationError) as caught:
        parameters_of(read_notebook(path), path.name)
    assert codes(caught) == ["EVAL-705"]
    assert caught.value.faults[0].data["line"] == line


def test_no_two_and_late_parameters_cells_are_refused(tmp_path: Path) -> None:
    path = notebook(tmp_path, "1")
    book = read_notebook(path)
    tagged = book.cells[0]
    twin = nbformat.v4.new_code_cell(tagged.source, metadata=tagged.metadata)
    for cells in ([book.cells[1]], [tagged, twin], [book.cells[1], tagged]):
        other = nbformat.v4.new_notebook(cells=cells)
        with pytest.raises(EvaluationError) as caught:
            parameters_of(other, "x.ipynb")
        assert codes(caught) == ["EVAL-703"]


def test_an_unknown_parameter_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = notebook(tmp_path)
    known = parameters_of(read_notebook(path), path.name)
    with pytest.raises(EvaluationError) as caught:
        check_values({"regoin": "24", "overrides": "x"}, known, path.name)
    assert codes(caught) == ["EVAL-704", "EVAL-720"]
    assert caught.value.faults[0].data["nearest"] == "region"


@pytest.mark.parametrize("value", [1, 1.0, True, None, ["01"]])
def test_a_region_code_is_a_string(tmp_path: Path, value: object) -> None:
    known = parameters_of(read_notebook(notebook(tmp_path)), "x.ipynb")
    with pytest.raises(EvaluationError, match='"01"'):
        check_values({"region": value}, known, "x.ipynb")


def test_a_missing_or_broken_notebook_is_named(tmp_path: Path) -> None:
    path = notebook(tmp_path)
    with pytest.raises(EvaluationError) as caught:
        read_notebook(tmp_path / "smal.ipynb")
    assert codes(caught) == ["EVAL-701"]
    assert "small" in str(caught.value)
    path.write_text("{not json", "utf-8")
    with pytest.raises(EvaluationError) as caught:
        read_notebook(path)
    assert codes(caught) == ["EVAL-702"]
    path.write_text('{"cells": 3, "nbformat": 4}', "utf-8")
    with pytest.raises(EvaluationError) as caught:
        read_notebook(path)
    assert codes(caught) == ["EVAL-702"]


def test_supplied_notebooks_are_found_and_others_are_not() -> None:
    assert notebook_path("region_report").is_file()
    with pytest.raises(EvaluationError, match="region_report"):
        notebook_path("region_reprot")
