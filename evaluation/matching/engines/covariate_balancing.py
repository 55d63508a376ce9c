"""The covariate-balancing score: a logistic score whose own equations are the balance.

In: a design, arms, frequency weights, an estimand. Out: coefficients at which the weighted means of
both arms agree, or the sign that none exist. The equations are the gradient of a convex loss, so
that Newton's method with a line search either solves them or shows that they have no solution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.matching.score.design import Design
from evaluation.matching.score.newton import column_variances, newton, solve
from evaluation.matching.types import Bools, Estimand, Floats

TOLERANCE = 1e-9
"""Largest imbalance left, in standard deviations of a column."""
MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Balanced:
    """A solution.

    Attributes
    ----------
    coefficients : (q,) float
    linear : (n,) float
        Linear predictor.
    weights : (n,) float
        Frequency weight times the inverse-probability weight of the estimand.
    slope : (n,) float
        Derivative of ``weights`` with respect to the linear predictor.
    equations : (n,) float
        Weight with the arm's sign: the equations are ``X'equations = 0``.
    information : (q, q) float
        Minus the derivative of the equations.
    imbalance : (q,) float
        Equations over the total weight and the columns' standard deviations.
    converged : bool
    iterations : int
    """

    coefficients: Floats
    linear: Floats
    weights: Floats
    slope: Floats
    equations: Floats
    information: Floats
    imbalance: Floats
    converged: bool
    iterations: int


@dataclass(frozen=True, slots=True)
class _State:
    loss: float
    weights: Floats
    slope: Floats
    equations: Floats


def _state(linear: Floats, treated: Bools, frequency: Floats, estimand: Estimand) -> _State:
    """Return the loss and its derivatives; weights are inverse probabilities or odds."""
    with np.errstate(over="ignore"):
        up, down = np.exp(linear), np.exp(-linear)
    ones = 0.0 if estimand in ("ATT", "ATC") else 1.0
    of_treated = np.ones_like(up) if estimand == "ATT" else down + ones
    of_others = np.ones_like(up) if estimand == "ATC" else up + ones
    weights = frequency * np.where(treated, of_treated, of_others)
    moving = np.where(treated, 0.0 if estimand == "ATT" else -down,
                      0.0 if estimand == "ATC" else up)  # fmt: skip
    flat = np.where(treated, 0.0 if estimand == "ATC" else -linear,
                    0.0 if estimand == "ATT" else linear)  # fmt: skip
    loss = float(np.sum(frequency * (np.abs(moving) + flat)))
    signed = np.where(treated, weights, -weights)
    return _State(loss, weights, frequency * moving, signed)


def balance(design: Design, treated: Bools, frequency: Floats, estimand: Estimand) -> Balanced:
    r"""Solve the balancing equations of a logistic score.

    Parameters
    ----------
    design : Design
        Covariates (n, q), intercept first.
    treated : (n,) bool
    frequency : (n,) float
        Sampling weights; rows of weight zero do not count.
    estimand : str
        ``ATT``, ``ATC`` or ``ATE``.

    Notes
    -----
    For the ATT the equations :math:`\sum_i s_i (T_i - (1 - T_i) e^{x_i'\beta}) x_i = 0` are the
    gradient of the concave :math:`\sum_i s_i (T_i x_i'\beta - (1 - T_i) e^{x_i'\beta})`; the other
    estimands have convex losses alike (Zhao 2019). No solution exists where no positive weights
    balance the columns: then the loss falls without end and the search stops at its limit.

    References
    ----------
    Imai, K. and Ratkovic, M. (2014). Covariate balancing propensity score. Journal of the Royal
    Statistical Society B 76(1), 243-263. https://doi.org/10.1111/rssb.12027

    Zhao, Q. (2019). Covariate balancing propensity score by tailored loss functions. Annals of
    Statistics 47(2), 965-993. https://doi.org/10.1214/18-AOS1698
    """
    start = newton(design, treated, frequency)
    spread = np.sqrt(np.maximum(column_variances(design, frequency), 0.0))
    spread[0] = 1.0
    beta, linear = start.coefficients, start.linear
    now = _state(linear, treated, frequency, estimand)
    iterations, moved = 0, True
    while moved and iterations < MAX_ITERATIONS:
        gradient = design.transpose_times(now.equations)
        if np.abs(_imbalance(gradient, now, treated, spread)).max() <= TOLERANCE:
            break
        iterations += 1
        step = solve(design.gram(np.abs(now.slope)), gradient)
        moved = False
        for halving in range(40):
            trial = beta + 0.5**halving * step
            predictor = design.times(trial)
            new = _state(predictor, treated, frequency, estimand)
            if np.isfinite(new.loss) and _better(new, now, 0.5**halving * float(gradient @ step)):
                beta, linear, now, moved = trial, predictor, new, True
                break
    gradient = design.transpose_times(now.equations)
    imbalance = _imbalance(gradient, now, treated, spread)
    return Balanced(
        beta, linear, now.weights, now.slope, now.equations, design.gram(np.abs(now.slope)),
        imbalance, bool(np.abs(imbalance).max() <= 10 * TOLERANCE), iterations,
    )  # fmt: skip


def _better(new: _State, now: _State, promised: float) -> bool:
    """Whether the loss falls by a share of what was promised, rounding allowed for."""
    return new.loss <= now.loss - 1e-4 * promised + 1e-12 * abs(now.loss)


def _imbalance(gradient: Floats, state: _State, treated: Bools, spread: Floats) -> Floats:
    total = max(float(state.weights[treated].sum()), 1e-300)
    return gradient / (total * np.where(spread > 0, spread, 1.0))
