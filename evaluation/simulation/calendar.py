"""The calendar of the simulation: days counted from its first day, months from January 2012."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.simulation.parameters import EXTRACTION_DATE, FIRST_DAY, FIRST_ENTRY, WINDOW

FIRST_YEAR = 2012
MONTHS = 12 * 16


@dataclass(frozen=True, slots=True)
class Calendar:
    """Arrays that turn days into months and back.

    Attributes
    ----------
    month_start : (MONTHS + 1,) int64
        First day of each month since January 2012, in days since the first day of the simulation.
    month_of : (days,) int64
        Month of each day since 1 January 2012.
    shift : int
        Position of day 0 in ``month_of``.
    first_month : int
        Month of day 0.
    end : int
        First day after the extraction date.
    entry_start, window_start, window_end : int
        First day with entries; first day of the entry window and first day after it.
    """

    month_start: NDArray[np.int64]
    month_of: NDArray[np.int64]
    shift: int
    first_month: int
    end: int
    entry_start: int
    window_start: int
    window_end: int


def day_number(date: str) -> int:
    """Return the days from the first day of the simulation to ``date``.

    Examples
    --------
    >>> day_number("2020-02-01")
    31
    """
    return int((np.datetime64(date) - np.datetime64(FIRST_DAY)) // np.timedelta64(1, "D"))


def calendar() -> Calendar:
    """Return the calendar."""
    months = np.datetime64(f"{FIRST_YEAR}-01", "M") + np.arange(MONTHS + 1)
    start = (months.astype("datetime64[D]") - np.datetime64(FIRST_DAY)).astype(np.int64)
    month_of = np.repeat(np.arange(MONTHS), np.diff(start))
    shift = -int(start[0])
    return Calendar(
        month_start=start,
        month_of=month_of,
        shift=shift,
        first_month=int(month_of[shift]),
        end=day_number(EXTRACTION_DATE) + 1,
        entry_start=day_number(FIRST_ENTRY),
        window_start=day_number(WINDOW[0]),
        window_end=day_number(WINDOW[1]) + 1,
    )


def add_months(days: NDArray[np.int64], months: int) -> NDArray[np.int64]:
    """Return days moved by calendar months, clipped to the month's end.

    Parameters
    ----------
    days : (n,) int
        Days since the first day of the simulation.
    months : int
        How many months later.

    Examples
    --------
    >>> int(add_months(np.array([day_number("2023-08-31")]), 6)[0]) == day_number("2024-02-29")
    True
    """
    cal = calendar()
    month = cal.month_of[days + cal.shift]
    in_month = days - cal.month_start[month]
    length = cal.month_start[month + months + 1] - cal.month_start[month + months]
    moved: NDArray[np.int64] = cal.month_start[month + months] + np.minimum(in_month, length - 1)
    return moved
