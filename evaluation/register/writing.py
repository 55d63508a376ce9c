"""The three typed tables, sorted in a total order and written as Parquet.

In: the SQL of the rows kept. Out: files under ``work/register``, the same to the byte whatever the
order of the input or the number of threads. Must never judge a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import duckdb

from evaluation.register.engine import name, quote
from evaluation.register.schema import TABLES, TableName, tables

_BLOCK = 1 << 22


def write_tables(
    rows: Mapping[TableName, str], folder: Path, connection: duckdb.DuckDBPyConnection
) -> dict[str, int]:
    """Write ``registrations.parquet``, ``entries.parquet`` and ``hires.parquet``.

    Parameters
    ----------
    rows : mapping
        SQL of the rows kept of each table.
    folder : Path
        Existing folder that the files are written into.
    connection : DuckDBPyConnection
        Holds the temporary table ``people`` (distinct person and region, ranked in the order
        region, person). Each hire is written once per region in which its person was ever
        registered.

    Returns
    -------
    dict of str to int
        Rows written by table.
    """
    kept: dict[str, int] = {}
    for table in TABLES:
        select = f"SELECT t.* FROM ({rows[table]}) AS t"
        columns = list(tables()[table].columns)
        if table == "hires":
            select = (
                f"SELECT t.*, p.region, p.rank FROM ({rows[table]}) AS t "
                "JOIN people AS p ON p.person_id = t.person_id"
            )
            columns.append("region")
        first = tables()[table].sort
        if table == "hires":
            # people are ranked by (region, person_id): comparing numbers is quicker than texts
            columns = [c for c in columns if c not in first[:2]]
            first = ("rank", *first[2:])
        left_out = " EXCLUDE (rank)" if table == "hires" else ""
        union = f"{select} UNION ALL BY NAME ({_nullable(table)})"
        select = f"SELECT *{left_out} FROM ({union})"
        # every column takes part, so that equal keys cannot come out in another order
        order = [*first, *(c for c in columns if c not in first)]
        result = connection.execute(
            f"COPY ({select} ORDER BY {', '.join(f'{name(c)} NULLS LAST' for c in order)}) "
            f"TO {quote((folder / f'{table}.parquet').as_posix())} "
            "(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880)"
        ).fetchall()
        kept[table] = int(result[0][0])
    return kept


def _nullable(table: TableName) -> str:
    """Return SQL that gives no row but lets every column be null, as far as the engine can tell.

    The engine writes as REQUIRED a column that it can prove full; what it can prove depends on
    the format of the input, and the bytes written must not.
    """
    nulls = ", ".join(
        f"CAST(NULL AS {column.sql_type}) AS {name(column.name)}"
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
