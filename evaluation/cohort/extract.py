"""One territory's people, registrations and hires, out of DuckDB into person-sorted arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import (
    NEVER,
    UNKNOWN,
    Codes,
    Days,
    Hashes,
    Pointers,
    day_of,
    pointers,
)
from evaluation.cohort.exits import Exits, no_exits
from evaluation.cohort.levels import CONTRACTS, LEAVING, PROGRAMME_EXITS, REGISTRATION_LEVELS
from evaluation.cohort.presets import PRESETS, used_presets
from evaluation.compiled import kernel
from evaluation.study import Study
from evaluation.territories import REGION_OF, Territory

PEOPLE = "_cohort_people"
ROWS = "_cohort_rows"


class RegisterLike(Protocol):
    """What the room asks of a register."""

    @property
    def study(self) -> Study:
        """The study, without any territory's deviations."""

    @property
    def digest(self) -> str:
        """Hash of the inputs."""

    def connection(self) -> Any:
        """Return a DuckDB connection with the views registrations, entries, hires."""


@dataclass(frozen=True, slots=True)
class Registrations:
    """All registrations (n) of the people, sorted by person, start, identifier.

    Attributes
    ----------
    ptr : (P + 1,) int64
    start, end : (n,) int32
        First day registered, first day no longer registered (NEVER: still registered).
    inside : (n,) int8
        1 in the territory.
    category : (n,) int8
        Position in A, B, C, D, E (-1: none of them).
    birth_year : (n,) int16
    leaving : (n,) int8
        Why the person left the lists: a code of :data:`levels.LEAVING`, 0 for any other reason.
    profile : (n,) int8
        Sex and minimum income, 0..3: what the places of a stratum are shared by.
    rid : (n,) int64
        Row of the attribute table.
    """

    ptr: Pointers
    start: Days
    end: Days
    inside: Codes
    category: Codes
    birth_year: NDArray[np.int16]
    leaving: Codes
    profile: Codes
    rid: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hires:
    """Declared hires (n) sorted by person, day, end.

    Attributes
    ----------
    ptr : (P + 1,) int64
    start, end : (n,) int32
        Day of hire and last day worked (UNKNOWN when the register gives none).
    kind : (n,) int8
        Position in :data:`levels.CONTRACTS`.
    employer : (n,) uint64
        Hash of the employer (the user employer of temporary missions), 0 when unknown; only
        compared, never kept.
    """

    ptr: Pointers
    start: Days
    end: Days
    kind: Codes
    employer: Hashes


@dataclass(frozen=True, slots=True)
class Extract:
    """Everything read for one territory; P people in the order of their identifiers.

    Attributes
    ----------
    key : (P,) uint64
        Seeded hash of the person.
    first_entry : (P,) int32
        First entry ever (NEVER: none).
    window_entry : (P,) int32
        First entry of the window (NEVER: none).
    window_entries : (P,) int32
        Number of entries in the window.
    registrations, hires : Registrations, Hires
    cancelled : Hires
        Hires that never began; they count nowhere.
    programme : Exits
        Programme exits to training, a business or a job; read only if a definition asks for them.
    """

    key: Hashes
    first_entry: Days
    window_entry: Days
    window_entries: NDArray[np.int32]
    registrations: Registrations
    hires: Hires
    cancelled: Hires
    programme: Exits


def place_clause(territory: Territory, alias: str) -> str:
    """Return the SQL condition of a territory (codes are checked by the territory itself)."""
    if territory.level == "department":
        region = REGION_OF[territory.code]
        return f"({alias}.region = '{region}' AND {alias}.department = '{territory.code}')"
    return f"({alias}.region = '{territory.code}')"


def home_region(territory: Territory) -> str:
    """Return the region whose hires hold those of the territory's people."""
    return REGION_OF[territory.code] if territory.level == "department" else territory.code


