"""From a partition of the rows to weights: what full and generalised full matching share.

In: the set of each row, -1 for rows in none. Out: the weights of the sets, the losses and why.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.errors import fail
from evaluation.matching.engines.arms import with_other_arm
from evaluation.matching.engines.cells import by_cells
from evaluation.matching.engines.stratified import focal_rows
from evaluation.matching.engines.usable_strata import with_both_arms
from evaluation.matching.result import counts_of, shown
from evaluation.matching.types import Ints, Problem, Weighted


def weighted_by_sets(problem: Problem, sets: Ints, pairs: Ints | None = None) -> Weighted:
    """Weight the rows of each set to its rows of the arm whose effect is asked.

    Parameters
    ----------
    problem : Problem
    sets : (n,) int
        A label for each row, equal within a set; -1 for rows left out.
    pairs : (m, 2) int or None
        The treated and comparison rows joined.

    Returns
    -------
    Weighted
        Sets are numbered by their first row in the data.

    Raises
    ------
    EvaluationError
        EVAL-413 no row in any set.
    """
    lost = np.flatnonzero((sets < 0) & (focal_rows(problem) > 0))
    reasons = _reasons(problem, lost)
    if (sets < 0).all():
        size = {"treated": int(problem.treated.sum()), "comparators": int((~problem.treated).sum())}
        counts = counts_of({name: len(rows) for name, rows in reasons.items()})
        fail("EVAL-413", **shown(**size), **shown(**counts))
    codes, size_of = _numbered(problem, sets)
    cells = with_both_arms(problem.treated, codes, size_of, problem.sampling_weight)
    return replace(by_cells(problem, cells, []), pairs=pairs, reasons=reasons)


def _numbered(problem: Problem, sets: Ints) -> tuple[Ints, int]:
    """Return set numbers in the order of the data, rows left out under one code by arm."""
    used = np.flatnonzero(sets >= 0)
    first = np.full(int(sets.max()) + 1, sets.size)
    first[sets[used][::-1]] = used[::-1]
    found = np.flatnonzero(first < sets.size)
    number = np.full(first.size, -1, np.int64)
    number[found[np.argsort(first[found], kind="stable")]] = np.arange(found.size)
    codes = np.where(problem.treated, found.size, found.size + 1)
    codes[used] = number[sets[used]]
    return codes.astype(np.int64), found.size + 2


def _reasons(problem: Problem, lost: Ints) -> dict[str, Ints]:
    there = with_other_arm(problem, lost)
    reasons = {"stratum_empty": lost[~there], "caliper": lost[there]}
    return {name: rows for name, rows in reasons.items() if rows.size}
