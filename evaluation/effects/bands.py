"""Simultaneous bands: limits that hold a whole curve at once, by the bootstrap of its supremum.

In: the influence of each row on the effects of several months, or their joint covariance. Out: how
many standard errors a band needs. Must never change an estimate or a pointwise interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.effects.clusters import Clusters, cluster_sums, clusters_of
from evaluation.effects.intervals import quantile
from evaluation.effects.moments import Arms
from evaluation.effects.types import Floats

if TYPE_CHECKING:
    from evaluation.effects.effect import Effect

DRAWS = 10_000
"""Draws of the multiplier bootstrap; the critical value is then known to about 0.02."""


@dataclass(frozen=True, slots=True)
class Bands:
    """A simultaneous band around the effects of several months.

    Attributes
    ----------
    months : tuple of int
        Months that the band covers together: those whose effect has a variance.
    critical : float
        Standard errors on each side.
    low, high : (h,) float
        Limits, in the unit of the effects.
    covariance : (h, h) float
        Joint covariance of the effects, squared unit.
    """

    months: tuple[int, ...]
    critical: float
    low: Floats
    high: Floats
    covariance: Floats

    def limits(self, month: int, *, scale: float = 1.0) -> tuple[float | None, float | None]:
        """Return the limits of a month in another unit, (None, None) where it has none."""
        if month not in self.months:
            return None, None
        at = self.months.index(month)
        return float(self.low[at]) * scale, float(self.high[at]) * scale

    def row(self, month: int, *, scale: float = 1.0) -> dict[str, float]:
        """Return the covariance of a month with each month of the band, {} where it has none."""
        if month not in self.months:
            return {}
        values = self.covariance[self.months.index(month)] * scale**2
        return {str(m): float(value) for m, value in zip(self.months, values, strict=True)}


def bands_of(effects: Mapping[int, Effect], arms: Arms, *, level: float, seed: int) -> Bands | None:
    """Return the band of effects by month, in the outcome's own unit.

    Parameters
    ----------
    effects : dict of int to Effect
        Effects of one matched set, by month, all with the same variance.
    arms : Arms
        Clusters of the rows.
    level : float
        Chance that the band holds every month at once.
    seed : int
        Of the draws.

    Returns
    -------
    Bands or None
        None when no effect has a variance.
    """
    kept = {m: e for m, e in sorted(effects.items()) if e.difference.se and not e.withheld}
    if not kept:
        return None
    return banded(
        tuple(kept),
        np.array([e.difference.estimate for e in kept.values()], dtype=float),
        np.array([e.difference.se for e in kept.values()], dtype=float),
        np.column_stack([e.influence[:, 0] - e.influence[:, 1] for e in kept.values()]),
        arms, variance=next(iter(kept.values())).variance, level=level, seed=seed,
    )  # fmt: skip


def banded(
    months: tuple[int, ...], centre: Floats, errors: Floats, influence: Floats, arms: Arms, *,
    variance: str, level: float, seed: int,
) -> Bands:  # fmt: skip
    """Return the band around effects (h,) with standard errors (h,) and influence (n, h)."""
    covariance = rescaled(joint_covariance(influence, arms, variance), errors)
    critical = sup_t(covariance, level=level, seed=seed)
    half = critical * errors
    return Bands(months, critical, centre - half, centre + half, covariance)


def joint_covariance(influence: Floats, arms: Arms, variance: str) -> Floats:
    """Return the covariance (h, h) of effects from their influence values (n, h), by cluster.

    Sets and persons for matched sets, rows for ``HC``, else persons: the clusters of the pointwise
    variances, so that the two agree. Where these rest on more than influence values (replacement,
    bootstrap) only the correlations of this matrix are used.
    """
    rows = influence.any(axis=1) | arms.used
    psi = influence[rows]
    if variance in ("HC0", "HC1"):
        return _products(psi)
    persons = clusters_of(arms.person[rows])
    if variance not in ("set_person", "CL_HC0", "CL_HC1"):
        return _by(psi, persons)
    sets = clusters_of(arms.sets[rows])
    by_set = _by(psi, sets)
    crossed = np.unique(sets.codes * np.int64(persons.count) + persons.codes)
    if variance != "set_person" or len(crossed) == persons.count:
        return by_set
    return _positive(by_set + _by(psi, persons) - _products(psi))


def sup_t(covariance: Floats, *, level: float, seed: int, draws: int = DRAWS) -> float:
    r"""Return how many standard errors hold all h effects at once with probability ``level``.

    Parameters
    ----------
    covariance : (h, h) float
        Joint covariance; its diagonal is positive.
    level : float
    seed : int
    draws : int

    Notes
    -----
    The quantile of :math:`\max_j |\sum_g \xi_g S_{gj}| / \sigma_j` over standard normal multipliers
    :math:`\xi_g` of the cluster sums S: given the data, a normal vector of covariance S'S, which is
    drawn through its symmetric root, so that the draws depend neither on the order of the rows nor
    on their number. Kept between the pointwise quantile and Šidák's bound for any correlation.

    References
    ----------
    Montiel Olea, J. L. and Plagborg-Møller, M. (2019). Simultaneous confidence bands: theory,
    implementation, and an application to SVARs. Journal of Applied Econometrics 34(1), 1-17.
    https://doi.org/10.1002/jae.2656

    Šidák, Z. (1967). Rectangular confidence regions for the means of multivariate normal
    distributions. JASA 62(318), 626-633. https://doi.org/10.1080/01621459.1967.10482935

    Examples
    --------
    >>> round(sup_t(np.ones((3, 3)), level=0.95, seed=1), 2)
    1.96
    """
    size = len(covariance)
    errors = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(errors, errors))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    normal = np.random.default_rng(seed).standard_normal((draws, size))
    largest = np.abs(normal @ root).max(axis=1)
    found = float(np.quantile(largest, level))
    return min(max(found, quantile(level)), quantile(level ** (1 / size)))


def rescaled(covariance: Floats, errors: Floats) -> Floats:
    """Return a covariance (h, h) with the same correlations and these standard errors (h,).

    A month whose influence values do not vary counts as independent of the others.
    """
    own = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    safe = np.where(own > 0, own, 1.0)
    correlation = covariance / np.outer(safe, safe)
    np.fill_diagonal(correlation, 1.0)
    scaled: Floats = correlation * np.outer(errors, errors)
    return scaled


def pooled_band(
    gaps: Floats, matrices: Sequence[Floats], shares: Floats, *, level: float, seed: int
) -> tuple[Floats, Floats]:
    """Return the limits (h,) of a weighted sum of independent curves with effects ``gaps`` (h,)."""
    total = np.zeros((len(gaps), len(gaps)))
    for share, matrix in zip(shares, matrices, strict=True):
        total += share**2 * matrix
    half = sup_t(total, level=level, seed=seed) * np.sqrt(np.diag(total))
    return gaps - half, gaps + half


def _by(psi: Floats, groups: Clusters) -> Floats:
    factor = groups.count / (groups.count - 1) if groups.count > 1 else math.nan
    return _products(cluster_sums(psi, groups)) * factor


def _products(values: Floats) -> Floats:
    # einsum adds in one order whatever the number of threads.
    total: Floats = np.einsum("gi,gj->ij", values, values)
    return total


def _positive(matrix: Floats) -> Floats:
    """Return the nearest positive semi-definite matrix, by its eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= 0:
        return matrix
    raised: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return raised
