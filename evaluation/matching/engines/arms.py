"""The two arms of a problem laid out stratum by stratum, and its caliper in units of the distance.

Shared by the methods that minimise distances over whole strata: optimal, full, generalised full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.errors import fail
from evaluation.matching.engines.distances import METRICS
from evaluation.matching.types import Bools, Floats, Ints, Problem


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows sorted by stratum, then by key, then as in the data.

    Attributes
    ----------
    rows : (m,) int
        Their numbers.
    bounds : (s + 1,) int
        Where each stratum begins.
    """

    rows: Ints
    bounds: Ints

    def inside(self, stratum: int) -> Ints:
        """Return the rows of one stratum."""
        return self.rows[self.bounds[stratum] : self.bounds[stratum + 1]]


def sorted_rows(problem: Problem, wanted: Bools | None = None) -> Rows:
    """Sort the wanted rows (all by default) by stratum, then by distance when it is scalar."""
    rows = np.arange(problem.treated.size) if wanted is None else np.flatnonzero(wanted)
    if problem.distance is not None:
        rows = rows[np.argsort(problem.distance[rows], kind="stable")]
    if problem.strata_columns:
        rows = rows[np.argsort(problem.strata[rows], kind="stable")]
    counts = np.bincount(problem.strata[rows], minlength=int(problem.strata.max()) + 1)
    return Rows(rows.astype(np.int64), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def caliper_width(problem: Problem) -> float:
    """Return the caliper in units of the distance, infinite when there is none.

    Raises
    ------
    EvaluationError
        EVAL-425 a caliper without a scalar distance.
    """
    caliper = problem.options.get("caliper")
    if caliper is None:
        return np.inf
    if problem.distance is None:
        fail("EVAL-425", option="caliper", distance=problem.distance_name)
    return float(caliper * np.std(problem.distance, ddof=1))


def coordinates(problem: Problem) -> Floats:
    """Return the coordinates (n, d) of a distance in several dimensions."""
    return METRICS[problem.distance_name](problem.covariates, problem.treated, None)


def with_other_arm(problem: Problem, rows: Ints) -> Bools:
    """Return which of ``rows`` (r,) have rows of the other arm in their stratum, (r,) bool."""
    size = int(problem.strata.max()) + 1
    comparators, treated = (
        np.bincount(problem.strata[arm], minlength=size)
        for arm in (~problem.treated, problem.treated)
    )
    strata = problem.strata[rows]
    there: Bools = np.where(problem.treated[rows], comparators[strata], treated[strata]) > 0
    return there


def with_other_near(problem: Problem, rows: Ints, width: float) -> Bools:
    """Return which of ``rows`` (r,) have one of the other arm within the width, (r,) bool."""
    from evaluation.matching.engines.cover import nearest_line

    if problem.distance is None or rows.size == 0:
        return with_other_arm(problem, rows)
    line = sorted_rows(problem)
    keys, arm = problem.distance[line.rows], problem.treated[line.rows]
    near = np.empty(line.rows.size, bool)
    near[line.rows] = nearest_line(keys, arm, line.bounds, width) >= 0
    return near[rows]
