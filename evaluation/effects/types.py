"""The small types of the room: an interval, the counts under it, the moments of two means."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import Fault
from evaluation.matching.types import Family, Problem, Weighted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Variance = Literal[
    "auto",
    "set_person",
    "abadie_imbens",
    "abadie_imbens_homoscedastic",
    "sandwich",
    "bootstrap",
    "CL_HC0",
    "CL_HC1",
    "HC0",
    "HC1",
]


class MatchedSet(Protocol):
    """What this room reads of a ``Matched`` (see ``evaluation.matching.result``)."""

    @property
    def frame(self) -> pd.DataFrame:
        """The rows that were matched (n rows)."""

    @property
    def weights(self) -> pd.Series:
        """Weights (n,), row-aligned with ``frame``."""

    @property
    def subclass(self) -> pd.Series:
        """Matched set (n,), -1 when none."""

    @property
    def pairs(self) -> pd.DataFrame | None:
        """Columns ``treated``, ``comparison``: labels or positions of rows."""

    @property
    def problem(self) -> Problem:
        """What the method received."""

    @property
    def weighted(self) -> Weighted:
        """What the method returned."""

    @property
    def method(self) -> str:
        """Name of the method."""

    @property
    def family(self) -> Family:
        """Which variance is legal."""

    @property
    def estimand(self) -> str:
        """``ATT`` unless said otherwise."""

    @property
    def notes(self) -> Any:
        """Warnings raised while matching."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence limits; what cannot be computed is None, never NaN.

    Attributes
    ----------
    estimate, low, high : float or None
        Estimate and limits, in the unit of the quantity.
    se : float or None
        Standard error, same unit.
    p_value : float or None
        Two-sided, of the hypothesis that the effect in points is zero.
    unbounded : bool
        A limit that does not exist (its number is None).
    """

    estimate: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    p_value: float | None = None
    unbounded: bool = False

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit (``factor`` > 0)."""

        def times(value: float | None) -> float | None:
            return None if value is None else value * factor

        return Interval(
            times(self.estimate), times(self.low), times(self.high), times(self.se),
            self.p_value, self.unbounded,
        )  # fmt: skip

    @property
    def excludes_zero(self) -> bool:
        """Whether both limits exist and lie on the same side of zero."""
        return self.low is not None and self.high is not None and self.low * self.high > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Uplift(Interval):
    """Relative effect in percent of the comparison mean; limits by the delta method on its log.

    Attributes
    ----------
    fieller_low, fieller_high : float or None
        Fieller's limits, the check.
    fieller_unbounded : bool
        The comparison mean is not distinguishable from zero: Fieller's set has no finite limits.
    """

    fieller_low: float | None = None
    fieller_high: float | None = None
    fieller_unbounded: bool = False


@dataclass(frozen=True, slots=True)
class Support:
    """Unweighted counts of the matched set behind a figure.

    Attributes
    ----------
    entrants, comparators : int
        Rows with a weight, by arm.
    events_entrants, events_comparators : int or None
        Rows with the outcome, None where the outcome is not 0/1.
    comparators_persons : int
        Different persons behind the comparator rows.
    """

    entrants: int
    comparators: int
    events_entrants: int | None
    events_comparators: int | None
    comparators_persons: int

    def counts(self) -> list[float | None]:
        """Return every count that the disclosure threshold applies to, non-events included."""
        both = [self.entrants, self.comparators, self.comparators_persons]
        if self.events_entrants is None or self.events_comparators is None:
            return [float(count) for count in both]
        events = [self.events_entrants, self.events_comparators]
        non_events = [self.entrants - events[0], self.comparators - events[1]]
        return [float(count) for count in (*both, *events, *non_events)]

    @property
    def fewest_events(self) -> int | None:
        """Smaller number of events of the two arms."""
        if self.events_entrants is None or self.events_comparators is None:
            return None
        return min(self.events_entrants, self.events_comparators)

    def to_dict(self) -> dict[str, int | None]:
        """Return the counts as plain integers."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Moments:
    """Two means and their covariance, for one outcome.

    Attributes
    ----------
    means : (2,) float
        Treated, comparison; outcome's own unit.
    covariance : (2, 2) float
        Of the two means.
    influence : (n, 2) float
        Influence of each row on the two means.
    clusters : int
        Independent units that the variance sums over.
    notes : tuple of Fault
        What the reader must know.
    """

    means: Floats
    covariance: Floats
    influence: Floats
    clusters: int
    notes: tuple[Fault, ...] = ()

    @property
    def variance_of_difference(self) -> float:
        """Variance of treated minus comparison."""
        v = self.covariance
        return float(v[0, 0] + v[1, 1] - 2 * v[0, 1])
