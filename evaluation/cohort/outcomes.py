"""Outcomes after the index date, and their mirror image before it (placebo).

A hire counts in month k when index + (k − 1) months < hire <= index + k months: the index date
itself never counts. The placebo mirrors it: month k before runs from index − k months (included)
to index − (k − 1) months (excluded).
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import Codes, Days, Pointers, date_of, day_of
from evaluation.cohort.contracts import Events
from evaluation.cohort.months import add_months, month_edges
from evaluation.compiled import kernel
from evaluation.errors import fail
from evaluation.study import Study


def months_observed(study: Study) -> int:
    """Return the last month of the curve that is observed for the last day of the window.

    Raises
    ------
    EvaluationError
        EVAL-304 when the horizon is not observed, with the first extraction date that would do.
    """
    last = day_of(study.cohort.entry_window[1])
    extraction = day_of(study.files.extraction_date)
    horizon = study.outcome.horizon_months
    observed = 0
    for month in range(1, max(study.outcome.curve_months, horizon) + 1):
        if add_months(last, month) <= extraction:
            observed = month
    if observed < horizon:
        fail(
            "EVAL-304",
            horizon=horizon,
            window_end=study.cohort.entry_window[1],
            extraction_date=study.files.extraction_date,
            first_date=_first_extraction(last, horizon),
        )
    return observed


def _first_extraction(last: int, horizon: int) -> date:
    return date_of(add_months(last, horizon))


def first_month(person: NDArray[np.int64], index: Days, events: Events, months: int) -> Codes:
    """Return the month of the first event after each index date.

    Parameters
    ----------
    person : (n,) int64
    index : (n,) int32
    events : Events
    months : int
        Months looked at.

    Returns
    -------
    (n,) int8
        1 … ``months``, 0 when there is no event.
    """
    found: Codes = _first_after(person, index, events.ptr, events.day, months)
    return found


def last_month(person: NDArray[np.int64], index: Days, events: Events, months: int) -> Codes:
    """Return the month of the last event before each index date, 1 being the nearest; 0 = none.

    A chain counts only if it was long enough before the index date.
    """
    found: Codes = _last_before(person, index, events.ptr, events.day, events.known, months)
    return found


@kernel
def _first_after(
    person: Pointers, index: Days, ptr: Pointers, day: Days, months: int
) -> Codes:  # fmt: skip
    found = np.zeros(len(person), np.int8)
    low, edges = month_edges(index, months)
    for i in range(len(person)):
        reach = edges[index[i] - low]
        last = reach[months]
        nearest = last + 1
        for e in range(ptr[person[i]], ptr[person[i] + 1]):
            if index[i] < day[e] < nearest:
                nearest = day[e]
        if nearest > last:
            continue
        for month in range(1, months + 1):
            if nearest <= reach[month]:
                found[i] = month
                break
    return found


@kernel
def _last_before(
    person: Pointers, index: Days, ptr: Pointers, day: Days, known: Days, months: int
) -> Codes:
    found = np.zeros(len(person), np.int8)
    low, edges = month_edges(index, -months)
    for i in range(len(person)):
        reach = edges[index[i] - low]
        first = reach[months]
        nearest = first - 1
        for e in range(ptr[person[i]], ptr[person[i] + 1]):
            if nearest < day[e] < index[i] and known[e] < index[i]:
                nearest = day[e]
        if nearest < first:
            continue
        for month in range(1, months + 1):
            if nearest >= reach[month]:
                found[i] = month
                break
    return found


@kernel
def count_flagged(
    person: Pointers, index: Days, until: Days, ptr: Pointers, day: Days, flag: np.ndarray
) -> Pointers:
    """Return, for every row, the flagged hires after ``index`` and by ``until``: (n,) int64."""
    counts = np.zeros(len(person), np.int64)
    for i in range(len(person)):
        for e in range(ptr[person[i]], ptr[person[i] + 1]):
            if flag[e] and index[i] < day[e] <= until[i]:
                counts[i] += 1
    return counts
