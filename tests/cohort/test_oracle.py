"""The compiled clock against the rules written out person by person, day by day."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluation.cohort import build_cohort
from evaluation.territories import territory
from tests.cohort.helpers import FakeRegister
from tests.cohort.test_build import crowd

Row = dict[str, Any]
FAR = date(2100, 1, 1)


def moved(day: date, months: int) -> date:
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def registrations(register: FakeRegister, person: str) -> list[Row]:
    rows = [r for r in register.registrations if r["person_id"] == person]
    return sorted(rows, key=lambda r: (r["registration_date"], r["registration_id"]))


def covering(rows: list[Row], day: date) -> Row | None:
    found = [r for r in rows if r["registration_date"] <= day < (r.get("exit_date") or FAR)]
    return found[-1] if found else None


def spell_starts(rows: list[Row], gap: int = 31) -> list[date]:
    """Return the merged start of each registration."""
    starts: list[date] = []
    until = None
    for r in rows:
        fresh = until is None or (r["registration_date"] - until).days > gap
        starts.append(r["registration_date"] if fresh else starts[-1])
        until = max(until or date.min, r.get("exit_date") or FAR)
    return starts


def hires(register: FakeRegister, person: str) -> list[Row]:
    return [h for h in register.hires if h["person_id"] == person and not h["cancelled"]]


def es47(hire: Row) -> bool:
    if hire["contract_type"] == "CDI":
        return True
    end = hire["planned_end_date"]
    return end is not None and end + timedelta(days=1) > moved(hire["hire_date"], 6)


def last_day(hire: Row, starts: list[date]) -> date:
    """Return the last day worked: a CDI without end stops before the next merged spell."""
    if hire["planned_end_date"] is not None:
        return hire["planned_end_date"]
    if hire["contract_type"] != "CDI":
        return hire["hire_date"]
    later = [start for start in sorted(set(starts)) if start > hire["hire_date"]]
    return later[0] - timedelta(days=1) if later else FAR


def eligible(register: FakeRegister, person: str, day: date) -> bool:
    rows = registrations(register, person)
    entries = [e["entry_date"] for e in register.entries if e["person_id"] == person]
    now = covering(rows, day)
    if now is None or any(entry <= day for entry in entries):
        return False
    starts = spell_starts(rows)
    held = any(
        es47(h) and h["hire_date"] <= day <= last_day(h, starts) for h in hires(register, person)
    )
    return 16 <= day.year - now["birth_year"] <= 70 and not held


def days_worked(register: FakeRegister, person: str, first: date, after: date) -> set[date]:
    starts = spell_starts(registrations(register, person))
    worked: set[date] = set()
    for hire in hires(register, person):
        day = max(hire["hire_date"], first)
        while day <= last_day(hire, starts) and day < after:
            worked.add(day)
            day += timedelta(days=1)
    return worked


def duration_class(register: FakeRegister, person: str, day: date) -> str:
    rows = registrations(register, person)
    now = covering(rows, day)
    start = spell_starts(rows)[rows.index(now)] if now else day
    elapsed = next(k for k in range(60, -1, -1) if moved(start, k) <= day)
    bounds = {"00_02": 0, "03_05": 3, "06_11": 6, "12_23": 12, "24_35": 24, "36_plus": 36}
    return next(label for label, low in reversed(bounds.items()) if elapsed >= low)


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRegister, pd.DataFrame]:
    folder: Path = tmp_path_factory.mktemp("oracle")
    register = crowd(folder, 150, seed=11)
    register.study = register.study.with_values({"cohort.comparators_per_entrant": 0})
    cohort = build_cohort(register, territory(region="24"), use_cache=False)
    return register, cohort.frame


def test_every_row_is_eligible_and_in_its_stratum(region: Any) -> None:
    register, frame = region
    assert len(frame) > 150
    for found in frame.itertuples():
        day = found.index_date.date()
        assert duration_class(register, found.person_id, day) == found.duration_class
        if not found.treated:
            assert eligible(register, found.person_id, day)
    days = frame.groupby(["index_month", "duration_class"], observed=True)
    for _, stratum in days:
        own = set(stratum.loc[stratum["treated"] == 1, "index_date"])
        assert set(stratum.loc[stratum["treated"] == 0, "index_date"]) <= own


def test_nobody_who_should_be_compared_is_left_out(region: Any) -> None:
    """A stratum with a single day leaves no doubt about who belongs to it."""
    register, frame = region
    entrants = frame[frame["treated"] == 1]
    everybody = {r["person_id"] for r in register.registrations}
    checked = 0
    for (month, label), stratum in entrants.groupby(
        ["index_month", "duration_class"], observed=True
    ):
        if len(stratum) > 1 or checked > 1500:
            continue
        day = stratum["index_date"].iloc[0].date()
        in_month = frame[frame["index_month"] == month]
        for person in everybody - set(in_month["person_id"]):
            here = eligible(register, person, day)
            assert not (here and duration_class(register, person, day) == label), person
            checked += 1
    assert checked > 500


def test_entrants_are_the_first_entries_of_the_window(region: Any) -> None:
    register, frame = region
    first: dict[str, date] = {}
    for entry in register.entries:
        person = entry["person_id"]
        first[person] = min(first.get(person, FAR), entry["entry_date"])
    inside = {p: d for p, d in first.items() if date(2023, 1, 1) <= d <= date(2023, 12, 31)}
    register_before = FakeRegister(
        register.study, register.registrations, [], register.hires
    )  # fmt: skip
    expected = {p: d for p, d in inside.items() if eligible(register_before, p, d)}
    entrants = frame[frame["treated"] == 1]
    found = dict(zip(entrants["person_id"], entrants["index_date"].dt.date, strict=True))
    assert found == expected


def test_history_and_outcomes_are_the_rules_written_out(region: Any) -> None:
    register, frame = region
    for found in frame.iloc[::3].itertuples():
        day, person = found.index_date.date(), found.person_id
        edges = [moved(day, -k) for k in range(25)]
        worked = days_worked(register, person, edges[24], day)
        quarters = [sum(edges[3 * q + 3] <= d < edges[3 * q] for d in worked) for q in range(8)]
        assert quarters == [getattr(found, f"days_employed_q{q}") for q in range(1, 9)]
        rows = registrations(register, person)
        ends = [covering(rows, edges[k] - timedelta(days=1)) for k in range(24)]
        assert found.months_registered_24 == sum(row is not None for row in ends)
        searching = [
            row is not None and row["category"] in "ABC"
            and not any(edges[k + 1] <= d < edges[k] for d in worked)
            for k, row in enumerate(ends)
        ]  # fmt: skip
        assert found.months_category_a_24 == sum(searching)
        assert found.months_category_a_15 == sum(searching[:15])
        mine = hires(register, person)
        assert found.hires_24 == sum(edges[24] <= h["hire_date"] < day for h in mine)
        after = [h["hire_date"] for h in mine if es47(h) and h["hire_date"] > day]
        for k in (1, 6, 12):
            expected = any(hired <= moved(day, k) for hired in after)
            assert getattr(found, f"durable_{k}m") == expected
            before = [h["hire_date"] for h in mine if es47(h) and h["hire_date"] < day]
            assert getattr(found, f"placebo_{k}m") == any(
                hired >= moved(day, -k) for hired in before
            )
