"""Compiled sums of a kernel over sorted scores: every row against every row, in nearly linear time.

In: scores sorted within strata, weights. Out: what each comparator receives. Epanechnikov by a
window whose moments slide with it, Gaussian by a fast Gauss transform in one dimension; both agree
with the plain double sum to about ten digits. Import this module only when matching.
"""

from __future__ import annotations

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.types import Bools, Floats, Ints

DIRECT = 32
"""Rows in a window up to which they are summed one by one (no cancellation at the edge)."""
EDGE = 1e-3
"""Mean kernel in a window under which its rows lie at the edge and are summed one by one."""
FAR = 6.0
"""Bandwidths beyond which a Gaussian kernel counts nobody as inside."""
REACH = 9.0
"""Bandwidths beyond which a box of rows adds nothing in double precision."""
TERMS = 24
"""Terms of the Taylor expansion around the middle of a box one bandwidth wide."""


@kernel
def spread_by_kernel(
    t: Floats,
    t_weight: Floats,
    c: Floats,
    c_weight: Floats,
    t_start: Ints,
    c_start: Ints,
    bandwidth: float,
    gaussian: bool,
) -> tuple[Floats, Bools]:
    """Spread the weight of each treated over the comparators of its stratum.

    Parameters
    ----------
    t, t_weight : (n_t,) float
        Scores, sorted within strata, and weights (zero: not matched).
    c, c_weight : (n_c,) float
        The same of the comparators.
    t_start, c_start : (S + 1,) int
        Bounds of the strata.
    bandwidth : float
    gaussian : bool
        Gaussian kernel instead of Epanechnikov's.

    Returns
    -------
    weights : (n_c,) float
        Sum to the weight of the treated that have comparators inside.
    alone : (n_t,) bool
        Treated with nobody inside the bandwidth (Gaussian: inside six of them).
    """
    weights = np.zeros(len(c))
    alone = np.zeros(len(t), np.bool_)
    for s in range(len(t_start) - 1):
        if c_start[s] < c_start[s + 1] and t_start[s] < t_start[s + 1]:
            _stratum(
                t[t_start[s] : t_start[s + 1]],
                t_weight[t_start[s] : t_start[s + 1]],
                c[c_start[s] : c_start[s + 1]],
                c_weight[c_start[s] : c_start[s + 1]],
                weights[c_start[s] : c_start[s + 1]],
                alone[t_start[s] : t_start[s + 1]],
                bandwidth,
                gaussian,
            )
    return weights, alone


@kernel
def _stratum(
    t: Floats,
    a: Floats,
    c: Floats,
    b: Floats,
    weights: Floats,
    alone: Bools,
    bandwidth: float,
    gaussian: bool,
) -> None:
    """Fill ``weights`` and ``alone`` of one stratum."""
    total = kernel_sums(t, c, b, bandwidth, gaussian, FAR)
    rate = np.zeros(len(t))
    for i in range(len(t)):
        if a[i] > 0 and total[i] > 0:
            rate[i] = a[i] / total[i]
        else:
            alone[i] = a[i] > 0
    received = kernel_sums(c, t, rate, bandwidth, gaussian, np.inf)
    for j in range(len(c)):
        weights[j] = b[j] * received[j]


@kernel
def kernel_sums(
    at: Floats, points: Floats, mass: Floats, bandwidth: float, gaussian: bool, far: float
) -> Floats:
    """Return the sum of ``mass_j K((points_j − at_i) / bandwidth)`` at each place, (n,).

    ``at`` and ``points`` are sorted. The Epanechnikov kernel is ``1 − u²`` inside one bandwidth,
    the Gaussian one ``exp(−u²/2)``: constants cancel in weights. Places with nobody inside
    (Gaussian: inside ``far`` bandwidths) get zero.
    """
    if bandwidth <= 0:
        return np.zeros(len(at))
    if gaussian:
        return _gauss(at, points, mass, bandwidth, far)
    return _epanechnikov(at, points, mass, bandwidth)


