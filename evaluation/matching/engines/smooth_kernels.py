"""Compiled kernels of radius matching: sorted scores, two pointers, running sums.

In: scores sorted within strata, weights of rows. Out: the weight each comparator receives. One
pass costs the same whatever the radius. Import this module only when matching.
"""

from __future__ import annotations

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.types import Bools, Floats, Ints

DIRECT = 32
"""Comparators in a window up to which they are summed one by one (no cancellation at the edge)."""
EDGE = 1e-6
"""Mean weight in a window under which its comparators all lie at the edge: one by one again."""


@kernel
def sorted_within(order: Ints, code: Ints, starts: Ints) -> Ints:
    """Turn an order by score (n,) into one by stratum, then score; ``starts`` is (S + 1,)."""
    place = starts.copy()
    result = np.empty_like(order)
    for row in order:
        stratum = code[row]
        result[place[stratum]] = row
        place[stratum] += 1
    return result


@kernel
def split_arms(
    order: Ints, score: Floats, weight: Floats, treated: Bools, code: Ints, count: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Split sorted rows by arm, rows of weight zero left out.

    Returns
    -------
    t_rows, c_rows : (n_t,), (n_c,) int
        Rows of each arm in the order of stratum and score.
    t_start, c_start : (S + 1,) int
        Bounds of each stratum.
    """
    t_rows = np.empty(len(order), np.int64)
    c_rows = np.empty(len(order), np.int64)
    t_start = np.zeros(count + 1, np.int64)
    c_start = np.zeros(count + 1, np.int64)
    n_t, n_c = 0, 0
    for row in order:
        if weight[row] <= 0:
            continue
        if treated[row]:
            t_rows[n_t] = row
            n_t += 1
            t_start[code[row] + 1] += 1
        else:
            c_rows[n_c] = row
            n_c += 1
            c_start[code[row] + 1] += 1
    return t_rows[:n_t], c_rows[:n_c], np.cumsum(t_start), np.cumsum(c_start)


@kernel
def nearest_distance(t: Floats, c: Floats, t_start: Ints, c_start: Ints) -> Floats:
    """Return the distance of each treated to its nearest comparator (infinite: none)."""
    result = np.full(len(t), np.inf)
    for s in range(len(t_start) - 1):
        j, stop = c_start[s], c_start[s + 1]
        if j == stop:
            continue
        for i in range(t_start[s], t_start[s + 1]):
            while j < stop and c[j] < t[i]:
                j += 1
            if j < stop:
                result[i] = c[j] - t[i]
            if j > c_start[s]:
                result[i] = min(result[i], t[i] - c[j - 1])
    return result


@kernel
def weighted_quantile(values: Floats, weight: Floats, share: float) -> float:
    """Return the smallest value whose cumulative weight reaches ``share`` of the total."""
    order = np.argsort(values)
    aim = share * weight.sum() * (1.0 - 1e-12)
    running = 0.0
    for k in order:
        running += weight[k]
        if running >= aim:
            return float(values[k])
    return float(values[order[-1]])


@kernel
def spread(
    t: Floats,
    t_weight: Floats,
    c: Floats,
    c_weight: Floats,
    t_start: Ints,
    c_start: Ints,
    radius: float,
) -> tuple[Floats, int]:
    """Spread the weight of each treated over the comparators inside its radius.

    Parameters
    ----------
    t, t_weight : (n_t,) float
        Scores, sorted within strata, and weights (zero: not matched).
    c, c_weight : (n_c,) float
        The same of the comparators.
    t_start, c_start : (S + 1,) int
        Bounds of the strata.
    radius : float
        A comparator at distance d counts ``1 − d / radius``; a treated with nobody strictly
        inside is matched with its nearest comparator, or all of them when several are as near.

    Returns
    -------
    weights : (n_c,) float
        Sum to the weight of the treated whose stratum holds comparators.
    outside : int
        Treated that were matched with their nearest comparator.
    """
    weights = np.zeros(len(c))
    outside = 0
    for s in range(len(t_start) - 1):
        if c_start[s] < c_start[s + 1] and t_start[s] < t_start[s + 1]:
            outside += _stratum(
                t[t_start[s] : t_start[s + 1]],
                t_weight[t_start[s] : t_start[s + 1]],
                c[c_start[s] : c_start[s + 1]],
                c_weight[c_start[s] : c_start[s + 1]],
                weights[c_start[s] : c_start[s + 1]],
                radius,
            )
    return weights, outside


@kernel
def _stratum(t: Floats, a: Floats, c: Floats, b: Floats, weights: Floats, radius: float) -> int:
    """Fill ``weights`` of one stratum; return how many treated had nobody inside the radius."""
    m = len(c)
    centre = c[m // 2]
    mass, moment = _running(b, c, centre)
    level = np.zeros(m + 1)
    covered = np.zeros(m + 1, np.int64)
    wide = np.empty(len(t))
    rate = np.empty(len(t))
    n_wide, outside = 0, 0
    low, middle, high = 0, 0, 0
    for i in range(len(t)):
        if a[i] <= 0:
            continue
        while low < m and t[i] - c[low] >= radius and c[low] < t[i]:
            low += 1
        while middle < m and c[middle] < t[i]:
            middle += 1
        high = max(high, low)
        while high < m and c[high] - t[i] < radius:
            high += 1
        if high - low > DIRECT:
            total = _window(mass, moment, low, middle, high, t[i] - centre, radius)
            if total > EDGE * (mass[high] - mass[low]):
                wide[n_wide] = t[i]
                rate[n_wide] = a[i] / total
                n_wide += 1
                continue
        total = 0.0
        for j in range(low, high):
            total += b[j] * (1.0 - abs(c[j] - t[i]) / radius)
        if total > 0:
            for j in range(low, high):
                weights[j] += a[i] / total * b[j] * (1.0 - abs(c[j] - t[i]) / radius)
        else:
            outside += 1
            first, last = _nearest_block(c, t[i], middle)
            share = a[i] / (mass[last] - mass[first])
            level[first] += share
            level[last] -= share
            covered[first] += 1
            covered[last] -= 1
    _add_wide(c, b, weights, wide[:n_wide], rate[:n_wide], centre, radius)
    _add_level(b, weights, level, covered)
    return outside


@kernel
def _running(weight: Floats, value: Floats, centre: float) -> tuple[Floats, Floats]:
    mass = np.zeros(len(weight) + 1)
    moment = np.zeros(len(weight) + 1)
    for j in range(len(weight)):
        mass[j + 1] = mass[j] + weight[j]
        moment[j + 1] = moment[j] + weight[j] * (value[j] - centre)
    return mass, moment


@kernel
def _window(
    mass: Floats, moment: Floats, low: int, middle: int, high: int, at: float, radius: float
) -> float:
    """Return the triangular sum of a window: rising to ``middle``, falling after it."""
    left, right = mass[middle] - mass[low], mass[high] - mass[middle]
    rising = left * (1.0 - at / radius) + (moment[middle] - moment[low]) / radius
    falling = right * (1.0 + at / radius) - (moment[high] - moment[middle]) / radius
    return float(rising + falling)


@kernel
def _nearest_block(c: Floats, at: float, middle: int) -> tuple[int, int]:
    """Return the bounds of the comparators nearest to ``at``; both sides when they tie."""
    m = len(c)
    right = c[middle] - at if middle < m else np.inf
    left = at - c[middle - 1] if middle > 0 else np.inf
    first, last = middle, middle
    if left <= right:
        first = np.searchsorted(c, c[middle - 1])
    if right <= left:
        last = np.searchsorted(c, c[middle], side="right")
    return first, last


@kernel
def _add_wide(
    c: Floats,
    b: Floats,
    weights: Floats,
    wide: Floats,
    rate: Floats,
    centre: float,
    radius: float,
) -> None:
    """Add what each comparator receives from the treated that were summed by windows."""
    if len(wide) == 0:
        return
    mass, moment = _running(rate, wide, centre)
    low, middle, high = 0, 0, 0
    for j in range(len(c)):
        while low < len(wide) and c[j] - wide[low] >= radius:
            low += 1
        while middle < len(wide) and wide[middle] < c[j]:
            middle += 1
        while high < len(wide) and wide[high] - c[j] < radius:
            high += 1
        if high > low:
            total = _window(mass, moment, low, middle, high, c[j] - centre, radius)
            weights[j] += b[j] * max(total, 0.0)


@kernel
def _add_level(b: Floats, weights: Floats, level: Floats, covered: Ints) -> None:
    """Add shares that are constant over blocks; an empty stretch resets the running sum."""
    height, open_blocks = 0.0, 0
    for j in range(len(b)):
        height += level[j]
        open_blocks += covered[j]
        if open_blocks == 0:
            height = 0.0
        else:
            weights[j] += b[j] * height
