"""Greedy nearest-neighbour matching, with and without replacement.

In: a problem whose options were checked and resolved into arrays. Out: pairs, weights, matched sets
and the reason of every loss. Same pairs as MatchIt 4.7 on the same rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.errors import fail
from evaluation.matching.plan import Plan, make_plan
from evaluation.matching.registry import register_method
from evaluation.matching.result import counts_of, shown
from evaluation.matching.sets import weights_with_replacement, weights_without_replacement
from evaluation.matching.shortfalls import far_pairs, ignored, short_of_ratio, shortage
from evaluation.matching.types import Floats, Ints, Problem, Weighted

OPTIONS: dict[str, Any] = {
    "ratio": 1,
    "max_ratio": None,
    "replace": False,
    "reuse_max": None,
    "order": None,
    "caliper": None,
    "caliper_covariates": None,
    "within_caliper": None,
    "unit_id": None,
    "discard": None,
}


@register_method("nearest", family="sets", options=OPTIONS)
def nearest(problem: Problem) -> Weighted:
    """Match each treated row (each comparison row for the ATC) with its nearest comparators.

    Parameters
    ----------
    problem : Problem
        Options: ``ratio``, ``max_ratio`` (variable ratio), ``replace``, ``reuse_max``, ``order``
        (largest, smallest, data, random, closest, farthest), ``caliper`` (standard deviations of
        the distance over all rows), ``caliper_covariates``, ``within_caliper`` (Mahalanobis
        covariates inside a score caliper), ``unit_id``, ``discard``.

    Returns
    -------
    Weighted
        Family ``sets`` without replacement, ``replacement`` otherwise.

    Raises
    ------
    EvaluationError
        EVAL-413 nothing matched, EVAL-425 a caliper without a scalar distance, EVAL-428
        ``max_ratio`` that is impossible, EVAL-429 an order the distance does not allow, EVAL-436
        an estimand other than ATT and ATC.

    Notes
    -----
    Without replacement focal rows choose in turn, the largest score first, one comparator a pass:
    everyone gets a first before anyone a second. Ties go to the row fewer steps away in the order
    of the scores, to the left before the right.

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
    notes += shortage(problem, plan)
    matches = _run(plan, problem.rng)
    reasons = _reasons(plan, matches)
    counts = (matches >= 0).sum(axis=1)
    if not counts.any():
        fail(
            "EVAL-413",
            **shown(treated=int(plan.focal.size), comparators=int(plan.others.sum())),
            **shown(**counts_of({name: len(rows) for name, rows in reasons.items()})),
        )
    notes += short_of_ratio(plan, counts)
    pairs = _pairs(plan.focal, matches, problem.estimand)
    notes += far_pairs(problem, plan, pairs)
    rows = problem.treated.size
    if plan.reuse_max == 1:
        weights, subclass = weights_without_replacement(plan.focal, matches, rows)
        return Weighted(weights, subclass, pairs, reasons, notes=notes)
    weights = weights_with_replacement(plan.focal, matches, rows)
    alone = np.full(rows, -1, np.int64)
    return Weighted(weights, alone, pairs, reasons, notes=notes, family="replacement")


def _run(plan: Plan, rng: np.random.Generator) -> Ints:
    """Return the rows matched with each focal row, (f, k), -1 where none."""
    from evaluation.matching import kernels

    order = np.arange(plan.focal.size)
    if plan.order in ("closest", "farthest") or plan.replaces:
        pass
    elif plan.order == "random":
        order = rng.permutation(plan.focal.size)
    elif plan.order in ("largest", "smallest"):
        order = _by_score(plan)
    positions, quota = plan.positions[plan.focal[order]], plan.quota[order]
    if plan.replaces:
        found = kernels.with_replacement(plan.line, positions, quota)
    elif plan.order in ("closest", "farthest"):
        sign = 1 if plan.order == "closest" else -1
        found = kernels.by_distance(plan.line, positions, quota, plan.reuse_max, sign)
    else:
        found = kernels.in_order(plan.line, positions, quota, plan.reuse_max)
    matches = np.empty_like(found)
    matches[order] = np.where(found >= 0, plan.rows[found], -1)
    return matches


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


def _reasons(plan: Plan, matches: Ints) -> dict[str, Ints]:
    """Return the focal rows left out, by reason."""
    from evaluation.matching import kernels

    in_focal = ~plan.others & plan.discarded
    reasons = {"outside_support": np.flatnonzero(in_focal)}
    lost = plan.focal[(matches >= 0).sum(axis=1) == 0]
    at = plan.positions[lost]
    line = plan.line
    cumulated = np.concatenate([[0], np.cumsum(line.available)])
    empty = cumulated[line.last[at]] == cumulated[line.first[at]]
    near = kernels.reachable(line, at) if lost.size else np.zeros(0, bool)
    reasons["stratum_empty"] = lost[empty]
    reasons["caliper"] = lost[~empty & ~near]
    reasons["no_comparator_left"] = lost[near]
    return {name: rows for name, rows in reasons.items() if rows.size}


def _pairs(focal: Ints, matches: Ints, estimand: str) -> Ints:
    i, k = np.nonzero(matches >= 0)
    columns = (focal[i], matches[i, k]) if estimand == "ATT" else (matches[i, k], focal[i])
    return np.column_stack(columns)
