"""The result of one outcome in one matched set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.display import SECRET, Guarded, below, table
from evaluation.effects.types import Floats, Interval, Support, Uplift
from evaluation.errors import Fault
from evaluation.wording import Language, message

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, repr=False)
class Effect(Guarded):
    """Effect of treatment on the matched treated, for one outcome.

    Attributes
    ----------
    outcome, method, estimand, variance : str
        Column, matching method, estimand, and the variance that was computed.
    level : float
        Confidence level of every interval.
    rate_treated, rate_comparison : Interval
        The two (weighted) means; Wilson's limits for a 0/1 outcome.
    difference : Interval
        Treated minus comparison, outcome's own unit; carries the one test that decides.
    points : Interval or None
        The same in percentage points, None when the outcome is not 0/1.
    uplift : Uplift
        Difference in percent of the comparison mean.
    additional : Interval
        Difference times the matched treated: additional outcomes.
    influence : (n, 2) float
        Influence of each row on the two means.
    covariance : (2, 2) float
        Of the two means.
    support : Support
        Unweighted counts.
    clusters : int
        Independent units behind the variance.
    withheld : str or None
        ``one_cluster``, ``constant``, ``no_events`` or ``not_positive`` (variance): why there is
        no interval.
    min_cell : int
        Smallest count that its displays may show.
    notes : tuple of Fault
        What the reader must know.
    """

    outcome: str
    method: str
    estimand: str
    variance: str
    level: float
    rate_treated: Interval
    rate_comparison: Interval
    difference: Interval
    points: Interval | None
    uplift: Uplift
    additional: Interval
    influence: Floats
    covariance: Floats
    support: Support
    clusters: int
    withheld: str | None = None
    min_cell: int = DEFAULT_MIN_CELL
    notes: tuple[Fault, ...] = ()

    @property
    def is_binary(self) -> bool:
        """Whether the outcome is 0/1, so that rates and points make sense."""
        return self.points is not None

    def quantities(self) -> dict[str, Interval]:
        """Return every estimated quantity by name: rates and points in percent for a 0/1 outcome.

        The unit of the others is the outcome's own.
        """
        if self.points is None:
            shown = {"mean_treated": self.rate_treated, "mean_comparison": self.rate_comparison,
                     "difference": self.difference}  # fmt: skip
        else:
            shown = {"rate_treated": self.rate_treated.scaled(100),
                     "rate_comparison": self.rate_comparison.scaled(100),
                     "effect_points": self.points}  # fmt: skip
        return {**shown, "uplift_percent": self.uplift, "additional": self.additional}

    def summary(self) -> pd.DataFrame:
        """Return one row per quantity: estimate, low, high, se, p_value (raw values)."""
        import pandas as pd

        names = ("estimate", "low", "high", "se", "p_value")
        return pd.DataFrame(
            {key: [getattr(value, name) for name in names]
             for key, value in self.quantities().items()},
            index=list(names),
        ).T.astype(float)  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the influence values, as JSON types."""
        return {
            "outcome": self.outcome,
            "method": self.method,
            "estimand": self.estimand,
            "variance": self.variance,
            "level": self.level,
            "quantities": {key: value.to_dict() for key, value in self.quantities().items()},
            "covariance": [[float(v) for v in row] for row in self.covariance],
            "support": self.support.to_dict(),
            "clusters": self.clusters,
            "withheld": self.withheld,
        }

    @property
    def _hidden(self) -> bool:
        return any(below(count, self.min_cell) for count in self.support.counts())

    def protected(self, language: Language = "fr") -> pd.DataFrame:
        """Return what may be shown: rounded, or "secret" when a count is under the threshold."""
        import pandas as pd

        rows = {}
        for key, value in self.quantities().items():
            cells = (value.estimate, value.low, value.high)
            digits = 0 if key in ("uplift_percent", "additional") else 1
            label = message(f"effects.quantity.{key}", language)
            rows[label] = [SECRET if self._hidden else _rounded(cell, digits) for cell in cells]
        names = ("estimate", "low", "high")
        heads = [message(f"effects.column.{name}", language) for name in names]
        return pd.DataFrame(rows, index=heads).T

    def _repr_html_(self) -> str:
        caption = message("effects.caption", "fr", outcome=self.outcome, method=self.method)
        return table(self.protected(), caption)

    def plot(self, ax: Axes | None = None, language: Language = "fr") -> Axes:
        """Draw the difference with its interval; a protected effect is drawn as "secret"."""
        import matplotlib.pyplot as plt

        axes = plt.subplots(figsize=(6, 1.6))[1] if ax is None else ax
        shown = self.difference if self.points is None else self.points
        axes.set_yticks([])
        axes.set_title(message("effects.caption", language, outcome=self.outcome,
                               method=self.method))  # fmt: skip
        key = "effect_points" if self.points is not None else "difference"
        axes.set_xlabel(message(f"effects.quantity.{key}", language))
        if self._hidden or shown.estimate is None or shown.low is None or shown.high is None:
            axes.set_xticks([])
            axes.text(0.5, 0.5, SECRET if self._hidden else "–", ha="center",
                      transform=axes.transAxes)  # fmt: skip
            return axes
        low, mid, high = (round(v, 1) for v in (shown.low, shown.estimate, shown.high))
        axes.axvline(0, color="0.5", linewidth=1)
        axes.plot([low, high], [0, 0], color="C0", linewidth=3, solid_capstyle="butt")
        axes.plot([mid], [0], "o", color="C0")
        return axes


def _rounded(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    # Minus zero reads as a negative effect.
    return f"{round(value, digits) + 0.0:.{digits}f}"
