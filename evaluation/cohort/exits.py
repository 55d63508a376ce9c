"""Exits that can be an outcome: from the lists and from the programme, as dated events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import Codes, Days, owners

if TYPE_CHECKING:
    from evaluation.cohort.extract import Registrations


@dataclass(frozen=True, slots=True)
class Exits:
    """Exits (n) in any order.

    Attributes
    ----------
    person : (n,) int64
    day : (n,) int32
        First day out.
    reason : (n,) int8
        TRAINING, CREATION or JOB of :mod:`evaluation.cohort.levels`.
    """

    person: NDArray[np.int64]
    day: Days
    reason: Codes

    def of(self, reasons: tuple[int, ...]) -> tuple[NDArray[np.int64], Days]:
        """Return person and day of the exits for some reasons."""
        kept = np.isin(self.reason, reasons)
        return self.person[kept], self.day[kept]


def no_exits() -> Exits:
    """Return no exit at all."""
    return Exits(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int8))


def exits_from_lists(registrations: Registrations) -> Exits:
    """Return the exits from the lists to training or to create a business."""
    kept = registrations.leaving > 0
    return Exits(
        owners(registrations.ptr)[kept], registrations.end[kept], registrations.leaving[kept]
    )
