"""The picture of a matching: the distance of both arms, mirrored; small bars are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.display import below
from evaluation.matching.types import Floats
from evaluation.wording import message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluation.matching.result import Matched

ARMS = ("treated", "comparison")


def distance_plot(matched: Matched, ax: Axes | None = None, *, bins: int = 20) -> Axes:
    """Draw shares by bin of the distance, treated upwards and comparators downwards.

    Parameters
    ----------
    matched : Matched
        With a scalar distance, else the counts of rows are drawn instead of a distribution.
    ax : Axes, optional
        Where to draw.
    bins : int
        Number of bins.

    Returns
    -------
    Axes
    """
    import matplotlib.pyplot as plt

    axes = plt.subplots(figsize=(7, 4), layout="constrained")[1] if ax is None else ax
    heights, edges = bar_heights(matched, bins=bins)
    middle, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    for sign, arm, colour in ((1, "treated", "#0b5394"), (-1, "comparison", "#b45f06")):
        label = message(f"matching.arms.{arm}")
        before, after = heights[arm]
        axes.bar(middle, sign * before, width, fill=False, edgecolor=colour, linewidth=0.8)
        axes.bar(middle, sign * after, width, color=colour, alpha=0.6, label=label)
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_xlabel(message("matching.plot.x", distance=matched.problem.distance_name))
    axes.set_ylabel(message("matching.plot.y"))
    axes.set_title(message("matching.plot.title"), loc="left", fontsize=10)
    axes.legend(frameon=False)
    return axes


def bar_heights(
    matched: Matched, *, bins: int = 20
) -> tuple[dict[str, tuple[Floats, Floats]], Floats]:
    """Return the shares (%) before and after of each arm by bin, 0 where a bin is too small.

    Parameters
    ----------
    matched : Matched
        The matching.
    bins : int
        Number of bins between the 1st and 99th percentile; the outer bins take what lies beyond.

    Returns
    -------
    heights : dict of str to ((bins,), (bins,)) float
        By arm, before and after.
    edges : (bins + 1,) float
    """
    distance = matched.problem.distance
    values = np.zeros(len(matched.frame)) if distance is None else distance
    low, high = np.percentile(values, [1, 99])
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    treated, weights = matched.problem.treated, matched.weighted.weights
    heights = {}
    for arm, rows in zip(ARMS, (treated, ~treated), strict=True):
        least = matched.min_cell
        before = _shares(at[rows], np.ones(int(rows.sum())), bins, least)
        heights[arm] = (before, _shares(at[rows], weights[rows], bins, least))
    return heights, edges


def _shares(at: np.ndarray, weights: Floats, bins: int, min_cell: int) -> Floats:
    counts = np.bincount(at[weights > 0], minlength=bins)
    sums = np.bincount(at, weights=weights, minlength=bins)
    shares: Floats = 100 * sums / max(float(sums.sum()), 1e-300)
    shares[np.array([below(int(count), min_cell) for count in counts])] = 0.0
    return shares
