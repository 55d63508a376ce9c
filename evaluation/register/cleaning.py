"""Rows that are dropped, and counted: impossible contracts, contracts declared twice.

In: the readings of entries and hires. Out: the SQL of the rows kept, and what was dropped. Keeps
the same rows whatever their order in the files; must never decide which hire is durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from evaluation.errors import Fault
from evaluation.register.engine import quote
from evaluation.register.links import has, one, rows_of
from evaluation.register.quality import Repair
from evaluation.register.rows import Rows

_KEY = "hash(person_id, contract_id)"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The SQL of the rows kept, what was dropped, and what the reader must know."""

    sql: str
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Fault, ...] = ()


def clean_entries(
    readings: Sequence[Rows], connection: duckdb.DuckDBPyConnection, *, extraction: date
) -> Cleaned:
    """Drop entries that are the same in every column."""
    rows = rows_of(readings, extraction=extraction)
    distinct = f"SELECT DISTINCT * FROM ({rows})"
    total = sum(part.count for part in readings)
    dropped = total - one(connection, f"SELECT count(*) FROM ({distinct})")
    if not dropped:
        return Cleaned(rows)
    return Cleaned(distinct, (Repair("entries", "", "duplicate_entry", dropped),))


def clean_hires(
    readings: Sequence[Rows], connection: duckdb.DuckDBPyConnection, *, extraction: date
) -> Cleaned:
    """Drop hires that end before they begin, and all but one of the rows of a contract.

    Of several rows of one (person, contract) the latest declaration is kept, then the first in
    the order of all columns, so that the choice does not depend on the order of the files. Rows
    without contract number are all kept; those that are the same in every column are counted.
    """
    valid = (
        f"SELECT * FROM ({rows_of(readings)}) "
        "WHERE planned_end_date IS NULL OR planned_end_date >= hire_date"
    )
    repairs, notes = _plain_counts(readings, connection, extraction)
    if not any(has([part], "contract_id") for part in readings):
        return Cleaned(valid, repairs, notes)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE contract_keys AS SELECT {_KEY} AS key FROM ({valid}) "
        "WHERE contract_id IS NOT NULL GROUP BY key HAVING count(*) > 1"
    )
    if not one(connection, "SELECT count(*) FROM contract_keys"):
        return Cleaned(valid, repairs, notes)
    columns = ", ".join(f'"{c}"' for c in readings[0].table.columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE contracts AS SELECT *, row_number() OVER (PARTITION BY "
        f"person_id, contract_id ORDER BY declaration_date DESC NULLS LAST, {columns}) AS place "
        f"FROM ({valid}) WHERE contract_id IS NOT NULL AND {_KEY} IN (FROM contract_keys)"
    )
    kept = (
        f"SELECT {columns} FROM ({valid}) WHERE contract_id IS NULL "
        f"OR {_KEY} NOT IN (FROM contract_keys) "
        f"UNION ALL SELECT {columns} FROM contracts WHERE place = 1"
    )
    more, said = _contract_counts(connection, columns)
    return Cleaned(kept, (*repairs, *more), (*notes, *said))


def _plain_counts(
    readings: Sequence[Rows], connection: duckdb.DuckDBPyConnection, extraction: date
) -> tuple[tuple[Repair, ...], tuple[Fault, ...]]:
    row = connection.execute(
        "SELECT count_if(planned_end_date < hire_date), "
        f"count_if(hire_date > DATE {quote(extraction.isoformat())}), "
        "count_if(contract_id IS NULL AND (planned_end_date IS NULL OR "
        f"planned_end_date >= hire_date)) FROM ({rows_of(readings)})"
    ).fetchall()
    ended, later, unnumbered = (int(n or 0) for n in row[0])
    repairs: list[Repair] = []
    notes: list[Fault] = []
    if ended:
        repairs.append(Repair("hires", "planned_end_date", "end_before_hire", ended))
        notes.append(Fault("EVAL-260", {"table": "hires", "count": ended}))
    if later:
        repairs.append(Repair("hires", "hire_date", "hire_after_extraction", later))
    same = _identical(readings, connection) if unnumbered > 1 else 0
    if same:
        repairs.append(Repair("hires", "", "identical_hire", same))
        notes.append(Fault("EVAL-263", {"table": "hires", "count": same}))
    return tuple(repairs), tuple(notes)


def _identical(readings: Sequence[Rows], connection: duckdb.DuckDBPyConnection) -> int:
    columns = ", ".join(f'"{c}"' for c in readings[0].table.columns)
    return one(
        connection,
        f"SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM ({rows_of(readings)}) WHERE "
        "contract_id IS NULL AND (planned_end_date IS NULL OR planned_end_date >= hire_date) "
        f"GROUP BY hash({columns}) HAVING n > 1)",
    )


def _contract_counts(
    connection: duckdb.DuckDBPyConnection, columns: str
) -> tuple[tuple[Repair, ...], tuple[Fault, ...]]:
    """Count rows dropped, and contracts whose rows do not say the same."""
    dropped = one(connection, "SELECT count(*) FROM contracts WHERE place > 1")
    if not dropped:
        return (), ()
    conflicting = one(
        connection,
        "SELECT count(*) FROM (SELECT person_id, contract_id FROM "
        f"(SELECT DISTINCT {columns} FROM contracts) GROUP BY ALL HAVING count(*) > 1)",
    )
    repairs = [Repair("hires", "contract_id", "duplicate_contract", dropped)]
    notes = [Fault("EVAL-261", {"table": "hires", "count": dropped})]
    if conflicting:
        repairs.append(Repair("hires", "contract_id", "conflicting_contract", conflicting))
        notes.append(Fault("EVAL-262", {"table": "hires", "count": conflicting}))
    return tuple(repairs), tuple(notes)
