"""Figures of the diagnostics; nothing drawn here rests on fewer people than the threshold.

In: a result and an optional matplotlib axis. Out: the axis. Shapes, not colours alone, tell series
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.diagnostics._shown import omission, protected_rows, row_labels, too_small, word
from evaluation.diagnostics.statistics import STATISTICS
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluation.diagnostics.balance import Balance
    from evaluation.diagnostics.kept import Kept
    from evaluation.diagnostics.overlap import Overlap
    from evaluation.diagnostics.weights import Weights

BEFORE, AFTER = "#6b6b6b", "#12436d"
MOST_ROWS = 40
"""Rows of a love plot, the least balanced before matching; the table has them all."""


def _axis(ax: Axes | None, width: float, height: float) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt
    import seaborn as sns

    with sns.axes_style("whitegrid"):
        return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _refused(ax: Axes | None, minimum: int, language: Language) -> Axes:
    axis = _axis(ax, 6.0, 1.2)
    text = message("diagnostics.balance.too_small", language, minimum=minimum)
    axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes)
    axis.set_axis_off()
    return axis


def love_plot(balance: Balance, ax: Axes | None, language: Language) -> Axes:
    """Draw standardised differences before (hollow) and after (full), largest on top."""
    rows, omitted = protected_rows(balance)
    if rows.empty:
        return _refused(ax, balance.min_cell, language)
    every = rows.iloc[np.argsort(rows["smd_before"].abs().to_numpy(), kind="stable")]
    rows = every.tail(MOST_ROWS)
    axis = _axis(ax, 7.0, min(30.0, 1.6 + 0.22 * len(rows)))
    place = np.arange(len(rows))
    smd = STATISTICS["smd"]
    axis.scatter(
        rows[smd.before], place, marker="o", facecolors="none", edgecolors=BEFORE,
        label=word("before", language),
    )  # fmt: skip
    axis.scatter(
        rows[smd.after], place, marker="D", s=22, color=AFTER, label=word("after", language)
    )
    for bound in smd.threshold:
        axis.axvline(bound, color=BEFORE, linestyle="--", linewidth=0.8)
    axis.axvline(smd.perfect, color="black", linewidth=0.8)
    span = np.nanmax(np.abs(rows[[smd.before, smd.after]].to_numpy()), initial=smd.axis[1])
    axis.set_xlim(-1.05 * span, 1.05 * span)
    axis.set_yticks(place, row_labels(rows))
    axis.set_xlabel(message(smd.label, language))
    axis.set_title(message("diagnostics.balance.title", language))
    axis.legend(loc="lower right")
    notes = [omission(omitted, balance.min_cell, language)] if omitted else []
    if len(every) > len(rows):
        more = len(every) - len(rows)
        notes.insert(0, message("diagnostics.balance.more", language, count=more))
    if notes:
        axis.annotate(
            "\n".join(notes),
            (0, 0),
            (0, -38),
            "axes fraction",
            "offset points",
            fontsize=8,
            va="top",
        )
    return axis


def overlap_plot(overlap: Overlap, ax: Axes | None, language: Language) -> Axes:
    """Draw both score densities between their protected extremes."""
    if too_small((overlap.n_treated, overlap.n_comparison), overlap.min_cell):
        return _refused(ax, overlap.min_cell, language)
    axis = _axis(ax, 7.0, 3.6)
    grid = overlap.grid
    styles = (("treated", AFTER, "-"), ("comparison", BEFORE, "--"))
    for name, colour, line in styles:
        density = overlap.density_treated if name == "treated" else overlap.density_comparison
        low, high = overlap.shown_treated if name == "treated" else overlap.shown_comparison
        inside = (grid >= low) & (grid <= high)
        axis.plot(grid[inside], density[inside], line, color=colour, label=word(name, language))
        axis.fill_between(grid[inside], density[inside], color=colour, alpha=0.12)
    axis.set_xlabel(word("score", language))
    axis.set_ylabel(word("density", language))
    axis.set_ylim(bottom=0)
    axis.set_title(message("diagnostics.overlap.title", language))
    axis.legend()
    return axis


def weights_plot(weights: Weights, ax: Axes | None, language: Language) -> Axes:
    """Draw the share of the weight carried by the heaviest share of the comparators."""
    if too_small((weights.persons,), weights.min_cell):
        return _refused(ax, weights.min_cell, language)
    axis = _axis(ax, 5.0, 3.6)
    start = np.searchsorted(weights.lorenz_x * weights.persons, weights.min_cell)
    axis.plot(100 * weights.lorenz_x[start:], 100 * weights.lorenz_y[start:], color=AFTER)
    axis.plot([0, 100], [0, 100], "--", color=BEFORE, linewidth=0.8)
    axis.set_xlabel(f"% {word('comparison', language)}")
    axis.set_ylabel(f"% {message('diagnostics.weights.caption', language)}")
    axis.set_title(message("diagnostics.weights.caption", language))
    return axis


def kept_plot(kept: Kept, ax: Axes | None, language: Language) -> Axes:
    """Draw bars of the share kept, strata of small counts left out."""
    rows = kept.shown.sort_values(["share", "stratum"], ascending=False, kind="stable")
    if rows.empty:
        return _refused(ax, kept.min_cell, language)
    rows = rows.tail(MOST_ROWS)
    axis = _axis(ax, 6.0, min(30.0, 1.4 + 0.22 * len(rows)))
    place = np.arange(len(rows))
    axis.barh(place, 100 * rows["share"], color=AFTER)
    axis.set_yticks(place, rows["stratum"].astype(str))
    axis.set_xlim(0, 100)
    axis.set_xlabel(f"{word('kept_share', language)} (%)")
    axis.set_title(message("diagnostics.kept.caption", language))
    return axis
