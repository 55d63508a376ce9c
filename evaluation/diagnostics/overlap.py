"""Overlap of the score before matching: whether the entrants can be compared at all.

In: a matched problem with a score or another scalar distance. Out: the overlap coefficient of the
two densities and the share of entrants beyond the comparators of their stratum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.diagnostics._arms import MatchedLike
from evaluation.diagnostics._shown import number, too_small
from evaluation.display import SECRET, Guarded, table
from evaluation.errors import fail
from evaluation.matching.types import Bools, Floats, Problem
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 1024
MARGIN = 0.2
"""Standard deviations of the score within which an entrant beyond the extreme still has support."""


@dataclass(frozen=True, repr=False)
class Overlap(Guarded):
    """Overlap of the two arms on the score.

    Attributes
    ----------
    coefficient : float
        Area under the lower of the two densities, between 0 and 1.
    share_outside : float
        Share of the treated whose score lies more than ``margin`` standard deviations beyond the
        comparators of their exact stratum, or whose stratum holds none.
    share_outside_overall : float
        The same against all comparators, strata ignored and without margin.
    grid, density_treated, density_comparison : (g,) float
        The two densities, comparators weighted by ``sampling_weight``.
    shown_treated, shown_comparison : tuple of float
        Bounds between which each density may be drawn: ``min_cell`` rows lie beyond each.
    n_treated, n_comparison : int
    min_cell : int
    """

    coefficient: float
    share_outside: float
    share_outside_overall: float
    grid: Floats
    density_treated: Floats
    density_comparison: Floats
    shown_treated: tuple[float, float]
    shown_comparison: tuple[float, float]
    n_treated: int
    n_comparison: int
    min_cell: int = DEFAULT_MIN_CELL

    def to_dict(self) -> dict[str, Any]:
        """Return the two published figures."""
        return {"coefficient": self.coefficient, "share_outside": self.share_outside}

    def summary(self, language: Language = "fr") -> str:
        """Return one sentence."""
        return message(
            "diagnostics.overlap.summary",
            language,
            coefficient=number(self.coefficient, 2, language),
            outside=number(100 * self.share_outside, 1, language),
        )

    def plot(self, ax: Axes | None = None, *, language: Language = "fr") -> Axes:
        """Draw the two densities."""
        from evaluation.diagnostics._figures import overlap_plot

        return overlap_plot(self, ax, language)

    def _repr_html_(self) -> str:
        import pandas as pd

        small = too_small((self.n_treated, self.n_comparison), self.min_cell)
        outside = round(self.share_outside * self.n_treated)
        few = small or 0 < outside < self.min_cell
        shown = {
            "coefficient": SECRET if small else number(self.coefficient, 2),
            "share_outside": SECRET if few else number(100 * self.share_outside, 1) + " %",
        }
        labels = [message(f"diagnostics.overlap.{name}", "fr") for name in shown]
        frame = pd.DataFrame({message("diagnostics.words.value", "fr"): shown.values()}, labels)
        return table(frame, message("diagnostics.overlap.caption", "fr"))


def overlap_of(
    matched: MatchedLike, *, margin: float = MARGIN, min_cell: int = DEFAULT_MIN_CELL
) -> Overlap:
    """Measure the overlap of the score before matching.

    Parameters
    ----------
    matched : Matched
        Its problem holds the linear score, or any scalar distance.
    margin : float
        Standard deviations of the score that still count as support beyond the extreme
        comparators of a stratum (a stratum of twenty ends early even where overlap is perfect).
    min_cell : int
        Smallest count that tables and figures show.

    Raises
    ------
    EvaluationError
        EVAL-471 when the distance has several dimensions.

    Notes
    -----
    Densities are Gaussian kernel estimates with the rule of thumb
    ``0.9 min(sd, IQR / 1.34) n^(-1/5)``, n being the effective (Kish) size.

    References
    ----------
    Inman, H. F. and Bradley, E. L. (1989). The overlapping coefficient as a measure of agreement
    between probability distributions. Communications in Statistics 18(10), 3851-3874.
    https://doi.org/10.1080/03610928908830127
    """
    problem = matched.problem
    score = _score(problem)
    t, c = problem.treated, ~problem.treated & (problem.sampling_weight > 0)
    weights = problem.sampling_weight
    widths = [_bandwidth(score[arm], weights[arm]) for arm in (t, c)]
    reach = 4.0 * max(widths)
    grid = np.linspace(score[t | c].min() - reach, score[t | c].max() + reach, GRID)
    first, second = (
        _density(score[arm], weights[arm], grid, width)
        for arm, width in zip((t, c), widths, strict=True)
    )
    step = grid[1] - grid[0]
    overall = (score[t] > score[c].max()) | (score[t] < score[c].min())
    return Overlap(
        coefficient=float(min(1.0, np.minimum(first, second).sum() * step)),
        share_outside=float(_outside(score, problem, margin * float(score.std(ddof=1))).mean()),
        share_outside_overall=float(overall.mean()),
        grid=grid,
        density_treated=first,
        density_comparison=second,
        shown_treated=_bounds(score[t], min_cell),
        shown_comparison=_bounds(score[c], min_cell),
        n_treated=int(t.sum()),
        n_comparison=int(c.sum()),
        min_cell=min_cell,
    )


def _score(problem: Problem) -> Floats:
    if problem.score is not None:
        return np.asarray(problem.score.linear, dtype=np.float64)
    if problem.distance is None:
        fail("EVAL-471", distance=problem.distance_name)
    return np.asarray(problem.distance, dtype=np.float64)


def _outside(score: Floats, problem: Problem, slack: float) -> Bools:
    """Return, for each treated, whether its stratum offers no comparator near its score."""
    _, code = np.unique(problem.strata, return_inverse=True)
    size = int(code.max()) + 1
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    c = ~problem.treated & (problem.sampling_weight > 0)
    np.minimum.at(low, code[c], score[c])
    np.maximum.at(high, code[c], score[c])
    t = problem.treated
    outside: Bools = (score[t] < low[code[t]] - slack) | (score[t] > high[code[t]] + slack)
    return outside


def _bandwidth(x: Floats, weights: Floats) -> float:
    """Return Silverman's rule of thumb, never zero."""
    w = weights / weights.sum()
    centre = float(w @ x)
    spread = float(np.sqrt(w @ (x - centre) ** 2))
    order = np.argsort(x, kind="stable")
    quartiles = np.interp([0.25, 0.75], np.cumsum(w[order]), x[order])
    iqr = float(quartiles[1] - quartiles[0]) / 1.34
    base = min(spread, iqr) if iqr > 0 else spread
    return float(max(0.9 * base * float(w @ w) ** 0.2, 1e-6))


def _density(x: Floats, weights: Floats, grid: Floats, width: float) -> Floats:
    """Return a kernel density on an even grid: linear binning, then convolution."""
    step = grid[1] - grid[0]
    place = (x - grid[0]) / step
    left = np.clip(place.astype(np.int64), 0, len(grid) - 2)
    part = place - left
    w = weights / weights.sum()
    mass = np.bincount(left, w * (1 - part), minlength=len(grid))
    mass += np.bincount(left + 1, w * part, minlength=len(grid))
    reach = min(len(grid) // 2 - 1, max(1, int(np.ceil(5 * width / step))))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    density: Floats = np.convolve(mass, kernel / kernel.sum(), mode="same") / step
    return density


def _bounds(x: Floats, min_cell: int) -> tuple[float, float]:
    """Return the values beyond which ``min_cell`` rows lie on each side."""
    if len(x) < 2 * min_cell:
        return (np.inf, -np.inf)
    ordered = np.sort(x)
    return float(ordered[min_cell]), float(ordered[-min_cell - 1])
