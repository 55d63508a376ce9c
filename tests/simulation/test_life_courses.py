"""Life courses obey their own rules, and entry never reads the effect."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.simulation import parameters as par
from evaluation.simulation._kernel import class_on
from evaluation.simulation.calendar import Calendar, add_months, calendar, day_number
from evaluation.simulation.life_courses import Events, effect_of, live
from evaluation.simulation.people import People, draw_people

N = 6000
ROOM = (N * 3, N * 8, N)


@pytest.fixture(scope="module")
def people() -> People:
    rng = np.random.default_rng(3)
    return draw_people("24", N, hidden_confounding=0.0, last_day=1800, rng=rng)


@pytest.fixture(scope="module")
def events(people: People) -> Events:
    return live(people, calendar(), effect_of(0.4), rows=ROOM)


def test_entry_never_depends_on_the_effect(people: People, events: Events) -> None:
    nothing = live(people, calendar(), effect_of(0.0), rows=ROOM)
    assert np.array_equal(nothing.entrants, events.entrants)
    assert np.array_equal(nothing.employed, events.employed)
    eligible = events.entries[events.entries[:, 2] == 1]
    before = nothing.entries[nothing.entries[:, 2] == 1]
    assert np.array_equal(eligible, before)
    assert not np.array_equal(nothing.hires, events.hires)


def test_too_little_room_changes_nothing(people: People, events: Events) -> None:
    grown = live(people, calendar(), effect_of(0.4), rows=(10, 10, 10))
    for name in ("registrations", "hires", "entries", "entrants", "employed"):
        assert np.array_equal(getattr(grown, name), getattr(events, name))


def test_spells_of_a_person_never_overlap(events: Events) -> None:
    who, start, end = events.registrations[:, :3].T
    same = who[1:] == who[:-1]
    assert (end[:-1][same] >= 0).all()
    assert (start[1:][same] > end[:-1][same]).all()
    assert (start[1:][same] >= 0).all()


def test_entrants_are_registered_and_hold_no_durable_job(events: Events) -> None:
    for person, day in events.entrants[:200, :2]:
        spells = events.registrations[events.registrations[:, 0] == person]
        covered = (spells[:, 1] <= day) & ((spells[:, 2] < 0) | (day < spells[:, 2]))
        assert covered.sum() == 1
        jobs = events.hires[(events.hires[:, 0] == person) & (events.hires[:, 4] == 1)]
        current = jobs[jobs[:, 1] <= day]
        # A CDI lasts, in the tables, until the first spell that begins after it.
        later = [
            min((s for s in spells[:, 1] if s > hired), default=10**6) for hired in current[:, 1]
        ]
        held = np.where(current[:, 2] < 0, np.array(later, dtype=int), current[:, 2] + 1)
        assert (held <= day).all()


def test_durable_means_more_than_six_calendar_months(events: Events) -> None:
    hires = events.hires[events.hires[:, 2] >= 0]
    beyond = hires[:, 2] + 1 > add_months(hires[:, 1], 6)
    assert np.array_equal(beyond, hires[:, 4] == 1)
    exactly = hires[:, 2] + 1 == add_months(hires[:, 1], 6)
    assert 0.001 < exactly.mean() < 0.05


@pytest.mark.parametrize(
    ("start", "day", "expected", "following"),
    [
        ("2023-01-31", "2023-04-29", 0, "2023-04-30"),
        ("2023-01-31", "2023-04-30", 1, "2023-07-31"),
        ("2022-06-15", "2023-06-14", 2, "2023-06-15"),
        ("2022-06-15", "2023-06-15", 3, "2024-06-15"),
        ("2019-06-15", "2023-06-15", 5, None),
    ],
)
def test_duration_classes_turn_on_the_day(
    start: str, day: str, expected: int, following: str | None
) -> None:
    cal: Calendar = calendar()
    begun = day_number(start)
    month = int(cal.month_of[begun + cal.shift])
    now = day_number(day)
    found, change = class_on(
        now, int(cal.month_of[now + cal.shift]), month, begun - int(cal.month_start[month]),
        cal.month_start,
    )  # fmt: skip
    assert found == expected
    assert change == day_number(following) if following else change > day_number("2030-01-01")


def test_entry_hazard_falls_with_employment_long_ago(people: People, events: Events) -> None:
    assert par.ENTRY_EMPLOYED_PER_100_DAYS < 0
    entered = np.isin(np.arange(N), events.entries[:, 0])
    rates = np.log(people.entry)
    assert rates[entered].mean() > rates[~entered].mean() + 0.3
    # Hires are rarer among entrants: the raw comparison is biased downwards.
    assert np.log(people.durable[entered]).mean() < np.log(people.durable[~entered]).mean() - 0.2
