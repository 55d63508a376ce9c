"""Doubly robust means: outcome models fitted out of fold, their errors weighted by the odds.

In: an outcome, the arms of an ``aipw`` match, its folds and design. Out: the two means and the
influence of each row on them, which the room's variances then sum. Must never refit a score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.effects.moments import Arms
from evaluation.effects.outcome_model import LARGEST
from evaluation.effects.outcomes import is_binary
from evaluation.effects.types import Bools, Floats, Ints, MatchedSet
from evaluation.errors import Fault
from evaluation.matching.score.design import Design
from evaluation.matching.score.newton import newton, solve
from evaluation.matching.score.propensity import RIDGE


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """An outcome model of the comparators, fitted without one fold.

    Attributes
    ----------
    fitted, slope : (n,) float
        Prediction for every row, and its derivative in the linear predictor.
    residual : (n,) float
        Weighted residual of the rows it was fitted on, zero on others.
    information : (q, q) float
        Minus the derivative of its equations.
    penalised : bool
        Whether it took a ridge, having no finite solution without.
    """

    fitted: Floats
    slope: Floats
    residual: Floats
    information: Floats
    penalised: bool


def doubly_robust(
    outcome: Floats, arms: Arms, design: Design, folds: Ints, base: Floats, *, fixed: bool = False,
    inside: Bools | None = None,
) -> tuple[Floats, Floats, tuple[Fault, ...]]:  # fmt: skip
    r"""Return the two means and the influence of each row on them.

    Parameters
    ----------
    outcome : (n,) float
    arms : Arms
        Weights of the match, and what they depend on.
    design : Design
        Covariates (n, q), those of the score.
    folds : (n,) int
        Fold of each row.
    base : (n,) float
        Sampling weights, with which outcome models are fitted.
    fixed : bool
        Take weights and outcome models as known (``HC0``, ``HC1``).
    inside : (n,) bool, optional
        Rows of a subgroup; the means are then those of the subgroup, the models still everybody's.

    Returns
    -------
    means : (2,) float
        Treated, comparison.
    influence : (n, 2) float
    notes : tuple of Fault
        EVAL-551 when a fold's outcome model took a ridge.

    Notes
    -----
    With :math:`m_{-k(i)}` the outcome model of comparators fitted without the fold of row i and
    weights w from scores fitted alike,

    .. math:: \mu_1 = \frac{\sum_t v_i y_i}{\sum_t v_i}, \qquad
        \mu_0 = \frac{\sum_t v_i m_{-k(i)}(x_i)}{\sum_t v_i}
        + \frac{\sum_c w_i (y_i - m_{-k(i)}(x_i))}{\sum_c w_i}

    which is right when the score or the outcome model is. The influence stacks the equations of the
    score, of the strata's totals and of the outcome models, so that its variance also holds when
    only one of the two models is right. 0/1 outcomes take a logistic model.

    References
    ----------
    Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1994). Estimation of regression coefficients when
    some regressors are not always observed. JASA 89(427), 846-866.
    https://doi.org/10.1080/01621459.1994.10476818

    Sant'Anna, P. H. C. and Zhao, J. (2020). Doubly robust difference-in-differences estimators.
    Journal of Econometrics 219(1), 101-122. https://doi.org/10.1016/j.jeconom.2020.06.003
    """
    weights = arms.weights if inside is None else arms.weights * inside
    total = float(weights[~arms.treated].sum())
    target = np.where(arms.treated, weights, 0.0) / weights[arms.treated].sum()
    others = np.where(arms.treated, 0.0, weights) / total
    models = _models(outcome, arms, design, folds, base)
    fitted, slope = np.zeros(len(outcome)), np.zeros(len(outcome))
    for k, model in enumerate(models):
        own = folds == k
        fitted[own], slope[own] = model.fitted[own], model.slope[own]
    mean = float(np.sum(target * fitted))
    error = float(np.sum(others * (outcome - fitted)))
    first = float(np.sum(target * outcome))
    unit = np.where(arms.treated, 0.0, outcome - fitted - error)
    influence = np.column_stack(
        [target * (outcome - first), target * (fitted - mean) + others * unit]
    )
    if not fixed:
        influence[:, 1] += _through_models(models, design, folds, (target - others) * slope)
        if arms.nuisance is not None:
            kept = unit if inside is None else unit * inside
            influence[:, 1] += arms.nuisance.project(arms.nuisance.gradient(kept / total))
    penalised = sum(model.penalised for model in models)
    notes = (Fault("EVAL-551", {"count": penalised, "penalty": RIDGE}),) if penalised else ()
    return np.array([first, mean + error]), influence, notes


def doubly_robust_of(
    matched: MatchedSet,
    outcome: Floats,
    arms: Arms,
    *,
    fixed: bool = False,
    inside: Bools | None = None,
) -> tuple[Floats, Floats, tuple[Fault, ...]]:
    """Return the doubly robust means of an ``aipw`` match, see :func:`doubly_robust`."""
    problem, folds = matched.problem, matched.weighted.folds
    assert problem.score is not None
    assert folds is not None
    return doubly_robust(
        outcome, arms, problem.score.design, folds, problem.sampling_weight, fixed=fixed,
        inside=inside,
    )  # fmt: skip


def _models(
    outcome: Floats, arms: Arms, design: Design, folds: Ints, base: Floats
) -> list[OutOfFold]:
    usable = arms.used & ~arms.treated
    models = []
    for k in range(int(folds.max()) + 1):
        rows = usable & (folds != k)
        weights = np.where(rows, base, 0.0)
        seen = outcome[rows]
        # Without both outcomes a logistic model has no finite solution; the mean is the model.
        if is_binary(outcome) and seen.size and seen.min() < seen.max():
            models.append(_logistic(outcome == 1, design, weights, rows))
        else:
            models.append(_linear(outcome, design, weights))
    return models


def _logistic(events: Bools, design: Design, weights: Floats, rows: Bools) -> OutOfFold:
    fit = newton(design, events, weights)
    penalised = not fit.converged or bool(np.abs(fit.linear[rows]).max() > LARGEST)
    if penalised:
        fit = newton(design, events, weights, penalty=RIDGE)
    slope = fit.probability * (1 - fit.probability)
    return OutOfFold(fit.probability, slope, fit.residual, fit.information, penalised)


def _linear(outcome: Floats, design: Design, weights: Floats) -> OutOfFold:
    information = design.gram(weights)
    fitted = design.times(solve(information, design.transpose_times(weights * outcome)))
    residual = weights * (outcome - fitted)
    return OutOfFold(fitted, np.ones(len(outcome)), residual, information, penalised=False)


def _through_models(models: list[OutOfFold], design: Design, folds: Ints, lever: Floats) -> Floats:
    """Return the influence (n,) on the comparison mean through the outcome models."""
    total = np.zeros(len(folds))
    for k, model in enumerate(models):
        direction = design.transpose_times(np.where(folds == k, lever, 0.0))
        total += model.residual * design.times(solve(model.information, direction))
    return total
