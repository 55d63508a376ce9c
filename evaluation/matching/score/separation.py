"""Whether the likelihood of a score has a maximum; if not, which covariate is to blame."""

from __future__ import annotations

import numpy as np

from evaluation.matching.score.design import Design
from evaluation.matching.score.newton import Fit
from evaluation.matching.types import Bools, Floats

SEPARATED = 1e-9
"""Least curvature, as a share of X'WX, under which the likelihood has no maximum."""


def separation(
    design: Design, treated: Bools, weights: Floats, fit: Fit
) -> tuple[str | None, bool]:
    """Return the term along which the likelihood has no maximum, and whether it splits the arms.

    Without a maximum there is a direction v whose rows (those with x'v ≠ 0) all reach probability
    0 or 1: the smallest eigenvalue of the information, relative to X'WX, goes to zero.

    Parameters
    ----------
    design : Design
        Covariates (n, q).
    treated, weights : (n,)
        Treatment and frequency weights.
    fit : Fit
        An unpenalised fit.

    Returns
    -------
    column : str or None
        The term that weighs most in that direction; None when there is a maximum.
    complete : bool
        Whether the score puts every treated row above every other.

    References
    ----------
    Albert, A. and Anderson, J. A. (1984). On the existence of maximum likelihood estimates in
    logistic regression models. Biometrika 71, 1-10. https://doi.org/10.1093/biomet/71.1.1
    """
    from scipy.linalg import eigh

    products = design.gram(weights)
    scale = 1 / np.sqrt(np.diag(products))
    inside = fit.information * np.outer(scale, scale)
    outside = products * np.outer(scale, scale) + 1e-12 * np.eye(scale.size)
    values, vectors = eigh(inside, outside, subset_by_index=[0, 0])
    complete = bool(fit.linear[treated].min() > fit.linear[~treated].max())
    if values[0] > SEPARATED and not complete:
        return None, False
    direction = np.abs(vectors[:, 0])
    if values[0] > SEPARATED:
        direction = np.abs(fit.coefficients / scale)
    direction[0] = 0.0
    return _culprit(design, treated, direction), complete


def _culprit(design: Design, treated: Bools, direction: Floats) -> str:
    """Return the term that separates by itself, else the heaviest one."""
    order = np.argsort(-direction, kind="stable")
    for j in map(int, order[:20]):
        unit = np.zeros(direction.size)
        unit[j] = 1.0
        column = design.times(unit)
        one, other = column[treated], column[~treated]
        if one.min() > other.max() or other.min() > one.max():
            return str(design.sources[j])
        if np.unique(column).size == 2 and (np.ptp(one) == 0 or np.ptp(other) == 0):
            return str(design.names[j])
    return design.names[int(order[0])]
