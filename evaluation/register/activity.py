"""Monthly reduced activity (table ``e0`` of the historical file): hours worked by person and month.

In: the files of ``[register] activity`` and the profile's names for their columns. Out: the
temporary table ``activity`` (person, month, hours). Must never know a hire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from evaluation.errors import EvaluationError, Fault
from evaluation.register import expressions
from evaluation.register.engine import name
from evaluation.register.names import meaning, simple
from evaluation.register.prepare import ACTIVITY, HOURS, prepare
from evaluation.register.profile import Profile
from evaluation.register.schema import tables
from evaluation.register.sources import Source, open_source
from evaluation.register.transforms import plain


def read_activity(
    paths: Sequence[Path],
    profile: Profile,
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> list[Fault]:
    """Sum the hours of each person and month over all files; return what is wrong.

    Returns
    -------
    list of Fault
        EVAL-204, EVAL-205, EVAL-207, EVAL-222 as for the three tables; EVAL-216 hours or months
        that are no numbers.
    """
    faults: list[Fault] = []
    parts: list[str] = []
    wanted = {key: _names(profile.activity[key]) for key in ("person", "month", "hours")}
    known = frozenset(simple(n) for names in wanted.values() for n in names)
    for number, path in enumerate(paths):
        try:
            source = open_source(
                "registrations", path, known=known, staged=scratch / f"activity-{number}.parquet",
                connection=connection,
            )  # fmt: skip
        except EvaluationError as error:
            faults += error.faults
            continue
        source, person = _with_person(source, path, profile, connection)
        found = {key: _find(source, names) for key, names in wanted.items()}
        found["person"] = person or found["person"]
        absent = [wanted[key][0] for key, column in found.items() if column is None]
        faults += [_missing(source, column) for column in absent]
        if not absent:
            part = _part(source, {k: c for k, c in found.items() if c is not None})
            faults += _unreadable(source, part, connection)
            parts.append(part)
    if not parts or faults:
        return faults
    union = " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)
    # whole hundredths of hours: a sum of floats depends on the order of the rows
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ACTIVITY} AS SELECT person, month, "
        f"sum(CAST(round(hours * 100) AS BIGINT)) / 100 AS {name(HOURS)} FROM ({union}) "
        "WHERE person IS NOT NULL GROUP BY ALL"
    )
    return []


def _with_person(
    source: Source, path: Path, profile: Profile, connection: duckdb.DuckDBPyConnection
) -> tuple[Source, str | None]:
    """Make the person's key as the registrations make it, where a profile derives it."""
    ways = profile.derive.get("registrations", {}).get("person_id")
    if ways is None:
        return source, None
    keyed = replace(profile, derive={"registrations": {"person_id": ways}}, keep={})
    made = prepare(source, tables()["registrations"], keyed, path=path, connection=connection)
    return made.source, made.derived.get("person_id")


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _find(source: Source, names: Sequence[str]) -> str | None:
    return next((found[0] for n in names if (found := meaning(n, source.types))), None)


def _part(source: Source, found: dict[str, str]) -> str:
    texts = {
        key: plain(f"CAST({expressions.raw(column, source.types[column])} AS VARCHAR)")
        for key, column in found.items()
    }
    month = f"left(replace({texts['month']}, '-', ''), 6)"
    return (
        f"SELECT {texts['person']} AS person, "
        f"CASE WHEN regexp_full_match({month}, '[0-9]{{6}}') THEN {month} END AS month, "
        f"{expressions.number(texts['hours'])} AS hours "
        f"FROM {source.relation}"
    )


def _unreadable(source: Source, part: str, connection: duckdb.DuckDBPyConnection) -> list[Fault]:
    row = connection.execute(
        f"SELECT count_if(month IS NULL), count_if(hours IS NULL) FROM ({part})"
    ).fetchall()[0]
    data = {"file": source.file, "table": ACTIVITY, "shapes": []}
    return [
        Fault("EVAL-216", {**data, "column": column, "count": int(count)})
        for column, count in zip(("month", "hours"), row, strict=True)
        if count
    ]


def _missing(source: Source, column: str) -> Fault:
    near = ", ".join(list(source.types)[:5])
    return Fault("EVAL-205", {"file": source.file, "column": column, "nearest": near})
