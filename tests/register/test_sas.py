"""SAS tables, read by the real reader: texts, dates and numbers, whatever their size."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from evaluation.errors import EvaluationError
from evaluation.register import check_register, read_register, sas
from evaluation.register.sas import stage_sas
from tests.register.conftest import Small
from tests.register.extracts import foreign, sas_days
from tests.register.sas7bdat import Variable, write_sas

pytest.importorskip("pyreadstat", reason="the optional extra [sas] is not installed")
DAY = 23011  # 1 January 2023, counted from 1 January 1960


def table(rows: int) -> list[Variable]:
    return [
        Variable("IDX", [f"é{i:05d}" if i % 3 else None for i in range(rows)], width=12),
        Variable("DATINS", [DAY + i if i % 2 else None for i in range(rows)], "DDMMYY"),
        Variable("SALMT", [1200.5 + i if i % 5 else None for i in range(rows)], "BEST"),
        Variable("VU", [86400.0 * (DAY + i) + 86399 for i in range(rows)], "DATETIME"),
    ]


def staged(folder: Path, variables: list[Variable], encoding: str = "cp1252") -> Path:
    write_sas(folder / "de.sas7bdat", variables, encoding=encoding)
    assert stage_sas(folder / "de.sas7bdat", folder / "de.parquet") == "sas7bdat"
    return folder / "de.parquet"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "iso8859-15"])
def test_dates_count_from_1960_and_gaps_stay_gaps(tmp_path: Path, encoding: str) -> None:
    rows = pq.read_table(staged(tmp_path, table(3), encoding)).to_pylist()
    days = [date(2023, 1, 1), date(2023, 1, 2), date(2023, 1, 3)]
    assert rows == [
        {"IDX": "", "DATINS": None, "SALMT": None, "VU": days[0]},
        {"IDX": "é00001", "DATINS": days[1], "SALMT": 1201.5, "VU": days[1]},
        {"IDX": "é00002", "DATINS": None, "SALMT": 1202.5, "VU": days[2]},
    ]


def test_a_second_reader_finds_the_same(tmp_path: Path) -> None:
    found = pq.read_table(staged(tmp_path, table(700))).to_pandas()
    other = pd.read_sas(tmp_path / "de.sas7bdat", encoding="cp1252")
    assert len(found) == 700
    assert list(found["IDX"]) == list(other["IDX"].fillna(""))
    assert list(pd.to_datetime(found["DATINS"]).dropna()) == list(other["DATINS"].dropna())
    assert list(found["SALMT"].dropna()) == list(other["SALMT"].dropna())
    assert list(pd.to_datetime(found["VU"])) == list(other["VU"].dt.normalize())


def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pq.read_table(staged(tmp_path, table(700)))
    monkeypatch.setattr(sas, "_CELLS", 4 * 33)
    parts = staged(tmp_path, table(700))
    assert pq.ParquetFile(parts).num_row_groups == 22
    assert pq.read_table(parts).equals(whole)


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("DATE", DAY, date(2023, 1, 1)),
        ("YYMMDD", -1, date(1959, 12, 31)),
        ("MONYY", DAY, date(2023, 1, 1)),
        ("FRADFDE", DAY, date(2023, 1, 1)),
        ("DATEAMPM", DAY * 86400.0, date(2023, 1, 1)),
        ("FRADFDT", DAY * 86400.0, date(2023, 1, 1)),
        ("E8601DN", -1.0, date(1959, 12, 31)),
        ("COMMA", 1.5, 1.5),
        ("", DAY, float(DAY)),
    ],
)
def test_formats_say_what_a_number_counts(
    tmp_path: Path, form: str, value: float, expected: object
) -> None:
    found = staged(tmp_path, [Variable("X", [value, None], form)])
    assert pq.read_table(found).column("X").to_pylist() == [expected, None]


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    read = pq.read_table(staged(tmp_path, table(0)))
    assert (read.num_rows, read.column_names) == (0, ["IDX", "DATINS", "SALMT", "VU"])
    assert read.schema.equals(pq.read_schema(staged(tmp_path, table(3))))


def test_extracts_in_sas_give_the_register_of_the_same_extracts_in_csv(small: Small) -> None:
    expected = read_register(foreign(small)).digest_content
    for path in small.folder.glob("*.csv"):
        path.unlink()
    study = foreign(small, sas_days, form="sas7bdat")
    assert read_register(study).digest_content == expected
    forms = {f.form for f in check_register(study).files if f.table != "entries"}
    assert forms == {"sas7bdat"}


@pytest.mark.parametrize("length", [500, 20_000])
def test_a_damaged_file_is_named_without_its_values(tmp_path: Path, length: int) -> None:
    path = tmp_path / "de.sas7bdat"
    write_sas(path, table(700))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(EvaluationError, match="EVAL-204") as caught:
        stage_sas(path, tmp_path / "de.parquet")
    assert caught.value.__suppress_context__
    assert "é0" not in str(caught.value)


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(EvaluationError, match="EVAL-227"):
        stage_sas(tmp_path / "de.sas7bdat", tmp_path / "de.parquet")
