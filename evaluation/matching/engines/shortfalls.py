"""What a matching of pairs must say: options made void, too few comparators, far pairs."""

from __future__ import annotations

import numpy as np

from evaluation.errors import Fault, warn
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


def shortage(here: Ints, there: Ints, *, uses: int = 1) -> list[Fault]:
    """Warn when there are fewer comparators than focal rows, in all or within strata.

    Parameters
    ----------
    here, there : (s,) int
        Focal rows and comparators of each stratum.
    uses : int
        How often a comparator may serve.
    """
    if there.sum() * uses < here.sum():
        data = shown(comparators=int(there.sum()), treated=int(here.sum()))
        return [warn("EVAL-414", **data, stacklevel=5)]
    short = (there > 0) & (there * uses < here)
    if not short.any():
        return []
    missing = int((here - there * uses)[short].sum())
    data = {"count": int(short.sum()), "total": int((here > 0).sum())}
    return [warn("EVAL-435", **data, **shown(missing=missing), stacklevel=5)]


def short_of_ratio(counts: Ints, quota: Ints) -> list[Fault]:
    """Warn when matched focal rows got fewer comparators (f,) than their quota (f,)."""
    short = int(((counts > 0) & (counts < quota)).sum())
    if short == 0:
        return []
    data = shown(count=short, matched=int((counts > 0).sum()))
    return [warn("EVAL-415", **data, ratio=int(quota.max()), stacklevel=5)]


def far_pairs(problem: Problem, pairs: Ints, *, scale: float) -> list[Fault]:
    """Warn when pairs (m, 2) lie far apart on the score and no caliper was asked for.

    ``scale`` is the standard deviation of the score that a caliper would count in.
    """
    asked = problem.options.get("caliper") is not None
    if asked or problem.distance is None or problem.distance_name not in SCORE_DISTANCES:
        return []
    gaps = np.abs(problem.distance[pairs[:, 0]] - problem.distance[pairs[:, 1]])
    far = int((gaps > FAR * scale).sum())
    if far == 0:
        return []
    return [warn("EVAL-417", **shown(count=far, total=len(pairs)), caliper=FAR, stacklevel=5)]
