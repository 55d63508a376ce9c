"""Limits of rates, differences and ratios."""

from __future__ import annotations

import math
from statistics import NormalDist

from evaluation.effects.types import Floats, Interval, Uplift


def quantile(level: float) -> float:
    """Return the two-sided normal quantile of a confidence level.

    Examples
    --------
    >>> round(quantile(0.95), 4)
    1.96
    """
    return NormalDist().inv_cdf(0.5 + level / 2)


def two_sided_p(statistic: float) -> float:
    """Return the two-sided normal p-value of a standardised statistic."""
    return math.erfc(abs(statistic) / math.sqrt(2))


def wald(estimate: float, variance: float, *, level: float) -> Interval:
    """Return estimate ± z se, with the p-value of zero; no limits when the variance is not > 0."""
    if not variance > 0:
        return Interval(estimate)
    se = math.sqrt(variance)
    half = quantile(level) * se
    return Interval(estimate, estimate - half, estimate + half, se, two_sided_p(estimate / se))


def wilson(rate: float, variance: float, fallback_n: float, *, level: float) -> Interval:
    """Return Wilson's interval of a proportion on its effective sample size p(1-p)/V.

    Parameters
    ----------
    rate, variance : float
        Estimated proportion and the variance of its estimator.
    fallback_n : float
        Effective sample size where the variance is zero (rate 0 or 1).

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953; effective size as in Korn & Graubard (1998).
    """
    size = rate * (1 - rate) / variance if variance > 0 and 0 < rate < 1 else fallback_n
    z2 = quantile(level) ** 2
    centre = (rate + z2 / (2 * size)) / (1 + z2 / size)
    half = math.sqrt(z2 * (rate * (1 - rate) / size + z2 / (4 * size**2))) / (1 + z2 / size)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    se = math.sqrt(variance) if variance > 0 else None
    return Interval(rate, min(low, rate), max(high, rate), se)


def ratio_interval(
    means: Floats, covariance: Floats, *, level: float, p_value: float | None
) -> Uplift:
    """Return 100 (treated / comparison - 1) with limits by the delta method on the log ratio.

    The p-value is that of the difference: one test decides, and the ratio's interval may disagree.

    Parameters
    ----------
    means : (2,) float
        Treated, comparison.
    covariance : (2, 2) float
        Of the means.
    level : float
        Confidence level.
    p_value : float or None
        Of the test on points.
    """
    treated, comparison = float(means[0]), float(means[1])
    if comparison <= 0:
        return Uplift(None, p_value=p_value, unbounded=True, fieller_unbounded=True)
    ratio = treated / comparison
    fieller_low, fieller_high = fieller(means, covariance, level=level)
    unbounded = fieller_low is None
    estimate = 100 * (ratio - 1)
    if treated <= 0:
        return Uplift(
            estimate, None, None, None, p_value, True, fieller_low, fieller_high, unbounded
        )
    relative = (
        covariance[0, 0] / treated**2
        + covariance[1, 1] / comparison**2
        - 2 * covariance[0, 1] / (treated * comparison)
    )
    se_log = math.sqrt(max(float(relative), 0.0))
    width = math.exp(quantile(level) * se_log)
    return Uplift(
        estimate, 100 * (ratio / width - 1), 100 * (ratio * width - 1), 100 * ratio * se_log,
        p_value, False, fieller_low, fieller_high, unbounded,
    )  # fmt: skip


def fieller(
    means: Floats, covariance: Floats, *, level: float
) -> tuple[float | None, float | None]:
    """Return Fieller's limits of 100 (treated / comparison - 1), or (None, None) when unbounded.

    The set is {r : (t - r c)^2 <= z^2 (V_tt - 2 r V_tc + r^2 V_cc)}; it is an interval only when c
    differs from zero at the same level.

    References
    ----------
    Fieller (1954), doi:10.1111/j.2517-6161.1954.tb00159.x.
    """
    z2 = quantile(level) ** 2
    treated, comparison = float(means[0]), float(means[1])
    a = comparison**2 - z2 * float(covariance[1, 1])
    b = treated * comparison - z2 * float(covariance[0, 1])
    c = treated**2 - z2 * float(covariance[0, 0])
    if a <= 0:
        return None, None
    root = math.sqrt(max(b * b - a * c, 0.0))
    return 100 * (max((b - root) / a, 0.0) - 1), 100 * ((b + root) / a - 1)
