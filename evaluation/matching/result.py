"""The result of a matching: weights, sets, pairs and losses, aligned with the rows of the frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.display import mask, table
from evaluation.errors import Fault
from evaluation.matching.types import (
    Bools,
    Family,
    Floats,
    Ints,
    Nuisance,
    Problem,
    Weighted,
)
from evaluation.wording import message

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluation.matching.score.propensity import PropensityModel

REASONS = ("caliper", "stratum_empty", "no_comparator_left", "outside_support")


@dataclass(frozen=True, slots=True, repr=False)
class Matched:
    """Rows of a frame, matched or weighted.

    Attributes
    ----------
    frame : DataFrame (n, ...)
        The rows that were given, unchanged.
    treatment : str
        Column of the treatment.
    covariate_names : tuple of str
        Columns of the covariates.
    method : str
        Name of the method.
    family : str
        Which variance is legal: ``sets``, ``replacement``, ``score_weights``, ``moment_weights`` or
        ``smooth``.
    options : dict
        Options of the method, as given or by default.
    problem : Problem
        What the method received.
    weighted : Weighted
        What it returned.
    notes : tuple of Fault
        What the reader must know: warnings raised and columns changed.
    """

    frame: pd.DataFrame
    treatment: str
    covariate_names: tuple[str, ...]
    method: str
    family: Family
    options: dict[str, Any]
    problem: Problem
    weighted: Weighted
    notes: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        weights, treated = self.weighted.weights, self.problem.treated
        assert weights.shape == treated.shape == (len(self.frame),)
        assert np.isfinite(weights).all()
        assert self.weighted.subclass.shape == weights.shape

    @property
    def estimand(self) -> str:
        """Whose effect the weights aim at."""
        return self.problem.estimand

    @property
    def min_cell(self) -> int:
        """Smallest count that displays may show: that of the frame's study, else 11."""
        studies = (getattr(item, "disclosure", None) for item in self.frame.attrs.values())
        return next((int(s.min_cell) for s in studies if s is not None), DEFAULT_MIN_CELL)

    @property
    def treated(self) -> pd.Series:
        """Whether each row is treated (n,)."""
        return self._aligned(self.problem.treated, "treated")

    @property
    def weights(self) -> pd.Series:
        """Weights (n,): 1 for the matched treated under the ATT, 0 for rows left out."""
        return self._aligned(self.weighted.weights, "weights")

    @property
    def subclass(self) -> pd.Series:
        """Matched set of each row (n,), -1 when none or with replacement."""
        return self._aligned(self.weighted.subclass, "subclass")

    @property
    def propensity(self) -> pd.Series:
        """Fitted probability of treatment (n,), NaN when no score was fitted."""
        score = self.problem.score
        values = np.full(len(self.frame), np.nan) if score is None else score.probability
        return self._aligned(values, "propensity")

    @property
    def score(self) -> PropensityModel | None:
        """The fitted score."""
        return self.problem.score

    @property
    def nuisance(self) -> Nuisance | None:
        """How the weights depend on estimated parameters (weighting methods)."""
        return self.weighted.nuisance

    @property
    def pairs(self) -> pd.DataFrame:
        """Pairs (m, 3): ``treated`` and ``comparison`` as 0-based positions, ``distance``.

        The distance is that of the score; the multivariate one when pairs were chosen by it.
        """
        pairs = self.weighted.pairs
        found = np.empty((0, 2), np.int64) if pairs is None else pairs
        columns = {"treated": found[:, 0], "comparison": found[:, 1]}
        return pd.DataFrame(columns | {"distance": np.round(self._gaps(found), 15)})

    def _gaps(self, pairs: Ints) -> Floats:
        """Return the distance of each pair (m,), NaN where a method has none."""
        if self.problem.distance is not None:
            first, second = self.problem.distance[pairs].T
            return np.asarray(np.abs(first - second))
        from evaluation.matching.engines.plan import coordinates

        points = coordinates(self.problem) if len(pairs) else None
        if points is None:
            return np.full(len(pairs), np.nan)
        between = points[pairs[:, 0]] - points[pairs[:, 1]]
        return np.asarray(np.sqrt(np.sum(between**2, axis=1)))

    @property
    def unmatched(self) -> pd.DataFrame:
        """Rows that should have been matched and were not: ``row`` (0-based), ``reason``."""
        rows = [(int(row), name) for name, at in self.weighted.reasons.items() for row in at]
        return pd.DataFrame(sorted(rows), columns=["row", "reason"])

    @property
    def empty_strata(self) -> pd.DataFrame:
        """Exact strata that hold rows to match and no comparator, with their number of rows.

        Not protected: one row per stratum, the exact columns and ``rows``.
        """
        columns = list(self.problem.strata_columns)
        strata, treated = self.problem.strata, self.problem.treated
        focal = ~treated if self.estimand == "ATC" else treated
        rows = np.flatnonzero(focal & ~np.isin(strata, strata[~focal]))
        found = self.frame.iloc[rows][columns].reset_index(drop=True)
        if not columns:
            return pd.DataFrame({"rows": []}, dtype=np.int64)
        return found.groupby(columns, observed=True).size().rename("rows").reset_index()

    @property
    def discarded(self) -> Bools:
        """Rows outside the common support (n,)."""
        found: Bools | None = self.problem.options.get("discarded")
        return np.zeros(len(self.frame), bool) if found is None else found

    @property
    def effective_comparators(self) -> float:
        """Kish's effective number of comparison persons, weights summed by person first."""
        rows = ~self.problem.treated
        by_person = np.bincount(self.problem.person[rows], weights=self.weighted.weights[rows])
        return kish(by_person.astype(np.float64))

    def balance(self) -> Any:
        """Return the balance of the covariates before and after; ``.plot()`` is a love plot."""
        from evaluation.diagnostics import balance_of

        return balance_of(self, min_cell=self.min_cell)

    def diagnostics(self) -> Any:
        """Return the sample-wide diagnostics against their limits (overlap, weights, kept...)."""
        from evaluation.diagnostics import diagnose

        return diagnose(self, min_cell=self.min_cell)

    def summary(self) -> pd.DataFrame:
        """Return counts by arm: all, matched, effective (Kish), unmatched, lost by reason.

        Returns
        -------
        DataFrame
            Columns ``treated`` and ``comparison``; not protected.
        """
        treated, weights = self.problem.treated, self.weighted.weights
        used, out = weights > 0, self.discarded
        rows: dict[str, list[float]] = {
            "all": _both(treated, np.ones_like(used)),
            "all_effective": [kish(self.problem.sampling_weight[arm]) for arm in _arms(treated)],
            "matched": _both(treated, used),
            "matched_effective": [kish(weights[arm]) for arm in _arms(treated)],
            "unmatched": _both(treated, ~used & ~out),
            "discarded": _both(treated, out),
        }
        for name, at in self.weighted.reasons.items():
            lost = np.zeros(len(used), bool)
            lost[at] = True
            label = f"lost_{name}" if name in REASONS else "lost_other"
            both = _both(treated, lost)
            rows[label] = [x + y for x, y in zip(rows.get(label, [0, 0]), both, strict=True)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=["treated", "comparison"])

    def to_dict(self) -> dict[str, Any]:
        """Return method, options, counts and notes as JSON types (not protected, no rows)."""
        treated, used = self.problem.treated, self.weighted.weights > 0
        return {
            "method": self.method,
            "family": self.family,
            "estimand": self.estimand,
            "distance": self.problem.distance_name,
            "options": {name: _plain(value) for name, value in self.options.items()},
            "covariates": list(self.covariate_names),
            "exact": list(self.problem.strata_columns),
            "treated": int(treated.sum()),
            "treated_matched": int((treated & used).sum()),
            "comparators": int((~treated).sum()),
            "comparators_used": int((~treated & used).sum()),
            "effective_comparators": self.effective_comparators,
            "lost": {name: len(at) for name, at in self.weighted.reasons.items()},
            "penalty": self.score.penalty if self.score is not None else None,
            "notes": [{"code": note.code, "data": _plain(note.data)} for note in self.notes],
        }

    def plot(self, ax: Axes | None = None, *, bins: int = 20) -> Axes:
        """Draw the distance of both arms, before (outline) and after (filled).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw.
        bins : int
            Number of bars; those that rest on fewer than 11 rows are left out.

        Returns
        -------
        Axes
        """
        from evaluation.matching.plots import distance_plot

        return distance_plot(self, ax, bins=bins)

    def __repr__(self) -> str:
        # No number of rows: less the comparators of the table, it is that of the treated.
        return f"Matched(method={self.method!r}, estimand={self.estimand!r})"

    def _repr_html_(self) -> str:
        """Return the counts as HTML, small ones and what they betray replaced by "secret"."""
        shown = _protected(self.summary(), self.min_cell)
        return table(shown, message("matching.caption", method=self.method))

    def _aligned(self, values: Any, name: str) -> pd.Series:
        return pd.Series(values, index=self.frame.index, name=name)


