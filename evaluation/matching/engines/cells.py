"""Cells: rows that agree on every (coarsened) covariate, weighted to the arm whose effect is asked.

In: one code per row and covariate. Out: weights, cells as matched sets, the rows of cells without
the other arm. Integer codes and bincount throughout: the cost is a few passes over the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.display import mask
from evaluation.errors import Fault, fail
from evaluation.matching.engines.stratified import (
    finished,
    focal_rows,
    lost_rows,
    normalised_within,
    stacked,
)
from evaluation.matching.engines.usable_strata import Strata, only_att, with_both_arms
from evaluation.matching.result import shown
from evaluation.matching.types import Bools, Family, Floats, Ints, Problem, Weighted

ESTIMANDS = ("ATT", "ATE", "ATC")
FEW_SETS = 40
"""Matched sets under which a variance clustered by set is itself too uncertain to be used."""
SMALL_CELLS = 0.1
"""Share of the variance that cells may be too small to show, when they are few."""
_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class Part:
    """One covariate as a code.

    Attributes
    ----------
    name : str
        The covariate.
    codes : (n,) int
        0 .. size-1.
    size : int
        Number of codes, used or not.
    """

    name: str
    codes: Ints
    size: int


def combined(parts: Sequence[Part], rows: int) -> tuple[Ints, int]:
    """Combine codes into one, numbered 0 .. size-1 in lexicographic order of the parts.

    Parameters
    ----------
    parts : sequence of Part
    rows : int
        Rows, for the case of no part at all (a single cell).

    Returns
    -------
    codes : (n,) int
    size : int
        Every code from 0 to size-1 is used.
    """
    codes, size = np.zeros(rows, np.int64), 1
    for part in parts:
        if size > _LIMIT // max(part.size, 1):
            codes, size = _compact(codes, size)
        codes, size = codes * part.size + part.codes, size * part.size
    return _compact(codes, size)


def _compact(codes: Ints, size: int) -> tuple[Ints, int]:
    if size <= 4 * codes.size:
        used = np.bincount(codes, minlength=size) > 0
        return (np.cumsum(used) - 1)[codes], int(used.sum())
    found, compact = np.unique(codes, return_inverse=True)
    return compact.astype(np.int64), int(found.size)


def weighted_by_cells(problem: Problem, parts: Sequence[Part], *, method: str) -> Weighted:
    """Weight the rows of each cell to its rows of the arm whose effect is asked.

    Parameters
    ----------
    problem : Problem
    parts : sequence of Part
        The covariates as codes; the exact strata are added.
    method : str
        Name of the method, for its messages.

    Raises
    ------
    EvaluationError
        EVAL-451 an estimand other than ATT, ATE and ATC, EVAL-490 no cell holds both arms.
    """
    only_att(problem, method, ESTIMANDS)
    exact = Part(", ".join(problem.strata_columns), problem.strata, int(problem.strata.max()) + 1)
    parts = [exact, *parts]
    codes, size = combined(parts, problem.treated.size)
    cells = with_both_arms(problem.treated, codes, size, problem.sampling_weight)
    if cells.count == 0:
        fail(
            "EVAL-490",
            method=method,
            cells=size,
            columns=list(dict.fromkeys((*problem.strata_columns, *(p.name for p in parts[1:])))),
            **shown(treated=int(problem.treated.sum()), comparators=int((~problem.treated).sum())),
        )
    return by_cells(problem, cells, _costly(problem, parts, codes, size, cells))


def by_cells(problem: Problem, cells: Strata, notes: list[Fault]) -> Weighted:
    """Return the weights of the cells that hold both arms.

    Notes
    -----
    For the ATT a comparator of a cell weighs its sampling weight times (total of the treated of the
    cell / total of the comparators of the cell). The cells are matched sets. With fewer than 40 of
    them a variance clustered by set has too few terms: where the cells are large, the stacked
    estimating equations of their totals, summed by person, take its place (family
    ``moment_weights``, said by EVAL-498).

    References
    ----------
    Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust inference.
    Journal of Human Resources 50(2), 317-372. https://doi.org/10.3368/jhr.50.2.317
    """
    raw, target = normalised_within(problem.sampling_weight, problem, cells)
    weights, nuisance = finished(raw, stacked(problem, cells, raw, target), problem)
    lost = lost_rows(problem, cells)
    family: Family = "moment_weights" if _few_but_large(problem, cells, raw, target) else "sets"
    if family == "moment_weights":
        notes = [*notes, Fault("EVAL-498", {"count": cells.count, "minimum": FEW_SETS})]
    return Weighted(
        weights=weights,
        subclass=np.where(cells.usable, cells.code, -1),
        reasons={"stratum_empty": lost} if len(lost) else {},
        nuisance=nuisance,
        notes=notes,
        family=family,
    )


def _few_but_large(problem: Problem, cells: Strata, weights: Floats, target: Floats) -> bool:
    """Return whether the stacked equations describe the cells better than one sum by cell does.

    Residuals from the mean of a cell of m rows lack 1/m of their variance: the arms that are
    weighted to their cell must lose less than a tenth of theirs.
    """
    if cells.count >= FEW_SETS:
        return False
    for arm in (problem.treated, ~problem.treated):
        inside = arm & cells.usable
        if np.array_equal(weights[inside], target[inside]):
            continue
        size = np.bincount(cells.code[inside], minlength=cells.count)[cells.code[inside]]
        squares = weights[inside] ** 2
        if float(np.sum(squares / size)) > SMALL_CELLS * float(np.sum(squares)):
            return False
    return True


def _costly(
    problem: Problem, parts: Sequence[Part], codes: Ints, size: int, cells: Strata
) -> list[Fault]:
    """Name the covariate without which most of the lost rows would have been kept (EVAL-499)."""
    focal = focal_rows(problem) > 0
    lost = np.bincount(codes[focal & ~cells.usable], minlength=size)
    if len(parts) < 3 or not lost.any():
        return []
    row_of = np.zeros(size, np.int64)
    row_of[codes] = np.arange(codes.size)
    arms = [np.bincount(codes[arm], minlength=size) for arm in (problem.treated, ~problem.treated)]
    kept = [_kept_without(parts, j, row_of, arms, lost) for j in range(1, len(parts))]
    best = int(np.argmax(kept))
    if kept[best] == 0:
        return []
    share = mask(round(100 * kept[best] / int(lost.sum())), [kept[best], int(lost.sum())])
    return [Fault("EVAL-499", {"column": parts[best + 1].name, "share": share})]


def _kept_without(
    parts: Sequence[Part], left_out: int, row_of: Ints, arms: list[Ints], lost: Ints
) -> int:
    others = [
        Part(part.name, part.codes[row_of], part.size)
        for j, part in enumerate(parts)
        if j != left_out
    ]
    wider, size = combined(others, row_of.size)
    both: Bools = np.ones(size, bool)
    for counts in arms:
        both &= _sum(wider, counts, size) > 0
    return int(lost[both[wider]].sum())


def _sum(codes: Ints, values: Ints, size: int) -> Floats:
    return np.bincount(codes, values, minlength=size).astype(np.float64)
