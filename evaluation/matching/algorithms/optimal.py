"""Optimal pair matching: pairs whose total distance is the smallest possible.

In: a problem with a score or a distance in several dimensions. Out: matched sets of one row and its
comparators. Must never see an outcome.
"""

from __future__ import annotations

import numpy as np

from evaluation.errors import Fault, fail, warn
from evaluation.matching.engines.arms import (
    Rows,
    caliper_width,
    coordinates,
    sorted_rows,
    with_other_arm,
    with_other_near,
)
from evaluation.matching.engines.lists import assigned
from evaluation.matching.engines.sets import weights_without_replacement
from evaluation.matching.engines.shortfalls import far_pairs, short_of_ratio, shortage
from evaluation.matching.registry import register_method
from evaluation.matching.result import counts_of, shown
from evaluation.matching.types import Floats, Ints, Problem, Weighted


@register_method("optimal", family="sets", options={"ratio": 1, "caliper": None})
def optimal(problem: Problem) -> Weighted:
    """Match every treated row (comparison row for the ATC) so that the total distance is least.

    Parameters
    ----------
    problem : Problem
        Options: ``ratio``, comparators per row (default 1); ``caliper``, the largest distance of a
        pair in standard deviations of a scalar distance over all rows.

    Returns
    -------
    Weighted
        Family ``sets``. As many pairs as possible are made, everyone getting a first comparator
        before anyone a second; among all ways to do so the total of ``|distance|`` is the least,
        proven exact. Where several ways tie, any one is returned, always the same. Rows left out:
        ``stratum_empty``, ``caliper`` (nobody within it), ``no_comparator_left``.

    Raises
    ------
    EvaluationError
        EVAL-413 nothing matched, EVAL-425 a caliper without a scalar distance, EVAL-436 an
        estimand other than ATT and ATC, EVAL-447 more candidate pairs than memory allows.

    Notes
    -----
    On a score, order alone gives the exact answer in each stratum, without any list of pairs. In
    several dimensions each row lists its nearest comparators only; the dual prices of the solution
    tell whether a pair left off the list could lower the total, and the lists of the rows
    concerned grow until none could. Sampling weights enter through the fitted score; a comparator
    is taken once whatever its own weight (EVAL-446 says so where they differ within a stratum).

    References
    ----------
    Rosenbaum, P. R. (1989). Optimal matching for observational studies. JASA 84(408), 1024-1032.
    https://doi.org/10.1080/01621459.1989.10478868
    """
    if problem.estimand not in ("ATT", "ATC"):
        fail("EVAL-436", method="optimal", estimand=problem.estimand, allowed="ATT, ATC")
    width = caliper_width(problem)
    in_focal = problem.treated if problem.estimand == "ATT" else ~problem.treated
    seekers, others = sorted_rows(problem, in_focal), sorted_rows(problem, ~in_focal)
    notes = _unequal_weights(problem, ~in_focal)
    notes += shortage(np.diff(seekers.bounds), np.diff(others.bounds))
    ratio = int(problem.options.get("ratio", 1))
    if problem.distance is None:
        found = _in_space(coordinates(problem), seekers, others, ratio)
    else:
        found = _on_score(problem.distance, seekers, others, ratio, width)
    focal = np.flatnonzero(in_focal)
    matches = np.empty((focal.size, ratio), np.int64)
    at = np.searchsorted(focal, seekers.rows)
    matches[at] = np.where(found >= 0, others.rows[found], -1)
    counts = (matches >= 0).sum(axis=1)
    reasons = _reasons(problem, focal[counts == 0], width)
    if not counts.any():
        _nothing(in_focal.sum(), (~in_focal).sum(), reasons)
    notes += short_of_ratio(counts, np.full(counts.size, ratio))
    weights, subclass = weights_without_replacement(focal, matches, in_focal.size)
    i, k = np.nonzero(matches >= 0)
    columns = (focal[i], matches[i, k])
    pairs = np.column_stack(columns if problem.estimand == "ATT" else columns[::-1])
    if problem.distance is not None:
        notes += far_pairs(problem, pairs, scale=float(np.std(problem.distance, ddof=1)))
    return Weighted(weights, subclass, pairs, reasons, notes=notes)


def _on_score(distance: Floats, seekers: Rows, others: Rows, ratio: int, width: float) -> Ints:
    """Return the place in ``others`` of the comparators of each seeker, (f, ratio)."""
    from evaluation.matching.engines.assignment import pair_on_line

    return pair_on_line(
        distance[seekers.rows], seekers.bounds, distance[others.rows], others.bounds, ratio, width
    )


def _in_space(points: Floats, seekers: Rows, others: Rows, ratio: int) -> Ints:
    """Return the place in ``others`` of the comparators of each seeker, (f, ratio)."""
    found = np.full((seekers.rows.size, ratio), -1)
    for stratum in range(seekers.bounds.size - 1):
        rows, columns = seekers.inside(stratum), others.inside(stratum)
        if rows.size == 0 or columns.size == 0:
            continue
        seats = slice(seekers.bounds[stratum], seekers.bounds[stratum + 1])
        if ratio == 1 and rows.size > columns.size:
            # The scarcer arm seeks: all of it is matched, so that its lists can stay short.
            match = assigned(points[columns], points[rows], 1)[:, 0]
            local = np.full(rows.size, -1)
            local[match] = np.arange(columns.size)
            local = local[:, None]
        else:
            local = assigned(points[rows], points[columns], ratio)
        found[seats] = np.where(local >= 0, local + others.bounds[stratum], -1)
    return found


def _reasons(problem: Problem, lost: Ints, width: float) -> dict[str, Ints]:
    """Return the rows left out, by reason."""
    there, near = with_other_arm(problem, lost), with_other_near(problem, lost, width)
    reasons = {
        "stratum_empty": lost[~there],
        "caliper": lost[there & ~near],
        "no_comparator_left": lost[near],
    }
    return {name: rows for name, rows in reasons.items() if rows.size}


def _nothing(focal: int, others: int, reasons: dict[str, Ints]) -> None:
    counts = counts_of({name: len(rows) for name, rows in reasons.items()})
    fail("EVAL-413", **shown(treated=int(focal), comparators=int(others)), **shown(**counts))


def _unequal_weights(problem: Problem, others: np.ndarray) -> list[Fault]:
    """Say that comparators of unequal sampling weights are taken once each (EVAL-446)."""
    rows = np.flatnonzero(others)
    weight, stratum = problem.sampling_weight[rows], problem.strata[rows]
    size = int(problem.strata.max()) + 1
    low, high = np.full(size, np.inf), np.zeros(size)
    np.minimum.at(low, stratum, weight)
    np.maximum.at(high, stratum, weight)
    unequal = int((high > low).sum())
    if unequal == 0:
        return []
    return [warn("EVAL-446", method="optimal", count=unequal, total=size, stacklevel=4)]
