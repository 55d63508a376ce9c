"""What an evaluation can detect, before and after it is made."""

from __future__ import annotations

import math
from statistics import NormalDist

from evaluation.effects.intervals import quantile

POWER = 0.8
REFERENCE_POINTS = 3.0


def detectable_multiple(*, level: float = 0.95, power: float = POWER) -> float:
    """Return the multiple of the standard error that is detected with the given power.

    Examples
    --------
    >>> round(detectable_multiple(), 3)
    2.802
    """
    return quantile(level) + NormalDist().inv_cdf(power)


def minimum_detectable(se: float, *, level: float = 0.95, power: float = POWER) -> float:
    """Return the smallest true effect detected with the given power, in the unit of ``se``.

    References
    ----------
    Bloom (1995), doi:10.1177/0193841X9501900504.
    """
    return detectable_multiple(level=level, power=power) * se


def planned_minimum_detectable(
    treated: int, *, base: float, ratio: float = 1.0, level: float = 0.95, power: float = POWER
) -> float:
    """Return the smallest detectable difference of two proportions before outcomes are read.

    Solves d = (z + z_power) sqrt(((base + d)(1 - base - d) + base (1 - base) / ratio) / treated).

    Parameters
    ----------
    treated : int
        Matched entrants.
    base : float
        Comparison rate, between 0 and 1.
    ratio : float
        Comparators per entrant.

    Examples
    --------
    >>> round(100 * planned_minimum_detectable(1000, base=0.10), 1)
    4.1
    """
    multiple = detectable_multiple(level=level, power=power)
    effect = 0.0
    for _ in range(200):
        rate = min(base + effect, 1.0)
        variance = (rate * (1 - rate) + base * (1 - base) / ratio) / treated
        effect = multiple * math.sqrt(variance)
    return effect


def entrants_needed(
    effect: float, *, base: float, ratio: float = 1.0, level: float = 0.95, power: float = POWER
) -> int:
    """Return the matched entrants needed to detect a difference of two proportions.

    Examples
    --------
    >>> entrants_needed(0.03, base=0.10)
    1772
    """
    multiple = detectable_multiple(level=level, power=power)
    rate = base + effect
    variance = rate * (1 - rate) + base * (1 - base) / ratio
    return math.ceil(multiple**2 * variance / effect**2)


def entrants_needed_from(minimum_points: float, matched: int, *, points: float) -> int:
    """Return the matched entrants at which the detectable effect falls to ``points``.

    The detectable effect shrinks with the square root of the entrants, design unchanged.
    """
    return math.ceil(matched * (minimum_points / points) ** 2)
