"""Profile matching: the most comparators whose means are those of all treated."""

from __future__ import annotations

import numpy as np

from evaluation.errors import fail
from evaluation.matching.algorithms.cardinality import OPTIONS, checked
from evaluation.matching.engines.all_levels import all_levels, spreads
from evaluation.matching.engines.subset import first_rows, group_rows, largest, unweighted
from evaluation.matching.engines.usable_strata import only_att
from evaluation.matching.registry import register_method
from evaluation.matching.types import Problem, Weighted


@register_method("profile", family="moment_weights", options=OPTIONS, needs_distance=False)
def profile(problem: Problem) -> Weighted:
    """Keep all rows of the target arm and the most rows of the other that have its means.

    Parameters
    ----------
    problem : Problem
        Options: ``tolerance`` and ``seconds``, see
        :func:`evaluation.matching.algorithms.cardinality.cardinality`.

    Returns
    -------
    Weighted
        Weight 1 for every row kept; ATT or ATC.

    Raises
    ------
    EvaluationError
        EVAL-451 another estimand, EVAL-452 an illegal option, EVAL-473 exact strata (a subset
        cannot have their shares to the row), EVAL-486 nobody can be kept within the tolerance,
        EVAL-487 too large, EVAL-488 unequal sampling weights.

    References
    ----------
    Cohn, E. R. and Zubizarreta, J. R. (2022). Profile matching for the generalization and
    personalization of causal inferences. Epidemiology 33(5), 678-688.
    https://doi.org/10.1097/EDE.0000000000001517
    """
    only_att(problem, "profile", ("ATT", "ATC"))
    unweighted(problem, "profile")
    if problem.strata_columns:
        fail("EVAL-473", columns=list(problem.strata_columns))
    tolerance, seconds = checked(problem)
    focal = problem.treated if problem.estimand == "ATT" else ~problem.treated
    t = problem.treated
    design = all_levels(problem.covariates)
    groups = group_rows(design, t, problem.strata)
    scale = spreads(design, t / t.sum(), ~t / (~t).sum())[1:]
    target = design.transpose_times(focal / focal.sum())[1:]
    free = groups.treated != (problem.estimand == "ATT")
    gap = np.where(free, (groups.columns - target).T, 0.0)
    slack = tolerance * np.outer(scale, free)
    q = len(scale)
    matrix = np.vstack([gap - slack, gap + slack])
    low = np.concatenate([np.full(q, -np.inf), np.zeros(q)])
    high = np.concatenate([np.zeros(q), np.full(q, np.inf)])
    taken, note = largest(groups, matrix, low, high, free, seconds=seconds)
    if not taken.any():
        fail("EVAL-486", tolerance=tolerance, method="profile")
    kept = focal | (first_rows(groups, taken) & ~focal)
    return Weighted(
        weights=kept.astype(np.float64),
        subclass=np.full(len(focal), -1, dtype=np.int64),
        notes=[note] if note else [],
    )
