"""Strata of a weighting problem: which rows can be used, and sums by stratum.

In: arms and stratum codes. Out: the usable rows sorted by stratum and arm-wise sums. Shared by the
weighting methods, so that all of them lose the same entrants for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.errors import Fault, fail, warn
from evaluation.matching.types import Bools, Floats, Ints, Problem

EXTREME_SHARE = 0.05
"""Share of all comparison weight on one row above which the weights are called extreme."""
EXTREME_SIZE = 30.0
"""Effective comparators below which the weights are called extreme."""


@dataclass(frozen=True, slots=True)
class Strata:
    """Strata that hold both arms.

    Attributes
    ----------
    usable : (n,) bool
        Rows whose stratum holds at least one row of each arm with a positive base weight.
    code : (n,) int
        Code 0 .. count-1 of the usable strata; meaningless (0) on other rows.
    count : int
        Number of usable strata.
    lost : (r,) int
        Positions of the treated rows without any comparator.
    """

    usable: Bools
    code: Ints
    count: int
    lost: Ints

    def total(self, values: Floats) -> Floats:
        """Return the sum of ``values`` (n,) in each stratum (count,); zero outside ``usable``."""
        kept = np.where(self.usable, values, 0.0)
        return np.bincount(self.code, kept, minlength=self.count).astype(np.float64)


def usable_strata(treated: Bools, strata: Ints, base: Floats) -> Strata:
    """Find the strata in which a comparison is possible.

    Parameters
    ----------
    treated : (n,) bool
    strata : (n,) int
    base : (n,) float
        Base weight; a row of weight zero does not exist.

    Raises
    ------
    EvaluationError
        EVAL-450 when no stratum holds both arms.
    """
    _, code = np.unique(strata, return_inverse=True)
    size = int(code.max()) + 1 if len(code) else 0
    usable = with_both_arms(treated, code.astype(np.int64), size, base)
    if usable.count == 0:
        fail("EVAL-450", treated=int(treated.sum()), comparators=int((~treated).sum()), strata=size)
    return usable


def with_both_arms(treated: Bools, code: Ints, size: int, base: Floats) -> Strata:
    """Return the strata, coded 0 .. size-1, that hold both arms; possibly none."""
    exists = base > 0
    has_treated = np.bincount(code, treated & exists, minlength=size) > 0
    has_comparison = np.bincount(code, ~treated & exists, minlength=size) > 0
    both = has_treated & has_comparison
    usable = both[code] & exists
    renumbered = np.cumsum(both) - 1
    lost = np.flatnonzero(treated & ~has_comparison[code])
    return Strata(usable, np.where(usable, renumbered[code], 0), int(both.sum()), lost)


def rescaled(weights: Floats, arm: Bools) -> tuple[Floats, float]:
    """Scale the weights of an arm to sum to its number of nonzero rows (MatchIt's rule).

    Returns
    -------
    weights : (n,) float
    factor : float
        What the arm's weights were multiplied with.
    """
    inside = arm & (weights > 0)
    factor = float(inside.sum() / weights[inside].sum())
    return np.where(inside, weights * factor, weights), factor


def only_att(problem: Problem, method: str, allowed: tuple[str, ...] = ("ATT",)) -> None:
    """Refuse an estimand that ``method`` does not define (EVAL-451)."""
    if problem.estimand not in allowed:
        fail("EVAL-451", method=method, estimand=problem.estimand, allowed=list(allowed))


def kish(weights: Floats, person: Ints | None = None) -> float:
    """Return Kish's effective size (Σw)² / Σw², weights summed by person first when given.

    References
    ----------
    Kish, L. (1965). Survey Sampling. Wiley, section 11.7.
    """
    w = (
        weights
        if person is None
        else np.bincount(np.unique(person, return_inverse=True)[1], weights)
    )
    square = float(np.dot(w, w))
    return float(w.sum()) ** 2 / square if square > 0 else 0.0


def extreme(weights: Floats, problem: Problem, method: str) -> list[Fault]:
    """Warn when a few comparators carry the comparison (EVAL-454)."""
    w = weights[~problem.treated & (weights > 0)]
    share = float(w.max() / w.sum())
    effective = kish(w)
    if share <= EXTREME_SHARE and effective >= EXTREME_SIZE:
        return []
    return [
        warn(
            "EVAL-454",
            method=method,
            share=round(100 * float(share), 1),
            effective=round(float(effective)),
            count=len(w),
        )
    ]
