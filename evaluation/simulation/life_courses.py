"""The life course of each person, event by event: registrations, hires, programme entry.

In: rates, calendar, effect. Out: flat arrays of events, and the state of each entrant at entry.
Competing exponential clocks, constant within a slice of time; each person draws from a stream of
its own, so that one person's path never depends on another's, and the path up to entry never
depends on the effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.simulation import parameters as par
from evaluation.simulation._kernel import live_all
from evaluation.simulation.calendar import FIRST_YEAR, Calendar
from evaluation.simulation.people import People, age_factors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_PROFILE = len(par.PROFILE_DURABLE)
FUTURE_MONTHS = par.HORIZON_MONTHS + 1


@dataclass(frozen=True, slots=True)
class Effect:
    """What the programme does: multipliers of the two hazards by month since entry.

    Attributes
    ----------
    durable, short : (13,) float
        Multipliers; the last holds for ever.
    """

    durable: Floats
    short: Floats


@dataclass(frozen=True, slots=True)
class Events:
    """Everything that happened in a region.

    Attributes
    ----------
    registrations : (r, 5) int64
        Person, registration day, exit day (-1 = none), exit cause, cause of registration.
    hires : (h, 5) int64
        Person, hire day, last day worked (-1 = unknown), contract type, durable (0/1).
    entries : (e, 3) int64
        Person, day, eligible (0/1).
    entrants : (w, 4) int64
        First entries of the window by eligible people: person, day, month and day of the month
        on which the merged spell began.
    employed : (w, 7) float
        Days employed in the 18 calendar months that end six months before the entry month, then
        before each of the six following ones.
    """

    registrations: Ints
    hires: Ints
    entries: Ints
    entrants: Ints
    employed: Floats


def effect_of(size: float) -> Effect:
    """Return the multipliers for a solved effect (0 = the programme does nothing).

    Lock-in lowers hires whatever the sign of the effect, so that the mean grows with ``size``.
    """
    durable, short = np.array(par.PROFILE_DURABLE), np.array(par.PROFILE_SHORT)
    return Effect(
        durable=np.exp(np.where(durable < 0, abs(size), size) * durable),
        short=np.exp(np.where(short < 0, abs(size), size) * short),
    )


def profile_days() -> Ints:
    """Return the first day of each month of the effect's profile, counted from the entry's next."""
    return np.round(par.PROFILE_MONTH_DAYS * np.arange(N_PROFILE)).astype(np.int64)


def live(people: People, cal: Calendar, effect: Effect, *, rows: tuple[int, int, int]) -> Events:
    """Simulate the life course of everybody.

    Parameters
    ----------
    people : People
        Rates and seeds, n people.
    cal : Calendar
        Days and months.
    effect : Effect
        Of the programme on hires.
    rows : tuple of int
        Room to reserve for registrations, hires and entries; enlarged when it does not suffice;
        0 = the table is not wanted.
    """
    days = np.array([cal.end, cal.entry_start, cal.window_start, cal.window_end])
    while True:
        shapes = zip(rows, (5, 5, 3), strict=True)
        tables = [np.empty((room, width), np.int64) for room, width in shapes]
        entrants = np.empty((rows[2], 4), np.int64)
        employed = np.empty((rows[2], FUTURE_MONTHS))
        run: Callable[..., Ints] = live_all  # numba's stub knows no starred arguments
        counts = run(
            people.streams, np.vstack([people.durable, people.short, people.entry]),
            people.birth_year, people.first_registration, cal.month_start, cal.month_of, cal.shift,
            cal.first_month, days, age_multipliers(), clocks(cal),
            np.array(par.ENTRY_BY_DURATION), np.vstack([effect.durable, effect.short]),
            profile_days(), *tables, entrants, employed,
        ).tolist()  # fmt: skip
        if all(count <= room or not room for count, room in zip(counts[:3], rows, strict=True)):
            break
        rows = (counts[0], counts[1], counts[2])
    kept = [table[:count] for table, count in zip(tables, counts[:3], strict=True)]
    return Events(kept[0], kept[1], kept[2], entrants[: counts[3]], employed[: counts[3]])


def age_multipliers() -> Floats:
    """Return the multipliers of the three age classes: rows durable, short, entry; shape (3, 3)."""
    short = np.exp(np.array(par.SHORT_BY_AGE))
    return np.vstack([age_factors(par.DURABLE), short, age_factors(par.ENTRY)])


def clocks(cal: Calendar) -> Floats:
    """Return the multipliers of each calendar month: rows durable, short, entry."""
    months = np.arange(cal.month_start.size - 1)
    seasons = np.array([par.DURABLE_BY_MONTH, par.SHORT_BY_MONTH, par.ENTRY_BY_MONTH])
    found: Floats = seasons[:, months % 12]
    found[2] *= [par.ENTRY_BY_YEAR.get(FIRST_YEAR + month // 12, 1.0) for month in months.tolist()]
    return found
