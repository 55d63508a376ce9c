"""Registration spells: merging short gaps, and which registration is in force on a day."""

from __future__ import annotations

import numpy as np

from evaluation.cohort._arrays import NEVER, UNKNOWN, Days, Pointers
from evaluation.compiled import kernel


@kernel
def merge_spells(ptr: Pointers, start: Days, end: Days, gap: int) -> Days:
    """Return the first day of the merged spell of every registration.

    Registrations of a person merge when at most ``gap`` unregistered days lie between them; all
    days are numbers, ``end`` is the first day no longer registered.

    Parameters
    ----------
    ptr : (P + 1,) int64
        Where each person's registrations begin.
    start, end : (n,) int32
        Registration and exit, sorted by person, then start.
    gap : int
        Days.

    Returns
    -------
    (n,) int32
    """
    merged = np.empty(len(start), np.int32)
    for person in range(len(ptr) - 1):
        until = UNKNOWN
        first = UNKNOWN
        for row in range(ptr[person], ptr[person + 1]):
            if until == UNKNOWN or start[row] - until > gap:
                first = start[row]
            until = max(until, end[row])
            merged[row] = first
    return merged


@kernel
def in_force(ptr: Pointers, start: Days, end: Days, person: int, day: int) -> int:
    """Return the registration in force on a day (the latest that covers it), -1 when none is.

    Rows are sorted by start and identifier: the last one that covers the day wins.
    """
    found = -1
    for row in range(ptr[person], ptr[person + 1]):
        if start[row] > day:
            break
        if day < end[row]:
            found = row
    return found


@kernel
def in_force_each(
    ptr: Pointers, start: Days, end: Days, person: Pointers, day: Days
) -> Pointers:  # fmt: skip
    """Return :func:`in_force` of every pair of person and day: (n,) int64."""
    rows = np.empty(len(person), np.int64)
    for i in range(len(person)):
        rows[i] = in_force(ptr, start, end, person[i], day[i])
    return rows


@kernel
def nearest_each(ptr: Pointers, start: Days, person: Pointers, day: Days) -> Pointers:
    """Return the last registration begun by each day, else the person's first one.

    Gives people who are not registered on a day a place, so that each is counted once.
    """
    rows = np.empty(len(person), np.int64)
    for i in range(len(person)):
        row = ptr[person[i]]
        while row + 1 < ptr[person[i] + 1] and start[row + 1] <= day[i]:
            row += 1
        rows[i] = row
    return rows


@kernel
def next_spell_each(
    ptr: Pointers, merged: Days, hire_ptr: Pointers, hire: Days
) -> Days:  # fmt: skip
    """Return, for every hire, the start of the person's next merged spell, NEVER when none."""
    following = np.full(len(hire), NEVER, np.int32)
    for person in range(len(ptr) - 1):
        row = ptr[person]
        for contract in range(hire_ptr[person], hire_ptr[person + 1]):
            while row < ptr[person + 1] and merged[row] <= hire[contract]:
                row += 1
            if row < ptr[person + 1]:
                following[contract] = merged[row]
    return following
