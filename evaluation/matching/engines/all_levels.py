"""A design without reference levels: a bound on its means holds for every level of a factor."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.matching.engines.usable_strata import Strata
from evaluation.matching.score.design import Design, category_codes, is_category
from evaluation.matching.types import Floats


def spreads(design: Design, treated: Floats, others: Floats) -> Floats:
    """Return the treated's standard deviations, the others' where the treated do not vary."""
    spreads = [np.diag(design.gram(arm)) - design.transpose_times(arm) ** 2
               for arm in (treated, others)]  # fmt: skip
    first, second = (np.sqrt(np.maximum(spread, 0.0)) for spread in spreads)
    return np.where(first > 1e-9, first, second)


def all_levels(covariates: pd.DataFrame, strata: Strata | None = None) -> Design:
    """Return numbers in standard deviations and every level of every factor, strata last."""
    numbers: list[Floats] = []
    names, slots = ["(Intercept)"], []
    factors: list[tuple[str, np.ndarray, list[str]]] = []
    for name in covariates.columns:
        column = covariates[name]
        if is_category(column):
            factors.append((str(name), *category_codes(column)))
            continue
        values = column.to_numpy(np.float64)
        spread = float(values.std())
        if spread > 1e-12 * max(1.0, float(np.abs(values).max())):
            numbers.append((values - values.mean()) / spread)
            names.append(str(name))
    if strata is not None and strata.count > 1:
        labels = [str(code) for code in range(strata.count)]
        factors.append(("(strata)", np.where(strata.usable, strata.code, 0), labels))
    sources = list(names)
    for name, codes, levels in factors:
        slots.append((len(names) + codes).astype(np.int32))
        names += [f"{name}[{level}]" for level in levels]
        sources += [name] * len(levels)
    rows = len(covariates)
    matrix = np.column_stack(numbers) if numbers else np.empty((rows, 0))
    codes = np.column_stack(slots) if slots else np.empty((rows, 0), np.int32)
    return Design(np.ascontiguousarray(matrix), np.ascontiguousarray(codes), tuple(names),
                  tuple(sources))  # fmt: skip
