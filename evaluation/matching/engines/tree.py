"""Trees over the comparators of each exact stratum, for distances in several dimensions.

In: coordinates sorted by (stratum, key). Out: boxes inside boxes, each with its comparators; the
kernels of the room walk them. A box bounds the distance to its rows from below, exactly in floating
point, so that the search returns what a full scan would.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.types import Bools, Floats, Ints

LEAF = 12
"""Rows up to which a box is not split further."""


class Tree(NamedTuple):
    """One tree per exact stratum, all nodes in one table.

    Attributes
    ----------
    rows : (m,) int
        Positions of the comparators, box by box, ascending inside a leaf.
    points : (m, d) float
        Their coordinates.
    start, stop : (k,) int
        Bounds of each node in ``rows``.
    child : (k,) int
        First of two children, side by side; -1 for a leaf.
    parent : (k,) int
        -1 for a root.
    low, high : (k, d + c) float
        Box of each node: coordinates, then columns under a caliper.
    alike : (k,) bool
        Whether all rows of the node have the same coordinates.
    leaf : (n,) int
        Leaf of each position, -1 where there is none.
    root : (n,) int
        Tree in which each position looks, -1 when its stratum holds no comparator.
    depth : int
        Levels of the deepest tree.
    """

    rows: Ints
    points: Floats
    start: Ints
    stop: Ints
    child: Ints
    parent: Ints
    low: Floats
    high: Floats
    alike: Bools
    leaf: Ints
    root: Ints
    depth: int


def no_tree() -> Tree:
    """Return the tree of a problem on a line."""
    none, boxes = np.empty(0, np.int64), np.empty((0, 0))
    return Tree(none, boxes, none, none, none, none, boxes, boxes, none > 0, none, none, 0)


def plant(points: Floats, sides: Floats, first: Ints, available: Bools) -> Tree:
    """Return one tree per stratum over the available positions.

    Parameters
    ----------
    points : (n, d) float
        Coordinates; only they decide where boxes are split.
    sides : (n, c) float
        Columns under a caliper.
    first : (n,) int
        First position of the stratum of each position, ascending.
    available : (n,) bool
        Positions that may be matched.
    """
    rows = np.flatnonzero(available)
    starts = np.unique(first[rows], return_index=True)[1]
    stops = np.append(starts[1:], rows.size)
    start, stop, child, parent, low, high, depth = _grow(
        points, sides, rows, starts.astype(np.int64), stops.astype(np.int64)
    )
    leaf = np.full(available.size, -1)
    for node in np.flatnonzero(child < 0):
        leaf[rows[start[node] : stop[node]]] = node
    tree_of = np.full(available.size + 1, -1)
    tree_of[first[rows[starts]]] = np.arange(starts.size)
    alike = (low == high)[:, : points.shape[1]].all(axis=1)
    return Tree(
        rows, points[rows], start, stop, child, parent, low, high, alike, leaf, tree_of[first],
        int(depth),
    )  # fmt: skip


@kernel
def _grow(
    points: Floats, sides: Floats, rows: Ints, starts: Ints, stops: Ints
) -> tuple[Ints, Ints, Ints, Ints, Floats, Floats, int]:
    """Split boxes at the middle of their longest edge; ``rows`` is reordered in place."""
    d, c = points.shape[1], sides.shape[1]
    size = 2 * rows.size
    start, stop = np.empty(size, np.int64), np.empty(size, np.int64)
    child, parent = np.full(size, -1), np.full(size, -1)
    low, high = np.empty((size, d + c)), np.empty((size, d + c))
    level, spare = np.zeros(size, np.int64), np.empty(rows.size, np.int64)
    count, depth = starts.size, 0
    start[:count], stop[:count] = starts, stops
    node = 0
    while node < count:
        for j in range(d + c):
            column, k = (points, j) if j < d else (sides, j - d)
            low[node, j] = high[node, j] = column[rows[start[node]], k]
            for i in range(start[node] + 1, stop[node]):
                value = column[rows[i], k]
                low[node, j], high[node, j] = min(low[node, j], value), max(high[node, j], value)
        edge = np.argmax(high[node, :d] - low[node, :d])
        middle = low[node, edge] + (high[node, edge] - low[node, edge]) / 2
        if stop[node] - start[node] > LEAF and middle < high[node, edge]:
            cut, held = start[node], 0
            for i in range(start[node], stop[node]):
                if points[rows[i], edge] <= middle:
                    rows[cut] = rows[i]
                    cut += 1
                else:
                    spare[held] = rows[i]
                    held += 1
            rows[cut : stop[node]] = spare[:held]
            child[node] = count
            for k in range(2):
                start[count], stop[count] = (start[node], cut) if k == 0 else (cut, stop[node])
                parent[count], level[count] = node, level[node] + 1
                count += 1
            depth = max(depth, level[node] + 1)
        node += 1
    return (
        start[:count].copy(), stop[:count].copy(), child[:count].copy(), parent[:count].copy(),
        low[:count].copy(), high[:count].copy(), depth + 1,
    )  # fmt: skip
