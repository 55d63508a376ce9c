"""Arrow columns from integer arrays: pseudonyms, dates, codes and flags, without a Python loop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evaluation.simulation.parameters import FIRST_DAY

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BITS = 40
_MASK = np.uint64((1 << _BITS) - 1)
_WIDTH = 8
_DIGITS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_EPOCH = int((np.datetime64(FIRST_DAY) - np.datetime64("1970-01-01")) // np.timedelta64(1, "D"))


def pseudonyms(prefix: str, region: str, numbers: Ints) -> pa.StringArray:
    """Return one pseudonym a number: a letter and eight base-36 digits, unique over all regions.

    Parameters
    ----------
    prefix : str
        One letter.
    region : str
        INSEE code.
    numbers : (n,) int
        Below 2**33.

    Examples
    --------
    >>> ids = pseudonyms("p", "24", np.arange(2)).to_pylist()
    >>> [len(value) for value in ids], ids[0] != ids[1]
    ([9, 9], True)
    """
    mixed = numbers.astype(np.uint64) | np.uint64(int(region) << 33)
    for odd in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9):  # an odd factor is a bijection mod 2**40
        mixed = (mixed * np.uint64(odd)) & _MASK
        mixed ^= mixed >> np.uint64(_BITS // 2)
    text = np.empty((numbers.size, 1 + _WIDTH), np.uint8)
    text[:, 0] = ord(prefix)
    for place in range(_WIDTH, 0, -1):
        mixed, digit = np.divmod(mixed, np.uint64(36))
        text[:, place] = _DIGITS[digit]
    offsets = np.arange(0, (numbers.size + 1) * text.shape[1], text.shape[1], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes())]
    return pa.StringArray.from_buffers(numbers.size, buffers[1], buffers[2])


def dates(days: Ints, missing: Bools | None = None) -> pa.Array:
    """Return dates from days since the first day of the simulation."""
    return pa.array((days + _EPOCH).astype(np.int32), mask=missing).cast(pa.date32())


def coded(
    codes: NDArray[np.integer], labels: Sequence[str], missing: Bools | None = None
) -> pa.Array:
    """Return strings from positions in ``labels``; a negative position is missing."""
    absent = codes < 0 if missing is None else missing | (codes < 0)
    indices = pa.array(np.where(absent, 0, codes).astype(np.int32), mask=absent)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(labels), pa.string()))


def flags(values: NDArray[np.integer]) -> pa.Array:
    """Return booleans from 0 and 1; a negative value is missing."""
    return pa.array(values == 1, mask=values < 0)


def integers(
    values: NDArray[np.integer], kind: pa.DataType, missing: Bools | None = None
) -> pa.Array:
    """Return integers; a negative value is missing."""
    absent = values < 0 if missing is None else missing
    return pa.array(np.where(absent, 0, values), mask=absent).cast(kind)
