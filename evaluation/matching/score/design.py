"""The design of a score: an intercept, numbers as they are, categories as codes, never one-hot.

In: a frame of covariates. Out: a :class:`Design` that multiplies vectors, and what was pooled or
left out on the way. Must never know what the rows are used for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import Fault
from evaluation.matching.types import Bools, Floats, Ints

SPARSE = 5
"""Rows of either arm under which a level is pooled."""
COLLINEAR = 1e-9
"""Share of a column's variance left by the columns before it under which it is dropped."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Design:
    """A design matrix (n, q) held as numbers and codes.

    Attributes
    ----------
    numbers : (n, a) float
        Numeric columns, row-major; their coefficients follow the intercept.
    slots : (n, b) int32
        For each category, the coefficient that applies to each row; ``q`` (a slot that is always
        zero) for the reference level.
    names : tuple of str
        Names of the q coefficients, ``(Intercept)`` first.
    sources : tuple of str
        Column of the frame behind each coefficient.
    """

    numbers: Floats
    slots: NDArray[np.int32]
    names: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and coefficients."""
        return self.numbers.shape[0], len(self.names)

    def times(self, vector: Floats) -> Floats:
        """Return X v; rows with equal covariates get bit-identical values.

        Parameters
        ----------
        vector : (q,) float
            Coefficients.

        Returns
        -------
        (n,) float
        """
        from evaluation.matching.score.gram import times

        return times(self.numbers, self.slots, np.append(vector, 0.0))

    def transpose_times(self, vector: Floats) -> Floats:
        """Return X'r for ``r`` (n,): a (q,) vector, summed in row order."""
        from evaluation.matching.score.gram import transpose_times

        summed: Floats = transpose_times(self.numbers, self.slots, vector, self.shape[1])
        return summed[:-1]

    def gram(self, weights: Floats) -> Floats:
        """Return X' diag(w) X for ``w`` (n,): a (q, q) matrix, summed in row order."""
        from evaluation.matching.score.gram import gram

        summed: Floats = gram(self.numbers, self.slots, weights, self.shape[1])
        return summed[:-1, :-1]

    def dense(self) -> pd.DataFrame:
        """Return the matrix itself, for small designs."""
        rows, q = self.shape
        matrix = np.zeros((rows, q + 1))
        matrix[:, 0] = 1.0
        matrix[:, 1 : 1 + self.numbers.shape[1]] = self.numbers
        for column in self.slots.T:
            matrix[np.arange(rows), column] = 1.0
        return pd.DataFrame(matrix[:, :-1], columns=list(self.names))

    def without(self, dropped: Sequence[int]) -> Design:
        """Return the design without the coefficients at these positions."""
        kept = [j for j in range(len(self.names)) if j not in set(dropped)]
        a = self.numbers.shape[1]
        renumbered = np.full(len(self.names) + 1, len(kept), np.int32)
        renumbered[kept] = np.arange(len(kept))
        numbers = self.numbers[:, [j - 1 for j in kept if 1 <= j <= a]]
        return Design(
            np.ascontiguousarray(numbers),
            renumbered[self.slots],
            tuple(self.names[j] for j in kept),
            tuple(self.sources[j] for j in kept),
        )


def build_design(
    covariates: pd.DataFrame,
    treated: Bools,
    weights: Floats,
    *,
    effects: pd.Series | None = None,
    pool_sparse: bool = False,
) -> tuple[Design, list[Fault]]:
    """Build the design of a score and leave out what cannot be estimated.

    Parameters
    ----------
    covariates : DataFrame (n, k)
        Numbers, booleans and categories; anything that is not a number is a category, its first
        level the reference.
    treated : (n,) bool
        Treatment.
    weights : (n,) float
        Frequency weights.
    effects : (n,) Series, optional
        One more category (month × duration class).
    pool_sparse : bool
        Whether levels with fewer than 5 treated or 5 comparison rows are pooled.

    Returns
    -------
    design : Design
        Constant and collinear columns left out.
    notes : list of Fault
        EVAL-419 constant, EVAL-420 collinear, EVAL-421 pooled.
    """
    columns = {str(name): covariates.iloc[:, j] for j, name in enumerate(covariates.columns)}
    if effects is not None:
        columns[str(effects.name)] = effects
    numbers: dict[str, Floats] = {}
    categories: dict[str, tuple[Ints, list[str]]] = {}
    pooled: dict[str, list[str]] = {}
    for name, column in columns.items():
        if is_category(column):
            codes, levels = category_codes(column)
        else:
            values = column.to_numpy(np.float64)
            if not (pool_sparse and _is_flag(values)):
                numbers[name] = values
                continue
            codes, levels = values.astype(np.int64), ["0", "1"]
        if pool_sparse:
            codes, levels, rare = pool_levels(codes, levels, treated)
            pooled |= {name: rare} if rare else {}
        categories[name] = (codes, levels)
    constant = [name for name, values in numbers.items() if values.min() == values.max()]
    constant += [name for name, (_, levels) in categories.items() if len(levels) < 2]
    design = _assemble(
        {name: values for name, values in numbers.items() if name not in constant},
        {name: pair for name, pair in categories.items() if name not in constant},
        len(treated),
    )
    dropped = collinear(design.gram(weights))
    said = {
        "EVAL-419": [name for name in constant if name not in pooled],
        "EVAL-420": columns_of(design.names[j] for j in dropped),
        "EVAL-421": list(pooled),
    }
    notes = [Fault(code, {"columns": found}) for code, found in said.items() if found]
    for note in notes:
        if note.code == "EVAL-421":
            note.data.update(count=sum(map(len, pooled.values())), levels=pooled)
    return (design.without(dropped) if dropped else design), notes


