"""The months before the index date: work, registration and hires, from spells and contracts.

Month j before a day D runs from D − j months (included) to D − (j − 1) months (excluded). A
contract counts from its hire on, if it began before the last month looked at ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import Codes, Days, Pointers
from evaluation.cohort.contracts import Events, Ledger
from evaluation.cohort.extract import Registrations
from evaluation.cohort.levels import CDI, CTT, SEARCHING
from evaluation.cohort.months import month_edges
from evaluation.cohort.spells import in_force
from evaluation.compiled import kernel

NO_JOB: Final = 99
_FIXED: Final = 9
_SHORT: Final = 15


@dataclass(frozen=True, slots=True)
class History:
    """What happened in months ``skip`` + 1 to ``months`` before each row's day (n rows).

    Attributes
    ----------
    months_registered : (n,) int8
        Months at whose last day the person was registered.
    months_category_a_15, months_category_a : (n,) int8
        Of these, with category A, B or C and no contract day; in the last 15 and in all months.
    spells : (n,) int8
        Merged spells in progress.
    days_employed : (n, months // 3) int16
        Days under contract by quarter, each day once; quarters that ``skip`` covers are zero.
    days_cdi, days_temp_agency : (n,) int16
        Days under a CDI, on a temporary mission.
    hires : (n,) int16
    durable_hires : (n,) int8
    months_since_last_job : (n,) int16
        Complete months since the last contract day, counted from the end of the months looked
        at; 99 when there is none.
    """

    months_registered: Codes
    months_category_a_15: Codes
    months_category_a: Codes
    spells: Codes
    days_employed: NDArray[np.int16]
    days_cdi: NDArray[np.int16]
    days_temp_agency: NDArray[np.int16]
    hires: NDArray[np.int16]
    durable_hires: Codes
    months_since_last_job: NDArray[np.int16]


def build_history(
    person: NDArray[np.int64],
    day: Days,
    *,
    registrations: Registrations,
    merged: Days,
    ledger: Ledger,
    durable: Events,
    months: int,
    skip: int = 0,
) -> History:
    """Return the history of rows (n).

    Parameters
    ----------
    person : (n,) int64
    day : (n,) int32
        The day that the months are counted back from.
    registrations, merged, ledger, durable
        Spells and contracts of the people.
    months : int
        How far back, in months.
    skip : int
        Months next to ``day`` that are not looked at.
    """
    counts = _count(
        person, day, months, skip,
        registrations.ptr, registrations.start, registrations.end, registrations.category, merged,
        ledger.hires.ptr, ledger.hires.start, ledger.worked_until, ledger.hires.kind,
        durable.ptr, durable.day, durable.known,
    )  # fmt: skip
    return History(
        months_registered=counts[:, 0].astype(np.int8),
        months_category_a_15=counts[:, 1].astype(np.int8),
        months_category_a=counts[:, 2].astype(np.int8),
        spells=np.minimum(counts[:, 3], 127).astype(np.int8),
        days_cdi=counts[:, 4].astype(np.int16),
        days_temp_agency=counts[:, 5].astype(np.int16),
        hires=np.minimum(counts[:, 6], 32_767).astype(np.int16),
        durable_hires=np.minimum(counts[:, 7], 127).astype(np.int8),
        months_since_last_job=counts[:, 8].astype(np.int16),
        days_employed=counts[:, _FIXED:].astype(np.int16),
    )


@kernel
def _count(
    person: Pointers,
    day: Days,
    months: int,
    skip: int,
    reg_ptr: Pointers,
    reg_start: Days,
    reg_end: Days,
    category: Codes,
    merged: Days,
    hire_ptr: Pointers,
    hire: Days,
    until: Days,
    kind: Codes,
    event_ptr: Pointers,
    event_day: Days,
    event_known: Days,
) -> Days:
    counts = np.zeros((len(person), _FIXED + months // 3), np.int32)
    low, reach = month_edges(day, -months)
    worked = np.empty(months + 1, np.int64)
    for i in range(len(person)):
        who = person[i]
        edges = reach[day[i] - low]
        worked[:] = 0
        first, after = edges[months], edges[skip]
        free, free_cdi, free_temp, last = first, first, first, first - 1
        for c in range(hire_ptr[who], hire_ptr[who + 1]):
            if hire[c] >= after:
                break
            if hire[c] >= first:
                counts[i, 6] += 1
            stop = min(until[c] + 1, after)
            if stop <= first:
                continue
            last = max(last, stop - 1)
            if kind[c] == CDI:
                counts[i, 4] += max(stop - max(hire[c], free_cdi), 0)
                free_cdi = max(free_cdi, stop)
            elif kind[c] == CTT:
                counts[i, 5] += max(stop - max(hire[c], free_temp), 0)
                free_temp = max(free_temp, stop)
            begin = max(hire[c], free)
            if begin < stop:
                # a month has at most 31 days: those before the first one reached are skipped
                for j in range(max((edges[0] - stop) // 31, skip) + 1, months + 1):
                    worked[j] += max(min(stop, edges[j - 1]) - max(begin, edges[j]), 0)
                    if edges[j] <= begin:
                        break
                free = stop
        _registered(
            counts, i, who, months, skip, edges, worked, reg_ptr, reg_start, reg_end, category
        )
        counts[i, 3] = _spells(reg_ptr, reg_start, reg_end, merged, who, first, after)
        for e in range(event_ptr[who], event_ptr[who + 1]):
            if first <= event_day[e] < after and event_known[e] < after:
                counts[i, 7] += 1
        counts[i, 8] = NO_JOB
        for j in range(skip + 1, months + 1):
            if last >= edges[j]:
                counts[i, 8] = j - 1 - skip
                break
        for j in range(skip + 1, 3 * (months // 3) + 1):
            counts[i, _FIXED + (j - 1) // 3] += worked[j]
    return counts


@kernel
def _registered(
    counts: np.ndarray,
    i: int,
    who: int,
    months: int,
    skip: int,
    edges: Pointers,
    worked: Pointers,
    ptr: Pointers,
    start: Days,
    end: Days,
    category: Codes,
) -> None:
    for j in range(skip + 1, months + 1):
        row = in_force(ptr, start, end, who, edges[j - 1] - 1)
        if row >= 0:
            counts[i, 0] += 1
            if 0 <= category[row] < SEARCHING and worked[j] == 0:
                counts[i, 2] += 1
                if j <= _SHORT:
                    counts[i, 1] += 1


@kernel
def _spells(
    ptr: Pointers, start: Days, end: Days, merged: Days, who: int, first: int, after: int
) -> int:
    spells = 0
    before = -1
    for row in range(ptr[who], ptr[who + 1]):
        if start[row] >= after:
            break
        if end[row] > first and merged[row] != before:
            spells += 1
            before = merged[row]
    return spells
