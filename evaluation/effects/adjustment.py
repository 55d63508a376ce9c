"""Adjusted estimates: an outcome model after matching, averaged over the target (g-computation).

In: an outcome, the arms of a matched set, covariates. Out: the two adjusted means and the influence
of each row on them, which every variance of the room then sums as it does unadjusted ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.effects.moments import Arms
from evaluation.effects.outcome_model import Model, OutcomeFit, fit_outcome
from evaluation.effects.outcomes import is_binary
from evaluation.effects.types import Bools, Floats, MatchedSet
from evaluation.errors import fail, nearest
from evaluation.matching.score.design import build_design
from evaluation.matching.score.newton import solve

MODELS = ("auto", "linear", "logit")
FAMILIES = ("sets", "score_weights", "moment_weights")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How outcomes are adjusted.

    Attributes
    ----------
    columns : (n, k) float
        Independent covariates, centred at the target's means.
    names : tuple of str
    model : str
        ``auto`` is ``logit`` for 0/1 outcomes, else ``linear``.
    interacted : bool
        Whether each arm has slopes of its own.
    """

    columns: Floats
    names: tuple[str, ...]
    model: str
    interacted: bool


def read_adjustment(
    matched: MatchedSet, arms: Arms, adjust: Any, model: str, *, interacted: bool
) -> Adjustment:
    """Check what is asked and return the covariates as columns.

    Parameters
    ----------
    matched : Matched
    arms : Arms
    adjust : True, str or sequence of str
        True: the covariates of the matching; else columns of the frame.
    model : str
        One of :data:`MODELS`.
    interacted : bool

    Raises
    ------
    EvaluationError
        EVAL-516 neither True nor names, EVAL-540 an unknown column, EVAL-541 an unknown model,
        EVAL-542 a family whose variance an adjustment would break or a method that has its
        own, EVAL-543 missing values.
    """
    own = matched.weighted.folds is not None
    if own or matched.family not in FAMILIES or matched.estimand not in ("ATT", "ATC", "ATE"):
        fail("EVAL-542", method=matched.method, family=matched.family, estimand=matched.estimand)
    if model not in MODELS:
        fail("EVAL-541", model=model, nearest=nearest(model, MODELS), allowed=list(MODELS))
    covariates = _covariates(matched, adjust)
    used = arms.used
    rows = covariates[used].reset_index(drop=True)
    design, _ = build_design(rows, arms.treated[used], arms.weights[used])
    dense = np.zeros((len(used), design.shape[1] - 1))
    dense[used] = design.dense().to_numpy()[:, 1:]
    target = target_weights(arms, matched.estimand)
    centre = target @ dense / target.sum()
    return Adjustment(dense - centre, design.names[1:], model, interacted)


def target_weights(arms: Arms, estimand: str) -> Floats:
    """Return the weights of the rows whose effect is asked (n,)."""
    focal = {"ATT": arms.treated, "ATC": ~arms.treated}.get(estimand)
    return arms.weights if focal is None else np.where(focal, arms.weights, 0.0)


def _covariates(matched: MatchedSet, adjust: Any) -> pd.DataFrame:
    if adjust is True:
        return matched.problem.covariates.reset_index(drop=True)
    names = [adjust] if isinstance(adjust, str) else adjust
    listed = isinstance(names, Sequence) and names and all(isinstance(n, str) for n in names)
    if not listed:
        fail("EVAL-516", adjust=repr(adjust))
    frame = matched.frame
    unknown = [name for name in names if name not in frame.columns]
    if unknown:
        fail("EVAL-540", columns=unknown, nearest=nearest(unknown[0], frame.columns))
    chosen: pd.DataFrame = frame[list(names)].reset_index(drop=True)
    missing = {name: int(chosen[name].isna().sum()) for name in names if chosen[name].isna().any()}
    if missing:
        fail("EVAL-543", columns=list(missing), count=sum(missing.values()), total=len(frame))
    return chosen


