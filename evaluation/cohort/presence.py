"""Presence in durable employment: a stock on one day, beside the cumulative access of outcomes.

Access at month k asks whether a durable hire began since the index date; presence at month k asks
whether a durable job is held on the day ``index date + k months`` itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import Days, Pointers
from evaluation.cohort.contracts import Holdings
from evaluation.cohort.months import month_edges
from evaluation.compiled import kernel


def presence(
    person: NDArray[np.int64], index: Days, held: Holdings, months: int
) -> NDArray[np.int8]:
    """Return whether a durable job is held k months after each index date.

    Parameters
    ----------
    person : (n,) int64
    index : (n,) int32
    held : Holdings
        Days on which a durable job is held, both included.
    months : int
        Months looked at.

    Returns
    -------
    (months, n) int8
        Row k − 1: 1 where ``index + k months`` lies in one of the person's jobs.
    """
    found: NDArray[np.int8] = _presence(person, index, held.ptr, held.start, held.end, months)
    return found


@kernel
def _presence(
    person: Pointers, index: Days, ptr: Pointers, start: Days, end: Days, months: int
) -> np.ndarray:
    found = np.zeros((months, len(person)), np.int8)
    low, edges = month_edges(index, months)
    for i in range(len(person)):
        first, last = ptr[person[i]], ptr[person[i] + 1]
        if first == last:
            continue
        for month in range(1, months + 1):
            day = edges[index[i] - low, month]
            for job in range(first, last):
                if start[job] <= day <= end[job]:
                    found[month - 1, i] = 1
                    break
    return found
