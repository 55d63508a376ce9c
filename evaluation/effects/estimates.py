"""`TerritoryEstimates`: the unprotected record of one territory and the verbs on it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.display import Guarded, table
from evaluation.effects.effect import Effect
from evaluation.study import Study
from evaluation.wording import message

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, repr=False)
class TerritoryEstimates(Guarded):
    """All that was estimated for one territory.

    Attributes
    ----------
    record : dict
        Unprotected, unrounded; keys of ``results/<code>.json`` and their work-folder siblings.
    study : Study
        Parameters, the territory's deviations applied.
    effect : Effect or None
        The headline effect; None for the nation, whose record is pooled.
    """

    record: dict[str, Any] = field(repr=False)
    study: Study = field(repr=False)
    effect: Effect | None = field(default=None, repr=False)

    @property
    def min_cell(self) -> int:
        """Smallest count that the display may show."""
        return self.study.disclosure.min_cell

    @property
    def frame(self) -> pd.DataFrame:
        """One row per method: estimate, low, high, se of the effect in points (raw values)."""
        import pandas as pd

        rows = {row["name"]: row["effect_points"] for row in self.record["methods"]}
        return pd.DataFrame(rows).T.reindex(columns=["estimate", "low", "high", "se"])

    def to_dict(self) -> dict[str, Any]:
        """Return the record."""
        return self.record

    def write(self, path: Path) -> Path:
        """Write the record (utf-8, sorted keys) so that no reader ever sees half a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            self.record, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1
        )
        partial = path.with_name(path.name + ".partial")
        with partial.open("w", encoding="utf-8", newline="\n") as handle:
            handle.write(text + "\n")
        os.replace(partial, path)
        return path

    def protected(self) -> pd.DataFrame:
        """Return the headline as it is published: rounded, or why it is withheld."""
        import pandas as pd

        headline, language = self._published(), self.study.language
        names = {"rate_entrants": ("rate_treated", 1), "rate_comparison": ("rate_comparison", 1),
                 "effect_points": ("effect_points", 1), "uplift_percent": ("uplift_percent", 0),
                 "additional_returns": ("additional", 0)}  # fmt: skip
        heads = ("estimate", "low", "high")
        rows = {
            message(f"effects.quantity.{word}", language): [
                self._withheld or _shown(headline[key][head], digits) for head in heads
            ]
            for key, (word, digits) in names.items()
        }
        columns = [message(f"effects.column.{head}", language) for head in heads]
        return pd.DataFrame(rows, index=columns).T

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the published effect with its interval; a withheld one is a word."""
        import matplotlib.pyplot as plt

        axes = plt.subplots(figsize=(6, 1.6))[1] if ax is None else ax
        language, effect = self.study.language, self._published()["effect_points"]
        axes.set_yticks([])
        axes.set_title(self._caption())
        axes.set_xlabel(message("effects.quantity.effect_points", language))
        if self._withheld or None in (effect["estimate"], effect["low"], effect["high"]):
            axes.set_xticks([])
            word = self._withheld or "–"
            axes.text(0.5, 0.5, word, ha="center", transform=axes.transAxes)
            return axes
        axes.axvline(0, color="0.5", linewidth=1)
        ends = [effect["low"], effect["high"]]
        axes.plot(ends, [0, 0], color="C0", linewidth=3, solid_capstyle="butt")
        axes.plot([effect["estimate"]], [0], "o", color="C0")
        return axes

    def _published(self) -> dict[str, Any]:
        from evaluation.disclosure import published_headline

        return published_headline(self.record, min_cell=self.min_cell)

    @property
    def _withheld(self) -> str:
        """The word that stands for a withheld headline, "" when it is published."""
        reason = self._published().get("withheld")
        if reason is None:
            return ""
        return message(f"results.withheld_{reason}", self.study.language)

    def _caption(self) -> str:
        study, place = self.record["study"], self.record["territory"]
        return message(
            "effects.caption_territory", self.study.language, name=place["name"],
            outcome=study["outcome"], method=study["method"],
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return table(self.protected(), self._caption())


def _shown(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def plain(value: Any) -> Any:
    """Return ``value`` with JSON types only; numbers that are not finite become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
