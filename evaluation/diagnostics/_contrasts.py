"""From a covariate to its distribution in each group, in time linear in the rows.

In: one column and the four groups. Out: contrasts before and after. Values are coded once
(one sort of the distinct values), every mean, variance and distribution function then comes from
sums by code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from evaluation.diagnostics._arms import Arms, Group
from evaluation.diagnostics.statistics import Contrast
from evaluation.errors import fail
from evaluation.matching.types import Floats, Ints

SPAN = 4096
"""Whole numbers within such a range are coded by subtraction, without hashing."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One covariate as codes.

    Attributes
    ----------
    codes : (n,) int
    values : (g,) float
        Increasing values of a number; ``0 .. g-1`` for a factor.
    levels : tuple of str or None
        Levels of a factor (``("1",)`` for a 0/1 flag), None for a number.
    shown : (r,) int
        Codes that have a row in the table.
    """

    codes: Ints
    values: Floats
    levels: tuple[str, ...] | None
    shown: Ints


def coded(column: pd.Series, name: str) -> Coded:
    """Code a column; EVAL-453 when a number is missing (a missing category is a level)."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return _factor(column)
    x = column.to_numpy(np.float64, na_value=np.nan)
    missing = int(len(x) - np.isfinite(x).sum())
    if missing:
        fail("EVAL-453", column=name, count=missing)
    codes, values = _number(x)
    if np.isin(values, (0.0, 1.0)).all():
        # a flag that only ever takes one value keeps its place as "level 1"
        return Coded(x.astype(np.int64), np.array([0.0, 1.0]), ("1",), np.array([1]))
    return Coded(codes, values, None, np.array([0]))


def _factor(column: pd.Series) -> Coded:
    category = (
        column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")
    )
    codes: Ints = np.array(category.cat.codes, dtype=np.int64)
    levels = [str(level) for level in category.cat.categories]
    if (codes < 0).any():
        codes[codes < 0] = len(levels)
        levels.append("missing")
    present = np.flatnonzero(np.bincount(codes, minlength=len(levels)))
    return Coded(
        codes,
        np.arange(len(levels), dtype=np.float64),
        tuple(levels[k] for k in present),
        present.astype(np.int64),
    )


def _number(x: Floats) -> tuple[Ints, Floats]:
    low = float(x.min())
    shifted = x - low
    if shifted.max() < SPAN and np.array_equal(shifted, np.floor(shifted)):
        codes = shifted.astype(np.int64)
        present = np.bincount(codes) > 0
        rank = np.cumsum(present, dtype=np.int64) - 1
        return rank[codes], np.flatnonzero(present).astype(np.float64) + low
    raw, distinct = pd.factorize(x)
    values = cast("Floats", np.asarray(distinct))
    order = np.argsort(values)
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values))
    return place[raw], values[order]


@dataclass(frozen=True, slots=True)
class Compared:
    """One covariate before and after, with the counts its rows rest on.

    Attributes
    ----------
    before, after : Contrast
    count_treated_before, count_treated, count_comparison : (r,) int
        Rows at the level (all rows of the arm for a number): all treated, matched treated, and
        comparators with a weight.
    """

    before: Contrast
    after: Contrast
    count_treated_before: Ints
    count_treated: Ints
    count_comparison: Ints


def compared(column: Coded, arms: Arms) -> Compared:
    """Return the contrasts of one coded covariate."""
    size = len(column.values)
    mass = {
        name: _mass(column.codes[group.rows], group.weights, size)
        for name, group in _named(arms).items()
    }
    scale = _scale(column, mass, arms)
    before = _contrast(column, mass, "before", arms, scale)
    after = _contrast(column, mass, "after", arms, scale)
    counts = [
        _counts(column, group)
        for group in (arms.treated_before, arms.treated_after, arms.comparison_after)
    ]
    return Compared(before, after, *counts)


def _mass(codes: Ints, weights: Floats, size: int) -> Floats:
    return np.bincount(codes, weights, minlength=size).astype(np.float64)


def _named(arms: Arms) -> dict[str, Group]:
    return {
        "treated_before": arms.treated_before,
        "comparison_before": arms.comparison_before,
        "treated_after": arms.treated_after,
        "comparison_after": arms.comparison_after,
    }


def _counts(column: Coded, group: Group) -> Ints:
    if column.levels is None:
        return np.array([len(group.rows)])
    return np.bincount(column.codes[group.rows], minlength=len(column.values))[column.shown]


def _variance(values: Floats, mass: Floats, correction: float) -> float:
    mean = float(values @ mass)
    return float((values - mean) ** 2 @ mass) * correction


def _scale(column: Coded, mass: dict[str, Floats], arms: Arms) -> Floats:
    """Return the treated's standard deviation before matching; both arms' where it is zero."""
    first, second = mass["treated_before"], mass["comparison_before"]
    if column.levels is None:
        v = _variance(column.values, first, arms.treated_before.correction)
        other = _variance(column.values, second, arms.comparison_before.correction)
        variance = np.array([v])
        pooled = np.array([(v + other) / 2])
    else:
        p, q = first[column.shown], second[column.shown]
        variance = p * (1 - p)
        pooled = (variance + q * (1 - q)) / 2
    return np.sqrt(np.where(variance > 1e-14 * np.maximum(pooled, 1e-300), variance, pooled))


def _contrast(
    column: Coded, mass: dict[str, Floats], when: str, arms: Arms, scale: Floats
) -> Contrast:
    t, c = mass[f"treated_{when}"], mass[f"comparison_{when}"]
    if column.levels is not None:
        p, q = t[column.shown], c[column.shown]
        return Contrast(True, p, q, p, q, np.nan, np.nan, scale)
    groups = _named(arms)
    x = column.values
    return Contrast(
        binary=False,
        treated=t,
        comparison=c,
        mean_treated=np.array([x @ t]),
        mean_comparison=np.array([x @ c]),
        variance_treated=_variance(x, t, groups[f"treated_{when}"].correction),
        variance_comparison=_variance(x, c, groups[f"comparison_{when}"].correction),
        scale=scale,
    )
