"""Files out: Parquet as an analyst would keep it, or CSV as a spreadsheet would send it.

In: Arrow tables, region by region. Out: three files in one folder. The CSV habits are reversible:
whoever repairs them finds the very rows of the Parquet files.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from evaluation.simulation.parameters import FileFormat
from evaluation.simulation.tables import Tables

ROW_GROUP = 262_144
TABLE_NAMES = ("registrations", "entries", "hires")
_CATEGORY_NUMBERS = {"A": "1", "B": "2", "C": "3", "D": "4", "E": "5"}


class RegisterWriter:
    """Write the three tables of one register, one region after the other (a context manager).

    Parameters
    ----------
    folder : Path
        Existing folder.
    file_format : str
        ``parquet`` or ``csv``.
    """

    def __init__(self, folder: Path, file_format: FileFormat) -> None:
        self.folder = folder
        self.file_format = file_format
        self.rows = dict.fromkeys(TABLE_NAMES, 0)
        self._open: dict[str, Any] = {}

    def __enter__(self) -> RegisterWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._open.values():
            writer.close()

    def write(self, tables: Tables) -> None:
        """Append the tables of one region."""
        for name in TABLE_NAMES:
            table: pa.Table = getattr(tables, name)
            self.rows[name] += table.num_rows
            if self.file_format == "parquet":
                self._parquet(name, table)
            else:
                self._csv(name, spreadsheet(name, table))

    def _parquet(self, name: str, table: pa.Table) -> None:
        if name not in self._open:
            coded = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
            plain = [field.name for field in table.schema if pa.types.is_integer(field.type)]
            self._open[name] = pq.ParquetWriter(
                self.folder / f"{name}.parquet", table.schema, compression="zstd",
                compression_level=1, use_dictionary=coded + plain, store_schema=False,
            )  # fmt: skip
        self._open[name].write_table(table, row_group_size=ROW_GROUP)

    def _csv(self, name: str, table: pa.Table) -> None:
        if name not in self._open:
            options = pyarrow.csv.WriteOptions(delimiter=";", quoting_style="needed")
            self._open[name] = pyarrow.csv.CSVWriter(
                self.folder / f"{name}.csv", table.schema, write_options=options
            )
        self._open[name].write(table)


def spreadsheet(name: str, table: pa.Table) -> pa.Table:
    """Return a table as text, in the habits of a French spreadsheet.

    Dates dd/mm/yyyy, flags O/N (1/0 for hires), codes of territories without their leading zero,
    categories as numbers in part, months of experience with a decimal comma. All characters are
    ASCII, so that the file reads alike in cp1252 and UTF-8.
    """
    positive, negative = ("1", "0") if name == "hires" else ("O", "N")
    columns = {}
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_date(field.type):
            column = pc.strftime(column, format="%d/%m/%Y")
        elif pa.types.is_boolean(field.type):
            column = pc.if_else(column, positive, negative)
        else:
            column = column.cast(pa.string())
        if field.name in ("region", "department"):
            column = pc.replace_substring_regex(column, "^0", "")
        elif field.name == "experience_months":
            column = pc.binary_join_element_wise(column, pa.scalar("0"), ",")
        columns[field.name] = column
    if "category" in columns:
        columns["category"] = _numbered(columns["category"], columns["registration_id"])
    return pa.table(columns)


def _numbered(category: pa.ChunkedArray, identifier: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write the category as a number where the identifier ends in a digit (about one in four)."""
    number = category
    for letter, digit in _CATEGORY_NUMBERS.items():
        number = pc.replace_substring(number, letter, digit)
    return pc.if_else(pc.match_substring_regex(identifier, "[0-9]$"), number, category)
