"""`TerritoryEstimates`: the unprotected record of one territory and the verbs on it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.display import SECRET, Guarded, below, table
from evaluation.effects.effect import Effect
from evaluation.study import Study
from evaluation.wording import message

if TYPE_CHECKING:
    import pandas as pd


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
        """Return the headline as it may be shown: rounded, "secret" under the threshold."""
        import pandas as pd

        headline, language = self.record["headline"], self.study.language
        support = headline["support"]
        counts = [
            *support.values(),
            support["entrants"] - support["events_entrants"],
            support["comparators"] - support["events_comparators"],
        ]
        hidden = any(below(count, self.min_cell) for count in counts)
        names = {"rate_entrants": ("rate_treated", 1), "rate_comparison": ("rate_comparison", 1),
                 "effect_points": ("effect_points", 1), "uplift_percent": ("uplift_percent", 0),
                 "additional_returns": ("additional", 0)}  # fmt: skip
        heads = ("estimate", "low", "high")
        rows = {
            message(f"effects.quantity.{word}", language): [
                _shown(headline[key][head], digits, hidden=hidden) for head in heads
            ]
            for key, (word, digits) in names.items()
        }
        columns = [message(f"effects.column.{head}", language) for head in heads]
        return pd.DataFrame(rows, index=columns).T

    def _repr_html_(self) -> str:
        study, place = self.record["study"], self.record["territory"]
        caption = message(
            "effects.caption_territory", self.study.language, name=place["name"],
            outcome=study["outcome"], method=study["method"],
        )  # fmt: skip
        return table(self.protected(), caption)


def _shown(value: float | None, digits: int, *, hidden: bool) -> str:
    if hidden:
        return SECRET
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
