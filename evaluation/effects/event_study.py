"""Event study: the gap between matched arms in each period before and after the index date.

In: a matched set and monthly columns on both sides of the index date. Out: the gap in each period
minus the mean gap of the reference periods, with pointwise limits and a band for all of them.
Must never call a period that the matching has seen a test of anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.display import SECRET, Guarded, below, table
from evaluation.effects.bands import Bands, banded
from evaluation.effects.intervals import wald
from evaluation.effects.moments import Arms, arms_of
from evaluation.effects.outcomes import read_outcomes
from evaluation.effects.types import Floats, Interval, MatchedSet, Moments
from evaluation.effects.variance import legal_variance, moments_of
from evaluation.errors import Fault, fail, warn
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE = "placebo"
"""Stem of the columns of hires before the index date."""
FREEZE_MONTHS = 6
"""Months before the index date that frozen covariates do not know."""


@dataclass(frozen=True, slots=True, repr=False)
class EventStudy(Guarded):
    """Gaps between matched arms by period, relative to the reference periods.

    Attributes
    ----------
    frame : DataFrame
        One row a period: ``month`` (its last month, negative before the index date),
        ``rate_treated``, ``rate_comparison`` (% with a hire in the period), ``effect_points``
        (difference in differences) with ``se``, ``low``, ``high``, ``band_low``, ``band_high``,
        ``seen`` (the matching used the period), ``reference``, ``events_treated``,
        ``events_comparison``. Raw values, not protected.
    average : Interval
        Mean difference in differences of the periods after, in points a period.
    entrants, comparators : int
        Rows with a weight.
    critical : float or None
        Standard errors on each side of the band.
    width : int
        Months in a period.
    level : float
    method, variance : str
    min_cell : int
        Smallest count that displays may show.
    notes : tuple of Fault
    """

    frame: pd.DataFrame
    average: Interval
    entrants: int
    comparators: int
    critical: float | None
    width: int
    level: float
    method: str
    variance: str
    min_cell: int = DEFAULT_MIN_CELL
    notes: tuple[Fault, ...] = ()

    @property
    def _hidden(self) -> bool:
        # All or nothing: a hidden period would follow from wider periods shown elsewhere.
        events = self.frame[["events_treated", "events_comparison"]].to_numpy()
        sizes = np.array([self.entrants, self.comparators])
        if any(below(float(size), self.min_cell) for size in sizes):
            return True
        # Nobody at all tells of nobody: the rule of the increments of published curves.
        counts = np.concatenate([events, sizes - events])
        return bool(((counts > 0) & (counts < self.min_cell)).any())

    def summary(self) -> pd.DataFrame:
        """Return ``frame`` (raw values)."""
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types (raw values)."""
        from evaluation.effects.estimates import plain

        names = ("entrants", "comparators", "critical", "width", "level", "method", "variance")
        found: dict[str, Any] = plain(
            {
                **{name: getattr(self, name) for name in names},
                "average": self.average.to_dict(),
                "periods": self.frame.to_dict("records"),
            }
        )
        return found

    def protected(self, language: Language = "fr") -> pd.DataFrame:
        """Return what may be shown: points rounded to 0.1, or "secret" throughout."""
        names = {"effect": "effect_points", "low": "low", "high": "high", "band_low": "band_low",
                 "band_high": "band_high"}  # fmt: skip
        hidden = self._hidden
        shown = {
            message(f"effects.event_study.{word}", language): [
                SECRET if hidden else _rounded(value) for value in self.frame[column]
            ]
            for word, column in names.items()
        }
        words = {flag: message(f"effects.event_study.{word}", language)
                 for flag, word in ((True, "yes"), (False, "no"))}  # fmt: skip
        seen = [words[bool(flag)] for flag in self.frame["seen"]]
        shown[message("effects.event_study.seen", language)] = seen
        return pd.DataFrame(shown, index=[f"{month:+d}" for month in self.frame["month"]])

    def _repr_html_(self) -> str:
        return table(
            self.protected(), self._caption("fr"),
            index_label=message("effects.event_study.period", "fr"),
        )  # fmt: skip

    def _caption(self, language: Language) -> str:
        return message("effects.event_study.caption", language, method=self.method)

    def plot(self, ax: Axes | None = None, language: Language = "fr") -> Axes:
        """Draw the periods with limits and band; those used in matching are shaded."""
        import matplotlib.pyplot as plt

        axes = plt.subplots(figsize=(8, 3.6))[1] if ax is None else ax
        axes.set_title(self._caption(language))
        axes.set_xlabel(message("effects.event_study.axis", language))
        axes.set_ylabel(message("effects.event_study.effect", language))
        for month in self.frame.loc[self.frame["seen"], "month"]:
            axes.axvspan(month - self.width / 2, month + self.width / 2, color="0.9", lw=0)
        if self._hidden:
            axes.set_yticks([])
            axes.text(0.5, 0.5, SECRET, ha="center", transform=axes.transAxes)
            return axes
        columns = ["month", "effect_points", "low", "high", "band_low", "band_high"]
        rows = self.frame[columns].astype(float).round(1)
        known = rows.dropna()
        axes.axhline(0, color="0.5", linewidth=1)
        axes.axvline(0, color="0.5", linewidth=1, linestyle=":")
        axes.vlines(known["month"], known["band_low"], known["band_high"], color="C0", alpha=0.3,
                    linewidth=5)  # fmt: skip
        axes.vlines(known["month"], known["low"], known["high"], color="C0")
        axes.plot(rows["month"], rows["effect_points"], "o", color="C0", markersize=3)
        return axes


