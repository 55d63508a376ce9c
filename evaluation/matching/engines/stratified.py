"""Weights that respect strata, and how they depend on what was estimated.

In: raw weights, arms and usable strata. Out: weights whose totals by stratum and arm are those of
the target, their nuisance, MatchIt's normalisation. Shared by the score weights (a fitted score
within exact strata) and by the methods whose only parameters are the strata themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching.engines.usable_strata import Strata, rescaled
from evaluation.matching.types import Bools, Estimand, Floats, Ints, Nuisance, Problem

if TYPE_CHECKING:
    from evaluation.matching.score.propensity import PropensityModel


def focal_rows(problem: Problem) -> Floats:
    """Return 1 for the rows whose effect is asked, 0 for the others, (n,)."""
    t = problem.treated
    member: dict[Estimand, Bools] = {"ATT": t, "ATC": ~t, "ATE": np.ones_like(t), "ATO": t}
    return np.asarray(member[problem.estimand], dtype=np.float64)


def lost_rows(problem: Problem, strata: Strata) -> Ints:
    """Return the rows whose effect is asked and whose stratum has no row of the other arm."""
    return np.flatnonzero((focal_rows(problem) > 0) & ~strata.usable)


def normalised_within(weights: Floats, problem: Problem, strata: Strata) -> tuple[Floats, Floats]:
    """Give both arms of every stratum the total of the target.

    Parameters
    ----------
    weights : (n,) float
        Raw weights, sampling weights included.
    problem : Problem
    strata : Strata

    Returns
    -------
    weights : (n,) float
        Zero outside the usable strata.
    target : (n,) float
        Sampling weight of the rows whose effect is asked.
    """
    t, target = problem.treated, problem.sampling_weight * focal_rows(problem)
    asked = strata.total(target)
    result = np.zeros(len(t))
    for arm in (t, ~t):
        total = strata.total(weights * arm)
        inside = arm & strata.usable
        result[inside] = (weights * (asked / total)[strata.code])[inside]
    return result, target


def stacked(
    problem: Problem,
    strata: Strata,
    weights: Floats,
    target: Floats,
    *,
    score: PropensityModel | None = None,
    slope: Floats | None = None,
) -> Nuisance:
    """Stack the score's coefficients and, for each arm, the logarithm of each stratum's scale.

    Parameters
    ----------
    problem : Problem
    strata : Strata
    weights, target : (n,) float
        Of :func:`normalised_within`.
    score : PropensityModel, optional
        The fitted score behind the weights; none when only the strata make them.
    slope : (n,) float, optional
        Derivative of the logarithm of the raw weight with respect to the linear predictor.

    Notes
    -----
    The scale of stratum s in an arm solves ``Σ target_i − Σ_arm w_i = 0``; its derivative with
    respect to the coefficients is minus the weighted mean of ``slope_i x_i`` in that stratum.
    """
    S = strata.count
    arms = (problem.treated, ~problem.treated)
    asked = strata.total(target)
    moving = None if slope is None else weights * slope

    def gradient(residual: Floats) -> Floats:
        scales = [strata.total(weights * residual * arm) for arm in arms]
        if score is None or moving is None:
            return np.concatenate(scales)
        return np.concatenate([score.design_transpose_times(moving * residual), *scales])

    def project(direction: Floats) -> Floats:
        q = len(direction) - 2 * S
        by_arm = [direction[q : q + S] / asked, direction[q + S :] / asked]
        per_row = [scale[strata.code] for scale in by_arm]
        own = np.zeros(len(target))
        for rate, arm in zip(per_row, arms, strict=True):
            own += rate * np.where(strata.usable, target - weights * arm, 0.0)
        if score is None or moving is None:
            return own
        shift = np.where(problem.treated, *per_row)
        inner = direction[:q] - score.design_transpose_times(moving * shift)
        return score.score_influence(inner) + own

    return Nuisance(gradient, project)


def finished(weights: Floats, nuisance: Nuisance, problem: Problem) -> tuple[Floats, Nuisance]:
    """Return weights in MatchIt's normalisation and the nuisance of these."""
    factors = np.ones(len(weights))
    for arm, whole in ((problem.treated, "ATT"), (~problem.treated, "ATC")):
        if problem.estimand != whole:
            weights, factor = rescaled(weights, arm)
            factors[arm] = factor

    def gradient(residual: Floats) -> Floats:
        return nuisance.gradient(residual * factors)

    return weights, Nuisance(gradient, nuisance.project)
