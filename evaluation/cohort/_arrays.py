"""Types and sentinels of the room's arrays.

Days are int32 numbers since 1970-01-01. Rows of a person are contiguous: those of person ``p``
are ``ptr[p]:ptr[p + 1]``.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int32]
Codes = NDArray[np.int8]
Pointers = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Bools = NDArray[np.bool_]

NEVER = 2_000_000
"""A day that does not come (open spells, no entry)."""
UNKNOWN = -2_000_000
"""An end date that the register does not give."""

_EPOCH = date(1970, 1, 1)


def day_of(day: date) -> int:
    """Return the number of a date.

    Examples
    --------
    >>> day_of(date(1970, 2, 1))
    31
    """
    return (day - _EPOCH).days


def date_of(day: int) -> date:
    """Return the date of a number."""
    return _EPOCH + timedelta(days=int(day))


def pointers(person: NDArray[np.integer], people: int) -> Pointers:
    """Return where the rows of each person begin in an array sorted by person.

    Parameters
    ----------
    person : (n,) int
        Person of each row, ascending.
    people : int
        Number of persons P.

    Returns
    -------
    (P + 1,) int64
    """
    return np.searchsorted(person, np.arange(people + 1)).astype(np.int64)


def owners(ptr: Pointers) -> NDArray[np.int64]:
    """Return the person of each row, the inverse of :func:`pointers`."""
    return np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
