"""Wrong clocks: each does what its name says, none reaches a study, the notebook runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

import evaluation
from evaluation.clocks import CLOCKS, WRONG_CLOCKS, cohort_on_clock
from evaluation.cohort import Cohort
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.pipeline.notebooks import notebook_path, parameters_of, read_notebook
from evaluation.pipeline.runner import run_notebook
from evaluation.study import CohortRules
from tests.cohort.helpers import FakeRegister, make_study

ROOT = Path(evaluation.__file__).parents[1]


@pytest.fixture
def register(tmp_path: Path) -> FakeRegister:
    """Entrants of 10 and 20 March; one is registered on the 5th, one jobseeker is hired on the 8th.

    ``later`` enters in June; ``waits`` never does.
    """
    from datetime import date

    made = FakeRegister(make_study(tmp_path, register__extraction_date=date(2024, 12, 31)))
    for person in ("early", "waits", "later", "hired"):
        made.person(person, registration_date=date(2019, 1, 10))
    made.person("new", registration_date=date(2023, 3, 5))
    made.entry("early", date(2023, 3, 20)).entry("new", date(2023, 3, 10))
    made.entry("later", date(2023, 6, 15))
    return made.hire("hired", date(2023, 3, 8))


def march(cohort: Cohort) -> dict[tuple[str, int], str]:
    frame = cohort.frame
    rows = frame[frame["index_month"] == "2023-03-01"]
    return {
        (row.person_id, row.treated): str(row.index_date.date())
        for row in rows.itertuples()
    }  # fmt: skip


def on(register: FakeRegister, clock: str) -> Cohort:
    if clock == "never_entered":
        with pytest.warns(EvaluationWarning, match="EVAL-320"):
            return cohort_on_clock(register, clock, region="24")
    return cohort_on_clock(register, clock, region="24")


def test_the_default_clock_is_that_of_the_toolkit(register: FakeRegister) -> None:
    seen = march(on(register, "default"))
    assert seen[("early", 1)] == "2023-03-20"
    assert seen[("waits", 0)] == seen[("later", 0)] == "2023-03-20"
    assert ("hired", 0) not in seen


def test_the_never_entered_pool_knows_the_future(register: FakeRegister) -> None:
    seen = march(on(register, "never_entered"))
    assert ("waits", 0) in seen
    assert ("later", 0) not in seen


def test_the_months_start_counts_days_before_the_entry(register: FakeRegister) -> None:
    seen = march(on(register, "month_start"))
    assert set(seen.values()) == {"2023-03-01"}
    assert ("early", 1) in seen
    assert ("hired", 0) in seen
    assert ("new", 1) not in seen


def test_two_clocks_start_each_arm_on_its_own_day(register: FakeRegister) -> None:
    cohort = on(register, "two_clocks")
    seen = march(cohort)
    assert seen[("early", 1)] == "2023-03-20"
    assert seen[("waits", 0)] == seen[("hired", 0)] == "2023-03-01"
    frame = cohort.frame
    keys = list(zip(frame["index_month"], -frame["treated"], frame["person_id"], strict=True))
    assert keys == sorted(keys)
    assert np.array_equal(frame["person_id"], cohort.frozen["person_id"])


def test_a_misspelt_clock_is_refused(register: FakeRegister) -> None:
    with pytest.raises(EvaluationError) as caught:
        cohort_on_clock(register, "month_begin", region="24")
    assert caught.value.code == "EVAL-330"
    assert caught.value.faults[0].data["nearest"] == "month_start"


def test_no_cohort_on_a_wrong_clock_lies_where_real_ones_do(register: FakeRegister) -> None:
    for clock in CLOCKS:
        on(register, clock)
    work = register.study.work
    kept = {file.relative_to(work).parts[:2] for file in work.rglob("*.parquet")}
    assert kept == {("clocks", clock) for clock in CLOCKS}


def test_no_room_and_no_study_reaches_the_wrong_clocks() -> None:
    assert CohortRules.model_fields["pool"].default not in WRONG_CLOCKS
    named_in = re.compile(r"evaluation\.clocks|import clocks|cohort_on_clock")
    named = [
        path.name
        for path in Path(evaluation.__file__).parent.rglob("*.py")
        if path.name != "clocks.py" and named_in.search(path.read_text("utf-8"))
    ]
    assert named == []


def test_the_notebook_is_thin_and_clean() -> None:
    path = notebook_path("clock")
    book = read_notebook(path)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef}
    assert set(parameters_of(book, path.name)) == {"folder", "scale", "region", "seed", "method"}


@pytest.mark.notebook
@pytest.mark.slow
def test_the_notebook_shows_what_wrong_clocks_invent(tmp_path: Path) -> None:
    given = {"folder": str(tmp_path / "clock"), "scale": 0.1}
    ran = run_notebook(notebook_path("clock"), tmp_path / "clock.ipynb", given, cell_timeout=180)
    assert ran.error == ""
    cells = {cell.id: cell for cell in nbformat.read(ran.notebook, as_version=4).cells}
    table = cells["table"].outputs[0].data["text/html"]
    rows = {
        clock: [float(v) for v in re.findall(r"<td>(-?[\d.]+)</td>", part)]
        for clock in CLOCKS
        if (part := table.partition(f"<th>{clock}</th>")[2].partition("</tr>")[0])
    }
    assert rows["default"][1] < 0 < rows["default"][2]
    assert rows["never_entered"][2] < 0
    assert rows["never_entered"][3] < -1
    assert rows["default"][3] == 0
    assert -2 < rows["month_start"][3] < -0.1
    image = next(o for o in cells["figure"].outputs if "image/png" in o.get("data", {}))
    assert image.metadata["image/png"]["alt"].startswith("Effet estimé d'un programme sans effet")
