"""Multivariate distances as coordinates: the Euclidean distance of the result is the one asked for.

In: covariates and who was treated. Out: an (n, d) array. Follows MatchIt's conventions: every level
of a category as a dummy divided by the square root of two, constant columns left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from evaluation.matching.score.design import category_codes, is_category
from evaluation.matching.types import Bools, Floats

DETERMINANT = 1e-8


def mahalanobis(covariates: pd.DataFrame, treated: Bools, kept: Bools | None = None) -> Floats:
    """Return coordinates of the Mahalanobis distance, pooled within-group covariance.

    Parameters
    ----------
    covariates : DataFrame (n, k)
        Numbers and categories.
    treated : (n,) bool
        The two groups.
    kept : (n,) bool, optional
        Rows from which the covariance is taken (all).

    Returns
    -------
    (n, d) float

    References
    ----------
    Rubin, D. B. (1980). Bias reduction using Mahalanobis-metric matching. Biometrics 36, 293-298.
    https://doi.org/10.2307/2529981
    """
    X = expand(covariates)
    kept = np.ones(len(X), bool) if kept is None else kept
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    return _rotated(X, _pooled_covariance(X[kept], treated[kept]))


def robust_mahalanobis(
    covariates: pd.DataFrame, treated: Bools, kept: Bools | None = None
) -> Floats:
    """Return coordinates of the rank-based Mahalanobis distance.

    Ranks (average for ties), covariance rescaled to the variance of untied ranks. Parameters as
    :func:`mahalanobis`; the groups play no part.

    References
    ----------
    Rosenbaum, P. R. (2010). Design of Observational Studies, chapter 8. Springer.
    https://doi.org/10.1007/978-1-4419-1213-8
    """
    from scipy.stats import rankdata

    X = expand(covariates)
    kept = np.ones(len(X), bool) if kept is None else kept
    ranks = np.zeros_like(X)
    for j in range(X.shape[1]):
        ranks[kept, j] = rankdata(X[kept, j])
    covariance = np.atleast_2d(np.cov(ranks[kept], rowvar=False))
    untied = np.std(np.arange(1, int(kept.sum()) + 1), ddof=1)
    factor = untied / np.sqrt(np.diag(covariance))
    return _rotated(ranks, covariance * np.outer(factor, factor))


def scaled_euclidean(covariates: pd.DataFrame, treated: Bools, kept: Bools | None = None) -> Floats:
    """Return covariates divided by their pooled within-group standard deviation.

    Parameters as :func:`mahalanobis`.
    """
    X = expand(covariates)
    kept = np.ones(len(X), bool) if kept is None else kept
    deviation: Floats = np.sqrt(np.diag(_pooled_covariance(X[kept], treated[kept])))
    return X / np.where(deviation > 0, deviation, 1.0)


METRICS: dict[str, Callable[[pd.DataFrame, Bools, Bools | None], Floats]] = {
    "mahalanobis": mahalanobis,
    "robust_mahalanobis": robust_mahalanobis,
    "scaled_euclidean": scaled_euclidean,
}


def expand(covariates: pd.DataFrame) -> Floats:
    """Return numbers and all levels of categories (dummies / √2), constant columns left out.

    Parameters
    ----------
    covariates : DataFrame (n, k)

    Returns
    -------
    (n, d) float
        When every column is constant, one column of zeros: all distances are nil.
    """
    columns: list[Floats] = []
    for j in range(covariates.shape[1]):
        column = covariates.iloc[:, j]
        if is_category(column):
            codes, levels = category_codes(column)
            columns += [(codes == level) / np.sqrt(2) for level in range(len(levels))]
        else:
            columns.append(column.to_numpy(np.float64))
    moving = [c for c in columns if c.max() - c.min() >= np.sqrt(np.finfo(float).eps)]
    return np.column_stack(moving) if moving else np.zeros((len(covariates), 1))


def _pooled_covariance(X: Floats, treated: Bools) -> Floats:
    centred = np.array(X)
    for group in (treated, ~treated):
        if group.any():
            centred[group] -= X[group].mean(axis=0)
    covariance: Floats = centred.T @ centred / max(len(X) - 2, 1)
    return covariance


def _rotated(X: Floats, covariance: Floats) -> Floats:
    """Return X R', R being the (pivoted) Cholesky factor of the inverse covariance."""
    from scipy.linalg.lapack import dpstrf

    regular = np.linalg.cond(covariance, 1) < 1 / np.finfo(float).eps
    if regular and np.linalg.det(covariance) > DETERMINANT:
        inverse = np.linalg.inv(covariance)
    else:
        inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    factor, pivot, rank, _ = dpstrf((inverse + inverse.T) / 2)
    upper = np.triu(factor)
    upper[rank:] = 0.0
    upper = upper[:, np.argsort(pivot)]
    rotated = np.zeros((len(X), rank))
    # Column by column, so that rows with equal covariates keep bit-identical coordinates.
    for d in range(rank):
        for j in range(X.shape[1]):
            if upper[d, j] != 0.0:
                rotated[:, d] += X[:, j] * upper[d, j]
    return rotated
