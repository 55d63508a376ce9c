"""Do effects differ between territories, and what would each be if they borrowed strength."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.effects.intervals import quantile, wald
from evaluation.effects.record import limits
from evaluation.effects.types import Floats, Interval


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Random-effects summary of territorial effects, in percentage points.

    Attributes
    ----------
    mean : Interval
        Random-effects mean (not the national effect), Hartung-Knapp limits, never narrower than
        the fixed-effect ones.
    tau2, tau2_low, tau2_high : float
        Between-territory variance (Paule-Mandel) and its Q-profile limits, squared points.
    q, q_p : float
        Cochran's Q and its p-value.
    i2 : float
        Share of the variance of effects that is between territories, in percent.
    prediction_low, prediction_high : float or None
        Where the effect of another territory would lie; None under three territories.
    count : int
        Territories.
    """

    mean: Interval
    tau2: float
    tau2_low: float
    tau2_high: float
    q: float
    q_p: float
    i2: float
    prediction_low: float | None
    prediction_high: float | None
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return what stands in the national record; tau in points, I² in percent."""
        return {
            "random_effects_points": limits(self.mean, test=True),
            "tau_points": math.sqrt(self.tau2),
            "tau_low_points": math.sqrt(self.tau2_low),
            "tau_high_points": math.sqrt(self.tau2_high),
            "q": self.q,
            "df": self.count - 1,
            "p_value": self.q_p,
            "i2": self.i2,
            "prediction_low_points": self.prediction_low,
            "prediction_high_points": self.prediction_high,
            "territories": self.count,
        }


def weighted_mean(effects: Floats, variances: Floats, tau2: float) -> tuple[float, Floats]:
    """Return the inverse-variance mean and its weights (k,)."""
    weights = 1 / (variances + tau2)
    return float(np.sum(weights * effects) / np.sum(weights)), weights


def generalised_q(effects: Floats, variances: Floats, tau2: float) -> float:
    """Return the generalised Q statistic, which falls as ``tau2`` rises."""
    mean, weights = weighted_mean(effects, variances, tau2)
    return float(np.sum(weights * (effects - mean) ** 2))


def paule_mandel(effects: Floats, variances: Floats) -> float:
    """Return the between-territory variance at which Q equals its expectation k - 1.

    References
    ----------
    Paule & Mandel (1982), doi:10.6028/jres.087.022.
    """
    return _root(lambda t: generalised_q(effects, variances, t), len(effects) - 1.0, variances)


def q_profile(effects: Floats, variances: Floats, *, level: float) -> tuple[float, float]:
    """Return Q-profile limits of the between-territory variance.

    References
    ----------
    Viechtbauer (2007), doi:10.1002/sim.2514.
    """
    from scipy.stats import chi2

    def profile(t: float) -> float:
        return generalised_q(effects, variances, t)

    dof = len(effects) - 1
    low = _root(profile, float(chi2.ppf(0.5 + level / 2, dof)), variances)
    high = _root(profile, float(chi2.ppf(0.5 - level / 2, dof)), variances)
    return low, high


def _root(q: Callable[[float], float], target: float, variances: Floats) -> float:
    """Return the t >= 0 at which the falling function ``q`` reaches ``target`` (0 if below)."""
    if q(0.0) <= target:
        return 0.0
    low, high = 0.0, float(variances.max())
    while q(high) > target:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if q(middle) > target else (low, middle)
    return (low + high) / 2


def random_effects(effects: Floats, variances: Floats, *, level: float = 0.95) -> Heterogeneity:
    """Summarise the effects (k,) of k >= 2 territories with sampling variances (k,).

    References
    ----------
    Hartung & Knapp (2001), doi:10.1002/sim.791; Higgins & Thompson (2002), doi:10.1002/sim.1186;
    Higgins, Thompson & Spiegelhalter (2009), doi:10.1111/j.1467-985X.2008.00552.x.
    """
    from scipy.stats import chi2
    from scipy.stats import t as student

    count = len(effects)
    tau2 = paule_mandel(effects, variances)
    mean, weights = weighted_mean(effects, variances, tau2)
    spread = float(np.sum(weights * (effects - mean) ** 2)) / (count - 1)
    fixed_se = math.sqrt(1 / float(np.sum(1 / variances)))
    se = max(math.sqrt(spread / float(np.sum(weights))), fixed_se)
    reach = float(student.ppf(0.5 + level / 2, count - 1)) * se
    p_value = float(2 * student.sf(abs(mean) / se, count - 1))
    q = generalised_q(effects, variances, 0.0)
    low, high = q_profile(effects, variances, level=level)
    prediction: tuple[float | None, float | None] = (None, None)
    if count >= 3:
        wide = float(student.ppf(0.5 + level / 2, count - 2)) * math.sqrt(tau2 + se**2)
        prediction = (mean - wide, mean + wide)
    return Heterogeneity(
        Interval(mean, mean - reach, mean + reach, se, p_value), tau2, low, high, q,
        float(chi2.sf(q, count - 1)), 100 * max(0.0, (q - (count - 1)) / q) if q > 0 else 0.0,
        *prediction, count,
    )  # fmt: skip


def morris_shrinkage(
    effects: Floats, variances: Floats, *, level: float = 0.95
) -> list[Interval] | None:
    r"""Return effects drawn to their mean; limits count the estimation of the mean and τ².

    .. math:: \hat\theta_i = (1-\hat B_i) y_i + \hat B_i \hat\mu,\quad
        \hat B_i = \frac{k-3}{k-1}\frac{V_i}{V_i+\hat A}

    .. math:: s_i^2 = V_i\Big(1-\frac{k-r_i}{k}\hat B_i\Big)
        + \frac{2}{k-3}\hat B_i^2\,\frac{\bar V+\hat A}{V_i+\hat A}\,(y_i-\hat\mu)^2

    with :math:`r_i = k W_i/\sum W` and :math:`\bar V` the W-weighted mean of the V.

    None under four territories, where the correction does not exist.

    References
    ----------
    Morris (1983), doi:10.1080/01621459.1983.10477920.
    """
    count = len(effects)
    if count < 4:
        return None
    tau2 = paule_mandel(effects, variances)
    mean, weights = weighted_mean(effects, variances, tau2)
    shrink = (count - 3) / (count - 1) * variances / (variances + tau2)
    average = float(np.sum(weights * variances) / np.sum(weights))
    share = count * weights / np.sum(weights)
    own = variances * (1 - (count - share) / count * shrink)
    estimated = 2 / (count - 3) * shrink**2 * (average + tau2) / (variances + tau2)
    total = own + estimated * (effects - mean) ** 2
    centres = (1 - shrink) * effects + shrink * mean
    return [wald(float(c), float(v), level=level) for c, v in zip(centres, total, strict=True)]


def funnel_limits(variances: Floats, *, centre: float, level: float = 0.95) -> Floats:
    """Return limits (k, 2) within which an effect lies when its territory is like the nation.

    References
    ----------
    Spiegelhalter (2005), doi:10.1002/sim.1970.
    """
    reach = quantile(level) * np.sqrt(variances)
    limits_: Floats = np.column_stack([centre - reach, centre + reach])
    return limits_


def rank_limits(
    effects: Floats, variances: Floats, *, level: float = 0.95
) -> list[tuple[int, int]] | None:
    """Return the best and worst rank (1 = largest effect) that each territory may hold.

    A territory lies below another when their difference excludes zero at a level corrected
    (Bonferroni) for all pairs, so that all limits hold at once. None, no ranking at all, when
    Cochran's Q does not tell the territories apart at that level.

    References
    ----------
    Mogstad, Romano, Shaikh & Wilhelm (2024), doi:10.1093/restud/rdad006.
    """
    count = len(effects)
    if count < 2 or random_effects(effects, variances, level=level).q_p >= 1 - level:
        return None
    pairs = count * (count - 1) / 2
    reach = quantile(1 - (1 - level) / pairs) * np.sqrt(variances[:, None] + variances)
    above = (effects - effects[:, None] > reach).sum(axis=1)
    below = (effects[:, None] - effects > reach).sum(axis=1)
    return [(1 + int(a), count - int(b)) for a, b in zip(above, below, strict=True)]
