"""Comparators as near as the last one taken: with replacement, all of them may share its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching.types import Floats, Ints

if TYPE_CHECKING:
    from evaluation.matching.engines.kernels import Line

TOLERANCE = 1e-5
"""Squared distances that differ by less, in variances of the distance, count as equal."""


def with_ties(line: Line, positions: Ints, quota: Ints, *, variance: float) -> Ints:
    """Return the nearest comparators of each focal row and all those as near as the last of them.

    Parameters
    ----------
    line : Line
        All rows.
    positions : (f,) int
        Positions of the focal rows.
    quota : (f,) int
        Comparators wanted by each, ties aside.
    variance : float
        Variance of the distance, 1 for coordinates that are already standardised.

    Returns
    -------
    (f, k) int
        Positions of the comparators, the nearest first; -1 where none.

    References
    ----------
    Sekhon, J. S. (2011). Multivariate and propensity score matching software with automated balance
    optimization: the Matching package for R. Journal of Statistical Software 42(7).
    https://doi.org/10.18637/jss.v042.i07
    """
    from evaluation.matching.engines.kernels import with_replacement

    found = with_replacement(line, positions, quota)
    last = _squared(line, positions, found)[np.arange(positions.size), quota - 1]
    limit = last + TOLERANCE * variance
    searching, size = np.flatnonzero(np.isfinite(last)), found.shape[1]
    while searching.size:
        size *= 2
        more = with_replacement(line, positions[searching], np.full(searching.size, size))
        near = _squared(line, positions[searching], more) <= limit[searching, None]
        wider = np.full((positions.size, size), -1)
        wider[:, : found.shape[1]] = found
        wider[searching] = np.where(near, more, -1)
        found, searching = wider, searching[near[:, -1]]
    return found[:, : int((found >= 0).sum(axis=1).max(initial=1))]


def _squared(line: Line, positions: Ints, found: Ints) -> Floats:
    """Return the squared distances (f, k), infinite where there is no comparator."""
    points = line.points if line.points.shape[1] else line.keys[:, None]
    total = np.zeros(found.shape)
    for column in points.T:
        total += (column[positions][:, None] - column[found]) ** 2
    return np.where(found >= 0, total, np.inf)
