"""Compiled kernels of nearest-neighbour matching: one search, three ways to spend it.

Rows come sorted by (stratum, key, row): the key is the score, or the first coordinate of a
multivariate distance. Positions in that order, not row numbers, travel through these functions.
Import this module only when matching: loading numba takes longer than the rest of the package.
"""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numba import njit

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
    units: Ints
    members: Ints
    member_start: Ints


@njit(cache=True)
def _links(available: Bools) -> tuple[Ints, Ints]:
    """Return two link arrays that lead past positions which are not available.

    ``right[i]`` leads to the first available position from i upwards (n when none); ``left[i]``
    leads to 1 + the last available position below i (0 when none).
    """
    n = available.size
    left, right = np.arange(n + 1), np.arange(n + 1)
    for i in range(n):
        if not available[i]:
            left[i + 1], right[i] = i, i + 1
    return left, right


@njit(cache=True)
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


@njit(cache=True)
def _allowed(line: Line, p: int, other: int) -> bool:
    """Return whether the calipers on covariates hold and the rows belong to different units."""
    for j in range(line.widths.size):
        if abs(line.sides[p, j] - line.sides[other, j]) > line.widths[j]:
            return False
    return line.units.size == 0 or line.units[p] != line.units[other]


@njit(cache=True)
def _squared(points: Floats, p: int, other: int) -> float:
    total = 0.0
    for j in range(points.shape[1]):
        gap = points[p, j] - points[other, j]
        total += gap * gap
    return total


@njit(cache=True)
def _contains(values: Ints, wanted: int) -> bool:
    for value in values:  # noqa: SIM110
        if value == wanted:
            return True
    return False


@njit(cache=True)
def _on_line(line: Line, p: int, low: int, high: int, left: Ints, right: Ints) -> int:
    """Return the nearest available position outside [low, high], -1 when there is none.

    Equal distances: the one fewer steps away in the order of all rows, the left one first.
    """
    below, above, gap_below, gap_above = -1, -1, np.inf, np.inf
    near = _root(left, low) - 1
    while near >= line.first[p]:
        gap = abs(line.keys[p] - line.keys[near])
        if gap > line.width:
            break
        if _allowed(line, p, near):
            below, gap_below = near, gap
            break
        near = _root(left, near) - 1
    near = _root(right, high + 1)
    while near < line.last[p]:
        gap = abs(line.keys[p] - line.keys[near])
        if gap > line.width or gap > gap_below:
            break
        if _allowed(line, p, near):
            above, gap_above = near, gap
            break
        near = _root(right, near + 1)
    if above < 0 or (below >= 0 and gap_below < gap_above):
        return below
    if below < 0 or gap_above < gap_below:
        return above
    steps_left = line.rank[low] - line.rank[below]
    return below if steps_left <= line.rank[above] - line.rank[high] else above


@njit(cache=True)
def _in_space(line: Line, p: int, taken: Ints, found: Ints, left: Ints, right: Ints) -> int:
    """Fill ``found`` with the nearest available positions in several dimensions; return how many.

    Walks outwards along the first coordinate, which bounds the distance from below. Equal
    distances: the one met last.
    """
    count, size, points = 0, found.size, line.points
    gaps = np.empty(size)
    low, high = _root(left, p) - 1, _root(right, p + 1)
    while low >= line.first[p] or high < line.last[p]:
        downwards = low >= line.first[p]
        if downwards and high < line.last[p]:
            downwards = line.rank[p] - line.rank[low] <= line.rank[high] - line.rank[p]
        at = low if downwards else high
        edge = points[p, 0] - points[at, 0]
        if count == size and edge * edge > gaps[count - 1]:
            if downwards:
                low = -1
            else:
                high = line.last[p]
            continue
        if downwards:
            low = _root(left, low) - 1
        else:
            high = _root(right, high + 1)
        gap = _squared(points, p, at)
        if count == size and gap > gaps[count - 1]:
            continue
        if not _allowed(line, p, at) or _contains(taken, at):
            continue
        slot = min(count, size - 1)
        while slot > 0 and gaps[slot - 1] >= gap:
            gaps[slot], found[slot] = gaps[slot - 1], found[slot - 1]
            slot -= 1
        gaps[slot], found[slot] = gap, at
        count = min(count + 1, size)
    return count


@njit(cache=True)
def _nearest(
    line: Line, p: int, low: int, high: int, taken: Ints, left: Ints, right: Ints
) -> tuple[int, float]:
    """Return the nearest available position and its distance (squared in several dimensions)."""
    if line.points.shape[1] == 0:
        at = _on_line(line, p, low, high, left, right)
        return at, abs(line.keys[p] - line.keys[at])
    one = np.empty(1, np.int64)
    if _in_space(line, p, taken, one, left, right) == 0:
        return -1, np.inf
    return one[0], _squared(line.points, p, one[0])