def columns_of(terms: Iterable[str]) -> list[str]:
    """Return the columns of terms, each once: the name of a rare level would tell of a person.

    Examples
    --------
    >>> columns_of(["zone=2405", "age", "zone=2411", "sex[2]"])
    ['zone', 'age', 'sex']
    """
    return list(dict.fromkeys(re.split(r"[=\[]", str(term), maxsplit=1)[0] for term in terms))


def is_category(column: pd.Series) -> bool:
    """Return whether a column is a category: neither a number nor a boolean."""
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def category_codes(column: pd.Series) -> tuple[Ints, list[str]]:
    """Return codes and observed levels of a category, in declared or else sorted order."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories()
    else:
        used = column.astype("string").astype(object).astype("category")
    codes: Ints = np.array(used.cat.codes, dtype=np.int64)
    return codes, [str(level) for level in used.cat.categories]


def pool_levels(
    codes: Ints, levels: list[str], treated: Bools
) -> tuple[Ints, list[str], list[str]]:
    """Pool the levels with fewer than 5 rows of either arm into one.

    The pooled level joins the most frequent one when it is still too small.

    Parameters
    ----------
    codes : (n,) int
        Level of each row.
    levels : list of str
        Names of the levels.
    treated : (n,) bool
        Treatment.

    Returns
    -------
    codes : (n,) int
        New codes.
    levels : list of str
        Names of the levels kept, then ``other`` if it is large enough.
    rare : list of str
        Names of the levels that were pooled.
    """
    size = len(levels)
    smaller = np.minimum(
        np.bincount(codes[treated], minlength=size), np.bincount(codes[~treated], minlength=size)
    )
    sparse = np.flatnonzero(smaller < SPARSE)
    if sparse.size == 0:
        return codes, levels, []
    pooled = np.isin(codes, sparse)
    enough = min(int(pooled[treated].sum()), int(pooled[~treated].sum())) >= SPARSE
    kept = [j for j in range(size) if j not in set(sparse.tolist())]
    largest = int(np.argmax(np.bincount(codes, minlength=size)[kept])) if kept else 0
    mapping = np.full(size, len(kept) if enough or not kept else largest)
    mapping[kept] = np.arange(len(kept))
    names = [levels[j] for j in kept] + ([OTHER] if enough or not kept else [])
    return mapping[codes].astype(np.int64), names, [levels[j] for j in sparse]


def collinear(gram: Floats) -> list[int]:
    """Return the columns that the columns before them determine, from X'X.

    Parameters
    ----------
    gram : (q, q) float
        Cross products; column 0 is the intercept.

    Returns
    -------
    list of int
        Positions of the columns to drop, in order.
    """
    size = gram.shape[0]
    centred = gram - np.outer(gram[:, 0], gram[0]) / gram[0, 0]
    scale = np.sqrt(np.maximum(np.diag(centred), 0.0))
    floor = 1e-12 * np.sqrt(np.diag(gram))
    left = centred / np.outer(np.where(scale > floor, scale, 1), np.where(scale > floor, scale, 1))
    dropped: list[int] = []
    for j in range(1, size):
        pivot = left[j, j]
        if scale[j] <= floor[j] or pivot < COLLINEAR:
            dropped.append(j)
            continue
        left = left - np.outer(left[:, j], left[j]) / pivot
    return dropped


def _is_flag(values: Floats) -> bool:
    return bool(np.all((values == 0) | (values == 1)))


def _assemble(
    numbers: dict[str, Floats], categories: dict[str, tuple[Ints, list[str]]], rows: int
) -> Design:
    names, sources = ["(Intercept)", *numbers], ["(Intercept)", *numbers]
    starts = []
    for name, (_, levels) in categories.items():
        starts.append(len(names))
        names += [f"{name}[{level}]" for level in levels[1:]]
        sources += [name] * (len(levels) - 1)
    slots = np.empty((rows, len(categories)), np.int32)
    for k, (start, (codes, _)) in enumerate(zip(starts, categories.values(), strict=True)):
        slots[:, k] = np.where(codes == 0, len(names), start + codes - 1)
    matrix = np.column_stack([*numbers.values()]) if numbers else np.empty((rows, 0))
    return Design(np.ascontiguousarray(matrix), slots, tuple(names), tuple(sources))
