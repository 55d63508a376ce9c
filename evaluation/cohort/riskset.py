"""Risk sets: on a day drawn from the entrants' own, who could have entered and had not.

One clock for both arms: in the trial of a month, a jobseeker gets an index date drawn from the
entry dates of the entrants of the same month and duration class, and is compared only if on that
day it is registered in the territory, at that duration, has never entered, is of age and holds no
durable job. Nothing after that day is looked at but an entry
in the rest of the month: a person stands once in a month, and then as entrant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import NEVER, Codes, Days, Hashes, Pointers
from evaluation.cohort.contracts import Holdings
from evaluation.cohort.extract import Extract
from evaluation.cohort.hashing import DATE_DRAW, draw
from evaluation.cohort.months import (
    civil,
    elapsed_each,
    elapsed_months,
    first_day,
    month_numbers,
)
from evaluation.cohort.spells import in_force, in_force_each, nearest_each
from evaluation.compiled import kernel
from evaluation.study import CohortRules

EARLIER_ENTRY, NOT_REGISTERED, AGE, DURABLE_JOB, LATER_ENTRY, ELIGIBLE = range(6)
STEPS = ("earlier_entry", "not_registered", "age", "durable_job", "later_entry")
"""Filters in their order; ``later_entry`` only exists in the never-entered pool."""


@dataclass(frozen=True, slots=True)
class Places:
    """Rows (n) of persons at a day.

    Attributes
    ----------
    person : (n,) int64
    day : (n,) int32
        Index date.
    row : (n,) int64
        Registration in force.
    month, group : (n,) int64
        Month counted from year 0, position of the duration class.
    stage : (n,) int8
        The filter that removes the row, ELIGIBLE when none does.
    """

    person: NDArray[np.int64]
    day: Days
    row: NDArray[np.int64]
    month: NDArray[np.int64]
    group: NDArray[np.int64]
    stage: Codes

    def pick(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Places:
        """Return some of the rows."""
        return Places(
            self.person[rows], self.day[rows], self.row[rows],
            self.month[rows], self.group[rows], self.stage[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strata:
    """Entry dates of the eligible entrants by stratum (month × duration class), sorted.

    Attributes
    ----------
    months : (M,) int64
        Months of the window, counted from year 0.
    ptr : (M * C + 1,) int64
    dates : (n_entrants,) int32
    """

    months: NDArray[np.int64]
    ptr: Pointers
    dates: Days


def window_months(first: int, last: int) -> NDArray[np.int64]:
    """Return the months of the window that runs from day ``first`` to day ``last``."""
    low, high = month_numbers(np.array([first, last], dtype=np.int32))
    return np.arange(low, high + 1, dtype=np.int64)


def place_entrants(
    extract: Extract, merged: Days, held: Holdings, rules: CohortRules
) -> Places:  # fmt: skip
    """Return the people whose entry in the window belongs to the territory, with their stage.

    A person who is not registered on the entry day belongs where the last registration before it
    lies, so that each entry is counted in one territory.
    """
    registrations = extract.registrations
    person = np.flatnonzero(extract.window_entry != NEVER)
    person = person[np.diff(registrations.ptr)[person] > 0]
    day = extract.window_entry[person]
    row = in_force_each(
        registrations.ptr, registrations.start, registrations.end, person, day
    )  # fmt: skip
    near = nearest_each(registrations.ptr, registrations.start, person, day)
    here = registrations.inside[np.where(row >= 0, row, near)] == 1
    person, day, row, near = person[here], day[here], row[here], near[here]
    elapsed = elapsed_each(merged[np.where(row >= 0, row, near)], day)
    group = np.searchsorted(np.array(rules.duration_classes), elapsed, side="right") - 1
    stage = _stage_entrants(
        person, day, row, extract.first_entry, registrations.birth_year,
        held.ptr, held.start, held.end, rules.ages[0], rules.ages[1], rules.exclude_durable_job,
    )  # fmt: skip
    return Places(person, day, row, month_numbers(day).astype(np.int64), group, stage)


def strata_of(entrants: Places, months: NDArray[np.int64], classes: int) -> Strata:
    """Return the sorted entry dates of every stratum (eligible entrants only)."""
    stratum = (entrants.month - months[0]) * classes + entrants.group
    order = np.lexsort((entrants.day, stratum))
    ptr = np.searchsorted(stratum[order], np.arange(len(months) * classes + 1)).astype(np.int64)
    return Strata(months, ptr, entrants.day[order])


def place_comparators(
    extract: Extract,
    merged: Days,
    held: Holdings,
    strata: Strata,
    entrants: Places,
    rules: CohortRules,
) -> Places:
    """Return every person-month of the risk sets with the filter that removes it, if any.

    Parameters
    ----------
    extract : Extract
    merged : (n_registrations,) int32
    held : Holdings
    strata : Strata
    entrants : Places
        Eligible entrants: no comparator of their own month.
    rules : CohortRules

    Returns
    -------
    Places
        Sorted by person, month. A person eligible in two classes of a month keeps the earlier
        day; ``day``, ``row`` and ``group`` mean nothing before the stage ELIGIBLE.
    """
    registrations = extract.registrations
    own = np.full(len(extract.key), -1, dtype=np.int64)
    own[entrants.person] = entrants.month
    stage, day, row, group = _risk_sets(
        registrations.ptr, registrations.start, registrations.end, registrations.inside,
        merged, month_numbers(merged), registrations.birth_year, held.ptr, held.start, held.end,
        extract.key, extract.first_entry, own, strata.months, strata.ptr, strata.dates,
        np.array(rules.duration_classes, dtype=np.int64), rules.ages[0], rules.ages[1],
        rules.exclude_durable_job, rules.pool == "never_entered",
    )  # fmt: skip
    person, column = np.nonzero(stage >= 0)
    at = (person, column)
    return Places(
        person, day[at], row[at].astype(np.int64), strata.months[column],
        group[at].astype(np.int64), stage[at],
    )  # fmt: skip


@kernel
def _stage_entrants(
    person: Pointers,
    day: Days,
    row: Pointers,
    first_entry: Days,
    birth_year: np.ndarray,
    held_ptr: Pointers,
    held_from: Days,
    held_to: Days,
    youngest: int,
    oldest: int,
    exclude: bool,
) -> Codes:
    stage = np.empty(len(person), np.int8)
    for i in range(len(person)):
        age = civil(day[i])[0] - birth_year[max(row[i], 0)]
        if first_entry[person[i]] < day[i]:
            stage[i] = EARLIER_ENTRY
        elif row[i] < 0:
            stage[i] = NOT_REGISTERED
        elif age < youngest or age > oldest:
            stage[i] = AGE
        elif exclude and _holds(held_ptr, held_from, held_to, person[i], day[i]):
            stage[i] = DURABLE_JOB
        else:
            stage[i] = ELIGIBLE
    return stage


@kernel
def _holds(ptr: Pointers, start: Days, end: Days, person: int, day: int) -> bool:
    for i in range(ptr[person], ptr[person + 1]):
        if start[i] > day:
            return False
        if day <= end[i]:
            return True
    return False


@kernel
def _reachable(
    reached: np.ndarray,
    ptr: Pointers,
    start: Days,
    end: Days,
    inside: Codes,
    begun: Days,
    bounds: Pointers,
    person: int,
    month: int,
) -> bool:
    """Mark the classes that a person can be in during a month; False when never registered in it.

    Within a month the elapsed time takes the month difference or one less, no other value.
    """
    first, after = first_day(month), first_day(month + 1)
    present = False
    reached[:] = False
    for row in range(ptr[person], ptr[person + 1]):
        if inside[row] == 1 and start[row] < after and end[row] > first:
            present = True
            high = month - begun[row]
            for c in range(len(bounds)):
                if bounds[c] <= high and (c + 1 == len(bounds) or high - 1 < bounds[c + 1]):
                    reached[c] = True
    return present


@kernel
def _risk_sets(
    ptr: Pointers,
    start: Days,
    end: Days,
    inside: Codes,
    merged: Days,
    begun: Days,
    birth_year: np.ndarray,
    held_ptr: Pointers,
    held_from: Days,
    held_to: Days,
    key: Hashes,
    first_entry: Days,
    own: Pointers,
    months: Pointers,
    date_ptr: Pointers,
    dates: Days,
    bounds: Pointers,
    youngest: int,
    oldest: int,
    exclude: bool,
    never: bool,
) -> tuple[Codes, Days, Days, Codes]:
    people, trials, classes = len(ptr) - 1, len(months), len(bounds)
    stage = np.full((people, trials), -1, np.int8)
    drawn = np.zeros((people, trials), np.int32)
    found = np.zeros((people, trials), np.int32)
    group = np.zeros((people, trials), np.int8)
    reachable = np.zeros(classes, np.bool_)
    for person in range(people):
        for trial in range(trials):
            low, month = trial * classes, months[trial]
            if own[person] == month or date_ptr[low] == date_ptr[low + classes]:
                continue
            if not _reachable(
                reachable, ptr, start, end, inside, begun, bounds, person, month
            ):  # fmt: skip
                continue
            entered = first_entry[person] < first_day(month)
            best, best_day = EARLIER_ENTRY if entered else NOT_REGISTERED, NEVER
            for c in range(classes):
                begin = date_ptr[low + c]
                count = date_ptr[low + c + 1] - begin
                if entered or count == 0 or not reachable[c]:
                    continue
                bits = draw(key[person], month, bounds[c], DATE_DRAW)
                day = dates[begin + np.int64(bits % np.uint64(count))]
                row = in_force(ptr, start, end, person, day)
                reached = ELIGIBLE
                if first_entry[person] <= day:
                    reached = EARLIER_ENTRY
                elif row < 0 or inside[row] == 0:
                    reached = NOT_REGISTERED
                else:
                    elapsed = elapsed_months(merged[row], day)
                    age = month // 12 - birth_year[row]
                    if elapsed < bounds[c] or (c + 1 < classes and elapsed >= bounds[c + 1]):
                        reached = NOT_REGISTERED
                    elif age < youngest or age > oldest:
                        reached = AGE
                    elif exclude and _holds(held_ptr, held_from, held_to, person, day):
                        reached = DURABLE_JOB
                    elif never and first_entry[person] != NEVER:
                        reached = LATER_ENTRY
                best = max(best, reached)
                if reached == ELIGIBLE and day < best_day:
                    best_day = day
                    drawn[person, trial], found[person, trial] = day, row
                    group[person, trial] = c
            stage[person, trial] = best
    return stage, drawn, found, group
