"""Coarsen covariates: cut points of numbers, groups of levels.

In: covariates and what the user asks of each. Out: one integer code per row and covariate. A value
that lies on a cut goes up, and the rules count all rows of both arms (MatchIt's conventions).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import fail, nearest
from evaluation.matching.engines.cells import Part
from evaluation.matching.score.design import category_codes, is_category
from evaluation.matching.types import Floats, Ints

RULES = ("sturges", "fd", "scott")
NUMBERS = '"sturges", "fd", "scott", "q4", 5, [20, 40, 60]'
LEVELS = '[["A", "B"], ["C"]]'


def as_they_are(covariates: pd.DataFrame) -> list[Part]:
    """Return the codes of uncoarsened covariates, in the order of their values."""
    return [_distinct(name, covariates[name]) for name in covariates.columns]


def coarsened(covariates: pd.DataFrame, bins: Any) -> list[Part]:
    """Return the codes of coarsened covariates.

    Parameters
    ----------
    covariates : DataFrame (n, k)
    bins : str, int or dict
        For every number: ``"sturges"``, ``"fd"``, ``"scott"``, a quantile rule ``"q4"`` or a number
        of equal-width bins. A dict gives it covariate by covariate, and there also a list of cut
        points, or for a category a list of groups of levels; what it does not name is cut by
        Sturges' rule, categories as they are.

    Raises
    ------
    EvaluationError
        EVAL-491 a rule that does not exist or does not apply, EVAL-492 a column that is no
        covariate.
    """
    by_name = bins if isinstance(bins, dict) else {}
    for name in by_name:
        if name not in covariates.columns:
            fail("EVAL-492", option="bins", column=name,
                 nearest=nearest(str(name), covariates.columns))  # fmt: skip
    parts = []
    for name in covariates.columns:
        column = covariates[name]
        if is_category(column):
            parts.append(_grouped(name, column, by_name.get(name)))
        else:
            rule = by_name.get(name, "sturges") if isinstance(bins, dict) else bins
            parts.append(_cut(name, column.to_numpy(np.float64), rule))
    return parts


def _distinct(name: str, column: pd.Series) -> Part:
    if is_category(column):
        codes, levels = category_codes(column)
        return Part(name, codes, len(levels))
    found, values = pd.factorize(column.to_numpy(), sort=True)
    return Part(name, found.astype(np.int64), len(values))


def _grouped(name: str, column: pd.Series, groups: Any) -> Part:
    codes, levels = category_codes(column)
    if groups is None:
        return Part(name, codes, len(levels))
    listed = isinstance(groups, (list, tuple)) and all(isinstance(g, (list, tuple)) for g in groups)
    named = [str(level) for group in groups for level in group] if listed else []
    if not named or len(set(named)) < len(named) or not set(named) <= set(levels):
        fail("EVAL-491", column=name, value=groups, allowed=LEVELS)
    group_of = {str(level): j for j, group in enumerate(groups) for level in group}
    # A level that no group names stays by itself.
    new = np.array([group_of.get(level, len(groups) + j) for j, level in enumerate(levels)])
    return Part(name, new[codes].astype(np.int64), int(new.max()) + 1)


def _cut(name: str, values: Floats, rule: Any) -> Part:
    """Return the bin of each value (n,)."""
    cuts: Floats | None = None
    count = 0
    if isinstance(rule, str) and rule[:1] == "q" and rule[1:].isdigit() and int(rule[1:]) >= 2:
        cuts = quantiles(np.sort(values), _steps(int(rule[1:])))
    elif isinstance(rule, str) and rule in RULES:
        count = bin_count(values, rule)
    elif isinstance(rule, (int, np.integer)) and not isinstance(rule, bool) and rule >= 1:
        count = int(rule)
    elif isinstance(rule, (list, tuple, np.ndarray)) and _are_cuts(rule):
        cuts = np.asarray(rule, np.float64)
    else:
        fail("EVAL-491", column=name, value=rule, allowed=NUMBERS)
    if cuts is None:
        return Part(name, equal_width(values, count), count)
    cuts = np.unique(cuts)
    return Part(name, np.searchsorted(cuts, values, side="right").astype(np.int64), cuts.size + 1)


def _are_cuts(rule: Sequence[Any] | np.ndarray) -> bool:
    numbers = [isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in rule]
    return bool(len(numbers)) and all(numbers) and bool(np.isfinite(np.asarray(rule, float)).all())


def _steps(parts: int) -> Floats:
    shares: Floats = 1 / parts + np.arange(parts - 1, dtype=np.float64) * (1 / parts)
    return shares


def equal_width(values: Floats, count: int) -> Ints:
    """Return the bin, 0 .. count-1, of each value (n,) among ``count`` of equal width.

    Edges are ``min + j · width``; a value on an edge belongs to the bin above.
    """
    low, high = float(values.min()), float(values.max())
    width = (high - low) / count
    if not width > 0:
        return np.zeros(values.size, np.int64)
    found = np.floor((values - low) / width)
    # The division may round across an edge: the edges themselves decide.
    found += values >= low + (found + 1) * width
    found -= values < low + found * width
    return np.clip(found, 0, count - 1).astype(np.int64)


def bin_count(values: Floats, rule: str) -> int:
    """Return the number of bins of a histogram by a rule.

    Parameters
    ----------
    values : (n,) float
    rule : str
        ``sturges`` (from the number of values alone), ``scott`` (from their standard deviation),
        ``fd`` (from their interquartile range).

    References
    ----------
    Sturges, H. A. (1926). The choice of a class interval. JASA 21(153), 65-66.
    https://doi.org/10.1080/01621459.1926.10502161

    Scott, D. W. (1979). On optimal and data-based histograms. Biometrika 66(3), 605-610.
    https://doi.org/10.1093/biomet/66.3.605

    Freedman, D. and Diaconis, P. (1981). On the histogram as a density estimator: L2 theory.
    Zeitschrift für Wahrscheinlichkeitstheorie 57, 453-476. https://doi.org/10.1007/BF01025868
    """
    n = values.size
    if rule == "sturges":
        return int(np.ceil(np.log2(n) + 1))
    scott = 3.5 * float(np.std(values, ddof=1)) if n > 1 else 0.0
    width = scott if rule == "scott" else _freedman_diaconis(values) or scott
    if not width > 0:
        return 1
    return max(1, int(np.ceil((values.max() - values.min()) / width * n ** (1 / 3))))


def _freedman_diaconis(values: Floats) -> float:
    """Return twice the interquartile range; wider quantiles where it is nil (as R does)."""
    ordered = np.sort(_significant(values))
    tail = 1 / 4
    width = 0.0
    while width == 0 and tail >= 1 / 512:
        low, high = quantiles(ordered, np.array([tail, 1 - tail]))
        width = float(high - low) / (1 - 2 * tail)
        tail /= 2
    return width


def _significant(values: Floats, digits: int = 5) -> Floats:
    size = np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values))))
    scale = 10.0 ** (digits - 1 - size)
    rounded: Floats = np.round(values * scale) / scale
    return rounded


def quantiles(ordered: Floats, shares: Floats) -> Floats:
    """Return quantiles of type 7 (linear between order statistics) of sorted values (n,).

    References
    ----------
    Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. American
    Statistician 50(4), 361-365. https://doi.org/10.1080/00031305.1996.10473566
    """
    place = 1 + (ordered.size - 1) * shares
    below = np.floor(place)
    low, high = ordered[below.astype(int) - 1], ordered[np.ceil(place).astype(int) - 1]
    part = place - below
    # Equal neighbours stay what they are, to the bit: a cut on a value decides its bin.
    between: Floats = np.where(low == high, low, (1 - part) * low + part * high)
    return between
