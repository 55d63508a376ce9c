"""One smooth match on given scores and row weights: support, window, weights, cap.

In: arms, strata, scores, row weights. Out: the weight of every row. The point estimate and each
bootstrap replication call the same function, so that they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.matching.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows of one match, by stratum, then score; rows of weight zero left out.

    Attributes
    ----------
    t, t_weight : (n_t,) float
        Scores and weights of the treated; weight zero outside the common support.
    c, c_weight : (n_c,) float
        The same of the comparators.
    t_start, c_start : (S + 1,) int
        Bounds of the strata.
    c_rows : (n_c,) int
        Rows of the comparators.
    by_score : (n,) int
        All rows by score, strata mixed.
    score, weight, multiplier : (n,) float
        Of all rows; ``weight`` is the sampling weight times the multiplier.
    """

    t: Floats
    t_weight: Floats
    c: Floats
    c_weight: Floats
    t_start: Ints
    c_start: Ints
    c_rows: Ints
    by_score: Ints
    score: Floats
    weight: Floats
    multiplier: Floats


Window = Callable[[Sorted], tuple[float, Floats, int]]
"""Of sorted rows: the width used, the weight given to each comparator (n_c,), and how many treated
had nobody inside."""


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
    window : callable
        How a treated spreads its weight over comparators.
    max_share : float
        Largest share of all comparison weight that a row may have.
    """

    treated: Bools
    code: Ints
    starts: Ints
    base: Floats
    window: Window
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
    width : float
        Radius or bandwidth used.
    stratum_empty, outside_support : (r,) int
        Positions of the treated left out.
    beyond : int
        Treated matched with their nearest comparator, nobody being inside the window.
    capped : int
        Comparators whose weight was cut to ``max_share``.
    """

    treated: Floats
    comparison: Floats
    width: float
    stratum_empty: Ints
    outside_support: Ints
    beyond: int
    capped: int


def layout(
    treated: Bools, strata: Ints, base: Floats, *, window: Window, max_share: float = 1.0
) -> Layout:
    """Prepare repeated matches on the same rows."""
    _, code = np.unique(strata, return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(np.bincount(code))]).astype(np.int64)
    return Layout(treated, code.astype(np.int64), starts, base, window, max_share)


def smooth_match(plan: Layout, score: Floats, multiplier: Floats) -> Smoothed:
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
    Treated beyond the range of all comparators' scores are outside the common support; the window
    is then set by the others.
    """
    from evaluation.matching.engines import smooth_kernels as kernels

    weight = plan.base * multiplier
    by_score = np.argsort(score, kind="stable")
    order = kernels.sorted_within(by_score, plan.code, plan.starts)
    t_rows, c_rows, t_start, c_start = kernels.split_arms(
        order, score, weight, plan.treated, plan.code, len(plan.starts) - 1
    )
    t, c = score[t_rows], score[c_rows]
    empty = np.repeat(np.diff(c_start) == 0, np.diff(t_start))
    outside = ~empty & _outside(t, c)
    inside = ~empty & ~outside
    t_weight = np.where(inside, weight[t_rows], 0.0)
    width, given, beyond = 0.0, np.zeros(len(c)), 0
    if inside.any():
        arms = (t, t_weight, c, weight[c_rows], t_start, c_start, c_rows)
        width, given, beyond = plan.window(Sorted(*arms, by_score, score, weight, multiplier))
    limit = plan.max_share * float(given.sum())
    capped = given > limit if plan.max_share < 1 else np.zeros(len(c), bool)
    return Smoothed(
        treated=_scattered(t_rows, t_weight, len(score)),
        comparison=_scattered(c_rows, np.where(capped, limit, given), len(score)),
        width=width,
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
