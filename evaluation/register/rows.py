"""The typed rows of one file, and what only whole rows show.

In: a checked :class:`~evaluation.register.reader.Reading`. Out: :class:`Rows`, whose SQL costs no
more than reading a file: where something had to be repaired, it was done once, out of core. Dates
in the wrong order and départements outside their region are found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from evaluation.errors import Fault
from evaluation.register.engine import name, parquet, quote
from evaluation.register.reader import Reading
from evaluation.register.schema import Table
from evaluation.territories import REGIONS


@dataclass(frozen=True, slots=True)
class Rows:
    """Typed rows of one file.

    Attributes
    ----------
    table : Table
        The declaration.
    file : str
        Name of the file, for messages.
    sql : str
        Every declared column in its order; NULL where the file lacks it or it was not readable.
    count : int
        Number of rows.
    columns : frozenset of str
        Declared columns that the file has.
    """

    table: Table
    file: str
    sql: str
    count: int
    columns: frozenset[str]


def typed_rows(reading: Reading, connection: duckdb.DuckDBPyConnection, staged: Path) -> Rows:
    """Return the rows of a checked file, repaired into ``staged`` when the file needs repair."""
    sql = reading.table_sql
    if not reading.ready:
        connection.execute(
            f"COPY ({sql}) TO {quote(staged.as_posix())} (FORMAT parquet, COMPRESSION snappy)"
        )
        sql = f"SELECT * FROM {parquet(staged)}"
    columns = frozenset(c.name for c in reading.present) | frozenset(reading.constants)
    return Rows(reading.table, reading.source.file, sql, reading.source.rows, columns)


def check_rows(rows: Rows, connection: duckdb.DuckDBPyConnection) -> list[Fault]:
    """Return what is wrong between the columns of a row: EVAL-214 and EVAL-221."""
    return _wrong_order(rows, connection) + _misplaced(rows, connection)


def _wrong_order(rows: Rows, connection: duckdb.DuckDBPyConnection) -> list[Fault]:
    pairs = [pair for pair in rows.table.order if set(pair) <= rows.columns]
    if not pairs:
        return []
    terms = ", ".join(f"count_if({name(first)} > {name(last)})" for first, last in pairs)
    counts = connection.execute(f"SELECT {terms} FROM ({rows.sql})").fetchall()[0]
    data = {"file": rows.file, "table": rows.table.name}
    return [
        Fault("EVAL-214", {**data, "column": last, "first": first, "last": last, "count": count})
        for (first, last), count in zip(pairs, counts, strict=True)
        if count
    ]


def _misplaced(rows: Rows, connection: duckdb.DuckDBPyConnection) -> list[Fault]:
    faults: list[Fault] = []
    for column in rows.table.columns.values():
        if column.within and {column.name, column.within} <= rows.columns:
            pairs = connection.execute(
                f"SELECT {name(column.within)} AS region, {name(column.name)} AS department, "
                f"count(*) AS n FROM ({rows.sql}) GROUP BY ALL ORDER BY n DESC, region, department"
            ).fetchall()
            wrong = [(r, d, n) for r, d, n in pairs if r and d and d not in REGIONS[r].departments]
            if wrong:
                data = {"file": rows.file, "column": column.name, "table": rows.table.name}
                examples = [f"{department} ({region})" for region, department, _ in wrong[:5]]
                count = sum(n for *_, n in wrong)
                faults.append(Fault("EVAL-221", {**data, "count": count, "examples": examples}))
    return faults
