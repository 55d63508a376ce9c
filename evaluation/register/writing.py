"""The three typed tables, sorted in a total order and written as Parquet.

In: the SQL of the rows kept. Out: files under ``work/register``, the same to the byte whatever the
order of the input or the number of threads. Must never judge a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from evaluation.register.engine import name, quote
from evaluation.register.expressions import listed
from evaluation.register.schema import TABLES, Column, TableName, tables

_BLOCK = 1 << 22
_EXTRA = {
    "registrations": ", t.person_id IN (FROM movers) AS elsewhere",
    "hires": ", p.region, p.rank",
}


def write_tables(
    rows: Mapping[TableName, str], folder: Path, connection: duckdb.DuckDBPyConnection
) -> dict[str, int]:
    """Write ``registrations.parquet``, ``entries.parquet`` and ``hires.parquet``.

    Parameters
    ----------
    rows : mapping
        SQL of the rows kept of each table, with the column ``file`` (which is not written).
    folder : Path
        Existing folder that the files are written into.
    connection : DuckDBPyConnection
        Holds the temporary table ``people`` (distinct person and region, ranked in the order
        region, person). Each hire is written once per region in which its person was ever
        registered; registrations say in ``elsewhere`` whether there is more than one.

    Returns
    -------
    dict of str to int
        Rows written by table.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE movers AS "
        "SELECT person_id FROM people GROUP BY person_id HAVING count(*) > 1"
    )
    kept: dict[str, int] = {}
    for table in TABLES:
        columns = tables()[table].columns.values()
        values = ", ".join(f"CAST(t.{name(c.name)} AS {_type(c)}) AS {name(c.name)}"
                           for c in columns)  # fmt: skip
        select = f"SELECT {values}{_EXTRA.get(table, '')} FROM ({rows[table]}) AS t"
        if table == "hires":
            select += " JOIN people AS p ON p.person_id = t.person_id"
        union = f"{select} UNION ALL BY NAME ({_nullable(table)})"
        left_out = " EXCLUDE (rank)" if table == "hires" else ""
        result = connection.execute(
            f"COPY (SELECT *{left_out} FROM ({union}) ORDER BY {_order(table)}) "
            f"TO {quote((folder / f'{table}.parquet').as_posix())} "
            "(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880)"
        ).fetchall()
        kept[table] = int(result[0][0])
    return kept


def _type(column: Column) -> str:
    """Return the type to sort and write a column in; a code costs a byte instead of a text."""
    if column.within or not column.codes:
        return column.sql_type
    return f"ENUM{listed(sorted(column.codes))}"


def _order(table: TableName) -> str:
    """Return a total order: only rows that are the same in every column may change places.

    Columns after a unique one would cost and decide nothing.
    """
    declared = tables()[table]
    if set(declared.unique) & set(declared.sort):
        return _last(declared.sort)
    rest = [c for c in declared.columns if c not in declared.sort]
    if table != "hires":
        return _last((*declared.sort, *rest))
    # people are ranked by (region, person_id), and a person has a numbered contract once
    day = f"rank * {1 << 24} + (hire_date - DATE '1970-01-01') + {1 << 23}"
    others = ", ".join(map(name, rest))
    return (
        f"{day} NULLS LAST, contract_id NULLS LAST, "
        f"CASE WHEN contract_id IS NULL THEN row({others}) END"
    )


def _last(columns: Iterable[str]) -> str:
    return ", ".join(f"{name(column)} NULLS LAST" for column in columns)


def _nullable(table: TableName) -> str:
    """Return SQL that gives no row but lets every column be null, as far as the engine can tell.

    The engine writes as REQUIRED a column that it can prove full; what it can prove depends on
    the format of the input, and the bytes written must not.
    """
    nulls = ", ".join(
        f"CAST(NULL AS {_type(column)}) AS {name(column.name)}"
        for column in tables()[table].columns.values()
    )
    return f"SELECT {nulls} FROM range(1) WHERE random() > 2"


def sha256(path: Path) -> str:
    """Return the digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
