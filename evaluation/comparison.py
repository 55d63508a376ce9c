"""One grid for all comparisons of methods: the same data, one row per specification.

In: data, specifications (options of ``match``) and an outcome. Out: a table and its curve. Serves
``compare``, the command of that name and the specification curve; must never choose among rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.display import Guarded, below, mask, table
from evaluation.errors import EvaluationError, warn
from evaluation.wording import Language, message

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from evaluation.effects import Effect
    from evaluation.study import Study

Specification = Mapping[str, Any]
_MEASURES = ("effect", "low", "high", "uplift", "matched", "comparators")


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Guarded):
    """Effects of several specifications side by side.

    Attributes
    ----------
    frame : DataFrame
        Index: the specification; ``effect``, ``low``, ``high`` (points for a 0/1 outcome, else the
        outcome's unit), ``se``, ``p_value``, ``uplift`` (%), ``matched`` and ``comparators``
        (rows with a weight).
    counts : tuple of tuple
        For each row, every count that the disclosure threshold applies to.
    language : str
        Language of what is shown.
    min_cell : int
        The threshold.
    headline : str or None
        The row that was chosen before outcomes were read; marked in table and curve.
    """

    frame: pd.DataFrame = field(repr=False)
    counts: tuple[tuple[float | None, ...], ...] = field(repr=False)
    language: Language = "fr"
    min_cell: int = DEFAULT_MIN_CELL
    headline: str | None = None

    def summary(self) -> pd.DataFrame:
        """Return the table as it may be shown: rounded, what rests on small counts withheld."""
        shown = self.frame[list(_MEASURES)].copy().astype(object)
        for row, counts in enumerate(self.counts):
            for column, name in enumerate(_MEASURES):
                value = _rounded(name, self.frame[name].iloc[row])
                shown.iloc[row, column] = mask(value, counts, self.min_cell)
        shown = shown.rename(index=self._labels())
        return shown.rename(columns={m: message(f"compare.{m}", self.language) for m in _MEASURES})

    def _labels(self) -> dict[str, str]:
        if self.headline is None:
            return {}
        return {self.headline: message("compare.headline", self.language, label=self.headline)}

    def to_dict(self) -> dict[str, Any]:
        """Return the raw table as plain values."""
        whole = self.frame.reset_index()
        return {str(name): whole[name].tolist() for name in whole.columns}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw effects and intervals, one line per specification; secret rows are left out."""
        import matplotlib.pyplot as plt

        axes = ax if ax is not None else plt.subplots(figsize=(7, 0.5 * len(self.frame) + 1))[1]
        open_rows = [not any(below(n, self.min_cell) for n in counts) for counts in self.counts]
        kept = self.frame[open_rows]
        for place, (label, row) in enumerate(kept.iterrows()):
            mark, width = ("D", 3) if label == self.headline else ("o", 1.5)
            axes.plot([row["low"], row["high"]], [place, place], color="#12436D", linewidth=width)
            axes.plot(row["effect"], place, mark, color="#12436D", label=str(label))
        axes.axvline(0, color="#555555", linewidth=1)
        names = self._labels()
        axes.set_yticks(
            range(len(kept)), [names.get(str(label), str(label)) for label in kept.index]
        )
        axes.set_xlabel(message("compare.axis", self.language))
        axes.invert_yaxis()
        return axes

    def _repr_html_(self) -> str:
        words = {name: message(f"compare.{name}", self.language) for name in ("caption", "method")}
        return table(self.summary(), words["caption"], index_label=words["method"])


def grid(
    specifications: Sequence[tuple[str, Specification]],
    run: Callable[[Specification], Effect],
    *,
    language: Language = "fr",
    min_cell: int = DEFAULT_MIN_CELL,
    headline: str | None = None,
) -> Comparison:
    """Return the effects of every specification.

    Parameters
    ----------
    specifications : sequence of (label, options)
        What differs from row to row.
    run : callable
        ``run(options) -> Effect``.
    language : str
        Language of what is shown.
    min_cell : int
        Disclosure threshold of what is shown.
    headline : str, optional
        Label of the row to mark. Another row that fails is then left out with the warning
        EVAL-521; without a headline every failure is raised.

    Raises
    ------
    EvaluationError
        Whatever ``run`` raises for the headline, or for any row when there is none.
    """
    import pandas as pd

    rows, counts = [], []
    for label, options in specifications:
        try:
            effect = run(options)
        except EvaluationError as error:
            if headline is None or label == headline:
                raise
            warn("EVAL-521", method=label, reason=error.code)
            continue
        rows.append({"method": label, **_row(effect)})
        counts.append(tuple(effect.support.counts()))
    frame = pd.DataFrame(rows).set_index("method")
    return Comparison(frame, tuple(counts), language, min_cell, headline)


HEADLINE = "headline"
_CALIPERS = (0.05, 0.1, 0.2, 0.5)
_TRIMS = (0.95, 0.99)


def specifications(
    study: Study, known: Callable[[str], Mapping[str, Any]]
) -> list[tuple[str, Specification]]:
    """Return every reasonable way to answer the study's question, the headline first.

    Each row changes one thing: method, trimming of weights, caliper, one covariate block less (an
    exact column of it stays exact), outcome definition, estimand.

    Parameters
    ----------
    study : Study
        Its ``matching``, ``effects`` and ``outcome``.
    known : callable
        ``name of a method -> its options``: a grid is left out where a method has no such option.

    Returns
    -------
    list of (label, options)
        Options of ``match``, and ``blocks``, ``preset``, ``censored`` for who runs them.
    """
    rules = study.matching
    rows: list[tuple[str, Specification]] = [(HEADLINE, {})]
    others = [name for name in study.effects.compare_methods if name != rules.method]
    rows += [(f"method={name}", {"method": name}) for name in others]
    for name in (rules.method, *others):
        if "trim" in known(name):
            rows += [(f"{name} trim={t:g}", {"method": name, "trim": t}) for t in _TRIMS]
    if "caliper" in known(rules.method):
        rows += [(f"caliper={c:g}", {"caliper": c}) for c in _CALIPERS if c != rules.caliper]
    for block in rules.blocks if len(rules.blocks) > 1 else ():
        left = [name for name in rules.blocks if name != block]
        rows.append((f"without {block}", {"blocks": left}))
    rows += [(f"outcome={preset}", {"preset": preset}) for preset in study.outcome.sensitivity]
    if study.cohort.pool == "not_yet_entered":
        rows.append(("censored_at_entry", {"censored": True}))
    return rows


def _row(effect: Effect) -> dict[str, Any]:
    measured = effect.points if effect.points is not None else effect.difference
    return {
        "effect": measured.estimate,
        "low": measured.low,
        "high": measured.high,
        "se": measured.se,
        "p_value": measured.p_value,
        "uplift": effect.uplift.estimate if effect.uplift is not None else None,
        "matched": effect.support.entrants,
        "comparators": effect.support.comparators,
    }


def _rounded(name: str, value: Any) -> Any:
    if value is None or value != value:
        return "–"
    return int(value) if name in ("matched", "comparators") else round(float(value), 1)
