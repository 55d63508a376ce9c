"""Reading outcome columns: refused when missing, not numeric or part of the comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation.effects.moments import Arms
from evaluation.effects.types import Floats, MatchedSet, Support
from evaluation.errors import Fault, nearest, refuse


def read_outcomes(
    matched: MatchedSet, names: Sequence[str], *, frame: pd.DataFrame | None = None
) -> Floats:
    """Return outcome columns (n, m) as floats.

    Parameters
    ----------
    matched : Matched
        Gives the rows and the covariates that an outcome may not be one of.
    names : sequence of str
        Columns.
    frame : DataFrame, optional
        Where they stand (same rows), by default ``matched.frame``.

    Raises
    ------
    EvaluationError
        EVAL-501 unknown column, EVAL-502 missing or infinite values, EVAL-503 not numeric,
        EVAL-510 the outcome is a covariate of the comparison; all faults at once.
    """
    table = matched.frame if frame is None else frame
    covariates = {str(column) for column in matched.problem.covariates.columns}
    faults: list[Fault] = []
    columns: list[Floats] = []
    for name in names:
        fault = _fault(table, name, covariates)
        if fault is not None:
            faults.append(fault)
        else:
            columns.append(table[name].to_numpy(dtype=float))
    refuse(faults)
    return np.column_stack(columns)


def _fault(table: pd.DataFrame, name: str, covariates: set[str]) -> Fault | None:
    if name not in table.columns:
        close = nearest(name, table.columns) if len(table.columns) < 200 else ""
        return Fault("EVAL-501", {"column": name, "nearest": close})
    if name in covariates:
        return Fault("EVAL-510", {"column": name})
    column = table[name]
    numeric = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    if not numeric:
        return Fault("EVAL-503", {"column": name, "type": str(column.dtype)})
    values = column.to_numpy(dtype=float, na_value=np.nan)
    bad = int((~np.isfinite(values)).sum())
    return Fault("EVAL-502", {"column": name, "count": bad}) if bad else None


def is_binary(outcome: Floats) -> bool:
    """Return whether every value (n,) is 0 or 1."""
    return bool(((outcome == 0) | (outcome == 1)).all())


def support_of(outcome: Floats, arms: Arms) -> Support:
    """Return the unweighted counts of the rows with a weight."""
    used = arms.used
    treated, others = used & arms.treated, used & ~arms.treated
    events: list[int | None] = [None, None]
    if is_binary(outcome):
        events = [int(outcome[treated].sum()), int(outcome[others].sum())]
    persons = len(np.unique(arms.person[others]))
    return Support(int(treated.sum()), int(others.sum()), events[0], events[1], persons)
