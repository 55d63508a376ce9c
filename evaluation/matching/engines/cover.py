"""Cheapest covers: every row joined to a row of the other arm at the smallest total distance.

In: sorted rows of both arms on a line, or the pairs worth joining. Out: for each row the nearest
row of the other arm and the row it is paired with instead, and the stars these edges make.

A cover costs the nearest distance ``c`` of every row, less what pairs save: a pair ``(u, v)`` at
distance ``d`` serves both of its rows at once and saves ``c_u + c_v - d``. The cheapest cover is
therefore the matching that saves the most.
"""

from __future__ import annotations

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.types import Bools, Floats, Ints


@kernel
def cover_line(keys: Floats, arm: Bools, bounds: Ints, width: float) -> tuple[Ints, Ints]:
    """Cover the rows of each stratum on a line.

    Parameters
    ----------
    keys : (n,) float
        Ascending within each stratum.
    arm : (n,) bool
        Which of the two arms.
    bounds : (s + 1,) int
        Where each stratum begins.
    width : float
        Largest distance of a pair.

    Returns
    -------
    nearest : (n,) int
        Position of the nearest row of the other arm, -1 when none within ``width``.
    mate : (n,) int
        Position of the row it is paired with instead, -1 when none.

    Notes
    -----
    Only pairs across one change of arm can save anything: any other pair encloses nearer rows of
    both arms. What ``s`` pairs across a change save is concave in ``s`` and additive in their rows,
    the innermost first; runs of one arm share their rows between their two changes. A dynamic
    programme over the changes is exact, in time linear in the rows.

    References
    ----------
    Colannino, J., Damian, M., Hurtado, F., Langerman, S., Meijer, H., Ramaswami, S., Souvaine, D.
    and Toussaint, G. (2007). Efficient many-to-many point matching in one dimension. Graphs and
    Combinatorics 23, 169-178. https://doi.org/10.1007/s00373-007-0714-3
    """
    nearest, mate = np.full(keys.size, -1), np.full(keys.size, -1)
    for s in range(bounds.size - 1):
        low, high = bounds[s], bounds[s + 1]
        _find_nearest(keys, arm, low, high, width, nearest)
        kept = np.empty(high - low, np.int64)
        count = 0
        for p in range(low, high):
            if nearest[p] >= 0:
                kept[count] = p
                count += 1
        _pair_runs(keys, arm, kept[:count], width, nearest, mate)
    return nearest, mate


@kernel
def _find_nearest(
    keys: Floats, arm: Bools, low: int, high: int, width: float, nearest: Ints
) -> None:
    """Write the nearest row of the other arm, the left one on equal distances."""
    seen = np.array([-1, -1])
    for p in range(low, high):
        side = int(arm[p])
        seen[side] = p
        nearest[p] = seen[1 - side]
    seen[:] = -1
    for p in range(high - 1, low - 1, -1):
        side = int(arm[p])
        seen[side] = p
        left, right = nearest[p], seen[1 - side]
        if left < 0 or (right >= 0 and keys[right] - keys[p] < keys[p] - keys[left]):
            nearest[p] = right
    for p in range(low, high):
        if nearest[p] >= 0 and abs(keys[p] - keys[nearest[p]]) > width:
            nearest[p] = -1


@kernel
def _pair_runs(
    keys: Floats, arm: Bools, kept: Ints, width: float, nearest: Ints, mate: Ints
) -> None:
    """Write the pairs that save the most; ``kept`` holds the rows that can be covered."""
    if kept.size == 0:
        return
    runs = np.empty(kept.size + 1, np.int64)
    count = 0
    for i in range(kept.size):
        if i == 0 or arm[kept[i]] != arm[kept[i - 1]]:
            runs[count] = i
            count += 1
    runs[count] = kept.size
    # best[offset[j] + z]: most that changes 0 … j save with at most z pairs at change j.
    best, choice = np.empty(kept.size + count), np.empty(kept.size + count, np.int64)
    offset, most = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for j in range(count - 1):
        middle = runs[j + 1]
        limit = min(middle - runs[j], runs[j + 2] - middle)
        saved = np.zeros(limit + 1)
        gap, size = keys[kept[middle]] - keys[kept[middle - 1]], 0
        while size < limit:
            gain = _edge(keys, kept, nearest, middle - 1 - size, middle - 1)
            gain += _edge(keys, kept, nearest, middle + size, middle) - gap
            if gain <= 0:
                break
            saved[size + 1] = saved[size] + gain
            size += 1
        size = _feasible(keys, kept, middle, size, width)
        for z in range(size + 1):
            before = 0.0
            if j > 0:
                before = best[offset[j - 1] + min(middle - runs[j] - z, most[j - 1])]
            value, place = saved[z] + before, offset[j] + z
            best[place], choice[place] = value, z
            if z > 0 and best[place - 1] >= value:
                best[place], choice[place] = best[place - 1], choice[place - 1]
        most[j] = size
        offset[j + 1] = offset[j] + size + 1
    room = most[count - 2] if count > 1 else 0
    for j in range(count - 2, -1, -1):
        pairs, middle = choice[offset[j] + min(room, most[j])], runs[j + 1]
        for q in range(pairs):
            one, other = kept[middle - 1 - q], kept[middle + pairs - 1 - q]
            mate[one], mate[other] = other, one
        room = middle - runs[j] - pairs


@kernel
def _edge(keys: Floats, kept: Ints, nearest: Ints, i: int, edge: int) -> float:
    """Return the nearest distance of a row less its distance to the end of its run."""
    p = kept[i]
    gain: float = abs(keys[p] - keys[nearest[p]]) - abs(keys[p] - keys[kept[edge]])
    return gain


