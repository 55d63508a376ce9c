"""The one list of balance statistics: column, threshold, axis and wording, declared once.

In: the distribution of one covariate in both arms. Out: a number. Tables, figures, reports and the
verdict read this list; a statistic added here appears in all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.matching.types import Floats


@dataclass(frozen=True, slots=True)
class Contrast:
    """One number, or the levels of one factor, in both arms.

    Attributes
    ----------
    binary : bool
        Proportions (one entry per level) rather than a distribution over values.
    treated, comparison : (g,) float
        Share of each arm at each value in increasing order; for proportions, at each level.
    mean_treated, mean_comparison : (r,) float
        r = 1 for a number, the number of levels for proportions.
    variance_treated, variance_comparison : float
        Weighted variances, not defined for proportions.
    scale : (r,) float
        Standard deviation of the treated before matching.
    """

    binary: bool
    treated: Floats
    comparison: Floats
    mean_treated: Floats
    mean_comparison: Floats
    variance_treated: float
    variance_comparison: float
    scale: Floats


@dataclass(frozen=True, slots=True)
class Statistic:
    """One declared statistic.

    Attributes
    ----------
    name : str
        Stem of its columns (``smd`` gives ``smd_before`` and ``smd_after``) and of its wording
        (``diagnostics.smd.label``, ``.note``).
    compute : callable
        ``Contrast -> (r,)``.
    threshold : tuple of float
        Values between which balance is called good.
    axis : tuple of float
        Smallest span of a plot's axis.
    perfect : float
        Value under perfect balance.
    """

    name: str
    compute: Callable[[Contrast], Floats]
    threshold: tuple[float, float]
    axis: tuple[float, float]
    perfect: float

    @property
    def before(self) -> str:
        """Column before matching."""
        return f"{self.name}_before"

    @property
    def after(self) -> str:
        """Column after matching."""
        return f"{self.name}_after"

    @property
    def label(self) -> str:
        """Key of its wording."""
        return f"diagnostics.{self.name}.label"


def standardised_difference(contrast: Contrast) -> Floats:
    """Return (mean treated − mean comparison) / scale; 0 for two equal constants."""
    gap = contrast.mean_treated - contrast.mean_comparison
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = gap / contrast.scale
    # the mean of a constant is exact only to the last bit
    rounding = 1e-13 * (np.abs(contrast.mean_treated) + np.abs(contrast.mean_comparison))
    return np.where(np.abs(gap) <= rounding, 0.0, ratio)


def variance_ratio(contrast: Contrast) -> Floats:
    """Return the ratio of weighted variances, treated over comparison; not for proportions."""
    if contrast.binary or contrast.variance_comparison <= 0:
        return np.full(len(contrast.mean_treated), np.nan)
    return np.array([contrast.variance_treated / contrast.variance_comparison])


def ecdf_gaps(contrast: Contrast) -> Floats:
    """Return the absolute differences of the distribution functions, at every value."""
    return np.abs(np.cumsum(contrast.treated) - np.cumsum(contrast.comparison))


def ecdf_mean(contrast: Contrast) -> Floats:
    """Return the mean gap over the values of the full sample; for proportions their difference."""
    if contrast.binary:
        return np.abs(contrast.treated - contrast.comparison)
    return np.array([ecdf_gaps(contrast).mean()])


def ecdf_max(contrast: Contrast) -> Floats:
    """Return the largest gap (Kolmogorov–Smirnov); for proportions their difference."""
    if contrast.binary:
        return np.abs(contrast.treated - contrast.comparison)
    return np.array([ecdf_gaps(contrast).max()])


STATISTICS: dict[str, Statistic] = {
    statistic.name: statistic
    for statistic in (
        Statistic("smd", standardised_difference, (-0.1, 0.1), (-0.3, 0.3), 0.0),
        Statistic("variance_ratio", variance_ratio, (0.5, 2.0), (0.0, 2.5), 1.0),
        Statistic("ecdf_mean", ecdf_mean, (0.0, 0.05), (0.0, 0.1), 0.0),
        Statistic("ecdf_max", ecdf_max, (0.0, 0.1), (0.0, 0.2), 0.0),
    )
}
