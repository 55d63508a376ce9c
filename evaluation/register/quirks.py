"""What registers are known to hide, counted once every value is sound.

In: the SQL of the rows kept. Out: :class:`Quirks`: counts, coverage by region, and notes on what a
reader could misread. Counts in the engine; must never change a row nor compare the two arms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import duckdb

from evaluation.errors import Fault
from evaluation.register.cleaning import Cleaned
from evaluation.register.engine import name
from evaluation.register.schema import TableName
from evaluation.study import Study
from evaluation.territories import REGIONS

# a national extract may lack one overseas region; a regional one lacks most
_NATIONAL: Final = len(REGIONS) // 2
# fewer people off the lists may all be without a later hire by chance
_ENOUGH: Final = 100
_NO_END: Final = "planned_end_date IS NULL AND duration_days IS NULL"
_REGISTRATIONS: Final = {
    "registered_in_work": "category IN ('C', 'E')",
    "exits_to_work": "exit_reason = '01'",
    "exits_to_retirement": "exit_reason IN ('04', '05')",
    "exits_to_sick_leave": "exit_reason = '03'",
    "exits_not_updated": "exit_reason IN ('09', '13')",
}
_HIRES: Final = {
    "hires_without_end": f"contract_type <> 'CDI' AND {_NO_END}",
    "agency_missions": "contract_type = 'CTT'",
    "agency_without_end": f"contract_type = 'CTT' AND {_NO_END}",
    "agency_one_day": "contract_type = 'CTT' AND (planned_end_date = hire_date "
    "OR (planned_end_date IS NULL AND duration_days = 1))",
    "hires_cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Quirks:
    """Counts of what a naive reading would get wrong.

    Attributes
    ----------
    facts : dict of str to int
        Counts by name (``register.fact.<name>`` of the catalogue).
    coverage : dict
        ``{region: {"persons", "with_hire"}}``: people registered there, and those of them with at
        least one hire in the extract.
    notes : tuple of Fault
        EVAL-265, EVAL-266, EVAL-268, EVAL-269.
    """

    facts: dict[str, int] = field(default_factory=dict)
    coverage: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[Fault, ...] = ()


def find_quirks(
    study: Study, cleaned: Mapping[TableName, Cleaned], connection: duckdb.DuckDBPyConnection
) -> Quirks:
    """Count what is known to mislead in the rows kept of the three tables.

    Parameters
    ----------
    study : Study
        Gives the gap under which two registrations are one spell.
    cleaned : mapping
        Rows kept of each table.
    connection : DuckDBPyConnection
        Holds the temporary table ``people`` (distinct person and region).
    """
    registrations, entries, hires = (cleaned[t].sql for t in ("registrations", "entries", "hires"))
    facts = _counted(connection, registrations, _REGISTRATIONS)
    facts["registered_again"] = _again(connection, registrations, study.cohort.merge_gap_days)
    facts |= _row(connection, f"SELECT count(*) - count(DISTINCT person_id) AS further_entries "
                              f"FROM ({entries})")  # fmt: skip
    facts |= _counted(connection, hires, _HIRES)
    facts["hires_renewed"] = _renewed(connection, hires)
    facts |= _after_exit(connection, registrations, hires)
    coverage = _coverage(connection, hires)
    total = _row(connection, f"SELECT count(*) AS n FROM ({hires})")["n"]
    return Quirks(facts, coverage, tuple(_notes(facts, coverage, total)))


def _row(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, int]:
    result = connection.execute(sql)
    names = [str(column[0]) for column in result.description or []]
    return {key: int(n or 0) for key, n in zip(names, result.fetchall()[0], strict=True)}


def _counted(
    connection: duckdb.DuckDBPyConnection, rows: str, conditions: Mapping[str, str]
) -> dict[str, int]:
    terms = ", ".join(f"count_if({sql}) AS {name(key)}" for key, sql in conditions.items())
    return _row(connection, f"SELECT {terms} FROM ({rows})")


def _again(connection: duckdb.DuckDBPyConnection, rows: str, gap: int) -> int:
    """Count registrations that follow another of the same person within the gap."""
    previous = (
        "SELECT registration_date - max(exit_date) OVER (PARTITION BY person_id "
        "ORDER BY registration_date, registration_id "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS days "
        f"FROM ({rows})"
    )
    counted = f"SELECT count_if(days BETWEEN 0 AND {gap}) AS n FROM ({previous})"
    return _row(connection, counted)["n"]


def _renewed(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    """Count fixed-term hires that begin the day after another ends, same person and employer."""
    fixed = (
        "SELECT person_id, employer_id, hire_date, planned_end_date + 1 AS next FROM "
        f"({rows}) WHERE contract_type = 'CDD' AND employer_id IS NOT NULL"
    )
    counted = (
        f"SELECT count(*) AS n FROM ({fixed}) AS b SEMI JOIN ({fixed}) AS a "
        "ON a.person_id = b.person_id AND a.employer_id = b.employer_id AND a.next = b.hire_date"
    )
    return _row(connection, counted)["n"]


def _after_exit(
    connection: duckdb.DuckDBPyConnection, registrations: str, hires: str
) -> dict[str, int]:
    """Count people who left the lists for good, and the hires after their last day."""
    left = (
        f"SELECT person_id, max(exit_date) AS day FROM ({registrations}) GROUP BY person_id "
        "HAVING count(exit_date) = count(*)"
    )
    return _row(
        connection,
        f"SELECT (SELECT count(*) FROM ({left})) AS persons_left, (SELECT count(*) FROM ({hires}) "
        f"AS h JOIN ({left}) AS l ON l.person_id = h.person_id AND h.hire_date > l.day) "
        "AS hires_after_exit",
    )


def _coverage(connection: duckdb.DuckDBPyConnection, hires: str) -> dict[str, dict[str, int]]:
    rows = connection.execute(
        "SELECT region, count(*), count(h.person_id) FROM people AS p LEFT JOIN "
        f"(SELECT DISTINCT person_id FROM ({hires})) AS h ON h.person_id = p.person_id "
        "GROUP BY region ORDER BY region"
    ).fetchall()
    return {str(r): {"persons": int(n), "with_hire": int(k)} for r, n, k in rows}


def _notes(
    facts: Mapping[str, int], coverage: Mapping[str, Mapping[str, int]], hires: int
) -> list[Fault]:
    notes: list[Fault] = []
    if facts["persons_left"] >= _ENOUGH and not facts["hires_after_exit"]:
        notes.append(Fault("EVAL-265", {"table": "hires", "total": facts["persons_left"]}))
    absent = sorted(set(REGIONS) - set(coverage))
    if absent and len(coverage) >= _NATIONAL:
        names = [f"{code} {REGIONS[code].name}" for code in absent]
        notes.append(Fault("EVAL-266", {"table": "registrations", "regions": names}))
    for code, key in (("EVAL-268", "hires_without_end"), ("EVAL-269", "agency_without_end")):
        if facts[key]:
            notes.append(Fault(code, {"table": "hires", "count": facts[key], "total": hires}))
    return notes
