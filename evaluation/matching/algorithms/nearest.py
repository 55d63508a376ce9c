"""Greedy nearest-neighbour matching, with and without replacement.

In: a problem whose options were checked and resolved into arrays. Out: pairs, weights, matched sets
and the reason of every loss. Same pairs as MatchIt 4.7 on the same rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.errors import fail
from evaluation.errors import nearest as closest
from evaluation.matching.engines.plan import Plan, make_plan
from evaluation.matching.engines.sets import weights_with_replacement, weights_without_replacement
from evaluation.matching.engines.shortfalls import far_pairs, ignored, short_of_ratio, shortage
from evaluation.matching.engines.ties import with_ties
from evaluation.matching.registry import register_method
from evaluation.matching.result import counts_of, shown
from evaluation.matching.types import Bools, Floats, Ints, Problem, Weighted

OPTIONS: dict[str, Any] = {
    "ratio": 1,
    "max_ratio": None,
    "replace": False,
    "reuse_max": None,
    "ties": False,
    "bias_adjust": False,
    "order": None,
    "caliper": None,
    "caliper_covariates": None,
    "within_caliper": None,
    "antiexact": None,
    "unit_id": None,
    "discard": None,
}


@register_method("nearest", family="sets", options=OPTIONS)
def nearest(problem: Problem) -> Weighted:
    """Match each treated row (each comparison row for the ATC) with its nearest comparators.

    Parameters
    ----------
    problem : Problem
        Options: ``ratio``, ``max_ratio`` (variable ratio), ``replace``, ``reuse_max``, ``ties``
        (with replacement, all comparators as near as the last one taken), ``bias_adjust`` (with
        replacement: the outcomes of comparators are moved by regression to the covariates of their
        entrant; True or a list of covariates), ``order`` (largest, smallest, data, random, closest,
        farthest), ``caliper`` (standard deviations of the distance over all rows),
        ``caliper_covariates``, ``within_caliper`` (Mahalanobis covariates inside a
        score caliper), ``antiexact`` (columns on which the rows of a pair must differ), ``unit_id``
        (rows of one unit are never paired, and used up together), ``discard``.

    Returns
    -------
    Weighted
        Family ``sets`` without replacement, ``replacement`` otherwise.

    Raises
    ------
    EvaluationError
        EVAL-413 nothing matched, EVAL-425 a caliper without a scalar distance, EVAL-428
        ``max_ratio`` that is impossible, EVAL-429 an order the distance does not allow, EVAL-436
        an estimand other than ATT and ATC, EVAL-440 ``ties`` or ``bias_adjust``
        without free replacement, EVAL-459 unknown covariates in ``bias_adjust``, EVAL-474 a column
        both exact and antiexact.

    Notes
    -----
    Without replacement focal rows choose in turn, the largest score first, one comparator a pass:
    everyone gets a first before anyone a second. Ties go to the row fewer steps away in the order
    of the scores, to the left before the right. Sampling weights enter the fit of the score; a
    matched comparator stands for its entrant whatever its own weight. Multivariate distances do not
    use them (EVAL-441).

    References
    ----------
    Ho, D., Imai, K., King, G. and Stuart, E. (2011). MatchIt: nonparametric preprocessing for
    parametric causal inference. Journal of Statistical Software 42(8).
    https://doi.org/10.18637/jss.v042.i08
    """
    if problem.estimand not in ("ATT", "ATC"):
        fail("EVAL-436", method="nearest", estimand=problem.estimand, allowed="ATT, ATC")
    notes = ignored(problem)
    plan = make_plan(problem)
    if not plan.replaces:
        size = int(problem.strata.max()) + 1
        here, there = (np.bincount(problem.strata[rows], minlength=size)
                       for rows in (plan.focal, plan.others))  # fmt: skip
        notes += shortage(here, there, uses=plan.reuse_max)
    _check_replacement(problem, plan)
    matches = _run(plan, problem)
    in_focal = problem.treated if problem.estimand == "ATT" else ~problem.treated
    reasons = _reasons(plan, matches, in_focal)
    counts = (matches >= 0).sum(axis=1)
    if not counts.any():
        fail(
            "EVAL-413",
            **shown(treated=int(plan.focal.size), comparators=int(plan.others.sum())),
            **shown(**counts_of({name: len(rows) for name, rows in reasons.items()})),
        )
    notes += short_of_ratio(counts, plan.quota)
    pairs = _pairs(plan.focal, matches, problem.estimand)
    notes += far_pairs(problem, pairs, scale=plan.scale)
    rows = problem.treated.size
    if plan.reuse_max == 1:
        weights, subclass = weights_without_replacement(plan.focal, matches, rows)
        return Weighted(weights, subclass, pairs, reasons, notes=notes)
    weights = weights_with_replacement(plan.focal, matches, rows)
    alone = np.full(rows, -1, np.int64)
    return Weighted(weights, alone, pairs, reasons, notes=notes, family="replacement")


def _run(plan: Plan, problem: Problem) -> Ints:
    """Return the rows matched with each focal row, (f, k), -1 where none."""
    from evaluation.matching.engines import kernels

    order = np.arange(plan.focal.size)
    if plan.order in ("closest", "farthest") or plan.replaces:
        pass
    elif plan.order == "random":
        order = problem.rng.permutation(plan.focal.size)
    elif plan.order in ("largest", "smallest"):
        order = _by_score(plan)
    positions, quota = plan.positions[plan.focal[order]], plan.quota[order]
    if problem.options.get("ties"):
        variance = 1.0 if plan.line.points.shape[1] else plan.scale**2
        found = with_ties(plan.line, positions, quota, variance=variance)
    elif plan.replaces:
        found = kernels.with_replacement(plan.line, positions, quota)
    elif plan.order in ("closest", "farthest"):
        sign = 1 if plan.order == "closest" else -1
        found = kernels.by_distance(plan.line, positions, quota, plan.reuse_max, sign)
    else:
        found = kernels.in_order(plan.line, positions, quota, plan.reuse_max)
    matches = np.empty_like(found)
    matches[order] = np.where(found >= 0, plan.rows[found], -1)
    return matches


def _check_replacement(problem: Problem, plan: Plan) -> None:
    """Refuse options that need free replacement without it, and an unreadable adjustment."""
    for option in ("ties", "bias_adjust"):
        if problem.options.get(option) and not plan.replaces:
            fail("EVAL-440", option=option)
    asked, known = problem.options.get("bias_adjust", False), list(problem.covariates.columns)
    if not isinstance(asked, (bool, list, tuple)):
        fail("EVAL-403", option="bias_adjust", value=repr(asked), allowed="True, False, [...]")
    unknown = [] if isinstance(asked, bool) else [name for name in asked if name not in known]
    if unknown:
        fail("EVAL-459", columns=unknown, nearest=closest(unknown[0], known))


def _by_score(plan: Plan) -> Ints:
    # Ranks are stable in the data, but a descending order must keep ties in the data's order too.
    keys = _scores(plan)
    order: Ints = np.argsort(-keys if plan.order == "largest" else keys, kind="stable")
    return order


def _scores(plan: Plan) -> Floats:
    """Return the scalar distance of the focal rows, which travels as key or as first side."""
    at = plan.positions[plan.focal]
    inside = plan.line.points.shape[1] > 0
    scores: Floats = plan.line.sides[at, 0] if inside else plan.line.keys[at]
    return scores


def _reasons(plan: Plan, matches: Ints, in_focal: Bools) -> dict[str, Ints]:
    """Return the focal rows left out, by reason; discarded comparators are no loss."""
    from evaluation.matching.engines import kernels

    reasons = {"outside_support": np.flatnonzero(in_focal & plan.discarded)}
    lost = plan.focal[(matches >= 0).sum(axis=1) == 0]
    at = plan.positions[lost]
    line = plan.line
    cumulated = np.concatenate([[0], np.cumsum(line.available)])
    empty = cumulated[line.last[at]] == cumulated[line.first[at]]
    near = kernels.reachable(line, at) if lost.size else np.zeros(0, bool)
    reasons["stratum_empty"] = lost[empty]
    alike = np.zeros(lost.size, bool)
    if line.apart.shape[1] and lost.size:
        alike = kernels.reachable(line._replace(apart=line.apart[:, :0].copy()), at) & ~near
    reasons["antiexact"] = lost[alike]
    reasons["caliper"] = lost[~empty & ~near & ~alike]
    reasons["no_comparator_left"] = lost[near]
    return {name: rows for name, rows in reasons.items() if rows.size}


def _pairs(focal: Ints, matches: Ints, estimand: str) -> Ints:
    i, k = np.nonzero(matches >= 0)
    columns = (focal[i], matches[i, k]) if estimand == "ATT" else (matches[i, k], focal[i])
    return np.column_stack(columns)
