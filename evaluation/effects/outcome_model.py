"""Weighted outcome regressions: linear or logistic, by Newton's method, on small dense designs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluation.effects.types import Floats
from evaluation.matching.score.newton import solve

Model = Literal["linear", "logit"]
MAX_STEPS = 50
LARGEST = 30.0
"""Linear predictor beyond which a logistic regression is taken to have no finite solution."""


@dataclass(frozen=True, slots=True)
class OutcomeFit:
    """A fitted regression.

    Attributes
    ----------
    model : str
        ``linear`` or ``logit``.
    coefficients : (q,) float
    bread : (q, q) float
        Minus the derivative of the weighted score equations.
    residual : (n,) float
        Outcome minus fitted mean.
    converged : bool
    """

    model: Model
    coefficients: Floats
    bread: Floats
    residual: Floats
    converged: bool

    def mean(self, design: Floats) -> tuple[Floats, Floats]:
        """Return fitted means (m,) of a design (m, q) and their derivative in the predictor."""
        return _mean(design @ self.coefficients, self.model)


def _mean(predictor: Floats, model: Model) -> tuple[Floats, Floats]:
    from scipy.special import expit

    if model == "linear":
        return predictor, np.ones_like(predictor)
    chance: Floats = expit(predictor)
    return chance, chance * (1 - chance)


def fit_outcome(outcome: Floats, design: Floats, weights: Floats, model: Model) -> OutcomeFit:
    """Fit a weighted regression.

    Parameters
    ----------
    outcome : (n,) float
        0/1 for ``logit``.
    design : (n, q) float
        Independent columns, the first one constant.
    weights : (n,) float
        Not negative.
    model : str
        ``linear`` (least squares) or ``logit`` (quasi-likelihood).
    """
    beta = np.zeros(design.shape[1])
    if model == "logit":
        share = float(np.clip(np.average(outcome, weights=weights), 1e-6, 1 - 1e-6))
        beta[0] = np.log(share / (1 - share))
    converged = False
    for _ in range(MAX_STEPS):
        fitted, slope = _mean(design @ beta, model)
        gradient = design.T @ (weights * (outcome - fitted))
        step = solve(design.T @ (design * (weights * slope)[:, None]), gradient)
        beta = beta + step
        if np.abs(design @ beta).max() > LARGEST and model == "logit":
            break
        if model == "linear" or np.abs(step).max() <= 1e-11 * (1 + np.abs(beta).max()):
            converged = True
            break
    fitted, slope = _mean(design @ beta, model)
    bread = design.T @ (design * (weights * slope)[:, None])
    return OutcomeFit(model, beta, bread, outcome - fitted, converged)
