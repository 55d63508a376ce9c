"""Missing covariates: refused, filled beside an indicator, or a level of their own; always said.

In: a covariate column and what to do with its holes. Out: a column without holes, an indicator
where one is asked, and a note with counts by arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import Fault, fail, nearest, refuse
from evaluation.matching.result import shown
from evaluation.matching.score.design import is_category
from evaluation.matching.types import Bools

Missing = str | Mapping[str, str]
REFUSE, INDICATOR = "refuse", "indicator"
LEVEL = "missing"
"""Level that ``indicator`` gives to the holes of a category."""
FLAG = "{name}: missing"


def how_by_column(missing: Any, columns: tuple[str, ...]) -> dict[str, str]:
    """Return what to do with each column's holes.

    Parameters
    ----------
    missing : str or dict
        ``refuse``, ``indicator``, or ``{column: refuse | indicator | name of a level}``; columns
        that a dict does not name are refused when they have holes.
    columns : tuple of str
        The covariates.

    Raises
    ------
    EvaluationError
        EVAL-403 neither a known word nor a dict of words, EVAL-400 a column that is no covariate.
    """
    if isinstance(missing, str) and missing in (REFUSE, INDICATOR):
        return dict.fromkeys(columns, missing)
    words = isinstance(missing, Mapping) and all(
        isinstance(word, str) and word for word in missing.values()
    )
    if not words:
        allowed = f'{REFUSE}, {INDICATOR}, {{"column": "level"}}'
        fail("EVAL-403", option="missing", value=repr(missing), allowed=allowed)
    given = dict(missing)
    faults = [
        Fault("EVAL-400", {"column": name, "role": "missing", "nearest": nearest(name, columns)})
        for name in given
        if name not in columns
    ]
    refuse(faults)
    return {name: given.get(name, REFUSE) for name in columns}


def filled(
    column: pd.Series, how: str, treated: Bools, *, category: bool = False
) -> tuple[dict[str, pd.Series], Fault | None]:
    """Fill the holes of one column.

    Parameters
    ----------
    column : (n,) Series
        With holes or without.
    how : str
        ``indicator``: a category gets the level ``missing``; a number its mean over the rows that
        have one, beside a 0/1 column that says which rows had none. Any other word: the level
        that the holes of a category get.
    treated : (n,) bool
        Arms, for the counts.
    category : bool
        Whether a number is declared a category.

    Returns
    -------
    columns : dict of str to (n,) Series
        The filled column, and its indicator.
    note : Fault or None
        EVAL-477 with the counts by arm.

    Raises
    ------
    EvaluationError
        EVAL-478 a level for a number, EVAL-479 a column with no value at all.

    Notes
    -----
    The indicator makes rows alike in *being unknown*; the mean beside it has no influence on a
    score or on balance. It stands for covariates whose absence is itself a trait (a barrier never
    diagnosed), not for values lost at random.
    """
    name = str(column.name)
    holes = column.isna().to_numpy(bool)
    if not holes.any():
        return {name: column}, None
    if holes.all():
        fail("EVAL-479", column=name, total=len(column))
    counts = shown(treated=int((holes & treated).sum()), comparators=int((holes & ~treated).sum()))
    note = Fault("EVAL-477", {"column": name, "how": how, **counts})
    if category or is_category(column):
        level = LEVEL if how == INDICATOR else how
        labels = column.astype("string").astype(object)
        order = _order(column, labels)
        whole = labels.where(~holes, level)
        categories = order if level in order else [*order, level]
        return {name: pd.Series(pd.Categorical(whole, categories), name=name)}, note
    if how != INDICATOR:
        fail("EVAL-478", column=name, level=how)
    values = column.to_numpy(np.float64, na_value=np.nan)
    flag = FLAG.format(name=name)
    return {
        name: pd.Series(np.where(holes, values[~holes].mean(), values), name=name),
        flag: pd.Series(holes.astype(np.int8), name=flag),
    }, note


def _order(column: pd.Series, labels: pd.Series) -> list[str]:
    """Return the levels in their declared order, else sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [str(level) for level in column.cat.categories]
    return sorted(labels.dropna().unique())
