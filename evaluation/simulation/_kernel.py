"""The compiled life course: competing exponential clocks, constant within a slice of time.

One person at a time, all state in one row of integers; each event is one small function. The path
up to entry never reads the effect of the programme.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.compiled import kernel
from evaluation.simulation import parameters as par
from evaluation.simulation._draws import (
    CDD,
    CDI,
    CTT,
    SIX_MONTHS,
    back_after,
    days_up_to,
    durable_contract,
    exponential,
    short_contract,
    uniform,
)
from evaluation.simulation.calendar import FIRST_YEAR

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FIRST, AFTER_CDI, AFTER_CONTRACT, AFTER_SHORT_GAP, AFTER_LONG_GAP = range(5)
STILL, HIRED, QUIT_LISTS, SHORT_GAP = range(4)
FAR = 1 << 40
NEVER = -1

# Columns of the state of a person.
LISTED, SEEN, ROW, NEXT, LEFT, CAUSE, SPELL_MONTH, SPELL_DAY, BUSY, ENTRY = range(10)
# Positions in the counters.
N_REGISTRATIONS, N_HIRES, N_ENTRIES, N_ENTRANTS = range(4)

_CLASS_BOUNDS = np.array([*par.DURATION_CLASSES[1:], 10_000], dtype=np.int64)


@kernel
def class_on(
    day: int, month: int, spell_month: int, spell_day: int, month_start: Ints
) -> tuple[int, int]:
    """Return the duration class on a day, and the day on which the next class begins.

    ``spell_month`` and ``spell_day`` are the month and the (0-based) day of the month on which the
    merged spell began; complete months turn on that day of the month, or on the month's last.
    """
    length = month_start[month + 1] - month_start[month]
    elapsed = month - spell_month
    if day < month_start[month] + min(spell_day, length - 1):
        elapsed -= 1
    position = 0
    while elapsed >= _CLASS_BOUNDS[position]:
        position += 1
    ahead = spell_month + _CLASS_BOUNDS[position]
    if ahead + 1 >= month_start.size:
        return position, FAR
    length = month_start[ahead + 1] - month_start[ahead]
    return position, month_start[ahead] + min(spell_day, length - 1)


@kernel
def age_group(year: int, birth_year: int) -> int:
    """Return 0 under 25, 1 from 25 to 49, 2 from 50."""
    age = year - birth_year
    return 0 if age < 25 else (1 if age < 50 else 2)


@kernel
def _mark(employed: NDArray[np.int8], first: int, stop: int) -> None:
    for day in range(max(first, 0), min(stop, employed.size)):
        employed[day] = 1


@kernel
def _register(s: Ints, counts: Ints, registrations: Ints, i: int, month_of: Ints, shift: int,
              month_start: Ints) -> None:  # fmt: skip
    start = s[NEXT]
    if start - s[LEFT] > par.MERGE_GAP_DAYS:
        s[SPELL_MONTH] = month_of[start + shift]
        s[SPELL_DAY] = start - month_start[s[SPELL_MONTH]]
    s[LISTED] = 1
    s[SEEN] = 1
    s[ROW] = counts[N_REGISTRATIONS]
    counts[N_REGISTRATIONS] += 1
    if s[ROW] < registrations.shape[0]:
        row = registrations[s[ROW]]
        row[0], row[1], row[2], row[3], row[4] = i, start, NEVER, STILL, s[CAUSE]


@kernel
def _leave(s: Ints, registrations: Ints, day: int, how: int, end: int) -> None:
    s[LISTED] = 0
    s[LEFT] = day
    if day < end and s[ROW] < registrations.shape[0]:
        registrations[s[ROW], 2] = day
        registrations[s[ROW], 3] = how


@kernel
def _hire(counts: Ints, hires: Ints, i: int, day: int, last: int, kind: int, durable: int) -> None:
    at = counts[N_HIRES]
    counts[N_HIRES] += 1
    if at < hires.shape[0]:
        row = hires[at]
        row[0], row[1], row[2], row[3], row[4] = i, day, last, kind, durable


@kernel
def _enter(counts: Ints, entries: Ints, i: int, day: int, eligible: int) -> None:
    at = counts[N_ENTRIES]
    counts[N_ENTRIES] += 1
    if at < entries.shape[0]:
        entries[at, 0], entries[at, 1], entries[at, 2] = i, day, eligible


@kernel
def _lag(stream, s):  # type: ignore[no-untyped-def]
    """Return the days between a durable hire and leaving the lists, and whether one lingers."""
    if s[LISTED] == 0:
        return 0, False
    if uniform(stream) < par.STAYS_ON_DURABLE_HIRE:
        return 30 + days_up_to(stream, 120), True
    if uniform(stream) < 0.4:
        return days_up_to(stream, 15), False
    return 0, False


@kernel
def _durable_hire(stream, s, counts, registrations, hires, entries, employed, i, day, young, days):  # type: ignore[no-untyped-def]
    """Take a durable job: out of the lists, no event until it ends."""
    end, entry_start = days[0], days[1]
    kind, length = durable_contract(stream, young)
    lag, lingers = _lag(stream, s)
    if kind == CDI:
        length += lag
    if s[SEEN] == 0:  # a job before the first registration ends shortly before it
        room = s[NEXT] - days_up_to(stream, 25) - day
        if room < 190:
            return
        length = room if kind == CDI else min(length, room)
    else:
        s[NEXT] = back_after(stream, day + length)
    free = day + length
    # A CDI has no end in the tables: it lasts, for whoever reads them, until the next spell.
    _mark(employed, day, s[NEXT] if kind == CDI else free)
    _hire(counts, hires, i, day, NEVER if kind == CDI else free - 1, kind, 1)
    s[CAUSE] = AFTER_CDI if kind == CDI else AFTER_CONTRACT
    s[BUSY] = free
    if s[LISTED] == 1:
        _leave(s, registrations, day + lag, HIRED, end)
        when = day + 1 + lag // 2
        open_to = lingers and s[ENTRY] == NEVER and day >= entry_start and when < end
        if open_to and uniform(stream) < par.ENTERS_WITH_DURABLE_JOB:
            s[ENTRY] = when
            _enter(counts, entries, i, when, 0)


@kernel
def _short_hire(stream, s, counts, registrations, hires, employed, i, day, month, month_start, end):  # type: ignore[no-untyped-def]
    """Take a job that is not durable, and leave the lists with a known probability."""
    leaves = s[LISTED] == 1 and uniform(stream) < par.LEAVES_ON_SHORT_HIRE
    kind, length = short_contract(stream, leaves)
    if length == SIX_MONTHS:
        span = month_start[month + 7] - month_start[month + 6]
        in_month = min(day - month_start[month], span - 1)
        length = month_start[month + 6] + in_month - day
    last = day + length - 1
    open_end = not leaves and kind in (CDD, CTT)
    if open_end and uniform(stream) < par.MISSING_END:
        last = NEVER
    _mark(employed, day, max(day, last) + 1)
    _hire(counts, hires, i, day, last, kind, 0)
    if leaves:
        _leave(s, registrations, day, HIRED, end)
        s[NEXT] = day + length + days_up_to(stream, 25)
        s[CAUSE] = AFTER_CONTRACT


@kernel
def _other_exit(stream, s, registrations, day, end):  # type: ignore[no-untyped-def]
    """Leave the lists for no job, often for a few days only."""
    if uniform(stream) < par.SHORT_GAP:
        _leave(s, registrations, day, SHORT_GAP, end)
        s[NEXT] = day + days_up_to(stream, par.SHORT_GAP_DAYS)
        s[CAUSE] = AFTER_SHORT_GAP
    else:
        _leave(s, registrations, day, QUIT_LISTS, end)
        s[NEXT] = day + par.LONG_GAP_DAYS + int(exponential(stream, 300.0))
        s[CAUSE] = AFTER_LONG_GAP


@kernel
def _first_entry(s, counts, entries, entrants, before, i, day, month, total, days):  # type: ignore[no-untyped-def]
    """Enter the programme; within the window, keep the state that later chances rest on."""
    s[ENTRY] = day
    _enter(counts, entries, i, day, 1)
    if not days[2] <= day < days[3]:
        return
    at = counts[N_ENTRANTS]
    counts[N_ENTRANTS] += 1
    if at < entrants.shape[0]:
        row = entrants[at]
        row[0], row[1], row[2], row[3] = i, day, s[SPELL_MONTH], s[SPELL_DAY]
        for j in range(before.shape[1]):
            before[at, j] = total[month + j - 6] - total[max(month + j - 24, 0)]


@kernel
def live_all(  # type: ignore[no-untyped-def]
    streams, rates, birth_year, first_registration, month_start, month_of, shift, first_month, days,
    ages, clocks, by_class, effects, profile,
    registrations, hires, entries, entrants, before,
):  # fmt: skip
    """Run everybody; write what fits in the tables, count everything.

    ``days``: first day after extraction, first day with entries, window start and stop.
    ``rates``, ``ages``, ``clocks``: rows durable, short, entry; ``effects``: rows durable, short.
    """
    end = days[0]
    counts = np.zeros(4, np.int64)
    stream = np.empty(1, np.uint64)
    s = np.empty(10, np.int64)
    employed = np.empty(end, np.int8)
    total = np.zeros(month_start.size, np.int64)  # days employed before each month
    for i in range(streams.size):
        stream[0] = streams[i]
        employed[:] = 0
        s[:] = 0
        s[NEXT], s[LEFT], s[CAUSE], s[ENTRY] = first_registration[i], -FAR, FIRST, NEVER
        t = 0.0
        month = first_month
        while t < end:
            while t >= month_start[month + 1]:
                worked = 0
                for day in range(month_start[month], min(month_start[month + 1], end)):
                    worked += employed[day]
                total[month + 1] = total[month] + worked
                month += 1
            if s[BUSY] > t:
                t = float(min(s[BUSY], month_start[month + 1]))
                continue
            day = int(t)
            if s[LISTED] == 0 and s[NEXT] <= t:
                _register(s, counts, registrations, i, month_of, shift, month_start)
            bound = month_start[month + 1]
            if s[LISTED] == 0:
                bound = min(bound, s[NEXT])
            group = age_group(FIRST_YEAR + month // 12, birth_year[i])
            durable = rates[0, i] * ages[0, group] * clocks[0, month]
            short = rates[1, i] * ages[1, group] * clocks[1, month]
            leave = par.OTHER_EXIT_RATE if s[LISTED] == 1 else 0.0
            enter = 0.0
            if s[LISTED] == 1 and s[ENTRY] == NEVER and day >= days[1]:
                position, change = class_on(day, month, s[SPELL_MONTH], s[SPELL_DAY], month_start)
                bound = min(bound, change)
                worked = total[month - 6] - total[month - 24]
                enter = rates[2, i] * ages[2, group] * clocks[2, month] * by_class[position]
                enter *= np.exp(par.ENTRY_EMPLOYED_PER_100_DAYS * worked / 100.0)
            if s[ENTRY] != NEVER:
                k = 0
                since = day - s[ENTRY] - 1
                while k + 1 < profile.size and since >= profile[k + 1]:
                    k += 1
                durable *= effects[0, k]
                short *= effects[1, k]
                if k + 1 < profile.size:
                    bound = min(bound, s[ENTRY] + 1 + profile[k + 1])
            rate = durable + short + leave + enter
            t += exponential(stream, 1.0) / rate
            if t >= bound:
                t = float(bound)
                continue
            day = int(t)
            u = uniform(stream) * rate
            if u <= durable:
                young = FIRST_YEAR + month // 12 - birth_year[i] < 26
                _durable_hire(stream, s, counts, registrations, hires, entries, employed,
                              i, day, young, days)  # fmt: skip
            elif u <= durable + short:
                _short_hire(stream, s, counts, registrations, hires, employed,
                            i, day, month, month_start, end)  # fmt: skip
            elif u <= durable + short + leave:
                _other_exit(stream, s, registrations, day, end)
            else:
                _first_entry(s, counts, entries, entrants, before, i, day, month, total, days)
                t = float(day + 1)  # the day of entry itself never counts
    return counts
