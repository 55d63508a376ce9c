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
from evaluation.register.arms import as_repair, count_rows, total
from evaluation.register.engine import quote
from evaluation.register.links import has, one, rows_of
from evaluation.register.quality import Repair, Tally
from evaluation.register.rows import Rows

_KEY = "hash(person_id, contract_id)"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The SQL of the rows kept, what was dropped, and what the reader must know.

    ``files`` names what the rows' column ``file`` counts from 0.
    """

    sql: str
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Fault, ...] = ()
    files: tuple[str, ...] = ()


def clean_registrations(readings: Sequence[Rows], *, extraction: date) -> Cleaned:
    """Keep every registration, dates after the extraction emptied."""
    return Cleaned(rows_of(readings, extraction=extraction), files=_files(readings))


def clean_entries(
    readings: Sequence[Rows], connection: duckdb.DuckDBPyConnection, *, extraction: date
) -> Cleaned:
    """Drop entries that are the same in every column."""
    rows, files = rows_of(readings, extraction=extraction), _files(readings)
    columns = _columns(readings)
    placed = (
        f"SELECT *, row_number() OVER (PARTITION BY {columns} ORDER BY file) AS place FROM ({rows})"
    )
    dropped = count_rows(
        connection, placed, {"duplicate_entry": "place > 1"}, table="entries", files=files
    )
    if not dropped:
        return Cleaned(rows, files=files)
    kept = f"SELECT {columns}, file FROM ({placed}) WHERE place = 1"
    return Cleaned(kept, _repairs(dropped), files=files)


def clean_hires(
    readings: Sequence[Rows], connection: duckdb.DuckDBPyConnection, *, extraction: date
) -> Cleaned:
    """Drop hires that end before they begin, and all but one of the rows of a contract.

    Of several rows of one (person, contract) the latest declaration is kept, then the first in
    the order of all columns, so that the choice does not depend on the order of the files. Rows
    without contract number are all kept; those that are the same in every column are counted.
    """
    files, columns = _files(readings), _columns(readings)
    valid = (
        f"SELECT * FROM ({rows_of(readings)}) "
        "WHERE planned_end_date IS NULL OR planned_end_date >= hire_date"
    )
    repairs, notes = _plain_counts(readings, valid, connection, extraction)
    if not any(has([part], "contract_id") for part in readings):
        return Cleaned(valid, repairs, notes, files)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE contract_keys AS SELECT {_KEY} AS key FROM ({valid}) "
        "WHERE contract_id IS NOT NULL GROUP BY key HAVING count(*) > 1"
    )
    if not one(connection, "SELECT count(*) FROM contract_keys"):
        return Cleaned(valid, repairs, notes, files)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE contracts AS SELECT *, row_number() OVER (PARTITION BY "
        f"person_id, contract_id ORDER BY declaration_date DESC NULLS LAST, {columns}, file) "
        f"AS place FROM ({valid}) "
        f"WHERE contract_id IS NOT NULL AND {_KEY} IN (FROM contract_keys)"
    )
    kept = (
        f"SELECT {columns}, file FROM ({valid}) WHERE contract_id IS NULL "
        f"OR {_KEY} NOT IN (FROM contract_keys) "
        f"UNION ALL SELECT {columns}, file FROM contracts WHERE place = 1"
    )
    more, said = _contract_counts(connection, columns, files)
    return Cleaned(kept, (*repairs, *more), (*notes, *said), files)


def _files(readings: Sequence[Rows]) -> tuple[str, ...]:
    return tuple(part.file for part in readings)


def _columns(readings: Sequence[Rows]) -> str:
    return ", ".join(f'"{c}"' for c in readings[0].table.columns)


def _repairs(tallies: Sequence[Tally]) -> tuple[Repair, ...]:
    return tuple(as_repair(tally) for tally in tallies)


def _plain_counts(
    readings: Sequence[Rows],
    valid: str,
    connection: duckdb.DuckDBPyConnection,
    extraction: date,
) -> tuple[tuple[Repair, ...], tuple[Fault, ...]]:
    files = _files(readings)
    all_rows = rows_of(readings)
    ended = count_rows(
        connection, all_rows, {"end_before_hire": "planned_end_date < hire_date"},
        table="hires", files=files, column="planned_end_date",
    )  # fmt: skip
    later = count_rows(
        connection, all_rows,
        {"hire_after_extraction": f"hire_date > DATE {quote(extraction.isoformat())}"},
        table="hires", files=files, column="hire_date",
    )  # fmt: skip
    same = _identical(f"SELECT * FROM ({valid}) WHERE contract_id IS NULL",
                      connection, _columns(readings), files)  # fmt: skip
    notes = [
        Fault(code, {"table": "hires", "count": total(tallies, tallies[0].kind)})
        for code, tallies in (("EVAL-260", ended), ("EVAL-263", same))
        if tallies
    ]
    return _repairs([*ended, *later, *same]), tuple(notes)


def _identical(
    rows: str, connection: duckdb.DuckDBPyConnection, columns: str, files: Sequence[str]
) -> list[Tally]:
    """Count the rows without contract number that repeat another one."""
    hashed = f"SELECT person_id, file, hash({columns}) AS key FROM ({rows})"
    twice = f"SELECT key FROM ({hashed}) GROUP BY key HAVING count(*) > 1"
    if not one(connection, f"SELECT count(*) FROM ({twice})"):
        return []
    placed = (
        "SELECT *, row_number() OVER (PARTITION BY key ORDER BY file) AS place "
        f"FROM ({hashed}) WHERE key IN ({twice})"
    )
    return count_rows(
        connection, placed, {"identical_hire": "place > 1"}, table="hires", files=files
    )


def _contract_counts(
    connection: duckdb.DuckDBPyConnection, columns: str, files: Sequence[str]
) -> tuple[tuple[Repair, ...], tuple[Fault, ...]]:
    """Count rows dropped, and contracts whose rows do not say the same."""
    dropped = count_rows(
        connection, "FROM contracts", {"duplicate_contract": "place > 1"},
        table="hires", files=files, column="contract_id",
    )  # fmt: skip
    if not dropped:
        return (), ()
    notes = [Fault("EVAL-261", {"table": "hires", "count": total(dropped, "duplicate_contract")})]
    # a contract told in two ways belongs to no one file
    differing = count_rows(
        connection,
        "SELECT person_id, NULL AS file FROM "
        f"(SELECT DISTINCT {columns} FROM contracts) GROUP BY person_id, contract_id "
        "HAVING count(*) > 1",
        {"conflicting_contract": "true"}, table="hires", files=files, column="contract_id",
    )  # fmt: skip
    if differing:
        count = total(differing, "conflicting_contract")
        notes.append(Fault("EVAL-262", {"table": "hires", "count": count}))
    return _repairs([*dropped, *differing]), tuple(notes)
