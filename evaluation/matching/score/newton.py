"""Fisher scoring of a binary regression, penalised or not, on a :class:`Design`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluation.matching.score.design import Design
from evaluation.matching.types import Bools, Floats

Link = Literal["logit", "probit"]

MAX_ITERATIONS = 40
TOLERANCE = 1e-13
"""Relative change of the deviance at which the fit stops; far below R's 1e-8."""


SINGULAR = 1e-14
"""Pivot of a matrix of unit diagonal under which it counts as singular."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Result of :func:`newton`.

    Attributes
    ----------
    coefficients : (q,) float
        Estimates.
    linear, probability : (n,) float
        Linear predictor and probability.
    residual : (n,) float
        Derivative of each row's log-likelihood in its linear predictor, weight included.
    information : (q, q) float
        Expected information, penalty included.
    converged : bool
        Whether the deviance stopped moving.
    iterations : int
        Steps taken.
    penalty : float
        Ridge on the squared standardised coefficients.
    """

    coefficients: Floats
    linear: Floats
    probability: Floats
    residual: Floats
    information: Floats
    converged: bool
    iterations: int
    penalty: float


def newton(
    design: Design, treated: Bools, weights: Floats, *, link: Link = "logit", penalty: float = 0.0
) -> Fit:
    """Maximise the (penalised) likelihood by Fisher scoring with step halving.

    Parameters
    ----------
    design : Design
        Covariates (n, q).
    treated, weights : (n,)
        Treatment and frequency weights.
    link : str
        ``logit`` or ``probit``.
    penalty : float
        Ridge on the squared standardised coefficients, the intercept free.

    Returns
    -------
    Fit
    """
    ridge = penalty * column_variances(design, weights)
    beta = np.zeros(design.shape[1])
    beta[0] = _start(float(np.sum(weights[treated]) / np.sum(weights)), link)
    linear = design.times(beta)
    deviance = _deviance(linear, treated, weights, link) + float(ridge @ beta**2)
    converged, iterations = False, 0
    while not converged and iterations < MAX_ITERATIONS:
        iterations += 1
        _, residual, curvature = derivatives(linear, treated, weights, link)
        information = design.gram(curvature) + np.diag(ridge)
        step = solve(information, design.transpose_times(residual) - ridge * beta)
        previous = deviance
        for _ in range(12):
            linear = design.times(beta + step)
            deviance = _deviance(linear, treated, weights, link) + float(ridge @ (beta + step) ** 2)
            if deviance <= previous * (1 + 1e-12):
                break
            step = step / 2
        beta = beta + step
        converged = abs(previous - deviance) <= TOLERANCE * (abs(deviance) + 0.1)
    probability, residual, curvature = derivatives(linear, treated, weights, link)
    information = design.gram(curvature) + np.diag(ridge)
    return Fit(beta, linear, probability, residual, information, converged, iterations, penalty)


def derivatives(
    linear: Floats, treated: Bools, weights: Floats, link: Link
) -> tuple[Floats, Floats, Floats]:
    """Return probability, first derivative and expected curvature of each row's likelihood.

    Parameters
    ----------
    linear, treated, weights : (n,)
        Linear predictor, treatment, frequency weights.
    link : str
        ``logit`` or ``probit``.
    """
    from scipy.special import expit, ndtr

    if link == "logit":
        probability: Floats = expit(linear)
        slope = probability * (1 - probability)
        return probability, weights * (treated - probability), weights * slope
    bounded = np.clip(linear, -37.0, 37.0)
    density = np.exp(-(bounded**2) / 2) / np.sqrt(2 * np.pi)
    probability = ndtr(bounded)
    spread = np.maximum(probability * ndtr(-bounded), 1e-300)
    residual = weights * (treated - probability) * density / spread
    return probability, residual, weights * density**2 / spread


def column_variances(design: Design, weights: Floats) -> Floats:
    """Return the weighted variance of each column, 0 for the intercept: (q,)."""
    products = design.gram(weights)
    total = products[0, 0]
    variances: Floats = np.maximum(np.diag(products) / total - (products[0] / total) ** 2, 0.0)
    variances[0] = 0.0
    return variances


def solve(matrix: Floats, right: Floats) -> Floats:
    """Solve a symmetric system after scaling its diagonal to one.

    Falls back on the minimum-norm solution when the matrix is singular to machine precision.

    Parameters
    ----------
    matrix : (q, q) float
    right : (q,) or (q, r) float
    """
    from evaluation.matching.score.gram import cholesky_solve

    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = np.ascontiguousarray(matrix * np.outer(scale, scale))
    target = np.asarray(right, np.float64).reshape(len(scale), -1) * scale[:, None]
    solved, regular = cholesky_solve(scaled, np.ascontiguousarray(target), SINGULAR)
    if not regular:
        solved = np.asarray(np.linalg.lstsq(scaled, target, rcond=1e-12)[0], np.float64)
    answer: Floats = (solved * scale[:, None]).reshape(np.shape(right))
    return answer


def _start(share: float, link: Link) -> float:
    from scipy.special import logit, ndtri

    return float(logit(share) if link == "logit" else ndtri(share))


def _deviance(linear: Floats, treated: Bools, weights: Floats, link: Link) -> float:
    from scipy.special import log_ndtr

    signed = np.where(treated, linear, -linear)
    if link == "logit":
        return float(2 * np.sum(weights * np.logaddexp(0.0, -signed)))
    return float(-2 * np.sum(weights * log_ndtr(signed)))