@njit(cache=True)
def _spend(line: Line, at: int, used: Ints, reuse_max: int, left: Ints, right: Ints) -> None:
    """Count one use of a comparator (of every row of its unit); take out those worn out."""
    if line.units.size == 0:
        used[at] += 1
        if used[at] == reuse_max:
            left[at + 1], right[at] = at, at + 1
        return
    unit = line.units[at]
    for k in range(line.member_start[unit], line.member_start[unit + 1]):
        row = line.members[k]
        used[row] += 1
        if used[row] == reuse_max:
            left[row + 1], right[row] = row, row + 1


@njit(cache=True)
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
    left, right = _links(line.available)
    used = np.zeros(line.keys.size, np.int64)
    low, high = order.copy(), order.copy()
    done = np.zeros(order.size, np.bool_)
    for turn in range(matches.shape[1]):
        for i in range(order.size):
            if done[i] or turn >= quota[i]:
                continue
            at, _ = _nearest(line, order[i], low[i], high[i], matches[i], left, right)
            if at < 0:
                done[i] = True
                continue
            matches[i, turn] = at
            low[i], high[i] = min(low[i], at), max(high[i], at)
            _spend(line, at, used, reuse_max, left, right)
    return matches


@njit(cache=True)
def by_distance(line: Line, order: Ints, quota: Ints, reuse_max: int, sign: int) -> Ints:
    """Match the closest pair first (``sign`` = 1), or the farthest nearest pair (``sign`` = -1).

    Parameters and result as :func:`in_order`, ``order`` being the order of the data. A row whose
    comparator is gone searches again and goes back into the queue, before pairs of equal distance
    (after them for the farthest).
    """
    matches = np.full((order.size, quota.max()), -1)
    left, right = _links(line.available)
    used = np.zeros(line.keys.size, np.int64)
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
                if right[at] == at:
                    matches[i, turn] = at
                    _spend(line, at, used, reuse_max, left, right)
                    continue
            following, gap = _nearest(line, order[i], low[i], high[i], matches[i], left, right)
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


@njit(cache=True)
def with_replacement(line: Line, order: Ints, quota: Ints) -> Ints:
    """Return the nearest comparators of each focal row, all of them available to everyone.

    Parameters and result as :func:`in_order`.
    """
    matches = np.full((order.size, quota.max()), -1)
    left, right = _links(line.available)
    nobody = np.empty(0, np.int64)
    for i in range(order.size):
        p = order[i]
        if line.points.shape[1] > 0:
            found = np.full(quota[i], -1)
            count = _in_space(line, p, nobody, found, left, right)
            matches[i, :count] = found[:count]
            continue
        if quota[i] == 1:
            matches[i, 0] = _on_line(line, p, p, p, left, right)
        else:
            found = _several(line, p, quota[i], left, right)
            matches[i, : found.size] = found
    return matches


@njit(cache=True)
def _several(line: Line, p: int, wanted: int, left: Ints, right: Ints) -> Ints:
    """Return the nearest available positions on the line, nearest first.

    Up to ``wanted`` candidates a side are met in turn, left first; the nearest are selected as
    C++'s ``partial_sort`` does (MatchIt's choice), which decides which of several equally distant
    candidates stays out.
    """
    met, gaps = np.empty(2 * wanted, np.int64), np.empty(2 * wanted)
    count, lefts, rights = 0, 0, 0
    low, high = _root(left, p) - 1, _root(right, p + 1)
    while True:
        while low >= line.first[p] and not _allowed(line, p, low):
            low = _root(left, low) - 1
        while high < line.last[p] and not _allowed(line, p, high):
            high = _root(right, high + 1)
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
            lefts, low = lefts + 1, _root(left, low) - 1
        else:
            rights, high = rights + 1, _root(right, high + 1)
    chosen = _selected(gaps[:count], min(wanted, count))
    chosen = chosen[np.argsort(gaps[chosen], kind="mergesort")]
    return met[chosen]


@njit(cache=True)
def _selected(gaps: Floats, size: int) -> Ints:
    """Return the indices of the ``size`` smallest gaps, kept in a heap with the largest on top."""
    heap = np.arange(size)
    for top in range(size // 2 - 1, -1, -1):
        _sift(heap, gaps, top, heap[top])
    for i in range(size, gaps.size):
        if gaps[i] < gaps[heap[0]]:
            _sift(heap, gaps, 0, i)
    return heap


@njit(cache=True)
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


@njit(cache=True)
def reachable(line: Line, order: Ints) -> Bools:
    """Return, for each focal position, whether any comparator at all lies within its calipers."""
    left, right = _links(line.available)
    answer = np.zeros(order.size, np.bool_)
    for i in range(order.size):
        answer[i] = _on_line(line, order[i], order[i], order[i], left, right) >= 0
    return answer
