"""Largest balanced subsets: an integer programme over groups of alike rows.

In: a design of all levels, groups of rows, tolerances. Out: how many rows of each group to take and
how far the answer may be from the best. Rows alike in every covariate are one integer variable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.errors import Fault, fail, warn
from evaluation.matching.score.design import Design
from evaluation.matching.types import Bools, Floats, Ints, Problem

LARGEST = 20_000_000
"""Numbers in the matrix of the programme beyond which it is refused."""
GAP = 1e-9


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows alike in arm, stratum and covariates.

    Attributes
    ----------
    of_row : (n,) int
        Group of each row.
    size : (g,) int
    treated : (g,) bool
    stratum : (g,) int
    columns : (g, q) float
        Numbers and all levels.
    """

    of_row: Ints
    size: Ints
    treated: Bools
    stratum: Ints
    columns: Floats


def group_rows(design: Design, treated: Bools, strata: Ints) -> Groups:
    """Group alike rows; refuses a programme too large to be solved (EVAL-487)."""
    keys = np.column_stack([treated, strata, design.numbers, design.slots])
    unique, first, of_row = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    if len(unique) * design.shape[1] > LARGEST:
        fail("EVAL-487", rows=len(unique), columns=design.shape[1], limit=LARGEST)
    of_row = of_row.reshape(-1).astype(np.int64)
    size = np.bincount(of_row, minlength=len(unique)).astype(np.int64)
    rows = Design(design.numbers[first], design.slots[first], design.names, design.sources)
    columns = rows.dense().to_numpy()[:, 1:]
    return Groups(of_row, size, treated[first], strata[first].astype(np.int64), columns)


def unweighted(problem: Problem, method: str) -> None:
    """Refuse comparators with unequal sampling weights (EVAL-488): a subset counts rows."""
    weights = problem.sampling_weight[~problem.treated]
    if weights.min() != weights.max():
        fail("EVAL-488", method=method)


def largest(
    groups: Groups, matrix: Floats, low: Floats, high: Floats, free: Bools, *, seconds: float
) -> tuple[Ints, Fault | None]:
    """Take as many rows as possible under linear constraints.

    Parameters
    ----------
    groups : Groups
    matrix : (m, g) float
        Constraints ``low <= matrix @ taken <= high``.
    low, high : (m,) float
    free : (g,) bool
        Groups to choose from; no row of the others is taken.
    seconds : float
        Time after which the best answer so far is returned.

    Returns
    -------
    taken : (g,) int
    note : Fault or None
        EVAL-489 when a better answer may exist: by how much at most.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    count = np.where(free, groups.size, 0)
    # the relative gap is kept below one row
    answer = milp(
        -np.ones(len(count)),
        constraints=LinearConstraint(csr_array(matrix), low, high),
        integrality=np.ones(len(count)),
        bounds=Bounds(0, count),
        options={"time_limit": seconds, "mip_rel_gap": GAP},
    )
    if answer.x is None:
        return np.zeros(len(count), np.int64), None
    taken = np.round(answer.x).astype(np.int64)
    bound = int(np.floor(-float(answer.mip_dual_bound) + 1e-6))
    if answer.status == 0 or bound <= int(taken.sum()):
        return taken, None
    gap = round(100 * (bound - int(taken.sum())) / max(bound, 1), 1)
    return taken, warn("EVAL-489", seconds=seconds, gap=gap, stacklevel=4)


def first_rows(groups: Groups, taken: Ints) -> Bools:
    """Return the rows taken: in each group the first ones in the order of the frame, (n,)."""
    order = np.argsort(groups.of_row, kind="stable")
    starts = np.concatenate([[0], np.cumsum(groups.size)[:-1]])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, groups.size)
    chosen: Bools = rank < taken[groups.of_row]
    return chosen
