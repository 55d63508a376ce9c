"""What was found, by file and by arm: people with a programme entry, and everybody else.

In: SQL of rows that bear ``person_id`` and ``file``, and conditions on them. Out: :class:`Tally`
records. Counts in the engine; must never bring an identifier into Python, nor compare outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import duckdb

from evaluation.register.engine import name
from evaluation.register.quality import Repair, Tally
from evaluation.register.reader import Reading
from evaluation.register.rows import Rows

_MEMBER = "(person_id IN (FROM entrants))"


def mark_entrants(entries: Sequence[Rows], connection: duckdb.DuckDBPyConnection) -> None:
    """Write the temporary table ``entrants``: who has an entry at all, whatever the window.

    A register is read once for several windows, so that the arm may not depend on one.
    """
    union = " UNION ALL ".join(
        f"SELECT person_id FROM ({rows.sql})" for rows in entries if "person_id" in rows.columns
    )
    people = union or "SELECT CAST(NULL AS VARCHAR) AS person_id"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE entrants AS "
        f"SELECT DISTINCT person_id FROM ({people}) WHERE person_id IS NOT NULL"
    )


def count_rows(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    conditions: Mapping[str, str],
    *,
    table: str,
    files: Sequence[str],
    column: str = "",
) -> list[Tally]:
    """Count the rows that meet each condition, by file and arm; zeros are left out.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Holds the table ``entrants``.
    sql : str
        Rows with ``person_id`` and ``file`` (position in ``files``, NULL for none).
    conditions : mapping
        ``{kind: SQL condition}``.
    table, column : str
        What the tallies name.
    files : sequence of str
        Names of the table's files.
    """
    terms = ", ".join(
        f"count_if({condition}), count_if(({condition}) AND entrant)"
        for condition in conditions.values()
    )
    found = connection.execute(
        f"SELECT file, {terms} FROM (SELECT *, {_MEMBER} AS entrant FROM ({sql})) "
        "GROUP BY file ORDER BY file"
    ).fetchall()
    return [
        Tally(table, column, kind, int(row[1 + 2 * i]), _name(row[0], files), int(row[2 + 2 * i]))
        for i, kind in enumerate(conditions)
        for row in found
        if row[1 + 2 * i]
    ]


def total(tallies: Iterable[Tally], kind: str) -> int:
    """Return how often a kind was counted over all files."""
    return sum(tally.count for tally in tallies if tally.kind == kind)


def missing_by_arm(
    rows: Sequence[Rows], connection: duckdb.DuckDBPyConnection
) -> tuple[Tally, ...]:
    """Count rows (kind ``rows``) and missing values (kind ``missing``) of each file, by arm."""
    found: list[Tally] = []
    for part in rows:
        empty = {
            c.name: f"{name(c.name)} IS NULL" for c in part.table.columns.values() if c.nullable
        }
        counted = count_rows(
            connection, f"SELECT *, 0 AS file FROM ({part.sql})", {"rows": "true", **empty},
            table=part.table.name, files=[part.file],
        )  # fmt: skip
        found += [
            t if t.kind == "rows" else replace(t, column=t.kind, kind="missing") for t in counted
        ]
    return tuple(found)


def split_repairs(
    repairs: Sequence[Repair],
    readings: Sequence[Reading],
    connection: duckdb.DuckDBPyConnection,
) -> list[Repair]:
    """Return the repairs of values with the part of each that concerns entrants."""
    split = list(repairs)
    for reading in readings:
        if "person_id" not in {column.name for column in reading.present}:
            continue
        mine = [
            place for place, repair in enumerate(split)
            if repair.where and (repair.table, repair.file) == (
                reading.table.name, reading.source.file
            )
        ]  # fmt: skip
        if not mine:
            continue
        terms = ", ".join(f"count_if(({split[i].where}) AND entrant)" for i in mine)
        inner = f"SELECT *, v_person_id IN (FROM entrants) AS entrant FROM ({reading.values})"
        row = connection.execute(f"SELECT {terms} FROM ({inner})").fetchall()[0]
        for place, count in zip(mine, row, strict=True):
            split[place] = replace(split[place], entrants=int(count))
    return split


def as_repair(tally: Tally) -> Repair:
    """Return a tally of rows dropped or left without effect as a repair."""
    return Repair(tally.table, tally.column, tally.kind, tally.count, tally.file, tally.entrants)


def _name(place: int | None, files: Sequence[str]) -> str:
    return "" if place is None else files[place]