@kernel
def _epanechnikov(at: Floats, points: Floats, mass: Floats, h: float) -> Floats:
    """Slide a window over the points, its moments held in bandwidths around ``at``.

    The moments are taken afresh once every row of the last fresh window has left, or half of its
    mass, so that rounding cannot accumulate.
    """
    result = np.zeros(len(at))
    low, high, anchor, valid = 0, 0, 0, False
    s0, s1, s2, peak, origin = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(at)):
        was_low, was_high = low, high
        while low < len(points) and at[i] - points[low] >= h and points[low] < at[i]:
            low += 1
        high = max(high, low)
        while high < len(points) and points[high] - at[i] < h:
            high += 1
        if high - low <= DIRECT:
            valid = False
            result[i] = _direct(at[i], points, mass, low, high, h)
            continue
        if valid and low < anchor:
            d = (at[i] - origin) / h
            s2 += d * (d * s0 - 2.0 * s1)
            s1 -= d * s0
            for j in range(was_low, low):
                u = (points[j] - at[i]) / h
                s0, s1, s2 = s0 - mass[j], s1 - mass[j] * u, s2 - mass[j] * u * u
            for j in range(was_high, high):
                u = (points[j] - at[i]) / h
                s0, s1, s2 = s0 + mass[j], s1 + mass[j] * u, s2 + mass[j] * u * u
            peak = max(peak, s0)
            valid = s0 > 0.5 * peak
        else:
            valid = False
        if not valid:
            s0, s1, s2 = 0.0, 0.0, 0.0
            for j in range(low, high):
                u = (points[j] - at[i]) / h
                s0, s1, s2 = s0 + mass[j], s1 + mass[j] * u, s2 + mass[j] * u * u
            peak, anchor, valid = s0, high, True
        origin = at[i]
        result[i] = s0 - s2
        if result[i] <= EDGE * s0:
            result[i] = _direct(at[i], points, mass, low, high, h)
    return result


@kernel
def _direct(at: float, points: Floats, mass: Floats, low: int, high: int, h: float) -> float:
    total = 0.0
    for j in range(low, high):
        u = (points[j] - at) / h
        total += mass[j] * max(0.0, 1.0 - u * u)
    return total


@kernel
def _gauss(at: Floats, points: Floats, mass: Floats, h: float, far: float) -> Floats:
    """Expand the rows of boxes one bandwidth wide around their middle; add the boxes near by."""
    centre, coefficient = _boxes(points, mass, h)
    result = np.zeros(len(at))
    low, nearest = 0, 0
    for i in range(len(at)):
        while nearest < len(points) - 1 and points[nearest + 1] <= at[i]:
            nearest += 1
        gap = abs(points[nearest] - at[i])
        if nearest + 1 < len(points):
            gap = min(gap, abs(points[nearest + 1] - at[i]))
        if gap > far * h:
            continue
        while low < len(centre) and at[i] - centre[low] > REACH * h:
            low += 1
        k = low
        while k < len(centre) and centre[k] - at[i] <= REACH * h:
            a = (at[i] - centre[k]) / h
            inner = coefficient[k, TERMS - 1]
            for p in range(TERMS - 2, -1, -1):
                inner = inner * a + coefficient[k, p]
            result[i] += np.exp(-0.5 * a * a) * inner
            k += 1
        result[i] = max(result[i], 0.0)
    return result


@kernel
def _boxes(points: Floats, mass: Floats, h: float) -> tuple[Floats, Floats]:
    """Return the middles (B,) of the boxes that hold rows, and their coefficients (B, TERMS)."""
    count, edge = 0, -np.inf
    for j in range(len(points)):
        if points[j] >= edge:
            count += 1
            edge = points[j] + h
    centre, coefficient = np.empty(count), np.zeros((count, TERMS))
    k, edge = -1, -np.inf
    for j in range(len(points)):
        if points[j] >= edge:
            k += 1
            edge = points[j] + h
            centre[k] = points[j] + 0.5 * h
        b = (points[j] - centre[k]) / h
        term = mass[j] * np.exp(-0.5 * b * b)
        for p in range(TERMS):
            coefficient[k, p] += term
            term *= b / (p + 1)
    return centre, coefficient
