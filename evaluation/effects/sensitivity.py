"""How strong a hidden confounder would have to be: E-value and Rosenbaum bounds."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from evaluation.effects.moments import Arms
from evaluation.effects.types import Bools, Floats, Ints

_GAMMA_MAX = 20.0


def e_value(risk_ratio: float) -> float:
    """Return the E-value of a risk ratio.

    References
    ----------
    VanderWeele & Ding (2017), doi:10.7326/M16-2607.

    Examples
    --------
    >>> round(e_value(1.272), 2)
    1.86
    """
    ratio = risk_ratio if risk_ratio >= 1 else 1 / risk_ratio
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_value_of_limit(low: float, high: float) -> float:
    """Return the E-value of the limit of a ratio's interval nearest to 1 (1 when it holds 1)."""
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


def mcnemar_bound(favourable: int, discordant: int, *, gamma: float) -> float:
    """Return the largest one-sided p-value of McNemar's test under hidden bias ``gamma``.

    Parameters
    ----------
    favourable : int
        Discordant pairs in which the treated has the outcome.
    discordant : int
        All discordant pairs.
    gamma : float
        Odds of treatment within a pair differ at most by this factor.

    References
    ----------
    Rosenbaum (2002), Observational Studies, section 4.3.2, doi:10.1007/978-1-4757-3692-2.

    Examples
    --------
    >>> round(mcnemar_bound(48, 78, gamma=1.0), 6)
    0.026772
    """
    from scipy.stats import binom

    return float(binom.sf(favourable - 1, discordant, gamma / (1 + gamma)))


def sets_bound(events: Ints, sizes: Ints, treated_events: int, *, gamma: float) -> float:
    """Return the bound for sets of one treated and several comparators (normal approximation).

    Parameters
    ----------
    events, sizes : (s,) int
        Rows with the outcome, and rows, of each set.
    treated_events : int
        Treated with the outcome.
    gamma : float
        Hidden bias.

    References
    ----------
    Rosenbaum (2002), section 4.4.3.
    """
    chance = gamma * events / (gamma * events + (sizes - events))
    spread = math.sqrt(float(np.sum(chance * (1 - chance))))
    if spread == 0:
        return 1.0
    # Half a unit: the statistic is a count.
    return 1 - NormalDist().cdf((treated_events - 0.5 - float(np.sum(chance))) / spread)


def independent_sets(arms: Arms) -> Bools:
    """Return the used rows (n,) of sets that share no person, each with one treated row.

    A person keeps the first of its rows (treated rows first); sets left without a comparator go.
    The choice never looks at outcomes.
    """
    used = arms.used & (arms.sets >= 0)
    order = np.lexsort((np.arange(len(used)), ~arms.treated, ~used))
    _, first = np.unique(arms.person[order], return_index=True)
    keep = np.zeros(len(used), dtype=bool)
    keep[order[first]] = True
    keep &= used
    shifted = np.where(keep, arms.sets, -1) + 1
    top = int(shifted.max(initial=0)) + 1
    treated = np.bincount(shifted, keep & arms.treated, minlength=top)
    others = np.bincount(shifted, keep & ~arms.treated, minlength=top)
    chosen: Bools = keep & (treated == 1)[shifted] & (others >= 1)[shifted]
    return chosen


def rosenbaum_gamma(outcome: Floats, arms: Arms, *, level: float = 0.95) -> float | None:
    """Return the hidden bias at which the effect stops being significant, 1 when it never is.

    Tests the direction of the effect, one-sided at (1 - level) / 2, on sets that share no person;
    None when there are none or no outcome varies inside a set.

    Parameters
    ----------
    outcome : (n,) float
        0/1 outcome.
    arms : Arms
        Sets with one treated row each.
    level : float
        Confidence level.
    """
    rows = independent_sets(arms)
    if not rows.any():
        return None
    sets, codes = np.unique(arms.sets[rows], return_inverse=True)
    value, treated = outcome[rows], arms.treated[rows]
    sizes = np.bincount(codes, minlength=len(sets))
    events = np.bincount(codes, value, minlength=len(sets)).astype(np.int64)
    own = np.bincount(codes, value * treated, minlength=len(sets)).astype(np.int64)
    mixed = (events > 0) & (events < sizes)
    if not mixed.any():
        return None
    sizes, events, own = sizes[mixed], events[mixed], own[mixed]
    if own.sum() < float(np.sum(events / sizes)):
        own, events = 1 - own, sizes - events
    return _largest_gamma(events, sizes, int(own.sum()), alpha=(1 - level) / 2)


def _largest_gamma(events: Ints, sizes: Ints, treated_events: int, *, alpha: float) -> float:
    pairs = bool((sizes == 2).all())

    def p_value(gamma: float) -> float:
        if pairs:
            return mcnemar_bound(treated_events, len(sizes), gamma=gamma)
        return sets_bound(events, sizes, treated_events, gamma=gamma)

    low, high = 1.0, _GAMMA_MAX
    if p_value(low) > alpha:
        return 1.0
    if p_value(high) <= alpha:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(middle) <= alpha else (low, middle)
    return low
