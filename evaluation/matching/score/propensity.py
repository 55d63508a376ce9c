"""The propensity score: a logistic (or probit) regression fitted by Newton's method.

In: who was treated, covariates, frequency weights. Out: a :class:`PropensityModel` that carries
the score and what the variances need of it. Must never see an outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import Fault, fail, warn
from evaluation.matching.score.design import Design, build_design, columns_of
from evaluation.matching.score.newton import Link, newton, solve
from evaluation.matching.score.separation import separation
from evaluation.matching.types import Bools, Floats

RIDGE = 1.0
"""Penalty on the squared standardised coefficients when the likelihood alone does not decide."""
EVENTS_PER_PARAMETER = 5
"""Rows of the smaller arm per coefficient under which the score is penalised."""


@dataclass(frozen=True, slots=True)
class PropensityModel:
    """A fitted score.

    Attributes
    ----------
    coefficients : (q,) float
        In the units of the covariates.
    names : tuple of str
        Names of the coefficients, ``(Intercept)`` first.
    linear, probability : (n,) float
        Linear predictor and fitted probability.
    converged : bool
        Whether Newton's method stopped by itself.
    iterations : int
        Steps taken.
    penalty : float
        Ridge penalty on the squared standardised coefficients, 0 for maximum likelihood.
    notes : tuple of Fault
        What was pooled, left out or penalised.
    link : str
        ``logit`` or ``probit``.
    design : Design
        The covariates.
    treated : (n,) bool
        Treatment.
    weights : (n,) float
        Frequency weights.
    residual : (n,) float
        Derivative of each row's log-likelihood with respect to its linear predictor, weight
        included.
    information : (q, q) float
        Expected information, penalty included.
    """

    coefficients: Floats
    names: tuple[str, ...]
    linear: Floats
    probability: Floats
    converged: bool
    iterations: int
    penalty: float
    notes: tuple[Fault, ...]
    link: Link
    design: Design
    treated: Bools
    weights: Floats
    residual: Floats
    information: Floats

    def design_times(self, vector: Floats) -> Floats:
        """Return X v for ``vector`` (q,): (n,)."""
        return self.design.times(np.asarray(vector, np.float64))

    def design_transpose_times(self, vector: Floats) -> Floats:
        """Return X'r for ``vector`` (n,): (q,)."""
        return self.design.transpose_times(np.asarray(vector, np.float64))

    def score_influence(self, direction: Floats) -> Floats:
        """Return the influence of every row on g'beta.

        Parameters
        ----------
        direction : (q,) float
            The direction g.

        Returns
        -------
        (n,) float
            :math:`r_i x_i' I^{-1} g`, r being the residual, weights included; the sum of the
            squares (by person) estimates the variance of g'beta.
        """
        return self.residual * self.design_times(solve(self.information, direction))

    def one_step(self, multiplier: Floats) -> Floats:
        """Return the linear predictors of R bootstrap replications, one Newton step each.

        Parameters
        ----------
        multiplier : (n, R) float
            Weights of the rows in each replication, mean one (constant within a person).

        Returns
        -------
        (n, R) float

        References
        ----------
        Kline, P. and Santos, A. (2012). A score based approach to wild bootstrap inference.
        Journal of Econometric Methods 1(1). https://doi.org/10.1515/2156-6674.1006
        """
        multiplier = np.asarray(multiplier, np.float64)
        predictors = np.empty_like(multiplier)
        for r in range(multiplier.shape[1]):
            gradient = self.design_transpose_times(self.residual * (multiplier[:, r] - 1.0))
            step = solve(self.information, gradient)
            predictors[:, r] = self.design_times(self.coefficients + step)
        return predictors

    @property
    def covariance(self) -> Floats:
        """Inverse information, (q, q)."""
        return solve(self.information, np.eye(len(self.names)))

    def statsmodels(self) -> Any:
        """Return the same model fitted by statsmodels (unpenalised, on the dense matrix)."""
        import statsmodels.api as sm

        link = sm.families.links.Logit() if self.link == "logit" else sm.families.links.Probit()
        model = sm.GLM(
            self.treated.astype(float),
            self.design.dense(),
            family=sm.families.Binomial(link=link),
            freq_weights=self.weights,
        )
        return model.fit(maxiter=100, tol=1e-12)

    def summary(self) -> pd.DataFrame:
        """Return coefficients, standard errors and z statistics by name."""
        errors = np.sqrt(np.diag(self.covariance))
        return pd.DataFrame(
            {
                "coefficient": self.coefficients,
                "standard_error": errors,
                "z": self.coefficients / errors,
            },
            index=pd.Index(self.names, name="term"),
        )


