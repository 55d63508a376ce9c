"""Optimal full matching: sets of one treated or one comparison row, as near as can be.

In: a problem with a score or a distance in several dimensions. Out: matched sets and their weights.
Must never see an outcome.
"""

from __future__ import annotations

import numpy as np

from evaluation.errors import fail
from evaluation.matching.engines.arms import caliper_width, coordinates, sorted_rows
from evaluation.matching.engines.cells import ESTIMANDS
from evaluation.matching.engines.partition import weighted_by_sets
from evaluation.matching.engines.usable_strata import only_att
from evaluation.matching.registry import register_method
from evaluation.matching.types import Floats, Ints, Problem, Weighted

LIMIT = 30_000_000
"""Pairs worth joining a distance in several dimensions may list, 16 bytes each."""


@register_method("full", family="sets", options={"caliper": None})
def full(problem: Problem) -> Weighted:
    """Partition the rows into sets with one treated or one comparison row, at the least distance.

    Parameters
    ----------
    problem : Problem
        Options: ``caliper``, the largest distance of a pair in standard deviations of a scalar
        distance over all rows.

    Returns
    -------
    Weighted
        Every set has one row of one arm and one or more of the other; the total ``|distance|``
        from the single row to the others is the least possible, exactly. Every row is used but
        those without the other arm in their stratum (``stratum_empty``) or within the caliper
        (``caliper``). Sampling weights are honoured inside the sets. ``pairs`` holds the edges.
        Fewer than 40 sets, if large, give the family ``moment_weights``, else ``sets``.

    Raises
    ------
    EvaluationError
        EVAL-413 nothing matched, EVAL-425 a caliper without a scalar distance, EVAL-451 an
        estimand other than ATT, ATE and ATC, EVAL-447 more candidate pairs than memory allows.

    Notes
    -----
    A full matching at the least distance is a cheapest edge cover. On a score a dynamic programme
    over the sorted rows finds it in linear time; in several dimensions the pairs nearer than the
    nearest distances of both rows together are listed and matched at the greatest saving. The cost
    in several dimensions grows with treated × comparators of a stratum.

    References
    ----------
    Rosenbaum, P. R. (1991). A characterization of optimal designs for observational studies. JRSS
    B 53(3), 597-610. https://doi.org/10.1111/j.2517-6161.1991.tb01848.x

    Hansen, B. B. and Klopfer, S. O. (2006). Optimal full matching and related designs via network
    flows. Journal of Computational and Graphical Statistics 15(3), 609-627.
    https://doi.org/10.1198/106186006X137047
    """
    only_att(problem, "full", ESTIMANDS)
    width = caliper_width(problem)
    if problem.distance is None:
        near, mate, points = _in_space(problem)
    else:
        near, mate = _on_score(problem, problem.distance, width)
        points = problem.distance[:, None]
    pairs, centre = sets_of(problem, near, mate, points)
    return weighted_by_sets(problem, centre, pairs)


def _on_score(problem: Problem, distance: Floats, width: float) -> tuple[Ints, Ints]:
    """Return for each row its nearest row of the other arm and its mate, -1 where none."""
    from evaluation.matching.engines.cover import cover_line

    line = sorted_rows(problem)
    found = cover_line(distance[line.rows], problem.treated[line.rows], line.bounds, width)
    near, mate = np.full((2, line.rows.size), -1)
    for rows, places in zip((near, mate), found, strict=True):
        rows[line.rows] = np.where(places >= 0, line.rows[places], -1)
    return near, mate


def _in_space(problem: Problem) -> tuple[Ints, Ints, Floats]:
    """Return nearest rows, mates, and the coordinates they are measured in."""
    points, treated = coordinates(problem), problem.treated
    near, mate = np.full((2, treated.size), -1)
    arms = [sorted_rows(problem, arm) for arm in (treated, ~treated)]
    for stratum in range(arms[0].bounds.size - 1):
        one, other = (arm.inside(stratum) for arm in arms)
        if one.size == 0 or other.size == 0:
            continue
        if one.size > other.size:
            one, other = other, one
        _cover(points, one, other, near, mate)
    return near, mate, points


def _cover(points: Floats, one: Ints, other: Ints, near: Ints, mate: Ints) -> None:
    """Write nearest rows and mates of one stratum; ``one`` is the smaller arm."""
    from scipy.spatial import cKDTree

    from evaluation.matching.engines.assignment import pair_sparse
    from evaluation.matching.engines.cover import worth_joining

    a, b = points[one], points[other]
    far_a, near_a = cKDTree(b, balanced_tree=False).query(a)
    far_b, near_b = cKDTree(a, balanced_tree=False).query(b)
    near[one], near[other] = other[near_a], one[near_b]
    start, columns, gaps = worth_joining(a, b, far_a, far_b, LIMIT)
    if start[-1] < 0:
        fail("EVAL-447", method="full", count=one.size * other.size, limit=LIMIT)
    match, _, _ = pair_sparse(start, columns, gaps - far_b[columns], far_a, other.size)
    paired = np.flatnonzero(match >= 0)
    mate[one[paired]], mate[other[match[paired]]] = other[match[paired]], one[paired]


def sets_of(problem: Problem, near: Ints, mate: Ints, points: Floats) -> tuple[Ints, Ints]:
    """Return the edges (treated, comparison) of the cover and the centre of each row's set.

    Parameters
    ----------
    problem : Problem
    near, mate : (n,) int
        Nearest row of the other arm and mate of each row, -1 where none.
    points : (n, d) float
        Coordinates in which edges are measured.

    Returns
    -------
    pairs : (m, 2) int
    centre : (n,) int
        -1 for rows in no set.
    """
    from evaluation.matching.engines.cover import stars

    rows = np.flatnonzero(near >= 0)
    ends = np.where(mate[rows] >= 0, mate[rows], near[rows])
    treated = problem.treated[rows]
    edges = np.unique(
        np.column_stack([np.where(treated, rows, ends), np.where(treated, ends, rows)]), axis=0
    ) if rows.size else np.empty((0, 2), np.int64)  # fmt: skip
    one, other = np.ascontiguousarray(edges.T)
    # Among edges that both ends can do without, the longest goes first.
    order = np.argsort(-np.linalg.norm(points[one] - points[other], axis=1), kind="stable")
    kept, centre = stars(one, other, order, problem.treated.size)
    return edges[kept], centre
