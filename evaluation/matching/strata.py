"""Exact strata: one code per combination of the values of the exact columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.matching.types import Bools, Ints


@dataclass(frozen=True, slots=True)
class Strata:
    """Exact strata of the rows of a frame.

    Attributes
    ----------
    codes : (n,) int
        Stratum of each row, 0 … s − 1, in the order of the sorted values.
    columns : tuple of str
        The columns combined.
    labels : tuple of str
        ``column=value, column=value`` of each stratum.
    """

    codes: Ints
    columns: tuple[str, ...]
    labels: tuple[str, ...]

    def without(self, rows: Bools, of: Bools) -> Ints:
        """Return the strata that hold some of the rows ``of`` but none of ``rows``."""
        here = np.bincount(self.codes[of], minlength=len(self.labels)) > 0
        there = np.bincount(self.codes[rows], minlength=len(self.labels)) > 0
        return np.flatnonzero(here & ~there)


def build_strata(frame: pd.DataFrame, columns: Sequence[str]) -> Strata:
    """Combine columns without missing values into strata.

    Parameters
    ----------
    frame : DataFrame (n, ...)
        Holds ``columns``.
    columns : sequence of str
        Columns on which rows must agree; none makes a single stratum.

    Returns
    -------
    Strata
    """
    if not columns:
        return Strata(np.zeros(len(frame), np.int64), (), ("",))
    combined = np.zeros(len(frame), np.int64)
    parts: list[tuple[str, list[str], int]] = []
    for column in columns:
        codes, levels = _coded(frame[column])
        combined = combined * len(levels) + codes
        parts.append((column, levels, len(levels)))
    found, codes = np.unique(combined, return_inverse=True)
    return Strata(
        codes.astype(np.int64), tuple(columns), tuple(_label(value, parts) for value in found)
    )


def _coded(column: pd.Series) -> tuple[Ints, list[str]]:
    """Return codes and names of the values of a column, sorted (as text when they are mixed)."""
    try:
        codes, values = pd.factorize(column, sort=True)
    except TypeError:
        codes, values = pd.factorize(column.astype("string"), sort=True)
    return np.asarray(codes, np.int64), [_shown(value) for value in values]


def _shown(value: object) -> str:
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else str(value)


def _label(value: int, parts: list[tuple[str, list[str], int]]) -> str:
    named = []
    for column, levels, size in reversed(parts):
        value, code = divmod(int(value), size)
        named.append(f"{column}={levels[code]}")
    return ", ".join(reversed(named))
