"""The counts a figure rests on, and whether they allow it to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def small(count: float | None, min_cell: int) -> bool:
    """Return whether a count of people is one that must not be known (1 … min_cell − 1).

    Examples
    --------
    >>> small(0, 11), small(7, 11), small(11, 11)
    (False, True, False)
    """
    return count is not None and 0 < count < min_cell


@dataclass(frozen=True, slots=True)
class Support:
    """Unweighted counts behind a comparison of two rates.

    Attributes
    ----------
    entrants, comparators : int
        People (rows of the matched set) in each arm; for comparators the smaller of rows and
        persons, because a person may recur.
    events_entrants, events_comparators : int or None
        Those with the outcome; None where the figure is not a share.
    """

    entrants: int
    comparators: int
    events_entrants: int | None = None
    events_comparators: int | None = None

    @classmethod
    def of(cls, holder: Any) -> Support | None:
        """Read the sibling ``support`` of a figure; None when it has none."""
        found = holder.get("support") if isinstance(holder, Mapping) else None
        if not isinstance(found, Mapping) or found.get("entrants") is None:
            return None
        persons = found.get("comparators_persons")
        rows = found.get("comparators")
        known = [int(count) for count in (rows, persons) if count is not None]
        if not known:
            return None
        return cls(
            int(found["entrants"]),
            min(known),
            _count(found.get("events_entrants")),
            _count(found.get("events_comparators")),
        )

    @property
    def cells(self) -> tuple[int | None, ...]:
        """Events and non-events of each arm, None where there are no events."""
        return (
            self.events_entrants,
            _rest(self.entrants, self.events_entrants),
            self.events_comparators,
            _rest(self.comparators, self.events_comparators),
        )

    def allows(self, min_cell: int) -> bool:
        """Return whether both rates, and with them every linked figure, may be shown."""
        cells = (self.entrants, self.comparators, *self.cells)
        return all(count is not None and count >= min_cell for count in cells)

    def allows_sizes(self, min_cell: int) -> bool:
        """Return whether a figure that is no share (a mean, an overlap) may be shown."""
        counted = [count for count in self.cells if count is not None]
        sizes = min(self.entrants, self.comparators) >= min_cell
        return sizes and all(count >= min_cell for count in counted)

    def __sub__(self, other: Support) -> Support:
        return Support(
            self.entrants - other.entrants,
            self.comparators - other.comparators,
            _difference(self.events_entrants, other.events_entrants),
            _difference(self.events_comparators, other.events_comparators),
        )

    def __add__(self, other: Support) -> Support:
        return Support(
            self.entrants + other.entrants,
            self.comparators + other.comparators,
            _total(self.events_entrants, other.events_entrants),
            _total(self.events_comparators, other.events_comparators),
        )


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _rest(total: int, part: int | None) -> int | None:
    return None if part is None else total - part


def _difference(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left - right


def _total(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
