"""Lay the rows of a problem out for the kernels: sorted by stratum and key, ties by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching.types import Bools, Floats, Ints

if TYPE_CHECKING:
    from evaluation.matching.engines.kernels import Line


def lay_out(
    keys: Floats,
    strata: Ints,
    available: Bools,
    *,
    width: float = np.inf,
    points: Floats | None = None,
    sides: Floats | None = None,
    widths: Floats | None = None,
    apart: Ints | None = None,
    units: Ints | None = None,
) -> tuple[Line, Ints, Ints]:
    """Sort the rows and return the line, the row of each position and the position of each row.

    Parameters
    ----------
    keys : (n,) float
        Score, or first coordinate of ``points``.
    strata : (n,) int
        Exact stratum of each row.
    available : (n,) bool
        Rows that may serve as comparators.
    width : float
        Caliper on the key.
    points : (n, d) float, optional
        Coordinates of a multivariate distance.
    sides, widths : (n, c) and (c,) float, optional
        Covariates under a caliper, and its widths.
    apart : (n, a) int, optional
        Codes of columns on which pairs must differ.
    units : (n,) int, optional
        Unit of each row, 0 … u − 1.

    Returns
    -------
    line : Line
        The rows in their new order.
    rows : (n,) int
        Row at each position.
    positions : (n,) int
        Position of each row.
    """
    from evaluation.matching.engines.kernels import Line
    from evaluation.matching.engines.tree import no_tree, plant

    n = keys.size
    by_key = np.argsort(keys, kind="stable")
    rank = np.empty(n, np.int64)
    rank[by_key] = np.arange(n)
    rows = by_key[np.argsort(strata[by_key], kind="stable")]
    positions = np.empty(n, np.int64)
    positions[rows] = np.arange(n)
    sorted_strata = strata[rows]
    members, member_start = _members(units, rows)
    first = np.searchsorted(sorted_strata, sorted_strata, side="left").astype(np.int64)
    free = np.ascontiguousarray(available[rows])
    spread, near = _sorted_columns(points, rows), _sorted_columns(sides, rows)
    line = Line(
        keys=np.ascontiguousarray(keys[rows], np.float64),
        rank=rank[rows],
        first=first,
        last=np.searchsorted(sorted_strata, sorted_strata, side="right").astype(np.int64),
        available=free,
        width=float(width),
        points=spread,
        sides=near,
        widths=np.empty(0) if widths is None else np.asarray(widths, np.float64),
        apart=np.empty((n, 0), np.int64) if apart is None else np.ascontiguousarray(apart[rows]),
        tree=no_tree() if points is None else plant(spread, near, first, free),
        units=np.empty(0, np.int64) if units is None else units[rows].astype(np.int64),
        members=members,
        member_start=member_start,
    )
    return line, rows.astype(np.int64), positions


def _sorted_columns(values: Floats | None, rows: Ints) -> Floats:
    if values is None:
        return np.empty((rows.size, 0))
    return np.ascontiguousarray(values[rows], np.float64)


def _members(units: Ints | None, rows: Ints) -> tuple[Ints, Ints]:
    """Return the positions of each unit, one unit after the other, and where each begins."""
    if units is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    at_positions = units[rows]
    counts = np.bincount(at_positions)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return np.argsort(at_positions, kind="stable").astype(np.int64), starts.astype(np.int64)
