"""Balance of covariates before and after matching.

In: a matched problem, or other columns of the same rows. Out: one row per number or level with
every declared statistic. Attributes give raw values; tables and figures show no small count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.diagnostics._arms import MatchedLike, arms_of
from evaluation.diagnostics._contrasts import Coded, Compared, coded, compared
from evaluation.diagnostics._shown import balance_html, number, protected_rows
from evaluation.diagnostics.statistics import STATISTICS
from evaluation.display import Guarded
from evaluation.errors import fail, nearest
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Balance(Guarded):
    """Balance table with its headline figures.

    Attributes
    ----------
    frame : DataFrame
        One row per number, flag (level ``1``) or level of a factor: ``covariate``, ``level`` (None
        for numbers), ``block`` (None when not given), ``mean_treated`` (matched treated),
        ``mean_treated_before`` (all treated), ``mean_comparison_before``,
        ``mean_comparison_after``, ``sd_treated``, every statistic of
        :data:`~evaluation.diagnostics.statistics.STATISTICS` ``_before`` and ``_after``, and the
        row counts ``count_treated_before``, ``count_treated``, ``count_comparison``.
    n_treated_before, n_treated, n_comparison : int
        Rows of all treated, matched treated, comparators with a weight.
    min_cell : int
        Smallest count that tables and figures show.

    Notes
    -----
    Standardised differences divide by the standard deviation of the treated before matching
    (square root of p(1 − p) for proportions; that of both arms where the treated do not vary).
    Before matching, comparators have their sampling weights.
    """

    frame: pd.DataFrame
    n_treated_before: int
    n_treated: int
    n_comparison: int
    min_cell: int = DEFAULT_MIN_CELL

    @cached_property
    def _sizes(self) -> np.ndarray:
        return self.frame["smd_after"].abs().to_numpy()

    @property
    def max_abs_smd(self) -> float:
        """Largest absolute standardised difference after matching."""
        return float(np.max(self._sizes, initial=0.0))

    @property
    def mean_abs_smd(self) -> float:
        """Mean absolute standardised difference after matching."""
        return float(np.mean(self._sizes)) if len(self._sizes) else 0.0

    def share_below(self, threshold: float = 0.1) -> float:
        """Return the share of rows whose absolute standardised difference is below a threshold."""
        return float(np.mean(self._sizes < threshold)) if len(self._sizes) else 1.0

    def displayed(self) -> tuple[pd.DataFrame, int]:
        """Return the rows that may be shown, and how many are left out."""
        return protected_rows(self)

    def to_dict(self) -> dict[str, Any]:
        """Return raw values as plain types, with the keys of the territory's record."""
        return {
            "max_abs_smd": self.max_abs_smd,
            "mean_abs_smd": self.mean_abs_smd,
            "share_below_0_1": self.share_below(0.1),
            "rows": [_record(row) for row in self.frame.to_dict("records")],
        }

    def summary(self, language: Language = "fr") -> str:
        """Return one sentence."""
        before = float(self.frame["smd_before"].abs().max()) if len(self.frame) else 0.0
        return message(
            "diagnostics.balance.summary",
            language,
            largest=number(self.max_abs_smd, 3, language),
            largest_before=number(before, 3, language),
            share=number(100 * self.share_below(0.1), 0, language),
            threshold=number(0.1, 1, language),
        )

    def plot(self, ax: Axes | None = None, *, language: Language = "fr") -> Axes:
        """Draw standardised differences before and after (love plot), small levels left out."""
        from evaluation.diagnostics._figures import love_plot

        return love_plot(self, ax, language)

    def _repr_html_(self) -> str:
        return balance_html(self, "fr")