@contextmanager
def people_tables(connection: Any, study: Study, territory: Territory) -> Iterator[None]:
    """Make the temporary tables of the territory's people and of their registrations."""
    begin, end = study.cohort.entry_window
    window = f"DATE '{begin}' AND DATE '{end}'"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {PEOPLE} AS
        WITH here AS MATERIALIZED (
            SELECT r.person_id, bool_or(r.registration_date <= DATE '{end}'
                AND (r.exit_date IS NULL OR r.exit_date > DATE '{begin}')) AS present
            FROM registrations r WHERE {place_clause(territory, "r")} GROUP BY r.person_id
        ), entered AS (
            SELECT person_id, min(entry_date) AS first_entry,
                   min(entry_date) FILTER (entry_date BETWEEN {window}) AS window_entry,
                   count(*) FILTER (entry_date BETWEEN {window}) AS window_entries
            FROM entries SEMI JOIN here USING (person_id) GROUP BY person_id
        )
        SELECT person_id, CAST(row_number() OVER (ORDER BY person_id) - 1 AS BIGINT) AS code,
               md5_number_lower('{study.run.seed}:' || person_id) AS key,
               first_entry, window_entry, coalesce(window_entries, 0) AS window_entries
        FROM here LEFT JOIN entered USING (person_id)
        WHERE present OR window_entry IS NOT NULL""")
    _copy_rows(connection, territory)
    try:
        yield
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {PEOPLE}")
        connection.execute(f"DROP TABLE IF EXISTS {ROWS}")


def _copy_rows(connection: Any, territory: Territory) -> None:
    """Copy all registrations of the people; other regions are looked into by identifier only."""
    region = home_region(territory)
    rows = f"""
        SELECT p.code, {place_clause(territory, "r")} AS inside, r.*
        FROM registrations r JOIN {PEOPLE} p USING (person_id)
        WHERE (r.exit_date IS NULL OR r.exit_date > r.registration_date)"""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ROWS} AS {rows} AND r.region = '{region}'"
    )  # fmt: skip
    (elsewhere,) = connection.execute(
        f"SELECT list(r.registration_id) FROM registrations r JOIN {PEOPLE} p USING (person_id) "
        f"WHERE r.elsewhere AND r.region <> '{region}'"
    ).fetchall()[0]
    if elsewhere:
        connection.execute(
            f"INSERT INTO {ROWS} {rows} AND r.region <> '{region}' "
            "AND r.registration_id IN (SELECT unnest(?))",
            [elsewhere],
        )


def read_arrays(connection: Any, study: Study, territory: Territory) -> Extract:
    """Read the arrays of one territory (inside :func:`people_tables`)."""
    people = connection.execute(f"""
        SELECT key, {_day("first_entry", NEVER)} AS first_entry,
               {_day("window_entry", NEVER)} AS window_entry,
               CAST(window_entries AS INTEGER) AS window_entries
        FROM {PEOPLE} ORDER BY code""").fetchnumpy()
    count = len(people["key"])
    valid, cancelled = _hires(connection, study, home_region(territory), count)
    return Extract(
        key=_plain(people["key"], np.uint64),
        first_entry=_plain(people["first_entry"], np.int32),
        window_entry=_plain(people["window_entry"], np.int32),
        window_entries=_plain(people["window_entries"], np.int32),
        registrations=_registrations(connection, count),
        hires=valid,
        cancelled=cancelled,
        programme=_programme_exits(connection, study),
    )


def _registrations(connection: Any, people: int) -> Registrations:
    levels = list(REGISTRATION_LEVELS["category"])
    leaving = " ".join(f"WHEN '{code}' THEN {reason}" for code, reason in LEAVING.items())
    read = connection.execute(f"""
        SELECT code, {_day("registration_date", NEVER)} AS start,
               {_day("exit_date", NEVER)} AS until,
               CAST(inside AS TINYINT) AS inside,
               CAST(coalesce(list_position({levels}, category::VARCHAR), 0) - 1 AS TINYINT)
                   AS category,
               CAST(coalesce(birth_year, 0) AS SMALLINT) AS birth_year,
               CAST(CASE WHEN exit_date IS NULL THEN 0
                    ELSE CASE exit_reason::VARCHAR {leaving} ELSE 0 END END AS TINYINT) AS leaving,
               CAST(2 * coalesce(sex::VARCHAR = '2', false)::TINYINT
                    + coalesce(rsa::BOOLEAN, false)::TINYINT AS TINYINT) AS profile,
               rowid AS rid
        FROM {ROWS} ORDER BY code, registration_date, registration_id""").fetchnumpy()  # fmt: skip
    return Registrations(
        ptr=pointers(_plain(read["code"], np.int64), people),
        start=_plain(read["start"], np.int32),
        end=_plain(read["until"], np.int32),
        inside=_plain(read["inside"], np.int8),
        category=_plain(read["category"], np.int8),
        birth_year=_plain(read["birth_year"], np.int16),
        leaving=_plain(read["leaving"], np.int8),
        profile=_plain(read["profile"], np.int8),
        rid=_plain(read["rid"], np.int64),
    )


def _programme_exits(connection: Any, study: Study) -> Exits:
    """Read the programme exits that the study's definitions count, none where none does."""
    if not any(PRESETS[name].programme for name in used_presets(study)):
        return no_exits()
    reasons = " ".join(f"WHEN '{name}' THEN {code}" for name, code in PROGRAMME_EXITS.items())
    read = connection.execute(f"""
        SELECT p.code, {_day("e.exit_date", None)} AS day,
               CAST(CASE e.exit_reason::VARCHAR {reasons} END AS TINYINT) AS reason
        FROM entries e JOIN {PEOPLE} p USING (person_id)
        WHERE e.exit_date <= DATE '{study.files.extraction_date}'
          AND e.exit_reason::VARCHAR IN {tuple(PROGRAMME_EXITS)}
        ORDER BY p.code, day, reason""").fetchnumpy()
    return Exits(
        person=_plain(read["code"], np.int64),
        day=_plain(read["day"], np.int32),
        reason=_plain(read["reason"], np.int8),
    )


