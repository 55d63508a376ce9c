"""Cardinality matching: the largest sample of both arms whose means are alike."""

from __future__ import annotations

import numpy as np

from evaluation.errors import fail
from evaluation.matching.engines.all_levels import all_levels, spreads
from evaluation.matching.engines.subset import first_rows, group_rows, largest, unweighted
from evaluation.matching.engines.usable_strata import only_att
from evaluation.matching.registry import register_method
from evaluation.matching.types import Problem, Weighted

OPTIONS = {"tolerance": 0.1, "seconds": 60}


@register_method("cardinality", family="moment_weights", options=OPTIONS, needs_distance=False)
def cardinality(problem: Problem) -> Weighted:
    """Keep as many treated as possible, with as many comparators, balanced within a tolerance.

    Parameters
    ----------
    problem : Problem
        Options: ``tolerance``, the largest standardised difference of any number or level,
        standard deviations of the treated before matching (default 0.1); ``seconds``, after which
        the best answer so far is taken and the gap said (default 60).

    Returns
    -------
    Weighted
        Weight 1 for every row kept. Within exact strata both arms keep the same number of rows.
        There are no pairs: rows are independent given the covariates (variance by person).

    Raises
    ------
    EvaluationError
        EVAL-451 an estimand other than the ATT, EVAL-452 an illegal option, EVAL-486 nothing can
        be kept within the tolerance, EVAL-487 too large, EVAL-488 unequal sampling weights.

    Notes
    -----
    When treated are left out the effect is that of the treated kept.

    References
    ----------
    Zubizarreta, J. R., Paredes, R. D. and Rosenbaum, P. R. (2014). Matching for balance, pairing
    for heterogeneity in an observational study. Annals of Applied Statistics 8(1), 204-231.
    https://doi.org/10.1214/13-AOAS713
    """
    only_att(problem, "cardinality")
    unweighted(problem, "cardinality")
    tolerance, seconds = checked(problem)
    t = problem.treated
    design = all_levels(problem.covariates)
    groups = group_rows(design, t, problem.strata)
    scale = spreads(design, t / t.sum(), ~t / (~t).sum())[1:]
    sign = np.where(groups.treated, 1.0, -1.0)
    slack = tolerance * np.outer(scale, groups.treated)
    gap = sign * groups.columns.T
    _, stratum = np.unique(groups.stratum, return_inverse=True)
    alike = np.where(stratum == np.arange(stratum.max() + 1)[:, None], sign, 0.0)
    matrix = np.vstack([alike, gap - slack, gap + slack])
    q, s = len(scale), len(alike)
    low = np.concatenate([np.zeros(s), np.full(q, -np.inf), np.zeros(q)])
    high = np.concatenate([np.zeros(s), np.zeros(q), np.full(q, np.inf)])
    everyone = np.ones(len(groups.size), bool)
    taken, note = largest(groups, matrix, low, high, everyone, seconds=seconds)
    if not taken.any():
        fail("EVAL-486", tolerance=tolerance, method="cardinality")
    kept = first_rows(groups, taken)
    lost = np.flatnonzero(t & ~kept)
    return Weighted(
        weights=kept.astype(np.float64),
        subclass=np.full(len(t), -1, dtype=np.int64),
        reasons={"tolerance": lost} if len(lost) else {},
        notes=[note] if note else [],
    )


def checked(problem: Problem) -> tuple[float, float]:
    """Return tolerance and seconds, or refuse them (EVAL-452)."""
    found = []
    for name, most in (("tolerance", 1.0), ("seconds", 1e6)):
        value = problem.options.get(name, OPTIONS[name])
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value <= most:
            fail("EVAL-452", option=name, value=value, allowed=f"[0 ; {most:g}]")
        found.append(float(value))
    return found[0], found[1]
