"""SAS tables: what the optional reader gives becomes text, dates and numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pyarrow.parquet as pq
import pytest

from evaluation.errors import EvaluationError
from evaluation.register.sas import stage_sas

META = SimpleNamespace(
    column_names=["IDX", "DATINS", "SALMT", "VU"],
    readstat_variable_types={"IDX": "string", "DATINS": "double", "SALMT": "double"},
    original_variable_types={"DATINS": "DDMMYY10.", "SALMT": "BEST12.", "VU": "DATETIME20."},
)
CHUNKS = [
    pd.DataFrame({"IDX": ["a1"], "DATINS": [23011.0], "SALMT": [1200.5], "VU": [86400.0 * 23011]}),
    pd.DataFrame({"IDX": ["b2"], "DATINS": [None], "SALMT": [None], "VU": [None]}),
]


def reader(chunks: list[pd.DataFrame]) -> ModuleType:
    """Return a module that answers as the optional reader does."""
    module = ModuleType("pyreadstat")

    def read_file_in_chunks(*_: object, **__: object) -> Iterator[tuple[pd.DataFrame, object]]:
        for chunk in chunks:
            if chunk is None:
                raise ValueError("1850175123456")
            yield chunk, META

    def read_sas7bdat(*_: object, **__: object) -> tuple[pd.DataFrame, object]:
        return pd.DataFrame(columns=META.column_names), META

    module.read_file_in_chunks = read_file_in_chunks  # type: ignore[attr-defined]
    module.read_sas7bdat = read_sas7bdat  # type: ignore[attr-defined]
    return module


def test_dates_count_from_1960_and_gaps_stay_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyreadstat", reader(CHUNKS))
    assert stage_sas(tmp_path / "de.sas7bdat", tmp_path / "de.parquet") == "sas7bdat"
    read = pq.read_table(tmp_path / "de.parquet").to_pylist()
    first = {"IDX": "a1", "DATINS": date(2023, 1, 1), "SALMT": 1200.5, "VU": date(2023, 1, 1)}
    assert read == [first, {"IDX": "b2", "DATINS": None, "SALMT": None, "VU": None}]


def test_an_empty_table_keeps_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyreadstat", reader([]))
    stage_sas(tmp_path / "de.sas7bdat", tmp_path / "de.parquet")
    table = pq.read_table(tmp_path / "de.parquet")
    assert (table.num_rows, table.column_names) == (0, META.column_names)


def test_a_missing_reader_and_a_damaged_file_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(EvaluationError, match="EVAL-227"):
        stage_sas(tmp_path / "de.sas7bdat", tmp_path / "de.parquet")
    monkeypatch.setitem(sys.modules, "pyreadstat", reader([None]))  # type: ignore[list-item]
    with pytest.raises(EvaluationError, match="EVAL-204") as caught:
        stage_sas(tmp_path / "de.sas7bdat", tmp_path / "de.parquet")
    assert "1850175123456" not in str(caught.value)