def _rounded(value: float) -> str:
    # Minus zero reads as a negative effect.
    return "–" if pd.isna(value) else f"{round(float(value), 1) + 0.0:.1f}"


def estimate_event_study(
    matched: MatchedSet,
    *,
    frame: pd.DataFrame | None = None,
    stem: str = "durable",
    before: int = 24,
    after: int = 12,
    width: int = 1,
    reference: Sequence[int] | None = None,
    frozen: bool = False,
    variance: str = "auto",
    level: float = 0.95,
    score_estimated: bool = True,
    seed: int = 0,
    min_cell: int | None = None,
) -> EventStudy:
    r"""Compare the matched arms in every period before and after the index date.

    Parameters
    ----------
    matched : Matched
        Of the headline, or made again on frozen covariates (``frozen=True``).
    frame : DataFrame, optional
        Same rows, with the cumulated columns ``placebo_1m`` … and ``<stem>_1m`` …; by default
        ``matched.frame``.
    stem : str
        Of the columns after the index date.
    before, after : int
        Months on each side; those without a column are left out with a warning.
    width : int
        Months in a period: rare hires need wider ones.
    reference : sequence of int, optional
        Last months of the reference periods (negative), by default all periods before.
    frozen : bool
        The covariates know nothing of the six months before the index date.
    variance, level, score_estimated, seed
        As in :func:`evaluation.effects.estimation.estimate`; ``seed`` also draws the band.
    min_cell : int, optional
        Smallest count that displays may show; by default that of the matched set.

    Returns
    -------
    EventStudy

    Raises
    ------
    EvaluationError
        EVAL-502, EVAL-503, EVAL-510, EVAL-553 no column on one side, EVAL-554 an illegal option.

    Notes
    -----
    Row i counts in period p when its first hire after (last hire before) the index date falls into
    it, :math:`e_{ip}`. Every figure is the effect on :math:`e_{ip} - |R|^{-1} \sum_{r \in R}
    e_{ir}` with the weights of the match, so that its variance is that of the match's family, the
    reference's own noise included. Periods that a covariate of the match counts are ``seen``: their
    gaps are small by construction. So are, in both arms, the last months before where the
    cohort leaves out people who hold a durable job: a period without any hire has no interval.

    References
    ----------
    Heckman, J. J., Ichimura, H. and Todd, P. (1997). Matching as an econometric evaluation
    estimator. Review of Economic Studies 64(4), 605-654. https://doi.org/10.2307/2971733

    Montiel Olea, J. L. and Plagborg-Møller, M. (2019), https://doi.org/10.1002/jae.2656.
    """
    _check(before=before, after=after, width=width, level=level)
    source = matched.frame if frame is None else frame
    months, notes = _months(source, stem, before, after, width)
    events = _events(matched, source, stem, months, width)
    chosen_reference = _reference(reference, months)
    inside = np.isin(months, chosen_reference)
    gaps = events - events[:, inside].mean(axis=1, keepdims=True)
    mean_after = gaps[:, np.array(months) > 0].mean(axis=1, keepdims=True)
    chosen = legal_variance(matched.family, matched.method, variance)
    arms = arms_of(matched)
    moments = moments_of(
        matched, np.column_stack([gaps, mean_after]), variance=chosen,
        score_estimated=score_estimated, seed=seed,
    )  # fmt: skip
    limits = [_interval(each, level) for each in moments]
    counted = _counted(events, arms)
    shown = [_known(interval, row) for interval, row in zip(limits[:-1], counted, strict=True)]
    bands = _band(months, shown, moments, arms, chosen, level=level, seed=seed)
    seen = months_seen(matched.problem.covariates.columns, frozen=frozen)
    return EventStudy(
        frame=_frame(months, shown, bands, counted, _rates(events, arms), seen, inside, width),
        average=limits[-1], entrants=int((arms.used & arms.treated).sum()),
        comparators=int((arms.used & ~arms.treated).sum()),
        critical=None if bands is None else bands.critical, width=width, level=level,
        method=matched.method, variance=chosen, notes=tuple(notes),
        min_cell=getattr(matched, "min_cell", DEFAULT_MIN_CELL) if min_cell is None else min_cell,
    )  # fmt: skip


