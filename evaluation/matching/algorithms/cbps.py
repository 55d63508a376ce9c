"""The covariate-balancing propensity score, just identified.

In: a problem (its own score is not used). Out: weights that are the inverse probabilities of a
logistic score and make the covariates' means equal at once, and how they depend on it. Must never
see an outcome.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.errors import Fault, fail
from evaluation.matching.engines.covariate_balancing import Balanced, balance
from evaluation.matching.engines.stratified import finished, lost_rows
from evaluation.matching.engines.usable_strata import (
    Strata,
    extreme,
    only_att,
    usable_strata,
)
from evaluation.matching.registry import register_method
from evaluation.matching.score.design import (
    Design,
    build_design,
    category_codes,
    columns_of,
    is_category,
)
from evaluation.matching.score.newton import solve
from evaluation.matching.types import Floats, Nuisance, Problem, Weighted

ESTIMANDS = ("ATT", "ATE", "ATC")
NAMED = 5


@register_method("cbps", family="score_weights", needs_distance=False)
def cbps(problem: Problem) -> Weighted:
    """Weight by a logistic score whose equations are the balance of the covariates.

    Parameters
    ----------
    problem : Problem
        No option of its own. Exact strata enter the score as levels, so that each of them keeps
        the total weight of the rows whose effect is asked.

    Returns
    -------
    Weighted
        For the ATT, treated keep weight 1 and a comparator has the odds of the balancing score
        times its sampling weight: the same weights as entropy balancing of the means.

    Raises
    ------
    EvaluationError
        EVAL-450 no stratum with both arms, EVAL-451 an estimand other than ATT, ATE and ATC,
        EVAL-482 no positive weights make the means equal (the covariates are named).

    Notes
    -----
    Rows at a level that the other arm lacks, where its weight would have to be zero, are left out
    and said (EVAL-483). The over-identified variant, which also keeps the likelihood's equations,
    is not offered: it balances nothing exactly.

    References
    ----------
    Imai, K. and Ratkovic, M. (2014). Covariate balancing propensity score. Journal of the Royal
    Statistical Society B 76(1), 243-263. https://doi.org/10.1111/rssb.12027
    """
    only_att(problem, "cbps", ESTIMANDS)
    frequency, notes = _without_lone_levels(problem)
    strata = usable_strata(problem.treated, problem.strata, frequency)
    frequency = np.where(strata.usable, frequency, 0.0)
    design = _design(problem, strata, frequency)
    found = balance(design, problem.treated, frequency, problem.estimand)
    if not found.converged:
        _refused(design, found)
    final, nuisance = finished(found.weights, _nuisance(design, found), problem)
    lost = lost_rows(problem, strata)
    return Weighted(
        weights=final,
        subclass=np.full(len(final), -1, dtype=np.int64),
        reasons={"stratum_empty": lost} if len(lost) else {},
        nuisance=nuisance,
        notes=[*notes, *extreme(final, problem, "cbps")],
    )


def _without_lone_levels(problem: Problem) -> tuple[Floats, list[Fault]]:
    """Return sampling weights, zero for rows of the weighted arm at levels the other arm lacks."""
    frequency = problem.sampling_weight.astype(np.float64, copy=True)
    if problem.estimand == "ATE":
        return frequency, []
    focal = problem.treated if problem.estimand == "ATT" else ~problem.treated
    outside, named = np.zeros(len(focal), bool), []
    for name in problem.covariates.columns:
        codes, size = _levels(problem.covariates[name])
        lone = ~focal & (np.bincount(codes, focal, minlength=size) == 0)[codes]
        outside |= lone
        named += [str(name)] if lone.any() else []
    if not outside.any() or bool((outside | focal).all()):
        return frequency, []
    frequency[outside] = 0.0
    return frequency, [Fault("EVAL-483", {"count": int(outside.sum()), "columns": named})]


def _levels(column: pd.Series) -> tuple[np.ndarray, int]:
    """Return the level of each row; a number that is not a flag counts as one level."""
    if is_category(column):
        codes, levels = category_codes(column)
        return codes, len(levels)
    values = column.to_numpy(np.float64)
    flag = bool(np.all((values == 0) | (values == 1)))
    return (values.astype(np.int64), 2) if flag else (np.zeros(len(values), np.int64), 1)


def _design(problem: Problem, strata: Strata, frequency: Floats) -> Design:
    effects = None
    if strata.count > 1:
        labels = pd.Index([str(code) for code in range(strata.count)])
        codes = np.where(strata.usable, strata.code, 0)
        effects = pd.Series(pd.Categorical.from_codes(codes, labels), name="strata")
    design, _ = build_design(problem.covariates, problem.treated, frequency, effects=effects)
    return design


def _refused(design: Design, found: Balanced) -> None:
    """Name the columns that no weights balance."""
    worst = 1 + np.argsort(-np.abs(found.imbalance[1:]), kind="stable")[:NAMED]
    off = [j for j in worst if abs(found.imbalance[j]) > 1e-6] or list(worst[:1])
    names = columns_of(design.names[j] for j in off)
    left = round(float(np.abs(found.imbalance).max()), 3)
    fail("EVAL-482", columns=names, imbalance=left, iterations=found.iterations)


def _nuisance(design: Design, found: Balanced) -> Nuisance:
    """Stack the score's balancing equations."""

    def gradient(residual: Floats) -> Floats:
        return design.transpose_times(found.slope * residual)

    def project(direction: Floats) -> Floats:
        return found.equations * design.times(solve(found.information, direction))

    return Nuisance(gradient, project)
