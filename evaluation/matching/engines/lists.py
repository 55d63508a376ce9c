"""Exact assignment in several dimensions: short lists of near columns, grown until proven enough.

In: coordinates of two arms of one stratum. Out: the columns of each row at the least total.
"""

from __future__ import annotations

import numpy as np

from evaluation.errors import fail
from evaluation.matching.types import Floats, Ints

LIMIT = 30_000_000
"""Pairs a distance in several dimensions may list, 16 bytes each."""
FIRST = 16
"""Nearest comparators listed at first for each seat."""


def assigned(rows: Floats, columns: Floats, ratio: int) -> Ints:
    """Assign to each row its columns at the least total Euclidean distance.

    Parameters
    ----------
    rows, columns : (r, d) and (g, d) float
        Coordinates.
    ratio : int
        Columns per row; each column serves once.

    Returns
    -------
    (r, ratio) int
        Columns, -1 for a seat that stays empty because there are fewer columns than seats.

    Raises
    ------
    EvaluationError
        EVAL-447 more candidate pairs than memory allows.

    Notes
    -----
    A pair left off the list of row ``i`` is no nearer than the last one on it, ``r_i``. As column
    prices are never positive, ``u_i <= r_i`` for all rows proves that no such pair can help.
    """
    from scipy.spatial import cKDTree

    from evaluation.matching.engines.assignment import pair_sparse

    tree = cKDTree(columns, balanced_tree=False)
    size = len(columns)
    enough = len(rows) * ratio <= size
    longest = np.full(len(rows), min(size, FIRST * ratio) if enough else size, np.int64)
    span = np.ptp(np.vstack([rows, columns]), axis=0)
    empty = 4.0 * (float(np.sqrt(span @ span)) + 1.0) * (len(rows) * ratio + 1)
    # An empty first seat costs twice an empty further one, either more than all distances.
    refusal = np.tile(np.r_[2 * empty, np.full(ratio - 1, empty)], len(rows))
    while True:
        if int(longest.sum()) * ratio > LIMIT:
            fail("EVAL-447", method="optimal", count=int(longest.sum()) * ratio, limit=LIMIT)
        start, near, gaps, last = _listed(tree, rows, longest, ratio)
        match, u, _ = pair_sparse(start, near, gaps, refusal, size)
        price = u.reshape(len(rows), ratio).max(axis=1)
        short = (price > last) & (longest < size)
        if not short.any():
            return match.reshape(len(rows), ratio)
        longest[short] = np.minimum(2 * longest[short], size)


def _listed(
    tree: object, rows: Floats, longest: Ints, ratio: int
) -> tuple[Ints, Ints, Floats, Floats]:
    """List the nearest columns of each seat: starts, columns, distances, last distance by row."""
    near: list[Ints] = [np.empty(0, np.int64)] * len(rows)
    gaps: list[Floats] = [np.empty(0)] * len(rows)
    for length in np.unique(longest):
        at = np.flatnonzero(longest == length)
        far, where = tree.query(rows[at], k=np.arange(1, length + 1))  # type: ignore[attr-defined]
        for place, i in enumerate(at):
            near[i], gaps[i] = where[place], far[place]
    start = np.concatenate([[0], np.cumsum(np.repeat(longest, ratio))])
    columns = np.concatenate([part for part in near for _ in range(ratio)])
    costs = np.concatenate([part for part in gaps for _ in range(ratio)])
    last = np.array([part[-1] for part in gaps])
    return start.astype(np.int64), columns.astype(np.int64), costs, last
