"""Covariates as a numeric matrix of moments: levels as indicators, numbers as powers.

In: a DataFrame without missing values. Out: a dense matrix with a name for each column, the same
whatever the units of the covariates. Shared by entropy balancing and by bias adjustment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.errors import fail
from evaluation.matching.types import Bools, Floats

COLLINEAR = 1e-9
"""Share of a column's variance below which it says nothing the columns before it do not say."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Columns whose means are compared.

    Attributes
    ----------
    matrix : (n, q) float
        Indicators as 0/1, numbers (and their powers) in standard deviations.
    names : tuple of str (q,)
        ``age``, ``age^2``, ``education=NV3``.
    indicator : (q,) bool
        Which columns are 0/1.
    """

    matrix: Floats
    names: tuple[str, ...]
    indicator: Bools

    def keep(self, columns: Bools) -> Moments:
        """Return the columns of a mask (q,)."""
        names = tuple(n for n, kept in zip(self.names, columns, strict=True) if kept)
        return Moments(self.matrix[:, columns], names, self.indicator[columns])


def moment_matrix(covariates: pd.DataFrame, *, moments: int = 1) -> Moments:
    """Build the moments of a covariate table.

    Parameters
    ----------
    covariates : DataFrame (n, k)
        No missing values.
    moments : int
        Highest power of each number (1 = means, 2 = means and variances...).

    Returns
    -------
    Moments
        Every level but the most frequent one; constant columns are left out.

    Raises
    ------
    EvaluationError
        EVAL-453 when a column holds missing or infinite values.
    """
    columns: list[Floats] = []
    names: list[str] = []
    indicator: list[bool] = []
    for name in covariates.columns:
        for label, values, binary in _column(covariates[name], str(name), moments):
            columns.append(values)
            names.append(label)
            indicator.append(binary)
    matrix = np.column_stack(columns) if columns else np.empty((len(covariates), 0))
    return Moments(matrix, tuple(names), np.array(indicator, dtype=bool))


def _column(values: pd.Series, name: str, moments: int) -> list[tuple[str, Floats, bool]]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _number(values.to_numpy(np.float64), name, moments)
    codes, levels = level_codes(values, name)
    counts = np.bincount(codes, minlength=len(levels))
    base = int(np.argmax(counts))
    present = [k for k in range(len(levels)) if counts[k] and k != base]
    return [(f"{name}={levels[k]}", (codes == k).astype(np.float64), True) for k in present]


def level_codes(values: pd.Series, name: str) -> tuple[np.ndarray, list[str]]:
    """Return the level code of each row and the levels, in category or alphabetical order."""
    category = (
        values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("category")
    )
    codes = category.cat.codes.to_numpy(np.int64)
    missing = int((codes < 0).sum())
    if missing:
        fail("EVAL-453", column=name, count=missing)
    return codes, [str(level) for level in category.cat.categories]


def _number(x: Floats, name: str, moments: int) -> list[tuple[str, Floats, bool]]:
    missing = int((~np.isfinite(x)).sum())
    if missing:
        fail("EVAL-453", column=name, count=missing)
    spread = x.std()
    if len(x) == 0 or spread <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return []
    if np.all((x == 0) | (x == 1)):
        return [(f"{name}=1", x, True)]
    z = (x - x.mean()) / spread
    return [
        (name if power == 1 else f"{name}^{power}", z**power, False)
        for power in range(1, moments + 1)
    ]


def independent(gram: Floats, total: Floats, *, tolerance: float = COLLINEAR) -> Bools:
    """Return the columns that are not combinations of the columns before them.

    Parameters
    ----------
    gram : (q, q) float
        Cross-products of the columns, centred as the model centres them.
    total : (q,) float
        Scale against which a remaining variance counts as zero.

    Notes
    -----
    Cholesky factorisation in column order, as R's ``lm``: of two equal columns the first stays.
    """
    q = len(total)
    factor = np.zeros((q, q))
    kept = np.zeros(q, dtype=bool)
    for j in range(q):
        row = factor[:, :j] @ factor[j, :j] if j else np.zeros(q)
        left = gram[j, j] - row[j]
        if left > tolerance * total[j]:
            kept[j] = True
            factor[j:, j] = (gram[j:, j] - row[j:]) / np.sqrt(left)
    return kept
