"""Bias from a hidden confounder as strong as an observed one (omitted-variable bias bounds)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.effects.types import Floats

_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Strength:
    """Partial R² of a hidden confounder.

    Attributes
    ----------
    with_treatment, with_outcome : float
        Of the confounder with the treatment given the covariates, and with the outcome given
        covariates and treatment.
    """

    with_treatment: float
    with_outcome: float


@dataclass(frozen=True, slots=True)
class Regression:
    """What the bounds need of a least-squares fit.

    Attributes
    ----------
    coefficient, se : float
        Of the column of interest.
    dof : int
        Residual degrees of freedom.
    """

    coefficient: float
    se: float
    dof: int

    @property
    def partial_r2(self) -> float:
        """Partial R² of the column with the response: t² / (t² + dof)."""
        t2 = (self.coefficient / self.se) ** 2
        return t2 / (t2 + self.dof)


def least_squares(response: Floats, design: Floats, column: int, weights: Floats) -> Regression:
    """Regress (n,) on (n, q) by weighted least squares; collinear columns are dropped.

    ``column`` is the position of the coefficient of interest. Sums run over chunks of rows so that
    a large region needs no second copy of its design.
    """
    gram = np.zeros((design.shape[1], design.shape[1]))
    cross, square = np.zeros(design.shape[1]), 0.0
    for start in range(0, len(response), _CHUNK):
        part = slice(start, start + _CHUNK)
        x, y, w = design[part], response[part], weights[part]
        weighted = x * w[:, None]
        gram += weighted.T @ x
        cross += weighted.T @ y
        square += float(np.sum(w * y * y))
    kept = _independent(gram, first=column)
    inverse = np.linalg.inv(gram[np.ix_(kept, kept)])
    beta = inverse @ cross[kept]
    dof = int(np.count_nonzero(weights)) - len(kept)
    sigma2 = max(square - float(beta @ cross[kept]), 0.0) / dof
    place = kept.index(column)
    return Regression(float(beta[place]), math.sqrt(sigma2 * inverse[place, place]), dof)


def _independent(gram: Floats, *, first: int) -> list[int]:
    """Return columns that are not linear in those before them, ``first`` examined last."""
    order = [k for k in range(len(gram)) if k != first] + [first]
    remaining = gram.copy()
    scale = np.diag(gram).copy()
    kept = []
    for k in order:
        pivot = remaining[k, k]
        if scale[k] > 0 and pivot > 1e-10 * scale[k]:
            kept.append(k)
            remaining = remaining - np.outer(remaining[:, k], remaining[k]) / pivot
    return sorted(kept)


def benchmark_strength(
    treatment: Regression, outcome: Regression, *, multiple: float = 1.0
) -> Strength:
    """Return the partial R² of a confounder ``multiple`` times as strong as a covariate.

    Parameters
    ----------
    treatment : Regression
        Of the treatment on the covariates; the coefficient is the benchmark covariate's.
    outcome : Regression
        Of the outcome on treatment and covariates; the coefficient is the benchmark covariate's.
    multiple : float
        k_d = k_y.

    References
    ----------
    Cinelli & Hazlett (2020), section 4.4, doi:10.1111/rssb.12348.
    """
    d, y = treatment.partial_r2, outcome.partial_r2
    with_treatment = min(multiple * d / (1 - d), 0.999)
    shared = multiple * d**2 / ((1 - multiple * d) * (1 - d))
    scale = (math.sqrt(multiple) + math.sqrt(shared)) / math.sqrt(1 - shared)
    return Strength(with_treatment, min(scale**2 * y / (1 - y), 1.0))


def omitted_bias(se: float, dof: int, strength: Strength) -> float:
    """Return the largest bias, in the unit of ``se``, of a confounder of the given strength.

    References
    ----------
    Cinelli & Hazlett (2020), equation 14, doi:10.1111/rssb.12348.
    """
    y, d = strength.with_outcome, strength.with_treatment
    return se * math.sqrt(dof) * math.sqrt(y * d / (1 - d))


def adjusted_se(se: float, dof: int, strength: Strength) -> float:
    """Return the standard error once the confounder is controlled for."""
    ratio = (1 - strength.with_outcome) / (1 - strength.with_treatment)
    return se * math.sqrt(ratio * dof / (dof - 1))


def design_columns(covariates: pd.DataFrame, *, drop: str = "") -> tuple[Floats, list[str]]:
    """Return the design (n, q): intercept, numbers, one column per category but the first."""
    columns, names = [np.ones(len(covariates))], ["(intercept)"]
    for name in covariates.columns:
        if name == drop:
            continue
        column = covariates[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            columns.append(column.to_numpy(dtype=float))
            names.append(str(name))
            continue
        codes = column.astype("category").cat.codes.to_numpy()
        for code in np.unique(codes)[1:]:
            columns.append((codes == code).astype(float))
            names.append(f"{name}[{code}]")
    return np.column_stack(columns), names


def confounder_like(
    benchmark: Floats, outcome: Floats, treated: Floats, covariates: pd.DataFrame, weights: Floats,
    *, name: str,
) -> Strength | None:  # fmt: skip
    """Return the strength of a hidden confounder like ``benchmark``, all arrays (n,).

    Measured on all entrants and comparators before matching: inside a set matched exactly on the
    benchmark it no longer predicts treatment, and would prove nothing. None when the benchmark does
    not vary given the covariates.
    """
    design, _ = design_columns(covariates, drop=name)
    base = np.column_stack([benchmark, design])
    if np.ptp(benchmark) == 0:
        return None
    on_treatment = least_squares(treated, base, 0, weights)
    on_outcome = least_squares(outcome, np.column_stack([base, treated]), 0, weights)
    if on_treatment.se == 0 or on_outcome.se == 0:
        return None
    return benchmark_strength(on_treatment, on_outcome)
