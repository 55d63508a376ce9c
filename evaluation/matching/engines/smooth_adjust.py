"""Regression bias adjustment after smooth matching.

In: fixed covariate columns, a score, weights, outcomes. Out: for each outcome the mean of the
treated and the regression-adjusted mean of their comparators. Never chooses columns by an outcome.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.errors import fail, nearest
from evaluation.matching.engines.moments import independent, level_codes, moment_matrix
from evaluation.matching.engines.smooth_match import Smoothed
from evaluation.matching.engines.usable_strata import kish
from evaluation.matching.types import Floats

LEVELS = 8
"""Factors with more levels than this stay out of the adjustment (the score holds them)."""
COLUMNS = 24
"""Most columns besides the score; those least balanced after matching are kept."""
ROWS_PER_COLUMN = 10
"""Effective comparators required for each column."""


def adjustment_columns(
    covariates: pd.DataFrame, asked: bool | list[str], matched: Smoothed
) -> tuple[Floats, tuple[str, ...], int]:
    """Choose the columns of the regression.

    Parameters
    ----------
    covariates : DataFrame (n, k)
    asked : bool or list of str
        True: numbers, flags and factors with at most 8 levels; a list: these covariates; False:
        none (the caller then does not adjust).
    matched : Smoothed
        The match of the point estimate.

    Returns
    -------
    columns : (n, p) float
    names : tuple of str (p,)
    left_out : int
        Columns that the limits (24; 10 effective comparators each) left out.
    """
    names = _chosen(covariates, asked)
    moments = moment_matrix(covariates[names]) if names else None
    if moments is None or not moments.names:
        return np.empty((len(covariates), 0)), (), 0
    room = max(0, min(COLUMNS, int(kish(matched.comparison) / ROWS_PER_COLUMN) - 3))
    t, c = matched.treated / matched.treated.sum(), matched.comparison / matched.comparison.sum()
    gap = np.abs((t - c) @ moments.matrix) / np.maximum(moments.matrix.std(axis=0), 1e-12)
    kept = np.zeros(len(moments.names), dtype=bool)
    # rounded, so that the last bits of a sum cannot change which columns are in
    kept[np.argsort(-np.round(gap, 9), kind="stable")[:room]] = True
    chosen = moments.keep(kept)
    return np.ascontiguousarray(chosen.matrix), chosen.names, int((~kept).sum())


def _chosen(covariates: pd.DataFrame, asked: bool | list[str]) -> list[str]:
    if isinstance(asked, bool):
        return [name for name in covariates.columns if asked and _low(covariates[name], name)]
    unknown = [name for name in asked if name not in covariates.columns]
    if unknown:
        close = nearest(unknown[0], covariates.columns)
        fail("EVAL-459", columns=unknown, nearest=close)
    return list(asked)


def _low(values: pd.Series, name: str) -> bool:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return True
    return len(np.unique(level_codes(values, name)[0])) <= LEVELS


def adjusted_means(columns: Floats, score: Floats, matched: Smoothed, outcomes: Floats) -> Floats:
    """Return the means of treated and of comparators, adjusted by weighted least squares.

    Parameters
    ----------
    columns : (n, p) float
    score : (n,) float
    matched : Smoothed
    outcomes : (n, m) float

    Returns
    -------
    (m, 2) float
        Weighted mean of the treated, and the mean over the treated of the regression of the
        comparators' outcome on score, its square and ``columns``.

    Notes
    -----
    With an intercept among the regressors the weighted residuals sum to zero, so that the mean
    prediction at the treated equals "matched mean + difference of predictions".
    """
    t_rows, c_rows = np.flatnonzero(matched.treated), np.flatnonzero(matched.comparison)
    t, w = matched.treated[t_rows], matched.comparison[c_rows]
    at_treated, at_comparison = _standard(score[t_rows], score[c_rows], w)
    root = np.sqrt(w)
    scaled = columns[c_rows] * root[:, None]
    scaled_powers = at_comparison * root
    cross = scaled_powers @ scaled
    gram = np.block([[scaled_powers @ scaled_powers.T, cross], [cross.T, scaled.T @ scaled]])
    y = outcomes[c_rows] * root[:, None]
    moment = np.vstack([scaled_powers @ y, scaled.T @ y])
    target = np.concatenate([at_treated @ t, t @ columns[t_rows]]) / t.sum()
    slope = solve_independent(gram, moment)
    return np.column_stack([t @ outcomes[t_rows] / t.sum(), target @ slope])


def plain_means(matched: Smoothed, outcomes: Floats) -> Floats:
    """Return the two weighted means (m, 2) without adjustment."""
    t, w = matched.treated, matched.comparison
    return np.column_stack([t @ outcomes / t.sum(), w @ outcomes / w.sum()])


def _standard(treated: Floats, comparison: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return one, score and squared score of both arms (3, ...), the score standardised."""
    total = weight.sum()
    centre = float(weight @ comparison) / total
    spread = float(np.sqrt(weight @ (comparison - centre) ** 2 / total)) or 1.0
    powers = [
        np.stack([np.ones_like(z), z, z * z])
        for z in ((treated - centre) / spread, (comparison - centre) / spread)
    ]
    return powers[0], powers[1]


def solve_independent(gram: Floats, moment: Floats) -> Floats:
    """Solve normal equations; a column that the columns before it determine gets zero."""
    kept = independent(gram, np.diag(gram))
    slope = np.zeros_like(moment)
    slope[kept] = np.linalg.solve(gram[np.ix_(kept, kept)], moment[kept])
    return slope
