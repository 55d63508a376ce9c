"""The one list of sample-wide diagnostics: figure, limit, wording and plot, declared once.

In: a matched problem. Out: one number each, held against its limit. What is measured per covariate
stands in ``statistics``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.diagnostics._arms import MatchedLike
from evaluation.diagnostics._shown import number
from evaluation.diagnostics.balance import balance_of
from evaluation.diagnostics.kept import kept_of
from evaluation.diagnostics.overlap import overlap_of
from evaluation.diagnostics.weights import weights_of
from evaluation.display import SECRET, Guarded, below, table
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Describe = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """One declared figure.

    Attributes
    ----------
    name : str
        Its row in the table and its wording, ``diagnostics.measures.<name>``.
    describe : callable
        ``(matched, min_cell=) ->`` the result that holds it and draws it with ``.plot()``.
    read : callable
        That result ``->`` the figure, in its own unit.
    limit : float
        Beyond which the reader is warned; the cap "at most moderate" of the verdict where the
        verdict has one.
    at_most : bool
        Whether the figure must stay under its limit rather than over it.
    percent : bool
        Whether it is shown in percent.
    """

    name: str
    describe: Describe
    read: Callable[[Any], float]
    limit: float
    at_most: bool
    percent: bool = False

    def plot(self, matched: MatchedLike, ax: Axes | None = None) -> Axes:
        """Draw the figure that belongs to the measure."""
        axis: Axes = self.describe(matched).plot(ax)
        return axis

    def good(self, value: float) -> bool:
        """Return whether a value keeps to the limit."""
        return value <= self.limit if self.at_most else value >= self.limit


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("max_abs_smd", balance_of, lambda b: float(b.frame["smd_after"].abs().max()),
                0.05, True),
        Measure("overlap_coefficient", overlap_of, lambda o: float(o.coefficient), 0.5, False),
        Measure("share_outside", overlap_of, lambda o: float(o.share_outside), 0.10, True, True),
        Measure("effective_persons", weights_of, lambda w: float(w.effective_persons), 200, False),
        Measure("largest_share", weights_of, lambda w: float(w.largest_share), 0.05, True, True),
        Measure("kept_share", kept_of, lambda k: float(k.share), 0.90, False, True),
    )
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Diagnosis(Guarded):
    """All sample-wide figures of a matched problem.

    Attributes
    ----------
    frame : DataFrame
        One row per measure: ``value``, ``limit``, ``good``; measures that a method does not have
        (an overlap without a scalar distance) are left out.
    rows_treated, rows_comparison : int
        Matched rows of both arms, on which every figure rests.
    lost : int
        Rows of the treated arm that were not kept.
    min_cell : int
    """

    frame: pd.DataFrame
    rows_treated: int
    rows_comparison: int
    lost: int
    min_cell: int = DEFAULT_MIN_CELL

    def to_dict(self) -> dict[str, Any]:
        """Return raw figures."""
        return {str(name): dict(row) for name, row in self.frame.iterrows()}

    def summary(self, language: Language = "fr") -> pd.DataFrame:
        """Return what may be shown: figure, limit and whether it is kept, in words."""
        small = any(below(n, self.min_cell) for n in (self.rows_treated, self.rows_comparison))
        few_lost = 0 < self.lost < self.min_cell
        shown = []
        for name, row in self.frame.iterrows():
            measure = MEASURES[str(name)]
            hidden = small or (few_lost and measure.name in ("kept_share", "share_outside"))
            value, limit = (self._text(measure, float(row[key]), language)
                            for key in ("value", "limit"))  # fmt: skip
            sign = "≤" if measure.at_most else "≥"
            said = message(f"diagnostics.measures.{'good' if row['good'] else 'bad'}", language)
            shown.append({
                message("diagnostics.words.value", language): SECRET if hidden else value,
                message("diagnostics.measures.limit", language): f"{sign} {limit}",
                message("diagnostics.measures.kept", language): SECRET if hidden else said,
            })  # fmt: skip
        labels = [message(f"diagnostics.measures.{name}", language) for name in self.frame.index]
        return pd.DataFrame(shown, index=labels)

    @staticmethod
    def _text(measure: Measure, value: float, language: Language) -> str:
        if measure.percent:
            return number(100 * value, 1, language) + " %"
        return number(value, 0 if measure.limit > 1 else 2, language)

    def _repr_html_(self) -> str:
        return table(self.summary(), message("diagnostics.measures.caption", "fr"))


def diagnose(matched: MatchedLike, *, min_cell: int = DEFAULT_MIN_CELL) -> Diagnosis:
    """Compute every declared measure of a matched problem.

    Parameters
    ----------
    matched : Matched
    min_cell : int
        Smallest count that displays rest on.

    Returns
    -------
    Diagnosis
    """
    made: dict[Describe, Any] = {}
    rows = {}
    for measure in MEASURES.values():
        if measure.describe is overlap_of and matched.problem.distance is None:
            continue
        if measure.describe not in made:
            made[measure.describe] = measure.describe(matched, min_cell=min_cell)
        value = measure.read(made[measure.describe])
        rows[measure.name] = {"value": value, "limit": measure.limit, "good": measure.good(value)}
    balance = made[balance_of]
    return Diagnosis(
        pd.DataFrame.from_dict(rows, orient="index"), balance.n_treated, balance.n_comparison,
        balance.n_treated_before - balance.n_treated, min_cell,
    )  # fmt: skip
