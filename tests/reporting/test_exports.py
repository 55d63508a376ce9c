"""results.csv and results.xlsx: every published number, nothing else."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pytest

from evaluation.disclosure import protect
from evaluation.errors import EvaluationError
from evaluation.reporting import exports, write_exports
from evaluation.results import COLUMNS, Results
from tests.reporting.records import nation_records, national, record, results


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_the_contract_columns_and_the_published_values(tmp_path):
    parts = nation_records()
    shown = [protect(part) for part in parts]
    everything = [Results.of(item) for item in shown]
    everything.append(Results.of(protect(national(parts), regions=shown)))
    assert write_exports(tmp_path, everything) == []
    rows = read(tmp_path / "results.csv")
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["territory_level"] == "nation"
    assert {row["territory_code"] for row in rows} >= {"01", "06", "94", "FR"}
    tiny = [row for row in rows if row["territory_code"] == "06"]
    assert all(row["effect_points"] == "" for row in tiny)
    assert {row["withheld"] for row in tiny} == {"disclosure"}
    raw = (tmp_path / "results.csv").read_bytes()
    assert b"\r" not in raw
    assert b"nan" not in raw.lower().replace(b"finance", b"")


def test_counts_are_whole_numbers_beside_empty_cells(tmp_path):
    made = results("effect")
    write_exports(tmp_path, [made, results("tiny")])
    rows = read(tmp_path / "results.csv")
    head = next(row for row in rows if row["territory_code"] == made.territory.code)
    assert head["matched"] == str(made.flow.matched)
    assert head["uplift_percent"] == str(made.headline.uplift_percent.estimate)
    assert {row["entrants"] for row in rows if "." in row["entrants"]} == set()
    assert any(row["entrants"] == "" for row in rows)


def test_same_bytes_whatever_the_order(tmp_path):
    made = [results("effect"), results("negative")]
    write_exports(tmp_path / "a", made)
    write_exports(tmp_path / "b", made[::-1])
    first, second = ((tmp_path / x / "results.csv").read_bytes() for x in "ab")
    assert first == second


def test_workbook_has_one_table_a_sheet_and_no_formula(tmp_path):
    made = Results.of(protect(record("24", name="=HYPERLINK(1)")))
    write_exports(tmp_path, [made])
    book = openpyxl.load_workbook(tmp_path / "results.xlsx")
    assert book.sheetnames == ["notes", "resultats", "courbes", "effectifs", "equilibre"]
    sheet = book["resultats"]
    assert [cell.value for cell in sheet[1]] == list(COLUMNS)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    assert read(tmp_path / "results.csv")[0]["territory_name"] == "'=HYPERLINK(1)"


def test_workbook_held_open_is_said_and_the_rest_written(tmp_path, monkeypatch):
    def held(*_):
        raise PermissionError

    monkeypatch.setattr(exports, "_write_workbook", held)
    with pytest.warns(match="EVAL-621"):
        notes = write_exports(tmp_path, [results("effect")])
    assert [note.code for note in notes] == ["EVAL-621"]
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_no_result_at_all_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="EVAL-620"):
        write_exports(tmp_path, [])