def adjusted_influence(
    outcome: Floats,
    arms: Arms,
    adjustment: Adjustment,
    target: Floats,
    *,
    averaging: bool = True,
) -> tuple[Floats, Floats]:
    r"""Return the two adjusted means and the influence of each row on them.

    Parameters
    ----------
    outcome : (n,) float
    arms : Arms
        Weights, and what they depend on.
    adjustment : Adjustment
    target : (n,) float
        Weights of the rows over whose covariates fitted means are averaged.
    averaging : bool
        Whether the covariates of the target are a sample (default) or fixed.

    Returns
    -------
    means : (2,) float
        Treated, comparison.
    influence : (n, 2) float

    Raises
    ------
    EvaluationError
        EVAL-544 fewer rows than coefficients, EVAL-545 a logistic model without finite solution.

    Notes
    -----
    With fitted means :math:`m_a(x)` and target weights :math:`v`, :math:`\mu_a = \sum v_i m_a(x_i)
    / \sum v`. A row's influence per unit of its weight is :math:`u_i = g_a' B^{-1} (y_i - m(x_i))
    z_i + v_i / w_i (m_a(x_i) - \mu_a) / \sum v`, with B the derivative of the model's equations and
    :math:`g_a` that of :math:`\mu_a`; estimated weights add ``project(gradient(u))`` as they do to
    unadjusted means. Without interactions both arms share slopes, and the ratio of their total
    weights counts as fixed.

    References
    ----------
    Lin, W. (2013). Agnostic notes on regression adjustments to experimental data. Annals of Applied
    Statistics 7(1), 295-318. https://doi.org/10.1214/12-AOAS583

    Greifer, N. and Stuart, E. A. (2021). Choosing the causal estimand for propensity score analysis
    of observational studies. arXiv:2106.10577.
    """
    model = _model(adjustment.model, outcome[arms.used])
    fit, design = _fitted(outcome, arms, adjustment, model)
    means, influence = np.empty(2), np.zeros((len(outcome), 2))
    share = target / target.sum()
    inside = target != 0
    for column, arm in enumerate((1.0, 0.0)):
        fitted = np.zeros(len(outcome))
        rows = _design(adjustment, np.full(len(outcome), arm))[inside]
        fitted[inside], slope = fit.mean(rows)
        means[column] = float(share @ fitted)
        direction = rows.T @ (share[inside] * slope)
        unit = np.zeros(len(outcome))
        unit[arms.used] = (design @ solve(fit.bread, direction)) * fit.residual
        influence[:, column] = arms.weights * unit
        if averaging:
            spread = np.where(inside, fitted - means[column], 0.0)
            influence[:, column] += share * spread
            unit = unit + np.divide(share * spread, arms.weights, out=np.zeros_like(unit),
                                    where=arms.weights != 0)  # fmt: skip
        if arms.nuisance is not None:
            influence[:, column] += arms.nuisance.project(arms.nuisance.gradient(unit))
    return means, influence


def _model(asked: str, outcome: Floats) -> Model:
    binary = is_binary(outcome)
    if asked == "linear" or (asked == "auto" and not binary):
        return "linear"
    if not binary:
        fail("EVAL-546")
    return "logit"


def _design(adjustment: Adjustment, treated: Floats) -> Floats:
    """Return intercept, treatment, covariates and, if asked, their interactions."""
    parts = [np.ones(len(treated)), treated]
    columns = adjustment.columns
    both = [columns, columns * treated[:, None]] if adjustment.interacted else [columns]
    return np.column_stack([*parts, *both])


def _fitted(
    outcome: Floats, arms: Arms, adjustment: Adjustment, model: Model
) -> tuple[OutcomeFit, Floats]:
    used: Bools = arms.used
    design = _design(adjustment, arms.treated.astype(np.float64))[used]
    smallest = int(min((used & arms.treated).sum(), (used & ~arms.treated).sum()))
    needed = adjustment.columns.shape[1] + 1
    if adjustment.interacted and smallest <= needed:
        fail("EVAL-544", count=smallest, coefficients=needed)
    fit = fit_outcome(outcome[used], design, arms.weights[used], model)
    if not fit.converged:
        fail("EVAL-545", coefficients=design.shape[1], events=int(outcome[used].sum()))
    return fit, design