def months_seen(covariates: Iterable[str], *, frozen: bool = False) -> frozenset[int]:
    """Return the months before the index date (1 is the nearest) that covariates count.

    Parameters
    ----------
    covariates : iterable of str
        ``days_employed_q3`` counts months 7 to 9; ``durable_hires_24`` months 1 to 24;
        ``months_since_last_job`` all.
    frozen : bool
        Counts then begin six months before the index date.

    Examples
    --------
    >>> sorted(months_seen(["age", "days_employed_q3"]))
    [7, 8, 9]
    >>> min(months_seen(["hires_24"], frozen=True))
    7
    """
    found: set[int] = set()
    for name in map(str, covariates):
        quarter, span = re.search(r"_q(\d+)$", name), re.search(r"[a-z]_(\d+)$", name)
        if quarter:
            found.update(range(3 * int(quarter[1]) - 2, 3 * int(quarter[1]) + 1))
        elif span:
            found.update(range(1, int(span[1]) + 1))
        elif name == "months_since_last_job":
            found.update(range(1, 121))
    return frozenset(month for month in found if not (frozen and month <= FREEZE_MONTHS))


def _check(*, before: int, after: int, width: int, level: float) -> None:
    for option, value, most in (("before", before, 24), ("after", after, 24), ("width", width, 12)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            fail("EVAL-554", option=option, value=repr(value), allowed=f"1 … {most}")
    if not 0.5 < level < 1:
        fail("EVAL-512", level=level)


def _months(
    frame: pd.DataFrame, stem: str, before: int, after: int, width: int
) -> tuple[list[int], list[Fault]]:
    """Return the last month of each period that can be computed, in order of time."""
    kept: dict[str, list[int]] = {}
    missing: list[str] = []
    for side, last in ((BEFORE, before), (stem, after)):
        ends = range(width, last + 1, width)
        absent = {k: [m for m in (k - width, k) if m and f"{side}_{m}m" not in frame]
                  for k in ends}  # fmt: skip
        kept[side] = [k for k in ends if not absent[k]]
        missing += [f"{side}_{k}m" for k in ends if absent[k]]
        if not kept[side]:
            fail("EVAL-553", stem=side)
    total = len(missing) + sum(map(len, kept.values()))
    notes = []
    if missing:
        notes.append(warn("EVAL-552", count=len(missing), total=total, examples=missing[:3]))
    return [*(-k for k in reversed(kept[BEFORE])), *kept[stem]], notes


def _events(
    matched: MatchedSet, frame: pd.DataFrame, stem: str, months: list[int], width: int
) -> Floats:
    """Return whether each row's hire falls into each period, (n, periods)."""
    columns = []
    for month in months:
        side = BEFORE if month < 0 else stem
        names = [f"{side}_{k}m" for k in (abs(month), abs(month) - width) if k]
        cumulated = read_outcomes(matched, names, frame=frame)
        columns.append(cumulated[:, 0] - (cumulated[:, 1] if len(names) == 2 else 0.0))
    return np.column_stack(columns)


def _reference(asked: Sequence[int] | None, months: list[int]) -> list[int]:
    known = [month for month in months if month < 0]
    if asked is None:
        return known
    wrong = [month for month in asked if month not in known]
    if wrong or not asked:
        fail("EVAL-554", option="reference", value=repr(list(asked)), allowed=known)
    return list(asked)


def _interval(moments: Moments, level: float) -> Interval:
    gap = float(moments.means[0] - moments.means[1])
    return wald(gap, moments.variance_of_difference, level=level).scaled(100)


def _counted(events: Floats, arms: Arms) -> list[tuple[int, int]]:
    sides = (arms.used & arms.treated, arms.used & ~arms.treated)
    return [(int(column[sides[0]].sum()), int(column[sides[1]].sum())) for column in events.T]


def _rates(events: Floats, arms: Arms) -> list[Floats]:
    weights = [np.where(rows, arms.weights, 0.0) for rows in (arms.treated, ~arms.treated)]
    return [100 * (w @ events) / w.sum() for w in weights]


def _known(interval: Interval, events: tuple[int, int]) -> Interval:
    # An arm without event would lend its lack of noise to the difference.
    return interval if min(events) > 0 else Interval(interval.estimate)


def _band(
    months: list[int], shown: list[Interval], moments: list[Moments], arms: Arms, variance: str, *,
    level: float, seed: int,
) -> Bands | None:  # fmt: skip
    at = [k for k, interval in enumerate(shown) if interval.se]
    if not at:
        return None
    psi = np.column_stack([moments[k].influence[:, 0] - moments[k].influence[:, 1] for k in at])
    return banded(
        tuple(months[k] for k in at), np.array([shown[k].estimate for k in at], dtype=float),
        np.array([shown[k].se for k in at], dtype=float), psi, arms, variance=variance,
        level=level, seed=seed,
    )  # fmt: skip


def _frame(
    months: list[int], shown: list[Interval], bands: Bands | None, counted: list[tuple[int, int]],
    rates: list[Floats], seen: frozenset[int], reference: np.ndarray, width: int,
) -> pd.DataFrame:  # fmt: skip
    limits = [(None, None) if bands is None else bands.limits(month) for month in months]
    found = pd.DataFrame(
        {
            "month": months,
            "rate_treated": rates[0],
            "rate_comparison": rates[1],
            "effect_points": [interval.estimate for interval in shown],
            "se": [interval.se for interval in shown],
            "low": [interval.low for interval in shown],
            "high": [interval.high for interval in shown],
            "band_low": [low for low, _ in limits],
            "band_high": [high for _, high in limits],
            "seen": [bool(seen & set(range(-m - width + 1, -m + 1))) for m in months],
            "reference": reference,
            "events_treated": [treated for treated, _ in counted],
            "events_comparison": [others for _, others in counted],
        }
    )
    numbers = ["effect_points", "se", "low", "high", "band_low", "band_high"]
    return found.astype(dict.fromkeys(numbers, "float64"))
