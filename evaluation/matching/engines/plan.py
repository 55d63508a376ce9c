"""Resolve the options of a nearest-neighbour matching into arrays: who looks for whom, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.errors import fail
from evaluation.matching.engines.distances import METRICS, mahalanobis
from evaluation.matching.engines.line import lay_out
from evaluation.matching.engines.sets import extremal_ratios
from evaluation.matching.options import SPACE_ORDERS
from evaluation.matching.result import counts_of, shown
from evaluation.matching.types import Bools, Floats, Ints, Problem

if TYPE_CHECKING:
    from evaluation.matching.engines.kernels import Line


@dataclass(frozen=True, slots=True)
class Plan:
    """Who looks for whom, and under which rules.

    Attributes
    ----------
    focal : (f,) int
        Rows that look for comparators, in the order of the data.
    others : (n,) bool
        Rows that may be comparators.
    discarded : (n,) bool
        Rows outside the common support.
    quota : (f,) int
        Comparators wanted by each focal row.
    reuse_max : int
        How often a comparator may be used; f or more is full replacement.
    order : str
        Matching order.
    scale : float
        Standard deviation of the scalar distance over the rows not discarded, NaN without one.
    line, rows, positions
        Layout of :func:`evaluation.matching.engines.line.lay_out`.
    """

    focal: Ints
    others: Bools
    discarded: Bools
    quota: Ints
    reuse_max: int
    order: str
    scale: float
    line: Line
    rows: Ints
    positions: Ints

    @property
    def replaces(self) -> bool:
        """Whether every comparator stays available to everyone."""
        return self.reuse_max >= self.focal.size


def make_plan(problem: Problem) -> Plan:
    """Resolve the options of a problem into arrays.

    Raises
    ------
    EvaluationError
        EVAL-413 an arm without rows on the common support, EVAL-425 a caliper without a scalar
        distance, EVAL-428 ``max_ratio`` that is impossible, EVAL-429 an order the distance does not
        allow, EVAL-474 a column both exact and antiexact.
    """
    options = problem.options
    in_focal = problem.treated if problem.estimand == "ATT" else ~problem.treated
    discarded = options.get("discarded")
    discarded = np.zeros(in_focal.size, bool) if discarded is None else discarded
    focal = np.flatnonzero(in_focal & ~discarded)
    others = ~in_focal & ~discarded
    if focal.size == 0 or not others.any():
        outside = {"outside_support": int(discarded.sum())}
        size = shown(treated=int(focal.size), comparators=int(others.sum()))
        fail("EVAL-413", **size, **shown(**counts_of(outside)))
    points = coordinates(problem)
    scale = np.nan
    if problem.distance is not None:
        scale = float(np.std(problem.distance[~discarded], ddof=1))
    width, sides, widths = _calipers(problem, ~discarded, scale, points is not None)
    replaces = bool(options.get("replace")) and options.get("reuse_max") is None
    reuse_max = focal.size if replaces else min(options.get("reuse_max") or 1, focal.size)
    reuse_max = max(int(reuse_max), 1)
    units = None if replaces else options.get("unit_id")
    keys = problem.distance if points is None else points[:, 0]
    assert keys is not None
    line, rows, positions = lay_out(
        keys, problem.strata, others, width=width, points=points, sides=sides, widths=widths,
        apart=_apart(problem), units=units,
    )  # fmt: skip
    return Plan(
        focal, others, discarded, _quota(problem, focal, others), reuse_max,
        _order(problem, points is not None), scale, line, rows, positions,
    )  # fmt: skip


def coordinates(problem: Problem) -> Floats | None:
    """Return the coordinates (n, d) in which neighbours are sought, None when the score decides.

    Raises
    ------
    EvaluationError
        EVAL-425 covariates inside a caliper that was not given.
    """
    discarded = problem.options.get("discarded")
    kept = np.ones(problem.treated.size, bool) if discarded is None else ~discarded
    inside: pd.DataFrame | None = problem.options.get("within_caliper")
    if inside is not None:
        if problem.distance is None or problem.options.get("caliper") is None:
            fail("EVAL-425", option="within_caliper", distance=problem.distance_name)
        return mahalanobis(inside, problem.treated, kept)
    if problem.distance is None and problem.distance_name in METRICS:
        return METRICS[problem.distance_name](problem.covariates, problem.treated, kept)
    return None


def _calipers(
    problem: Problem, kept: Bools, scale: float, in_space: bool
) -> tuple[float, Floats | None, Floats | None]:
    """Return the caliper on the key and those on other columns, in their own units."""
    caliper = problem.options.get("caliper")
    width, sides, widths = np.inf, [], []
    if caliper is not None:
        if problem.distance is None:
            fail("EVAL-425", option="caliper", distance=problem.distance_name)
        if in_space:
            sides.append(problem.distance)
            widths.append(caliper * scale)
        else:
            width = caliper * scale
    for values, multiple in (problem.options.get("caliper_covariates") or {}).values():
        sides.append(values)
        widths.append(multiple * float(np.std(values[kept], ddof=1)))
    if not sides:
        return width, None, None
    return width, np.column_stack(sides), np.array(widths)


def _apart(problem: Problem) -> Ints | None:
    """Return the codes of the columns on which pairs must differ, (n, a)."""
    columns: dict[str, Ints] = problem.options.get("antiexact") or {}
    both = [name for name in columns if name in problem.strata_columns]
    if both:
        fail("EVAL-474", columns=both)
    return np.column_stack(list(columns.values())) if columns else None


def _quota(problem: Problem, focal: Ints, others: Bools) -> Ints:
    """Return how many comparators each focal row is to get."""
    ratio, most = problem.options.get("ratio", 1), problem.options.get("max_ratio")
    if most is None:
        return np.full(focal.size, ratio, np.int64)
    if problem.distance is None or most <= ratio or ratio < 2:
        fail("EVAL-428", ratio=ratio, max_ratio=most, distance=problem.distance_name)
    score = problem.distance
    return extremal_ratios(score[focal], float(score[others].mean()), ratio=ratio, max_ratio=most)


def _order(problem: Problem, in_space: bool) -> str:
    """Return the matching order: the hardest to match first unless asked otherwise."""
    order: str | None = problem.options.get("order")
    if order is None:
        by_score = "largest" if problem.estimand == "ATT" else "smallest"
        return by_score if problem.distance is not None else "data"
    if problem.distance is None and order not in SPACE_ORDERS:
        fail("EVAL-429", order=order, distance=problem.distance_name, allowed=SPACE_ORDERS)
    return order
