"""Calendar months on day numbers: adding clips to the month's end (31 August + 6 = 28 February)."""

from __future__ import annotations

import numpy as np

from evaluation.cohort._arrays import Days
from evaluation.compiled import kernel


@kernel
def civil(day: int) -> tuple[int, int, int]:
    """Return year, month and day of the month (proleptic Gregorian calendar).

    References
    ----------
    Hinnant, H. (2013). chrono-compatible low-level date algorithms.
    """
    shifted = day + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march = (5 * of_year + 2) // 153
    month = march + 3 if march < 10 else march - 9
    return year + era * 400 + (1 if month <= 2 else 0), month, of_year - (153 * march + 2) // 5 + 1


@kernel
def first_day(month: int) -> int:
    """Return the first day of a month counted from year 0 (``12 * year + month - 1``)."""
    year = month // 12
    of_year = month - 12 * year + 1
    if of_year <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    march = of_year - 3 if of_year > 2 else of_year + 9
    day = of_era * 365 + of_era // 4 - of_era // 100 + (153 * march + 2) // 5
    return era * 146_097 + day - 719_468


@kernel
def month_number(day: int) -> int:
    """Return the month of a day, counted from year 0."""
    year, month, _ = civil(day)
    return 12 * year + month - 1


@kernel
def add_months(day: int, months: int) -> int:
    """Return ``day`` moved by ``months``, clipped to the last day of the month it falls in."""
    year, month, of_month = civil(day)
    number = 12 * year + month - 1 + months
    first = first_day(number)
    return first + min(of_month, first_day(number + 1) - first) - 1


@kernel
def elapsed_months(start: int, day: int) -> int:
    """Return the complete months from ``start`` to ``day`` (the largest k: start + k <= day)."""
    months = month_number(day) - month_number(start)
    return months - 1 if add_months(start, months) > day else months


@kernel
def add_months_each(days: Days, months: int) -> Days:
    """Return :func:`add_months` of every day.

    Parameters
    ----------
    days : (n,) int32
    months : int

    Returns
    -------
    (n,) int32
    """
    moved = np.empty(len(days), np.int32)
    if len(days) == 0:
        return moved
    low = int(days.min())
    span = int(days.max()) - low + 1
    if span > len(days):
        for i in range(len(days)):
            moved[i] = add_months(days[i], months)
        return moved
    # few different days stand in many rows: each is moved once
    table = np.empty(span, np.int32)
    for day in range(span):
        table[day] = add_months(low + day, months)
    for i in range(len(days)):
        moved[i] = table[days[i] - low]
    return moved


@kernel
def month_edges(days: Days, months: int) -> tuple[int, np.ndarray]:
    """Return the first of ``days``, and every day up to the last moved by 0 … ``months`` months.

    Parameters
    ----------
    days : (n,) int32
        Index dates of a window.
    months : int
        Negative to go back.

    Returns
    -------
    low : int
    edges : (last - low + 1, abs(months) + 1) int64
    """
    count, step = abs(months), 1 if months >= 0 else -1
    if len(days) == 0:
        return 0, np.empty((0, count + 1), np.int64)
    low = int(days.min())
    edges = np.empty((int(days.max()) - low + 1, count + 1), np.int64)
    for day in range(len(edges)):
        for j in range(count + 1):
            edges[day, j] = add_months(low + day, step * j)
    return low, edges


@kernel
def month_numbers(days: Days) -> Days:
    """Return :func:`month_number` of every day."""
    numbers = np.empty(len(days), np.int32)
    for i in range(len(days)):
        numbers[i] = month_number(days[i])
    return numbers


@kernel
def elapsed_each(start: Days, day: Days) -> Days:
    """Return :func:`elapsed_months` of every pair."""
    months = np.empty(len(day), np.int32)
    for i in range(len(day)):
        months[i] = elapsed_months(start[i], day[i])
    return months
