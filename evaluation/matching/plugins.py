"""What a method may hand back: the full answer, or simply one weight per row."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.errors import fail
from evaluation.matching.types import Floats, Problem, Weighted


def weighted_of(answer: Any, problem: Problem, method: str) -> Weighted:
    """Return the answer of a method as a :class:`Weighted`.

    Parameters
    ----------
    answer : Weighted or (n,) array
        What the method returned. Bare weights are taken as known numbers: the variance is that of
        two weighted means, by person (family ``moment_weights``).
    problem : Problem
        What the method received, n rows.
    method : str
        Name of the method.

    Returns
    -------
    Weighted

    Raises
    ------
    EvaluationError
        EVAL-480 an answer that is neither, EVAL-481 weights that are not finite or are negative.
    """
    rows = problem.treated.size
    values = _numbers(answer.weights if isinstance(answer, Weighted) else answer)
    if values is None or values.shape != (rows,):
        shown = type(answer).__name__ if values is None else str(values.shape)
        fail("EVAL-480", method=method, given=shown, rows=rows)
    wrong = int((~np.isfinite(values) | (values < 0)).sum())
    if wrong:
        fail("EVAL-481", method=method, count=wrong)
    if isinstance(answer, Weighted):
        if np.shape(answer.subclass) != (rows,):
            fail("EVAL-480", method=method, given=str(np.shape(answer.subclass)), rows=rows)
        return answer
    left_out = np.flatnonzero(problem.treated & (values == 0))
    return Weighted(
        weights=values,
        subclass=np.full(rows, -1),
        reasons={"no_weight": left_out} if left_out.size else {},
        family="moment_weights",
    )


def _numbers(weights: Any) -> Floats | None:
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return values if values.ndim else None