def balance_of(
    matched: MatchedLike,
    *,
    frame: pd.DataFrame | None = None,
    columns: Sequence[str] | None = None,
    blocks: Mapping[str, str] | None = None,
    min_cell: int = DEFAULT_MIN_CELL,
) -> Balance:
    """Compare the arms of a matched problem, covariate by covariate.

    Parameters
    ----------
    matched : Matched
        Anything with ``problem`` and row-aligned ``weights``.
    frame : DataFrame (n, ...), optional
        Other columns of the same rows; the covariates of the problem by default.
    columns : sequence of str, optional
        Which columns; all of them by default.
    blocks : mapping, optional
        Covariate block of each column.
    min_cell : int
        Smallest count that tables and figures show.

    Raises
    ------
    EvaluationError
        EVAL-453 missing numbers, EVAL-469 unknown column, EVAL-470 other rows than those matched,
        EVAL-472 nobody kept.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates
    between treatment groups. Statistics in Medicine 28(25), 3083-3107.
    https://doi.org/10.1002/sim.3697
    """
    table = matched.problem.covariates if frame is None else frame
    if len(table) != len(matched.problem.treated):
        fail("EVAL-470", count=len(table), expected=len(matched.problem.treated))
    names = list(table.columns) if columns is None else list(columns)
    for name in names:
        if name not in table.columns:
            fail("EVAL-469", column=name, nearest=nearest(str(name), table.columns))
    arms = arms_of(matched)
    parts = []
    for name in names:
        column = coded(table[name], str(name))
        parts.append(_part(str(name), column, compared(column, arms), (blocks or {}).get(name)))
    return Balance(
        frame=_joined(parts),
        n_treated_before=len(arms.treated_before.rows),
        n_treated=len(arms.treated_after.rows),
        n_comparison=len(arms.comparison_after.rows),
        min_cell=min_cell,
    )


def _part(name: str, column: Coded, pair: Compared, block: str | None) -> dict[str, list[Any]]:
    levels: list[str | None] = [None] if column.levels is None else list(column.levels)
    part: dict[str, list[Any]] = {
        "covariate": [name] * len(levels),
        "level": levels,
        "block": [block] * len(levels),
        "mean_treated": list(pair.after.mean_treated),
        "mean_treated_before": list(pair.before.mean_treated),
        "mean_comparison_before": list(pair.before.mean_comparison),
        "mean_comparison_after": list(pair.after.mean_comparison),
        "sd_treated": list(pair.before.scale),
    }
    for statistic in STATISTICS.values():
        part[statistic.before] = list(statistic.compute(pair.before))
        part[statistic.after] = list(statistic.compute(pair.after))
    part["count_treated_before"] = list(pair.count_treated_before)
    part["count_treated"] = list(pair.count_treated)
    part["count_comparison"] = list(pair.count_comparison)
    return part


def _joined(parts: list[dict[str, list[Any]]]) -> pd.DataFrame:
    names = _part_names()
    joined = {name: [value for part in parts for value in part[name]] for name in names}
    frame = pd.DataFrame(joined)
    for text in ("covariate", "level", "block"):
        frame[text] = pd.Series(joined[text], dtype=object)
    return frame


def _part_names() -> list[str]:
    statistics = [c for s in STATISTICS.values() for c in (s.before, s.after)]
    return [
        "covariate", "level", "block", "mean_treated", "mean_treated_before",
        "mean_comparison_before", "mean_comparison_after", "sd_treated", *statistics,
        "count_treated_before", "count_treated", "count_comparison",
    ]  # fmt: skip


def _record(row: Mapping[Any, Any]) -> dict[str, Any]:
    def plain(name: str) -> float | None:
        value = float(row[name])
        return value if np.isfinite(value) else None

    return {
        "covariate": row["covariate"],
        "level": row["level"],
        "block": row["block"],
        "smd_before": plain("smd_before"),
        "smd_after": plain("smd_after"),
        "variance_ratio": plain("variance_ratio_after"),
        "ecdf_max": plain("ecdf_max_after"),
        "means": {
            "treated": plain("mean_treated"),
            "treated_before": plain("mean_treated_before"),
            "comparison_before": plain("mean_comparison_before"),
            "comparison_after": plain("mean_comparison_after"),
            "sd_treated": plain("sd_treated"),
        },
        "support": {
            "entrants": int(row["count_treated"]),
            "comparators": int(row["count_comparison"]),
        },
    }
