"""What a nearest-neighbour matching must say: options made void, too few comparators, far pairs."""

from __future__ import annotations

import numpy as np

from evaluation.errors import Fault, warn
from evaluation.matching.engines.plan import Plan
from evaluation.matching.options import SCORE_DISTANCES
from evaluation.matching.result import shown
from evaluation.matching.types import Ints, Problem

FAR = 0.2
"""Distance of a pair, in standard deviations of the score, that calls for a caliper."""


def ignored(problem: Problem) -> list[Fault]:
    """Warn about options that another one makes void."""
    options = problem.options
    void = []
    if options.get("replace") and options.get("reuse_max") is None:
        void = [(name, "replace=True") for name in ("order", "unit_id")]
    elif options.get("replace"):
        void = [("replace", "reuse_max")]
    said = [
        warn("EVAL-418", option=name, cause=cause, stacklevel=5)
        for name, cause in void
        if options.get(name) is not None
    ]
    weighted = int((problem.sampling_weight != 1).sum())
    in_space = problem.distance is None or options.get("within_caliper") is not None
    if weighted and in_space:
        counts = shown(count=weighted, total=problem.treated.size)
        said.append(warn("EVAL-441", **counts, stacklevel=5))
    return said


def shortage(problem: Problem, plan: Plan) -> list[Fault]:
    """Warn when there are fewer comparators than focal rows, in all or within strata."""
    if plan.replaces:
        return []
    comparators = int(plan.others.sum()) * plan.reuse_max
    if comparators < plan.focal.size:
        data = shown(comparators=int(plan.others.sum()), treated=int(plan.focal.size))
        return [warn("EVAL-414", **data, stacklevel=5)]
    size = int(problem.strata.max()) + 1
    there = np.bincount(problem.strata[plan.others], minlength=size) * plan.reuse_max
    here = np.bincount(problem.strata[plan.focal], minlength=size)
    short = (there > 0) & (there < here)
    if not short.any():
        return []
    missing = int((here - there)[short].sum())
    data = {"count": int(short.sum()), "total": int((here > 0).sum())}
    return [warn("EVAL-435", **data, **shown(missing=missing), stacklevel=5)]


def short_of_ratio(plan: Plan, counts: Ints) -> list[Fault]:
    """Warn when matched focal rows got fewer comparators than asked."""
    short = int(((counts > 0) & (counts < plan.quota)).sum())
    if short == 0:
        return []
    data = shown(count=short, matched=int((counts > 0).sum()))
    return [warn("EVAL-415", **data, ratio=int(plan.quota.max()), stacklevel=5)]


def far_pairs(problem: Problem, plan: Plan, pairs: Ints) -> list[Fault]:
    """Warn when pairs lie far apart on the score and no caliper was asked for."""
    asked = problem.options.get("caliper") is not None
    if asked or problem.distance is None or problem.distance_name not in SCORE_DISTANCES:
        return []
    gaps = np.abs(problem.distance[pairs[:, 0]] - problem.distance[pairs[:, 1]])
    far = int((gaps > FAR * plan.scale).sum())
    if far == 0:
        return []
    return [warn("EVAL-417", **shown(count=far, total=len(pairs)), caliper=FAR, stacklevel=5)]