def fit_propensity(
    covariates: pd.DataFrame,
    treated: Bools,
    *,
    weights: Floats | None = None,
    link: Link = "logit",
    effects: pd.DataFrame | None = None,
    pool_sparse: bool = False,
    penalty: float = 0.0,
) -> PropensityModel:
    r"""Fit a propensity score by maximum likelihood, with a small ridge only where it must.

    Parameters
    ----------
    covariates : DataFrame (n, k)
        No missing values.
    treated : (n,) bool
        Treatment.
    weights : (n,) float, optional
        Frequency (sampling) weights.
    link : str
        ``logit`` or ``probit``.
    effects : DataFrame (n, c), optional
        Columns whose interaction enters as dummies.
    pool_sparse : bool
        Pool levels with fewer than 5 rows of either arm; with fewer than 5 events per parameter
        take the effects one by one and a ridge penalty of 1 on standardised coefficients.
    penalty : float
        Ridge :math:`\lambda` on standardised coefficients, 0 for maximum likelihood.

    Returns
    -------
    PropensityModel

    Raises
    ------
    EvaluationError
        EVAL-403 a negative penalty, EVAL-423 when a covariate separates the arms completely. A
        partial separation is penalised and warned about (EVAL-424), a failed convergence too
        (EVAL-432).

    Notes
    -----
    The penalised criterion is :math:`l(\beta) - \lambda/2 \sum_j s_j^2 \beta_j^2`, s the
    standard deviation of a column, the intercept free.
    """
    number = isinstance(penalty, (int, float)) and not isinstance(penalty, bool)
    if not number or not 0 <= penalty < np.inf:
        fail("EVAL-403", option="score_penalty", value=repr(penalty), allowed="≥ 0")
    treated = np.asarray(treated, bool)
    weights = np.ones(len(treated)) if weights is None else np.asarray(weights, np.float64)
    design, notes = _design(covariates, treated, weights, effects, pool_sparse)
    events = int(min(treated.sum(), (~treated).sum()))
    per_parameter = events / max(design.shape[1] - 1, 1)
    if pool_sparse and penalty == 0.0 and per_parameter < EVENTS_PER_PARAMETER:
        penalty = RIDGE
        notes.append(
            Fault("EVAL-422", {"penalty": RIDGE, "events": round(float(per_parameter), 1)})
        )
    fit = newton(design, treated, weights, link=link, penalty=penalty)
    if penalty == 0.0:
        culprit, complete = separation(design, treated, weights, fit)
        if culprit and complete and not pool_sparse:
            fail("EVAL-423", column=columns_of([culprit])[0])
        if culprit:
            named = columns_of([culprit])[0]
            notes.append(warn("EVAL-424", column=named, penalty=RIDGE, stacklevel=3))
            fit = newton(design, treated, weights, link=link, penalty=RIDGE)
    if not fit.converged:
        notes.append(warn("EVAL-432", iterations=fit.iterations, stacklevel=3))
    return PropensityModel(
        coefficients=fit.coefficients,
        names=design.names,
        linear=fit.linear,
        probability=fit.probability,
        converged=fit.converged,
        iterations=fit.iterations,
        penalty=fit.penalty,
        notes=tuple(notes),
        link=link,
        design=design,
        treated=treated,
        weights=weights,
        residual=fit.residual,
        information=fit.information,
    )


def _design(
    covariates: pd.DataFrame,
    treated: Bools,
    weights: Floats,
    effects: pd.DataFrame | None,
    pool_sparse: bool,
) -> tuple[Design, list[Fault]]:
    """Build the design with interacted effects, or additive ones when there are few events."""
    if effects is None or effects.shape[1] == 0:
        return build_design(covariates, treated, weights, pool_sparse=pool_sparse)
    joined = _interacted(effects)
    own = covariates.drop(columns=[c for c in effects.columns if c in covariates.columns])
    design, notes = build_design(own, treated, weights, effects=joined, pool_sparse=pool_sparse)
    events = int(min(treated.sum(), (~treated).sum()))
    if not pool_sparse or events >= EVENTS_PER_PARAMETER * (design.shape[1] - 1):
        return design, notes
    additive = pd.concat([own, effects.astype("string").astype("category")], axis=1)
    return build_design(additive, treated, weights, pool_sparse=True)


def _interacted(effects: pd.DataFrame) -> pd.Series:
    """Return the interaction of the columns as one category, its labels joined with "×"."""
    columns = [effects[name].astype("string").astype("category") for name in effects.columns]
    sizes = [len(column.cat.categories) for column in columns]
    cell = np.ravel_multi_index([column.cat.codes.to_numpy() for column in columns], sizes)
    present, codes = np.unique(cell, return_inverse=True)
    levels = np.unravel_index(present, sizes)
    labels = [
        " × ".join(str(column.cat.categories[i]) for column, i in zip(columns, at, strict=True))
        for at in zip(*levels, strict=True)
    ]
    joined = pd.Categorical.from_codes(codes, categories=pd.Index(labels))
    return pd.Series(joined, index=effects.index, name=" × ".join(effects.columns))


def notes_of(model: PropensityModel | None) -> Sequence[Fault]:
    """Return the notes of a score, none when there is no score."""
    return model.notes if model is not None else ()
