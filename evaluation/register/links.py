"""What no single row shows: repeated keys, people of one table missing from another, empty windows.

In: the readings of the three tables. Out: faults and repairs, and the entry days found. Counts in
the engine; must never bring an identifier into Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb

from evaluation.errors import Fault
from evaluation.register.arms import as_repair, count_rows, mark_entrants, total
from evaluation.register.engine import quote
from evaluation.register.quality import Repair
from evaluation.register.rows import Rows
from evaluation.register.schema import TableName

Readings = Mapping[TableName, Sequence[Rows]]
_LINKED_AT_LEAST = 0.5


@dataclass(slots=True)
class Links:
    """Findings over whole tables; ``entry_days`` counts entries by ISO day."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    entry_days: dict[str, int] = field(default_factory=dict)


def rows_of(readings: Sequence[Rows], *, extraction: date | None = None) -> str:
    """Return the SQL of a whole table: all its files, dates after the extraction emptied.

    The column ``file`` says which of them a row comes from, by position.
    """
    union = " UNION ALL ".join(
        f"SELECT *, {place} AS file FROM ({rows.sql})" for place, rows in enumerate(readings)
    )
    if extraction is None:
        return union
    after = "> DATE " + quote(extraction.isoformat())
    changed = [
        f'CASE WHEN "{c.name if c.censor else c.censored_with}" {after} THEN NULL '
        f'ELSE "{c.name}" END AS "{c.name}"'
        for c in readings[0].table.columns.values()
        if c.censor or c.censored_with
    ]
    return f"SELECT * REPLACE ({', '.join(changed)}) FROM ({union})" if changed else union


def has(readings: Sequence[Rows], *columns: str) -> bool:
    """Return whether every file has these columns in a usable type (false without file)."""
    return bool(readings) and all(set(columns) <= rows.columns for rows in readings)


def check_links(readings: Readings, connection: duckdb.DuckDBPyConnection) -> Links:
    """Check what needs whole tables; a check whose columns are missing is left out.

    Parameters
    ----------
    readings : mapping
        Readings of each table's files.
    connection : DuckDBPyConnection
        Where the counting happens; gets the temporary table ``people`` (distinct person and
        region, ranked) when registrations allow it, and ``entrants`` (people with an entry).
    """
    links = Links()
    registrations, entries, hires = (readings[t] for t in ("registrations", "entries", "hires"))
    mark_entrants(entries, connection)
    for column in registrations[0].table.unique if registrations else ():
        if has(registrations, column):
            _unique(registrations, column, connection, links)
    if has(entries, "entry_date"):
        links.entry_days = _days(entries, connection)
    if has(registrations, "person_id", "region"):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE people AS SELECT *, "
            "row_number() OVER (ORDER BY region, person_id) AS rank FROM (SELECT DISTINCT "
            f"person_id, region FROM ({rows_of(registrations)}) WHERE person_id IS NOT NULL)"
        )
        links.facts["persons"] = one(connection, "SELECT count(DISTINCT person_id) FROM people")
        for table, rows in (("entries", entries), ("hires", hires)):
            if has(rows, "person_id"):
                _linked(table, rows, connection, links)
    return links


def check_window(entry_days: Mapping[str, int], window: tuple[date, date]) -> list[Fault]:
    """Refuse a window in which nobody enters; the message names the months that have entries."""
    first, last = (day.isoformat() for day in window)
    if not entry_days or any(first <= day <= last for day in entry_days):
        return []
    months = sorted(day[:7] for day in entry_days)
    data = {"first": first, "last": last, "from_month": months[0], "to_month": months[-1]}
    return [Fault("EVAL-240", {**data, "table": "entries", "count": sum(entry_days.values())})]


def _unique(
    rows: Sequence[Rows], column: str, connection: duckdb.DuckDBPyConnection, links: Links
) -> None:
    twice = one(
        connection, f'SELECT count("{column}") - count(DISTINCT "{column}") FROM ({rows_of(rows)})'
    )
    if twice:
        data = {"table": rows[0].table.name, "column": column, "count": twice}
        files = [part.file for part in rows]
        links.faults.append(Fault("EVAL-220", {**data, "files": files}))


def _days(entries: Sequence[Rows], connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    found = connection.execute(
        f"SELECT CAST(entry_date AS VARCHAR) AS day, count(*) FROM ({rows_of(entries)}) "
        "WHERE entry_date IS NOT NULL GROUP BY day ORDER BY day"
    ).fetchall()
    return {str(day): int(count) for day, count in found}


def _linked(
    table: str, rows: Sequence[Rows], connection: duckdb.DuckDBPyConnection, links: Links
) -> None:
    """Count the rows of people who were never registered; refuse when nobody is found."""
    people = f"SELECT person_id, file FROM ({rows_of(rows)}) WHERE person_id IS NOT NULL"
    tallies = count_rows(
        connection,
        f"SELECT t.* FROM ({people}) AS t ANTI JOIN people AS p ON p.person_id = t.person_id",
        {"unregistered": "true"}, table=table, files=[part.file for part in rows],
    )  # fmt: skip
    strange, rows_read = total(tallies, "unregistered"), sum(part.count for part in rows)
    links.facts[f"{table}_linked"] = rows_read - strange
    data = {"table": table, "count": strange, "total": rows_read}
    if rows_read and strange == rows_read:
        links.faults.append(Fault("EVAL-241", data))
    elif strange:
        links.repairs += [as_repair(tally) for tally in tallies]
        if strange > (1 - _LINKED_AT_LEAST) * rows_read or table == "entries":
            links.notes.append(Fault("EVAL-264", data))


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Return the single number that a query gives, 0 for NULL."""
    row = connection.execute(sql).fetchall()
    return int(row[0][0] or 0)
