"""Exact assignment: who takes which comparator so that the total distance is the smallest.

In: two sorted arms on a line, or a sparse list of possible pairs. Out: one comparator per seat, and
for sparse lists the dual prices that prove the answer. A seeker with ``ratio`` r has r seats: the
first seat of everyone comes before the further seats of anyone, as many seats as possible are
filled, and among all ways to fill them the total distance is the smallest.
"""

from __future__ import annotations

import heapq

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.types import Floats, Ints


@kernel
def pair_on_line(
    seekers: Floats,
    seeker_bounds: Ints,
    others: Floats,
    other_bounds: Ints,
    ratio: int,
    width: float,
) -> Ints:
    """Assign comparators on a line, stratum by stratum.

    Parameters
    ----------
    seekers, others : (f,) and (g,) float
        Keys, ascending within each stratum.
    seeker_bounds, other_bounds : (s + 1,) int
        Where each stratum begins.
    ratio : int
        Seats of each seeker.
    width : float
        Largest distance of a pair.

    Returns
    -------
    (f, ratio) int
        Position of each comparator in ``others``, -1 for an empty seat.

    Notes
    -----
    Costs convex in the difference have an optimal assignment that keeps the order of the line, so
    that seats ``1 … m`` and the comparators in use always pair off in order. Seats arrive from one
    end; the newcomer takes the nearest comparator beyond those in use, or the last one in use while
    the contiguous block behind moves up by one: by optimality of what stands, one of these is the
    shortest augmenting path. The walk over a block stops once it costs more than the alternative.

    References
    ----------
    Karp, R. M. and Li, S.-Y. R. (1975). Two special cases of the assignment problem. Discrete
    Mathematics 13(2), 129-142. https://doi.org/10.1016/0012-365X(75)90014-X
    """
    found = np.full((seekers.size, ratio), -1)
    for s in range(seeker_bounds.size - 1):
        low, high = seeker_bounds[s], seeker_bounds[s + 1]
        begin, end = other_bounds[s], other_bounds[s + 1]
        if low == high or begin == end:
            continue
        x, y = seekers[low:high], others[begin:end]
        if ratio == 1 and x.size > y.size:
            # One to one, either arm may seek; the scarcer one is soon seated.
            seats = _seated(y.copy(), x.copy(), 1, width)
            for q in range(seats.size):
                if seats[q] >= 0:
                    found[low + seats[q], 0] = begin + q
            continue
        # Seats arrive from their crowded side, so that blocks seldom have to move.
        if x.mean() > y.mean():
            seats = _seated(-x[::-1], -y[::-1], ratio, width)
            for q in range(seats.size):
                if seats[q] >= 0:
                    found[high - 1 - q // ratio, q % ratio] = end - 1 - seats[q]
        else:
            seats = _seated(x.copy(), y.copy(), ratio, width)
            for q in range(seats.size):
                if seats[q] >= 0:
                    found[low + q // ratio, q % ratio] = begin + seats[q]
    return found


@kernel
def _seated(x: Floats, y: Floats, ratio: int, width: float) -> Ints:
    """Return the comparator of each seat (f × ratio,), -1 where none; keys ascending."""
    size = x.size * ratio
    who, start, first = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    top, blocks, above = 0, 0, 0
    for seat in range(size):
        t = x[seat // ratio]
        while above < y.size and y[above] <= t:
            above += 1
        last = start[blocks - 1] + top - first[blocks - 1] - 1 if blocks > 0 else -1
        if above - 1 > last:
            near = above - 1
            if above < y.size and y[above] - t < t - y[near]:
                near = above
            beyond, moved = abs(t - y[near]), np.inf
        else:
            near = last + 1
            beyond = y[near] - t if near < y.size else np.inf
            limit = beyond if beyond <= width else np.inf
            moved = np.inf
            if blocks > 0 and start[blocks - 1] > 0:
                moved = _shift(x, y, who, ratio, first[blocks - 1], top, last, t, width, limit)
        if beyond <= width and beyond <= moved and near < y.size:
            if near != last + 1 or blocks == 0:
                start[blocks], first[blocks] = near, top
                blocks += 1
        elif moved < np.inf:
            start[blocks - 1] -= 1
        else:
            if blocks > 0 and last >= above - 1:
                low = first[blocks - 1]
                _replace(x, y, who, ratio, low, top, last, seat, width)
            continue
        who[top] = seat
        top += 1
        before = blocks - 2
        if before >= 0 and start[before] + first[before + 1] - first[before] == start[before + 1]:
            blocks -= 1
    seats = np.full(size, -1)
    for b in range(blocks):
        stop = first[b + 1] if b + 1 < blocks else top
        for q in range(first[b], stop):
            seats[who[q]] = start[b] + q - first[b]
    return seats


@kernel
def _shift(
    x: Floats, y: Floats, who: Ints, ratio: int, low: int, top: int, last: int, t: float,
    width: float, limit: float,
) -> float:  # fmt: skip
    """Return what it costs to seat ``t`` at the last comparator and move the block up by one."""
    cost: float = abs(t - y[last])
    if cost > width:
        return np.inf
    at = last
    for q in range(top - 1, low - 1, -1):
        # The rest of the chain cannot gain: it was open to the assignment that stands.
        if cost > limit:
            return np.inf
        p = x[who[q] // ratio]
        new = abs(p - y[at - 1])
        if new > width:
            return np.inf
        cost += new - abs(p - y[at])
        at -= 1
    return cost


@kernel
def _replace(
    x: Floats, y: Floats, who: Ints, ratio: int, low: int, top: int, last: int, seat: int,
    width: float,
) -> None:  # fmt: skip
    """Give up the seat of the block whose loss costs least, further seats before first ones."""
    t = x[seat // ratio]
    cost = abs(t - y[last])
    if cost > width:
        return
    best, change, spare, at = -1, 0.0, seat % ratio > 0, last
    for q in range(top - 1, low - 1, -1):
        p = x[who[q] // ratio]
        old = abs(p - y[at])
        further = who[q] % ratio > 0
        if (further and not spare) or (further == spare and cost - old < change):
            best, change, spare = q, cost - old, further
        if at == 0:
            break
        new = abs(p - y[at - 1])
        if new > width:
            break
        cost += new - old
        at -= 1
    if best >= 0:
        for q in range(best, top - 1):
            who[q] = who[q + 1]
        who[top - 1] = seat


@kernel
def pair_sparse(
    start: Ints, columns: Ints, costs: Floats, refusal: Floats, size: int
) -> tuple[Ints, Floats, Floats]:
    """Assign rows to columns among listed pairs by successive shortest augmenting paths.

    Parameters
    ----------
    start : (r + 1,) int
        Where the pairs of each row begin in ``columns`` and ``costs``.
    columns, costs : (e,) int and float
        Column and cost of each pair; costs may be negative.
    refusal : (r,) float
        Cost of leaving a row without column.
    size : int
        Number of columns.

    Returns
    -------
    match : (r,) int
        Column of each row, -1 when left out.
    u, v : (r,) and (size,) float
        Dual prices: ``u_i + v_j <= cost_ij``, ``u_i <= refusal_i``, ``v_j <= 0``, with equality on
        what was chosen and ``v_j = 0`` on free columns, hence a proof that the cost is the least.

    References
    ----------
    Jonker, R. and Volgenant, A. (1987). A shortest augmenting path algorithm for dense and sparse
    linear assignment problems. Computing 38, 325-340. https://doi.org/10.1007/BF02278710
    """
    match, owner = np.full(refusal.size, -1), np.full(size, -1)
    u, v = np.zeros(refusal.size), np.zeros(size)
    reach, via = np.full(size, np.inf), np.full(size, -1)
    settled, touched = np.zeros(size, np.bool_), np.empty(size, np.int64)
    for r in range(refusal.size):
        queue = [(np.inf, False, -1)]
        queue.pop()
        row, base, count, best, quitter, end = r, 0.0, 0, refusal[r], r, -1
        while True:
            for e in range(start[row], start[row + 1]):
                j = columns[e]
                length = base + (costs[e] - u[row] - v[j])
                if length < reach[j] and not settled[j]:
                    if reach[j] == np.inf:
                        touched[count] = j
                        count += 1
                    reach[j], via[j] = length, row
                    # Among equal lengths a free column ends the search at once.
                    heapq.heappush(queue, (length, owner[j] >= 0, j))
            near = -1
            while len(queue) > 0:
                length, _, j = heapq.heappop(queue)
                if not settled[j] and length == reach[j]:
                    near = j
                    break
            if near < 0 or reach[near] >= best:
                total = best
                break
            if owner[near] < 0:
                total, end = reach[near], near
                break
            settled[near] = True
            row, base = owner[near], reach[near]
            if base + refusal[row] - u[row] < best:
                best, quitter = base + refusal[row] - u[row], row
        u[r] = total
        for k in range(count):
            j = touched[k]
            if settled[j]:
                u[owner[j]] += total - reach[j]
                v[j] += reach[j] - total
                settled[j] = False
            reach[j] = np.inf
        if end < 0 and quitter != r:
            end = match[quitter]
            match[quitter] = -1
        while end >= 0:
            row = via[end]
            following = match[row] if row != r else -1
            match[row], owner[end] = end, row
            end = following
    return match, u, v