def counts_of(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return the number of rows lost for each known reason, and for any other together."""
    known = {name: int(reasons.get(name, 0)) for name in REASONS}
    return known | {"other": sum(reasons.values()) - sum(known.values())}


def shown(**counts: int) -> dict[str, Any]:
    """Return counts as a sentence may show them: those under 11 read "secret", 0 stays.

    Examples
    --------
    >>> shown(lost=82, total=232, left=3, outside=0)
    {'lost': 82, 'total': 232, 'left': 'secret', 'outside': 0}
    """
    return {name: mask(count, [count or None]) for name, count in counts.items()}


def shown_parts(total: int, parts: Mapping[str, int]) -> dict[str, Any]:
    """Return the parts of a total, all of them "secret" as soon as one is small."""
    small = any(0 < count < DEFAULT_MIN_CELL for count in [total, *parts.values()])
    return {name: mask(count, [1 if small and count else None]) for name, count in parts.items()}


def kish(weights: Floats) -> float:
    """Return Kish's effective size (sum w)² / sum w², 0 when all weights are 0."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares > 0 else 0.0


def _arms(treated: Bools) -> tuple[Bools, Bools]:
    return treated, ~treated


def _both(treated: Bools, rows: Bools) -> list[float]:
    return [int((arm & rows).sum()) for arm in _arms(treated)]


def _protected(counts: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Mask small counts; where one part of a total is masked, mask what gives it by subtraction.

    The number matched is published elsewhere, so that a total may not stand beside a small loss;
    and at most ``ratio`` comparators a row tell how many rows were matched.
    """
    shown = counts.astype(object)
    parts = [name for name in counts.index if not name.startswith(("all", "matched_effective"))]
    known: dict[str, dict[str, float]] = {
        str(arm): {str(name): float(n) for name, n in counts[arm].items()} for arm in counts
    }
    few = any(0 < rows["matched"] < min_cell for rows in known.values())
    for arm, rows in known.items():
        small = few or any(0 < rows[name] < min_cell for name in parts)
        close = 0 < rows["all"] - rows["matched"] < min_cell
        for name, value in rows.items():
            hidden = close or (small and name not in ("all", "all_effective"))
            kept = round(value, 1) if "effective" in name else int(value)
            seen = 0 if hidden else max(value, min_cell * (value == 0))
            shown.loc[name, arm] = mask(kept, [seen], min_cell)
    shown.index = [message(f"matching.rows.{name}") for name in counts.index]
    shown.columns = [message(f"matching.arms.{arm}") for arm in counts.columns]
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