def _hires(connection: Any, study: Study, region: str, people: int) -> tuple[Hires, Hires]:
    firm = "CASE WHEN contract_type = 'CTT' THEN user_employer_id ELSE employer_id END::VARCHAR"
    read = connection.execute(f"""
        SELECT p.code, {_day("h.hire_date", NEVER)} AS start,
               coalesce({_day("planned_end_date", None)},
                        {_day("h.hire_date", None)} + CASE WHEN duration_days > 0
                            THEN duration_days::INTEGER END - 1, {UNKNOWN})::INTEGER AS until,
               CAST(coalesce(list_position({list(CONTRACTS)}, contract_type::VARCHAR),
                             {len(CONTRACTS)}) - 1 AS TINYINT) AS kind,
               CASE WHEN {firm} IS NULL THEN 0 ELSE hash({firm}) END::UBIGINT AS employer,
               coalesce(cancelled, false) AS cancelled
        FROM hires h JOIN {PEOPLE} p USING (person_id)
        WHERE h.region = '{region}'
          AND h.hire_date <= DATE '{study.files.extraction_date}'""").fetchnumpy()
    columns = {
        "code": _plain(read["code"], np.int64),
        "start": _plain(read["start"], np.int32),
        "end": _plain(read["until"], np.int32),
        "kind": _plain(read["kind"], np.int8),
        "employer": _plain(read["employer"], np.uint64),
    }
    order = _sorted_hires(
        columns["code"], columns["start"], columns["end"], columns["kind"], columns["employer"],
        people,
    )  # fmt: skip
    off = _plain(read["cancelled"], np.bool_)[order]
    return _pick(columns, order[~off], people), _pick(columns, order[off], people)


@kernel
def _sorted_hires(
    person: Pointers, start: Days, end: Days, kind: Codes, employer: Hashes, people: int
) -> Pointers:
    """Return the order by person, day, end, kind, employer: ties are the same for every rule."""
    place = np.zeros(people + 1, np.int64)
    for row in range(len(person)):
        place[person[row] + 1] += 1
    place = np.cumsum(place)
    order = np.empty(len(person), np.int64)
    for row in range(len(person)):
        order[place[person[row]]] = row
        place[person[row]] += 1
    for at in range(1, len(order)):
        row, left = order[at], at
        while left > 0:
            other = order[left - 1]
            if person[other] != person[row] or not _before(row, other, start, end, kind, employer):
                break
            order[left] = other
            left -= 1
        order[left] = row
    return order


@kernel
def _before(a: int, b: int, start: Days, end: Days, kind: Codes, employer: Hashes) -> bool:
    if start[a] != start[b]:
        return bool(start[a] < start[b])
    if end[a] != end[b]:
        return bool(end[a] < end[b])
    if kind[a] != kind[b]:
        return bool(kind[a] < kind[b])
    return bool(employer[a] < employer[b])


def _pick(columns: dict[str, Any], order: NDArray[np.int64], people: int) -> Hires:
    return Hires(
        ptr=pointers(columns["code"][order], people),
        start=columns["start"][order],
        end=columns["end"][order],
        kind=columns["kind"][order],
        employer=columns["employer"][order],
    )


def _day(column: str, missing: int | None) -> str:
    number = f"CAST({column}::DATE - DATE '1970-01-01' AS INTEGER)"
    return number if missing is None else f"coalesce({number}, {missing})"


def _plain(values: Any, dtype: Any) -> Any:
    """Return a contiguous array; a masked value would be a fault of the query."""
    if isinstance(values, np.ma.MaskedArray):
        if values.mask.any():
            raise AssertionError("a column that the query fills came back empty")
        values = values.data
    return np.ascontiguousarray(values, dtype=dtype)


def window_days(study: Study) -> tuple[int, int]:
    """Return the first and the last day of the entry window as numbers."""
    begin, end = study.cohort.entry_window
    return day_of(begin), day_of(end)