@kernel
def _feasible(keys: Floats, kept: Ints, middle: int, size: int, width: float) -> int:
    """Return how many of ``size`` innermost pairs keep within ``width`` when paired in order."""
    low, high = 0, size
    while low < high:
        s = (low + high + 1) // 2
        fits = True
        for q in range(s):
            if keys[kept[middle + s - 1 - q]] - keys[kept[middle - 1 - q]] > width:
                fits = False
                break
        if fits:
            low = s
        else:
            high = s - 1
    return low


@kernel
def stars(one: Ints, other: Ints, order: Ints, rows: int) -> tuple[Bools, Ints]:
    """Drop the edges that both of their rows can do without; name each star by its centre.

    Parameters
    ----------
    one, other : (e,) int
        Rows of each edge, every edge once.
    order : (e,) int
        The edges, the first to drop first.
    rows : int
        Rows in all.

    Returns
    -------
    kept : (e,) bool
        Edges that stay: each has an end of degree one.
    centre : (n,) int
        Row in the middle of each row's star (``one`` of a single edge), -1 without any.
    """
    degree = np.zeros(rows, np.int64)
    for e in range(one.size):
        degree[one[e]] += 1
        degree[other[e]] += 1
    kept = np.ones(one.size, np.bool_)
    for e in order:
        if degree[one[e]] > 1 and degree[other[e]] > 1:
            kept[e] = False
            degree[one[e]] -= 1
            degree[other[e]] -= 1
    centre = np.full(rows, -1)
    for e in range(one.size):
        if kept[e]:
            middle = other[e] if degree[other[e]] > 1 else one[e]
            centre[one[e]], centre[other[e]] = middle, middle
    return kept, centre


@kernel
def worth_joining(
    a: Floats, b: Floats, reach_a: Floats, reach_b: Floats, limit: int
) -> tuple[Ints, Ints, Floats]:
    """List the pairs nearer than the nearest distances of their two rows together.

    Parameters
    ----------
    a, b : (m, d) and (g, d) float
        Coordinates of the two arms.
    reach_a, reach_b : (m,) and (g,) float
        Distance of each row to the nearest of the other arm.
    limit : int
        Most pairs to list.

    Returns
    -------
    start : (m + 1,) int
        Where the pairs of each row of ``a`` begin; the last is -1 when there are more than
        ``limit``.
    columns, distances : (e,) int and float
    """
    start = np.zeros(a.shape[0] + 1, np.int64)
    size = 1024
    columns, distances = np.empty(size, np.int64), np.empty(size)
    count = 0
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            bound = reach_a[i] + reach_b[j]
            square, total = bound * bound, 0.0
            for k in range(a.shape[1]):
                gap = a[i, k] - b[j, k]
                total += gap * gap
                if total >= square:
                    break
            if total >= square:
                continue
            if count == limit:
                start[-1] = -1
                return start, columns[:0], distances[:0]
            if count == size:
                size *= 2
                columns = np.append(columns, np.empty(count, np.int64))
                distances = np.append(distances, np.empty(count))
            columns[count], distances[count] = j, np.sqrt(total)
            count += 1
        start[i + 1] = count
    return start, columns[:count], distances[:count]


@kernel
def nearest_line(keys: Floats, arm: Bools, bounds: Ints, width: float) -> Ints:
    """Return the position of the nearest row of the other arm, -1 when none within ``width``.

    Parameters as :func:`cover_line`; returns (n,) int.
    """
    nearest = np.full(keys.size, -1)
    for s in range(bounds.size - 1):
        _find_nearest(keys, arm, bounds[s], bounds[s + 1], width, nearest)
    return nearest


@kernel
def seeds_of(nearest: Ints, order: Ints) -> Bools:
    """Return which rows become seeds: in the given order, when neither they nor theirs are taken.

    Parameters
    ----------
    nearest : (n,) int
        Nearest row of the other arm, -1 when none.
    order : (m,) int
        Rows, the first to become a seed first.

    Returns
    -------
    (n,) bool
        Their neighbourhoods (seed and nearest row) do not overlap, and no further seed fits.
    """
    taken, chosen = np.zeros(nearest.size, np.bool_), np.zeros(nearest.size, np.bool_)
    for i in order:
        j = nearest[i]
        if j >= 0 and not taken[i] and not taken[j]:
            chosen[i], taken[i], taken[j] = True, True, True
    return chosen


@kernel
def closest_line(keys: Floats, chosen: Bools, bounds: Ints, width: float) -> Ints:
    """Return the position of the closest chosen row, the left one on ties, -1 beyond ``width``.

    Parameters
    ----------
    keys : (n,) float
        Ascending within each stratum.
    chosen : (n,) bool
    bounds : (s + 1,) int
        Where each stratum begins.
    width : float
        Largest distance.

    Returns
    -------
    (n,) int
    """
    closest = np.full(keys.size, -1)
    for s in range(bounds.size - 1):
        last = -1
        for p in range(bounds[s], bounds[s + 1]):
            last = p if chosen[p] else last
            closest[p] = last
        last = -1
        for p in range(bounds[s + 1] - 1, bounds[s] - 1, -1):
            last = p if chosen[p] else last
            left = closest[p]
            if left < 0 or (last >= 0 and keys[last] - keys[p] < keys[p] - keys[left]):
                closest[p] = last
            if closest[p] >= 0 and abs(keys[p] - keys[closest[p]]) > width:
                closest[p] = -1
    return closest
