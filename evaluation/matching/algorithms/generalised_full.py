"""Generalised full matching: sets of at least one row of each arm, found in near-linear time.

In: a problem with a score or a distance in several dimensions. Out: matched sets and their weights.
Must never see an outcome.
"""

from __future__ import annotations

import numpy as np

from evaluation.matching.engines.arms import Rows, caliper_width, coordinates, sorted_rows
from evaluation.matching.engines.cells import ESTIMANDS
from evaluation.matching.engines.partition import weighted_by_sets
from evaluation.matching.engines.usable_strata import only_att
from evaluation.matching.registry import register_method
from evaluation.matching.types import Bools, Floats, Ints, Problem, Weighted


@register_method("generalised_full", family="sets", options={"caliper": None})
def generalised_full(problem: Problem) -> Weighted:
    """Partition the rows into sets of at least one treated and one comparison row.

    Parameters
    ----------
    problem : Problem
        Options: ``caliper``, the largest distance between any two rows of a set, in standard
        deviations of a scalar distance over all rows.

    Returns
    -------
    Weighted
        Sets of any shape with both arms. Every row is used but those without the other arm in their
        stratum (``stratum_empty``) or farther than half the caliper from every seed (``caliper``).
        Sampling weights are honoured inside the sets. Fewer than 40 sets, if large, give the family
        ``moment_weights``, else ``sets``.

    Raises
    ------
    EvaluationError
        EVAL-413 nothing matched, EVAL-425 a caliper without a scalar distance, EVAL-451 an
        estimand other than ATT, ATE and ATC.

    Notes
    -----
    Each row points to its nearest row of the other arm (within half the caliper). Rows become seeds
    in the order of how many point to them, the fewest first, ties in the order of the data, as
    long as their neighbourhoods do not overlap; every other row joins its closest seed. The largest
    distance inside a set is at most four times the smallest possible one.

    References
    ----------
    Sävje, F., Higgins, M. J. and Sekhon, J. S. (2021). Generalized full matching. Political
    Analysis 29(4), 423-447. https://doi.org/10.1017/pan.2020.32
    """
    only_att(problem, "generalised_full", ESTIMANDS)
    width = caliper_width(problem)
    line = sorted_rows(problem)
    if problem.distance is None:
        sets = _in_space(problem, line)
    else:
        # Two rows half a caliper from their seed lie no farther than a caliper apart.
        sets = _on_score(problem, problem.distance, line, width / 2)
    return weighted_by_sets(problem, sets)


def _seeds(nearest: Ints, rows: Ints) -> Bools:
    """Return which positions become seeds; ``rows`` are their numbers in the data."""
    from evaluation.matching.engines.cover import seeds_of

    pointed = np.bincount(nearest[nearest >= 0], minlength=nearest.size)
    by_row = np.argsort(rows)
    return seeds_of(nearest, by_row[np.argsort(pointed[by_row], kind="stable")])


def _on_score(problem: Problem, distance: Floats, line: Rows, radius: float) -> Ints:
    """Return the seed of each row, -1 where none, (n,)."""
    from evaluation.matching.engines.cover import closest_line, nearest_line

    keys, arm = distance[line.rows], problem.treated[line.rows]
    nearest = nearest_line(keys, arm, line.bounds, radius)
    chosen = _seeds(nearest, line.rows)
    closest = closest_line(keys, chosen, line.bounds, radius)
    seeds = np.flatnonzero(chosen)
    closest[nearest[seeds]] = seeds
    closest[seeds] = seeds
    sets = np.full(line.rows.size, -1)
    sets[line.rows] = np.where(closest >= 0, line.rows[closest], -1)
    return sets


def _in_space(problem: Problem, line: Rows) -> Ints:
    """Return the seed of each row, -1 where none, (n,)."""
    from scipy.spatial import cKDTree

    points, sets = coordinates(problem), np.full(line.rows.size, -1)
    for stratum in range(line.bounds.size - 1):
        rows = line.inside(stratum)
        arm = problem.treated[rows]
        if arm.all() or not arm.any():
            continue
        nearest = np.empty(rows.size, np.int64)
        for side in (arm, ~arm):
            tree = cKDTree(points[rows[~side]], balanced_tree=False)
            nearest[side] = np.flatnonzero(~side)[tree.query(points[rows[side]])[1]]
        seeds = np.flatnonzero(_seeds(nearest, rows))
        tree = cKDTree(points[rows[seeds]], balanced_tree=False)
        closest = seeds[tree.query(points[rows])[1]]
        closest[nearest[seeds]] = seeds
        closest[seeds] = seeds
        sets[rows] = rows[closest]
    return sets
