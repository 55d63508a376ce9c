"""The placebo's frame: what was known six months before the index date, and nothing since.

Same rows as the cohort. History is counted on the months before the freeze; what a registration
declares comes from the one in force then. Who was not registered then keeps today's lasting
traits; what a new registration alone tells (benefit, previous support, experience) gets the
level ``not_registered`` or 0 beside it, because the events of the last six months made it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort.frame import Columns, categorical
from evaluation.cohort.levels import NOT_REGISTERED

FREEZE_MONTHS: Final = 6
KEYS: Final = (
    "person_id", "region", "department", "index_month", "index_date", "treated",
    "sampling_weight", "duration_class", "quarter",
)  # fmt: skip
"""Columns of the cohort that stand in the frozen frame as they are."""
DETERMINED: Final = ("registration_reason", "category")
"""Columns that the last six months determine: no frozen value exists."""
_OF_REGISTRATION: Final = ("benefit", "previous_support")
_NUMBERS_OF_REGISTRATION: Final = ("experience_months", "benefit_days_left")


def freeze(declared: Columns, known: NDArray[np.bool_]) -> Columns:
    """Return declared columns with what a newer registration tells taken out.

    Parameters
    ----------
    declared : dict
        Columns of the registration in force at the freeze where there was one, else of today's.
    known : (n,) bool
        Whether there was one.
    """
    columns = {name: values for name, values in declared.items() if name not in DETERMINED}
    for name in _OF_REGISTRATION:
        values = columns[name]
        levels = [*values.categories, NOT_REGISTERED]
        codes = np.where(known, values.codes, len(levels) - 1)
        columns[name] = categorical(codes, levels)
    for name in _NUMBERS_OF_REGISTRATION:
        columns[name] = np.where(known, columns[name], 0).astype(np.float32)
    return columns
