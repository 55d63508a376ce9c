"""What registers are known to hide, counted once every value is sound.

In: the SQL of the rows kept. Out: :class:`Quirks`: counts by file and arm, coverage by region, and
notes on what a reader could misread. Counts in the engine; must never change a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb

from evaluation.errors import Fault
from evaluation.register.arms import count_rows, total
from evaluation.register.cleaning import Cleaned
from evaluation.register.expressions import listed
from evaluation.register.quality import Tally
from evaluation.register.schema import TableName, tables
from evaluation.study import Study
from evaluation.territories import REGIONS

# a national extract may lack one overseas region; a regional one lacks most
_NATIONAL: Final = len(REGIONS) // 2
# fewer people off the lists may all be without a later hire by chance
_ENOUGH: Final = 100
_NO_END: Final = "planned_end_date IS NULL AND duration_days IS NULL"
_NARROW: Final = "quirk_hires"
_LAST_DAY: Final = "coalesce(planned_end_date, hire_date + duration_days - 1)"
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
    details : tuple of Tally
        The same by file and arm.
    coverage : dict
        ``{region: {"persons", "with_hire", "entrants", "entrants_with_hire"}}``: people registered
        there, those of them with at least one hire in the extract, and both for entrants alone.
    notes : tuple of Fault
        EVAL-265, EVAL-266, EVAL-268, EVAL-269, EVAL-270.
    """

    facts: dict[str, int] = field(default_factory=dict)
    details: tuple[Tally, ...] = ()
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
        Holds the temporary tables ``people`` (distinct person and region) and ``entrants``.
    """
    narrow = replace(cleaned["hires"], sql=_narrow(cleaned["hires"].sql, connection))
    cleaned = {**cleaned, "hires": narrow}
    kinds: list[str] = []
    details: list[Tally] = []
    for table, sql, conditions in _questions(cleaned, study.cohort.merge_gap_days):
        kinds += conditions
        files = cleaned[table].files
        details += count_rows(connection, sql, conditions, table=table, files=files)
    facts = {kind: total(details, kind) for kind in kinds}
    hires = cleaned["hires"].sql
    coverage = _coverage(connection, hires)
    declared = int(connection.execute(f"SELECT count(*) FROM ({hires})").fetchall()[0][0])
    connection.execute(f"DROP TABLE {_NARROW}")
    notes = [*_leavers(details), *_absent(coverage), *_endless(facts, declared)]
    return Quirks(facts, tuple(details), coverage, tuple(notes))


def _narrow(hires: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Keep what is asked of the hires, so that they are repaired once and not for each question."""
    kinds = listed(sorted(tables()["hires"].columns["contract_type"].codes))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_NARROW} AS SELECT person_id, file, hire_date, "
        "planned_end_date, duration_days, cancelled, CASE WHEN employer_id IS NOT NULL "
        "THEN hash(employer_id) END AS employer_id, "
        f"CAST(contract_type AS ENUM{kinds}) AS contract_type FROM ({hires})"
    )
    return f"SELECT * FROM {_NARROW}"


def _questions(
    cleaned: Mapping[TableName, Cleaned], gap: int
) -> list[tuple[TableName, str, dict[str, str]]]:
    """Return (table, SQL of rows with person and file, conditions on them), in order of display."""
    registrations, entries, hires = (cleaned[t].sql for t in ("registrations", "entries", "hires"))
    left = (
        f"SELECT person_id, max(exit_date) AS day, NULL AS file FROM ({registrations}) "
        "GROUP BY person_id HAVING count(exit_date) = count(*)"
    )
    after = (
        f"SELECT h.* FROM ({hires}) AS h JOIN ({left}) AS l "
        "ON l.person_id = h.person_id AND h.hire_date > l.day"
    )
    again = {"registered_again": f"days BETWEEN 0 AND {gap}"}
    return [
        ("registrations", registrations, _REGISTRATIONS),
        ("registrations", _in_contract(registrations, hires), {"registered_on_contract": "true"}),
        ("registrations", _since_exit(registrations), again),
        ("entries", _ranked(entries), {"further_entries": "place > 1"}),
        ("hires", hires, _HIRES),
        ("hires", _renewals(hires), {"hires_renewed": "true"}),
        ("registrations", left, {"persons_left": "true"}),
        ("hires", after, {"hires_after_exit": "true"}),
    ]


