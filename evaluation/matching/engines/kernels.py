"""Compiled kernels of nearest-neighbour matching: one search, three ways to spend it.

Rows come sorted by (stratum, key, row): the key is the score, or the first coordinate of a
multivariate distance. Positions in that order, not row numbers, travel through these functions.
Import this module only when matching: loading numba takes longer than the rest of the package.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.engines.tree import Tree
from evaluation.matching.types import Bools, Floats, Ints


class Line(NamedTuple):
    """All rows in the order of (stratum, key, row).

    Attributes
    ----------
    keys : (n,) float
        The score, or the first coordinate of ``points``.
    rank : (n,) int
        Rank of each position among all rows, strata mixed.
    first, last : (n,) int
        Bounds of the stratum of each position, ``last`` excluded.
    available : (n,) bool
        Comparators that may be used.
    width : float
        Caliper on the key, infinite when there is none.
    points : (n, d) float
        Coordinates of a multivariate distance; d = 0 to match on the key alone.
    sides, widths : (n, c) and (c,) float
        Covariates under a caliper, and its widths.
    apart : (n, a) int
        Columns on which pairs must differ.
    tree : Tree
        Comparators in boxes, when d > 0.
    units, members, member_start : int arrays
        Unit of each position and the positions of each unit; empty when units do not matter.
    """

    keys: Floats
    rank: Ints
    first: Ints
    last: Ints
    available: Bools
    width: float
    points: Floats
    sides: Floats
    widths: Floats
    apart: Ints
    tree: Tree
    units: Ints
    members: Ints
    member_start: Ints


class Pool(NamedTuple):
    """What is left of the comparators.

    Attributes
    ----------
    left, right : (n + 1,) int
        Links past positions that are not available: ``right[i]`` leads to the first available one
        from i upwards (n when none), ``left[i]`` to 1 + the last one below i (0 when none).
    used : (n,) int
        How often each position was matched.
    alive, begin, finish : (k,) int
        Available rows of each node of the tree, and the bounds of its rows that may be.
    """

    left: Ints
    right: Ints
    used: Ints
    alive: Ints
    begin: Ints
    finish: Ints


@kernel
def _fill(line: Line) -> Pool:
    """Return the pool in which every comparator is available."""
    n, tree = line.available.size, line.tree
    left, right = np.arange(n + 1), np.arange(n + 1)
    for i in range(n):
        if not line.available[i]:
            left[i + 1], right[i] = i, i + 1
    used = np.zeros(n, np.int64)
    return Pool(left, right, used, tree.stop - tree.start, tree.start.copy(), tree.stop.copy())


@kernel
def _is_free(pool: Pool, position: int) -> bool:
    return bool(pool.right[position] == position)


@kernel
def _root(links: Ints, position: int) -> int:
    """Follow the links to their end and shorten the path that was walked."""
    root = position
    while links[root] != root:
        root = links[root]
    while links[position] != root:
        following = links[position]
        links[position] = root
        position = following
    return root


@kernel
def _allowed(line: Line, p: int, other: int) -> bool:
    """Return whether covariates are near or different as asked, and the units differ."""
    for j in range(line.widths.size):
        if abs(line.sides[p, j] - line.sides[other, j]) > line.widths[j]:
            return False
    for j in range(line.apart.shape[1]):
        if line.apart[p, j] == line.apart[other, j]:
            return False
    return line.units.size == 0 or line.units[p] != line.units[other]


@kernel
def _squared(one: Floats, other: Floats, limit: float) -> float:
    """Return the squared distance, or some number above ``limit`` once it is passed."""
    total = 0.0
    for j in range(one.size):
        gap = one[j] - other[j]
        total += gap * gap
        if total > limit:
            break
    return total


@kernel
def _contains(values: Ints, wanted: int) -> bool:
    for value in values:  # noqa: SIM110
        if value == wanted:
            return True
    return False


@kernel
def _on_line(line: Line, p: int, low: int, high: int, pool: Pool) -> int:
    """Return the nearest available position outside [low, high], -1 when there is none.

    Equal distances: the one fewer steps away in the order of all rows, the left one first.
    """
    below, above, gap_below, gap_above = -1, -1, np.inf, np.inf
    near = _root(pool.left, low) - 1
    while near >= line.first[p]:
        gap = abs(line.keys[p] - line.keys[near])
        if gap > line.width:
            break
        if _allowed(line, p, near):
            below, gap_below = near, gap
            break
        near = _root(pool.left, near) - 1
    near = _root(pool.right, high + 1)
    while near < line.last[p]:
        gap = abs(line.keys[p] - line.keys[near])
        if gap > line.width or gap > gap_below:
            break
        if _allowed(line, p, near):
            above, gap_above = near, gap
            break
        near = _root(pool.right, near + 1)
    if above < 0 or (below >= 0 and gap_below < gap_above):
        return below
    if below < 0 or gap_above < gap_below:
        return above
    steps_left = line.rank[low] - line.rank[below]
    return below if steps_left <= line.rank[above] - line.rank[high] else above


@kernel
def _in_space(line: Line, p: int, taken: Ints, found: Ints, pool: Pool) -> int:
    """Fill ``found`` with the nearest available positions in several dimensions; return how many.

    Goes down the tree of the stratum, the nearer box first. Equal distances: the one more steps
    away in the order of all rows, the right one first.
    """
    tree, count, gaps = line.tree, 0, np.empty(found.size)
    nodes, bounds, top = np.empty(tree.depth + 1, np.int64), np.empty(tree.depth + 1), 0
    if tree.root[p] >= 0:
        nodes[0], bounds[0], top = tree.root[p], _bound(line, p, tree.root[p], pool), 1
    while top > 0:
        top -= 1
        node = nodes[top]
        if bounds[top] > (gaps[count - 1] if count == found.size else np.finfo(np.float64).max):
            continue
        near = tree.child[node]
        if near < 0:
            count = _scan(line, p, node, taken, found, gaps, count, pool)
            continue
        far = near + 1
        here, there = _bound(line, p, near, pool), _bound(line, p, far, pool)
        if there < here:
            near, far, here, there = far, near, there, here
        nodes[top], bounds[top] = far, there
        nodes[top + 1], bounds[top + 1] = near, here
        top += 2
    return count


@kernel
def _bound(line: Line, p: int, node: int, pool: Pool) -> float:
    """Return a lower bound of the squared distance to a box, infinite when nobody there will do.

    Same operations in the same order as :func:`_squared`, each on a smaller gap: rounding keeps the
    bound under every distance computed inside the box.
    """
    low, high, d = line.tree.low, line.tree.high, line.points.shape[1]
    if pool.alive[node] == 0:
        return np.inf
    for j in range(line.widths.size):
        side = line.sides[p, j]
        if max(low[node, d + j] - side, side - high[node, d + j]) > line.widths[j]:
            return np.inf
    total = 0.0
    for j in range(d):
        value = line.points[p, j]
        gap = max(low[node, j] - value, value - high[node, j], 0.0)
        total += gap * gap
    return total


@kernel
def _scan(
    line: Line, p: int, leaf: int, taken: Ints, found: Ints, gaps: Floats, count: int, pool: Pool
) -> int:
    """Look at the available positions of a leaf, the most steps away first; return the new count.

    In a leaf of equal rows the first ones win, and those used up lie at its ends: a search does not
    walk through thousands of them.
    """
    rows, begin, finish = line.tree.rows, pool.begin, pool.finish
    while begin[leaf] < finish[leaf] and not _is_free(pool, rows[begin[leaf]]):
        begin[leaf] += 1
    while begin[leaf] < finish[leaf] and not _is_free(pool, rows[finish[leaf] - 1]):
        finish[leaf] -= 1
    alike, i, j = line.tree.alike[leaf], begin[leaf], finish[leaf] - 1
    while i <= j:
        last = alike and _steps(line, p, rows[i]) < _steps(line, p, rows[j])
        slot = j if last else i
        i, j = (i, j - 1) if last else (i + 1, j)
        limit = gaps[count - 1] if count == found.size else np.inf
        gap = _squared(line.points[p], line.tree.points[slot], limit)
        if gap > limit:
            if alike:
                break
            continue
        at = rows[slot]
        if not _is_free(pool, at) or not _allowed(line, p, at) or _contains(taken, at):
            continue
        place = _place(line, p, at, gap, found, gaps, count)
        if place < found.size:
            count = min(count + 1, found.size)
            for k in range(count - 1, place, -1):
                gaps[k], found[k] = gaps[k - 1], found[k - 1]
            gaps[place], found[place] = gap, at
        elif alike:
            break
    return count


@kernel
def _place(line: Line, p: int, at: int, gap: float, found: Ints, gaps: Floats, count: int) -> int:
    """Return where a candidate stands among the ``count`` nearest."""
    place = count
    while place > 0 and gap <= gaps[place - 1]:
        if gap == gaps[place - 1] and _steps(line, p, at) < _steps(line, p, found[place - 1]):
            break
        place -= 1
    return place


@kernel
def _steps(line: Line, p: int, at: int) -> int:
    """Return twice the steps between two positions in the order of all rows, plus 1 rightwards."""
    steps: int = line.rank[at] - line.rank[p]
    return 2 * steps + 1 if steps > 0 else -2 * steps


@kernel
def _nearest(line: Line, p: int, low: int, high: int, taken: Ints, pool: Pool) -> tuple[int, float]:
    """Return the nearest available position and its distance (squared in several dimensions)."""
    if line.points.shape[1] == 0:
        at = _on_line(line, p, low, high, pool)
        return at, abs(line.keys[p] - line.keys[at])
    one = np.full(1, -1)
    _in_space(line, p, taken, one, pool)
    return one[0], np.inf if one[0] < 0 else _squared(line.points[p], line.points[one[0]], np.inf)


@kernel
def _spend(line: Line, at: int, reuse_max: int, pool: Pool) -> None:
    """Count one use of a comparator (of every row of its unit); take out those worn out."""
    if line.units.size == 0:
        _use(line, at, reuse_max, pool)
    else:
        unit = line.units[at]
        for k in range(line.member_start[unit], line.member_start[unit + 1]):
            _use(line, line.members[k], reuse_max, pool)


@kernel
def _use(line: Line, at: int, reuse_max: int, pool: Pool) -> None:
    pool.used[at] += 1
    if pool.used[at] != reuse_max:
        return
    pool.left[at + 1], pool.right[at] = at, at + 1
    node = line.tree.leaf[at] if line.tree.leaf.size > 0 else -1
    while node >= 0:
        pool.alive[node] -= 1
        node = line.tree.parent[node]


@kernel
def in_order(line: Line, order: Ints, quota: Ints, reuse_max: int) -> Ints:
    """Match in a given order, one comparator a pass: everyone a first before anyone a second.

    Parameters
    ----------
    line : Line
        All rows.
    order : (f,) int
        Positions of the focal rows in matching order.
    quota : (f,) int
        Comparators wanted by each.
    reuse_max : int
        How often a comparator may be used.

    Returns
    -------
    (f, max quota) int
        Positions of the comparators, -1 where none.
    """
    matches = np.full((order.size, quota.max()), -1)
    pool = _fill(line)
    low, high = order.copy(), order.copy()
    done = np.zeros(order.size, np.bool_)
    for turn in range(matches.shape[1]):
        for i in range(order.size):
            if done[i] or turn >= quota[i]:
                continue
            at, _ = _nearest(line, order[i], low[i], high[i], matches[i], pool)
            if at < 0:
                done[i] = True
                continue
            matches[i, turn] = at
            low[i], high[i] = min(low[i], at), max(high[i], at)
            _spend(line, at, reuse_max, pool)
    return matches


@kernel
def by_distance(line: Line, order: Ints, quota: Ints, reuse_max: int, sign: int) -> Ints:
    """Match the closest pair first (``sign`` = 1), or the farthest nearest pair (``sign`` = -1).

    Parameters and result as :func:`in_order`, ``order`` being the order of the data. A row whose
    comparator is gone searches again and goes back into the queue, before pairs of equal distance
    (after them for the farthest).
    """
    matches = np.full((order.size, quota.max()), -1)
    pool = _fill(line)
    low, high = order.copy(), order.copy()
    done = np.zeros(order.size, np.bool_)
    for turn in range(matches.shape[1]):
        wanted = np.full(order.size, -1)
        queue = [(-np.inf, i, i) for i in range(order.size) if not done[i] and turn < quota[i]]
        renewals = 0
        while len(queue) > 0:
            _, _, i = heapq.heappop(queue)
            at = wanted[i]
            if at >= 0:
                low[i], high[i] = min(low[i], at), max(high[i], at)
                if _is_free(pool, at):
                    matches[i, turn] = at
                    _spend(line, at, reuse_max, pool)
                    continue
            following, gap = _nearest(line, order[i], low[i], high[i], matches[i], pool)
            if following < 0:
                done[i] = True
                continue
            place = i
            if at >= 0:
                renewals += 1
                place = -renewals if sign > 0 else order.size + renewals
            heapq.heappush(queue, (sign * gap, place, i))
            wanted[i] = following
    return matches


@kernel
def with_replacement(line: Line, order: Ints, quota: Ints) -> Ints:
    """Return the nearest comparators of each focal row, all of them available to everyone.

    Parameters and result as :func:`in_order`.
    """
    matches = np.full((order.size, quota.max()), -1)
    pool, nobody = _fill(line), np.empty(0, np.int64)
    for i in range(order.size):
        p = order[i]
        if line.points.shape[1] > 0:
            found = np.full(quota[i], -1)
            _in_space(line, p, nobody, found, pool)
        elif quota[i] == 1:
            found = np.full(1, _on_line(line, p, p, p, pool))
        else:
            found = _several(line, p, quota[i], pool)
        matches[i, : found.size] = found
    return matches


@kernel
def _several(line: Line, p: int, wanted: int, pool: Pool) -> Ints:
    """Return the nearest available positions on the line, nearest first.

    Up to ``wanted`` candidates a side are met in turn, left first; the nearest are selected as
    C++'s ``partial_sort`` does (MatchIt's choice), which decides which of several equally distant
    candidates stays out.
    """
    met, gaps = np.empty(2 * wanted, np.int64), np.empty(2 * wanted)
    count, lefts, rights = 0, 0, 0
    low, high = _root(pool.left, p) - 1, _root(pool.right, p + 1)
    while True:
        while low >= line.first[p] and not _allowed(line, p, low):
            low = _root(pool.left, low) - 1
        while high < line.last[p] and not _allowed(line, p, high):
            high = _root(pool.right, high + 1)
        may_low = low >= line.first[p] and lefts < wanted
        may_low = may_low and line.keys[p] - line.keys[low] <= line.width
        may_high = high < line.last[p] and rights < wanted
        may_high = may_high and line.keys[high] - line.keys[p] <= line.width
        if not may_low and not may_high:
            break
        downwards = may_low
        if may_low and may_high:
            downwards = line.rank[p] - line.rank[low] <= line.rank[high] - line.rank[p]
        at = low if downwards else high
        met[count], gaps[count] = at, abs(line.keys[p] - line.keys[at])
        count += 1
        if downwards:
            lefts, low = lefts + 1, _root(pool.left, low) - 1
        else:
            rights, high = rights + 1, _root(pool.right, high + 1)
    chosen = _selected(gaps[:count], min(wanted, count))
    chosen = chosen[np.argsort(gaps[chosen], kind="mergesort")]
    return met[chosen]


@kernel
def _selected(gaps: Floats, size: int) -> Ints:
    """Return the indices of the ``size`` smallest gaps, kept in a heap with the largest on top."""
    heap = np.arange(size)
    for top in range(size // 2 - 1, -1, -1):
        _sift(heap, gaps, top, heap[top])
    for i in range(size, gaps.size):
        if gaps[i] < gaps[heap[0]]:
            _sift(heap, gaps, 0, i)
    return heap


@kernel
def _sift(heap: Ints, gaps: Floats, top: int, value: int) -> None:
    """Put ``value`` in place of the root ``top``: down to a leaf by the larger child, then up."""
    size, hole, child = heap.size, top, top
    while child < (size - 1) // 2:
        child = 2 * (child + 1)
        if gaps[heap[child]] < gaps[heap[child - 1]]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    if size % 2 == 0 and child == (size - 2) // 2:
        child = 2 * (child + 1)
        heap[hole] = heap[child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and gaps[heap[parent]] < gaps[value]:
        heap[hole] = heap[parent]
        hole = parent
        parent = (hole - 1) // 2
    heap[hole] = value


@kernel
def reachable(line: Line, order: Ints) -> Bools:
    """Return, for each focal position, whether any comparator at all lies within its calipers."""
    pool = _fill(line)
    answer, nobody = np.zeros(order.size, np.bool_), np.empty(0, np.int64)
    for i in range(order.size):
        p = order[i]
        answer[i] = _nearest(line, p, p, p, nobody, pool)[0] >= 0
    return answer
