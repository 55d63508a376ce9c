"""What each pair says its focal row would have had: its comparator's outcome, adjusted or not."""

from __future__ import annotations

import numpy as np

from evaluation.effects.types import Floats, Ints
from evaluation.matching.score.design import build_design
from evaluation.matching.types import Problem


def counterfactuals(outcomes: Floats, focal: Ints, other: Ints, problem: Problem) -> Floats:
    r"""Return the outcomes (q, m) of the comparators, moved to the covariates of their focal rows.

    Without ``bias_adjust`` among the options of the match, the outcomes of the comparators.

    Parameters
    ----------
    outcomes : (n, m) float
        Outcomes of all rows.
    focal, other : (q,) int
        Rows of each pair.
    problem : Problem
        Covariates, and the option ``bias_adjust``: False, True or a list of covariates.

    Notes
    -----
    .. math:: \tilde y_{ij} = y_j + (X_i - X_j)'\hat\beta

    where :math:`\hat\beta` are the slopes of the regression of the outcome on the covariates among
    the comparators used, each pair weighing one over its focal row's number of matches (least
    squares of smallest norm where comparators do not determine a slope).

    References
    ----------
    Abadie, A. and Imbens, G. W. (2011). Bias-corrected matching estimators for average treatment
    effects. Journal of Business & Economic Statistics 29(1), 1-11.
    https://doi.org/10.1198/jbes.2009.07333
    """
    asked = problem.options.get("bias_adjust")
    if not asked:
        return outcomes[other]
    names = list(problem.covariates.columns) if asked is True else list(asked)
    rows, at = np.unique(np.concatenate([focal, other]), return_inverse=True)
    covariates = problem.covariates[names].iloc[rows].reset_index(drop=True)
    design, _ = build_design(covariates, problem.treated[rows], np.ones(rows.size))
    X = design.dense().to_numpy()
    at_focal, at_other = X[at[: focal.size]], X[at[focal.size :]]
    root = np.sqrt(1.0 / np.bincount(focal)[focal])[:, None]
    slopes = np.linalg.lstsq(at_other * root, outcomes[other] * root, rcond=None)[0]
    moved: Floats = outcomes[other] + (at_focal - at_other) @ slopes
    return moved
