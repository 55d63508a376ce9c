"""How the weight of the comparison is distributed: over how many people it really rests.

In: a matched problem. Out: effective sizes (Kish), by row and by person, and the concentration of
the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.diagnostics._arms import MatchedLike, final_weights
from evaluation.diagnostics._shown import number, too_small
from evaluation.display import SECRET, Guarded, table
from evaluation.errors import fail
from evaluation.matching.engines.usable_strata import kish
from evaluation.matching.types import Floats
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Weights(Guarded):
    """Distribution of the comparators' weights.

    Attributes
    ----------
    comparators, persons : int
        Rows, and people, with a positive weight.
    effective, effective_persons : float
        Kish's effective size (Σw)² / Σw², by row and after summing by person.
    largest_share : float
        Share of all weight carried by the heaviest person.
    top_share : float
        Share carried by the heaviest hundredth of the people.
    quantiles : dict of float to float
        Quantiles of the rows' weights, in multiples of their mean.
    lorenz_x, lorenz_y : (101,) float
        Share of people, heaviest first, and the share of the weight they carry.
    min_cell : int
    """

    comparators: int
    persons: int
    effective: float
    effective_persons: float
    largest_share: float
    top_share: float
    quantiles: dict[float, float]
    lorenz_x: Floats
    lorenz_y: Floats
    min_cell: int = DEFAULT_MIN_CELL

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {
            "comparators": self.comparators,
            "persons": self.persons,
            "effective": self.effective,
            "effective_persons": self.effective_persons,
            "largest_share": self.largest_share,
            "top_share": self.top_share,
            "quantiles": {str(share): value for share, value in self.quantiles.items()},
        }

    def summary(self, language: Language = "fr") -> str:
        """Return one sentence."""
        return message(
            "diagnostics.weights.summary",
            language,
            effective_persons=number(self.effective_persons, 0, language),
            comparators=self.comparators,
            largest=number(100 * self.largest_share, 1, language),
        )

    def plot(self, ax: Axes | None = None, *, language: Language = "fr") -> Axes:
        """Draw the concentration of the weights (Lorenz curve, heaviest first)."""
        from evaluation.diagnostics._figures import weights_plot

        return weights_plot(self, ax, language)

    def _repr_html_(self) -> str:
        small = too_small((self.comparators, self.persons), self.min_cell)
        shown = {
            "comparators": str(self.comparators),
            "effective": number(self.effective, 0),
            "effective_persons": number(self.effective_persons, 0),
            "largest_share": number(100 * self.largest_share, 1) + " %",
            "top_share": number(100 * self.top_share, 1) + " %",
        }
        few = self.persons < 100 * self.min_cell
        values = [
            SECRET if small or (few and name == "top_share") else v for name, v in shown.items()
        ]
        labels = [message(f"diagnostics.weights.{name}", "fr") for name in shown]
        frame = pd.DataFrame({message("diagnostics.words.value", "fr"): values}, labels)
        return table(frame, message("diagnostics.weights.caption", "fr"))


def weights_of(matched: MatchedLike, *, min_cell: int = DEFAULT_MIN_CELL) -> Weights:
    """Describe the comparators' weights.

    Raises
    ------
    EvaluationError
        EVAL-472 when no comparator has a weight.

    References
    ----------
    Kish, L. (1965). Survey Sampling. Wiley, section 11.7.
    """
    problem = matched.problem
    every = final_weights(matched)
    rows = ~problem.treated & (every > 0)
    if not rows.any():
        fail("EVAL-472", treated=int((every[problem.treated] > 0).sum()), comparators=0)
    w = every[rows]
    _, code = np.unique(problem.person[rows], return_inverse=True)
    by_person = np.sort(np.bincount(code, w).astype(np.float64))[::-1]
    carried = np.concatenate([[0.0], np.cumsum(by_person)]) / by_person.sum()
    places = np.linspace(0.0, 1.0, 101)
    shares = (0.01, 0.25, 0.5, 0.75, 0.9, 0.99)
    return Weights(
        comparators=int(rows.sum()),
        persons=len(by_person),
        effective=kish(w),
        effective_persons=kish(by_person),
        largest_share=float(carried[1]),
        top_share=float(carried[max(1, round(0.01 * len(by_person)))]),
        quantiles={q: float(v) for q, v in zip(shares, np.quantile(w, shares), strict=True)},
        lorenz_x=places,
        lorenz_y=np.interp(places, np.linspace(0.0, 1.0, len(carried)), carried),
        min_cell=min_cell,
    )
