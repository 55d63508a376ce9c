"""Which entrants were kept: the share matched, stratum by stratum.

In: a matched problem and, if wanted, a column of the same rows. Out: entrants, entrants kept and
their share by stratum or by level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.diagnostics._arms import MatchedLike, final_weights
from evaluation.diagnostics._shown import number, word
from evaluation.display import SECRET, Guarded, below, table
from evaluation.errors import fail
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Kept(Guarded):
    """Entrants kept.

    Attributes
    ----------
    frame : DataFrame
        ``stratum``, ``entrants``, ``kept``, ``share``.
    min_cell : int
    """

    frame: pd.DataFrame
    min_cell: int = DEFAULT_MIN_CELL

    @property
    def share(self) -> float:
        """Share of all entrants that were kept."""
        return float(self.frame["kept"].sum() / max(1, self.frame["entrants"].sum()))

    def plot(self, ax: Axes | None = None, *, language: Language = "fr") -> Axes:
        """Draw the share kept of each stratum that may be shown, the smallest share on top."""
        from evaluation.diagnostics._figures import kept_plot

        return kept_plot(self, ax, language)

    @property
    def shown(self) -> pd.DataFrame:
        """Strata whose share may be shown: neither it nor its complement is a small count."""
        entrants, kept = self.frame["entrants"], self.frame["kept"]
        lost = entrants - kept
        large = (entrants >= self.min_cell) & (kept >= self.min_cell)
        return self.frame[large & ((lost == 0) | (lost >= self.min_cell))]

    def to_dict(self) -> dict[str, Any]:
        """Return raw counts."""
        return {"share": self.share, "strata": self.frame.to_dict("records")}

    def _repr_html_(self) -> str:
        counts: list[str] = []
        shares: list[str] = []
        numbers = self.frame[["entrants", "kept"]].to_numpy(np.int64).tolist()
        for entrants, kept in numbers:
            few = below(entrants, self.min_cell)
            close = few or below(kept, self.min_cell) or 0 < entrants - kept < self.min_cell
            counts.append(SECRET if few else str(entrants))
            shares.append(SECRET if close else number(100 * kept / entrants, 0) + " %")
        columns = {word("entrants", "fr"): counts, word("kept_share", "fr"): shares}
        shown = pd.DataFrame(columns, index=self.frame["stratum"].astype(str))
        caption = message("diagnostics.kept.caption", "fr")
        return table(shown, caption, index_label=word("stratum", "fr"))


def kept_of(
    matched: MatchedLike, *, by: pd.Series | None = None, min_cell: int = DEFAULT_MIN_CELL
) -> Kept:
    """Count the entrants kept, by exact stratum or by the levels of a column.

    Parameters
    ----------
    matched : Matched
    by : Series (n,), optional
        Levels to count by; the codes of the exact strata by default.
    min_cell : int
        Smallest count that the table shows.

    Raises
    ------
    EvaluationError
        EVAL-470 when ``by`` has other rows than those matched.
    """
    problem = matched.problem
    if by is not None and len(by) != len(problem.treated):
        fail("EVAL-470", count=len(by), expected=len(problem.treated))
    levels = problem.strata if by is None else by.astype(str).to_numpy()
    kept = final_weights(matched) > 0
    names, code = np.unique(levels[problem.treated], return_inverse=True)
    entrants = np.bincount(code, minlength=len(names))
    held = np.bincount(code[kept[problem.treated]], minlength=len(names))
    frame = pd.DataFrame({"stratum": names, "entrants": entrants, "kept": held})
    return Kept(frame.assign(share=held / entrants), min_cell)
