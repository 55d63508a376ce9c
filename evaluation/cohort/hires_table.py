"""What cleaning and definitions touch among the hires of the outcome window, by arm, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.display import SECRET, Guarded, table
from evaluation.wording import Language, message

ARMS = ("entrants", "comparators")
RULES = ("cancelled", "missing_end", "chained", "duplicates")


@dataclass(frozen=True, slots=True, repr=False)
class HiresTable(Guarded):
    """Shares of the declared hires between index date and horizon, both arms.

    Attributes
    ----------
    frame : DataFrame
        One row per cleaning rule, then one per definition (hires within five days of its cut):
        ``rule``, ``preset`` ("" for cleaning rules), and for each arm ``share_<arm>`` (0 to 1),
        ``count_<arm>`` (hires), ``persons_<arm>``; not protected.
    min_cell : int
    language : str
    """

    frame: pd.DataFrame
    min_cell: int
    language: Language

    def summary(self) -> pd.DataFrame:
        """Return what may be shown: shares in percent, those of few people withheld."""
        rows = [self._shown(row) for row in self.frame.to_dict("records")]
        labels = [
            message(f"cohort.hires.{row['rule']}", self.language)
            if not row["preset"]
            else message(
                "cohort.hires.near_cut", self.language,
                definition=message(f"report.preset.{row['preset']}", self.language),
            )
            for row in self.frame.to_dict("records")
        ]  # fmt: skip
        columns = [message(f"cohort.hires.{arm}", self.language) for arm in ARMS]
        return pd.DataFrame(rows, index=labels, columns=columns)

    def _shown(self, row: dict[Any, Any]) -> list[str]:
        shown = []
        for arm in ARMS:
            share, few = float(row[f"share_{arm}"]), 0 < row[f"persons_{arm}"] < self.min_cell
            text = f"{100 * share:.1f} %"
            text = text.replace(".", ",") if self.language == "fr" else text
            shown.append(SECRET if few else text)
        return shown

    def _repr_html_(self) -> str:
        return table(self.summary(), message("cohort.hires.title", self.language))


def hires_table(quality: dict[str, Any], *, min_cell: int, language: Language) -> HiresTable:
    """Lay out what :func:`evaluation.cohort.quality.hire_quality` counted.

    Parameters
    ----------
    quality : dict
    min_cell : int
        Fewest persons behind a share that may be shown.
    language : str
    """
    touched = [(rule, "", [quality[arm][rule] for arm in ARMS]) for rule in RULES]
    touched += [
        ("near_cut", preset, [quality[arm]["near_cut"][preset] for arm in ARMS])
        for preset in quality["definitions"]
    ]
    rows = [
        {"rule": rule, "preset": preset}
        | {f"{key}_{arm}": found[key] for arm, found in zip(ARMS, both, strict=True)
           for key in ("share", "count", "persons")}
        for rule, preset, both in touched
    ]  # fmt: skip
    return HiresTable(pd.DataFrame(rows), min_cell, language)