def _in_contract(registrations: str, hires: str) -> str:
    """Return the registrations that begin while a contract with a known end is running."""
    contracts = (
        f"SELECT person_id, hire_date AS first, {_LAST_DAY} AS last FROM ({hires}) "
        "WHERE cancelled IS DISTINCT FROM true"
    )
    return (
        f"SELECT DISTINCT r.registration_id, r.person_id, r.file FROM ({registrations}) AS r "
        f"JOIN ({contracts}) AS c ON c.person_id = r.person_id "
        "AND c.first < r.registration_date AND c.last >= r.registration_date"
    )


def _since_exit(rows: str) -> str:
    """Return each registration with the days since the same person's latest exit before it."""
    return (
        "SELECT person_id, file, registration_date - max(exit_date) OVER (PARTITION BY person_id "
        "ORDER BY registration_date, registration_id "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS days FROM ({rows})"
    )


def _ranked(entries: str) -> str:
    return (
        "SELECT person_id, file, row_number() OVER (PARTITION BY person_id "
        f"ORDER BY entry_date, exit_date, file) AS place FROM ({entries})"
    )


def _renewals(rows: str) -> str:
    """Return fixed-term hires that begin the day after another ends, same person and employer."""
    fixed = (
        "SELECT person_id, employer_id, hire_date, planned_end_date + 1 AS next, file FROM "
        f"({rows}) WHERE contract_type = 'CDD' AND employer_id IS NOT NULL"
    )
    return (
        f"SELECT b.* FROM ({fixed}) AS b SEMI JOIN ({fixed}) AS a "
        "ON a.person_id = b.person_id AND a.employer_id = b.employer_id AND a.next = b.hire_date"
    )


def _coverage(connection: duckdb.DuckDBPyConnection, hires: str) -> dict[str, dict[str, int]]:
    rows = connection.execute(
        "SELECT region, count(*), count(h.person_id), count(e.person_id), "
        "count_if(h.person_id IS NOT NULL AND e.person_id IS NOT NULL) FROM people AS p "
        f"LEFT JOIN (SELECT DISTINCT person_id FROM ({hires})) AS h ON h.person_id = p.person_id "
        "LEFT JOIN entrants AS e ON e.person_id = p.person_id GROUP BY region ORDER BY region"
    ).fetchall()
    keys = ("persons", "with_hire", "entrants", "entrants_with_hire")
    return {str(r): dict(zip(keys, map(int, counts), strict=True)) for r, *counts in rows}


def _leavers(details: Sequence[Tally]) -> list[Fault]:
    """Refuse to trust outcomes that stop with the registration, of everybody or of one arm."""
    left, hires = (_by_arm(details, kind) for kind in ("persons_left", "hires_after_exit"))
    lacking = [arm for arm in left if left[arm] >= _ENOUGH and not hires[arm]]
    if sum(left.values()) >= _ENOUGH and not sum(hires.values()):
        return [Fault("EVAL-265", {"table": "hires", "total": sum(left.values())})]
    if not lacking:
        return []
    data = {f"{arm}_left": left[arm] for arm in left} | hires
    return [Fault("EVAL-270", {"table": "hires", **data})]


def _by_arm(details: Sequence[Tally], kind: str) -> dict[str, int]:
    tallies = [tally for tally in details if tally.kind == kind]
    entrants = sum(tally.entrants or 0 for tally in tallies)
    return {"entrants": entrants, "others": total(tallies, kind) - entrants}


def _absent(coverage: Mapping[str, Mapping[str, int]]) -> list[Fault]:
    absent = sorted(set(REGIONS) - set(coverage))
    if not absent or len(coverage) < _NATIONAL:
        return []
    names = [f"{code} {REGIONS[code].name}" for code in absent]
    return [Fault("EVAL-266", {"table": "registrations", "regions": names})]


def _endless(facts: Mapping[str, int], hires: int) -> list[Fault]:
    return [
        Fault(code, {"table": "hires", "count": facts[key], "total": hires})
        for code, key in (("EVAL-268", "hires_without_end"), ("EVAL-269", "agency_without_end"))
        if facts[key]
    ]
