"""One radius match on given scores and row weights: support, radius, weights, cap.

In: arms, strata, scores, row weights. Out: the weight of every row. The point estimate and each
bootstrap replication call the same function, so that they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.matching.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Layout:
    """What does not change from one replication to the next.

    Attributes
    ----------
    treated : (n,) bool
    code : (n,) int
        Codes 0 .. S-1 of the strata.
    starts : (S + 1,) int
        Rows of each stratum once sorted by it.
    base : (n,) float
        Sampling weights.
    multiple : float
        The radius, in multiples of the reference distance.
    quantile : float
        Which quantile of the distances to the nearest comparator is the reference (1 = largest).
    max_share : float
        Largest share of all comparison weight that a row may have.
    """

    treated: Bools
    code: Ints
    starts: Ints
    base: Floats
    multiple: float
    quantile: float
    max_share: float


@dataclass(frozen=True, slots=True)
class Smoothed:
    """One match.

    Attributes
    ----------
    treated : (n,) float
        Weights of the matched treated, zero elsewhere.
    comparison : (n,) float
        Weights of comparators, same total (before a cap), zero elsewhere.
    radius : float
    stratum_empty, outside_support : (r,) int
        Positions of the treated left out.
    beyond : int
        Treated matched with their nearest comparator, farther than the radius.
    capped : int
        Comparators whose weight was cut to ``max_share``.
    """

    treated: Floats
    comparison: Floats
    radius: float
    stratum_empty: Ints
    outside_support: Ints
    beyond: int
    capped: int


def layout(
    treated: Bools,
    strata: Ints,
    base: Floats,
    *,
    multiple: float,
    quantile: float,
    max_share: float,
) -> Layout:
    """Prepare repeated matches on the same rows."""
    _, code = np.unique(strata, return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(np.bincount(code))]).astype(np.int64)
    return Layout(treated, code.astype(np.int64), starts, base, multiple, quantile, max_share)


def radius_match(plan: Layout, score: Floats, multiplier: Floats) -> Smoothed:
    """Match once.

    Parameters
    ----------
    plan : Layout
    score : (n,) float
        The scalar the distance is measured on.
    multiplier : (n,) float
        Row weights of the replication (all one for the point estimate).

    Notes
    -----
    Treated beyond the range of all comparators' scores are outside the common support; the radius
    is then taken over the others.
    """
    from evaluation.matching import _smooth_kernels as kernels

    weight = plan.base * multiplier
    order = kernels.sorted_within(np.argsort(score, kind="stable"), plan.code, plan.starts)
    t_rows, c_rows, t_start, c_start = kernels.split_arms(
        order, score, weight, plan.treated, plan.code, len(plan.starts) - 1
    )
    t, c, c_weight = score[t_rows], score[c_rows], weight[c_rows]
    empty = np.repeat(np.diff(c_start) == 0, np.diff(t_start))
    outside = ~empty & _outside(t, c)
    inside = ~empty & ~outside
    t_weight = np.where(inside, weight[t_rows], 0.0)
    radius, given, beyond = 0.0, np.zeros(len(c)), 0
    if inside.any():
        near = kernels.nearest_distance(t, c, t_start, c_start)
        reference = kernels.weighted_quantile(near[inside], t_weight[inside], plan.quantile)
        radius = plan.multiple * reference
        given, beyond = kernels.spread(t, t_weight, c, c_weight, t_start, c_start, radius)
    limit = plan.max_share * float(given.sum())
    capped = given > limit
    return Smoothed(
        treated=_scattered(t_rows, t_weight, len(score)),
        comparison=_scattered(c_rows, np.minimum(given, limit), len(score)),
        radius=radius,
        stratum_empty=np.sort(t_rows[empty]),
        outside_support=np.sort(t_rows[outside]),
        beyond=beyond,
        capped=int(capped.sum()),
    )


def _outside(t: Floats, c: Floats) -> Bools:
    if len(c) == 0:
        return np.zeros(len(t), dtype=bool)
    outside: Bools = (t > c.max()) | (t < c.min())
    return outside


def _scattered(rows: Ints, values: Floats, n: int) -> Floats:
    result = np.zeros(n)
    result[rows] = values
    return result
