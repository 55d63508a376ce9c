"""The results of one territory: the model behind ``results/<code>.json``.

In: a protected record. Out: a frozen, validated object that can be written, read back, listed as
tidy rows and shown. Holds published numbers only: it must never receive an unprotected record, and
it computes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from evaluation._results_parts import (
    About,
    Balance,
    BalanceRow,
    CurvePoint,
    Figure,
    FlowCounts,
    Headline,
    Method,
    Nation,
    Notice,
    Overlap,
    Part,
    Place,
    Placebo,
    Raw,
    Sensitivity,
    Subgroup,
    Verdict,
)
from evaluation._results_rows import COLUMNS, tidy_rows
from evaluation.display import table
from evaluation.errors import fail
from evaluation.territories import Territory
from evaluation.wording import Language, message
from evaluation.wording.numbers import interval, number

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "BalanceRow",
    "CurvePoint",
    "Figure",
    "Notice",
    "Results",
    "json_schema",
    "write_text",
]

SCHEMA_VERSION = 1


class Results(Part):
    """Everything published about one territory.

    Attributes follow the keys of ``results/<code>.json``; percent and percentage points.
    """

    schema_version: Literal[1]
    territory: Place
    study: About
    flow: FlowCounts
    headline: Headline
    raw: Raw
    curve: list[CurvePoint]
    balance: Balance
    overlap: Overlap
    placebo: Placebo
    methods: list[Method]
    sensitivity: Sensitivity
    subgroups: list[Subgroup]
    monitoring: dict[str, Any]
    warnings: list[Notice]
    verdict: Verdict
    nation: Nation | None = None

    @classmethod
    def of(cls, protected: Mapping[str, Any], *, file: str = "results") -> Results:
        """Check a protected record against the schema.

        Raises
        ------
        EvaluationError
            EVAL-611 (the place and the rule of the first fault, and how many there are).
        """
        try:
            return cls.model_validate(protected)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "schema_version"
            fail("EVAL-611", file=file, place=place, rule=first["msg"], count=error.error_count())

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read ``results/<code>.json``.

        Raises
        ------
        EvaluationError
            EVAL-610 no readable JSON file, EVAL-611 not this schema, EVAL-612 a newer schema.
        """
        file = Path(path)
        try:
            data = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            fail("EVAL-610", file=file.name)
        version = data.get("schema_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            fail("EVAL-612", file=file.name, version=version, known=SCHEMA_VERSION)
        return cls.of(data, file=file.name)

    def write(self, path: str | Path) -> Path:
        """Write the JSON file in one move (a reader never sees half of it)."""
        target = Path(path)
        write_text(target, self.to_json())
        return target

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``withheld`` and ``unbounded`` only where they apply."""
        plain: dict[str, Any] = _bare(self.model_dump(mode="json"))
        return plain

    def to_json(self) -> str:
        """Return the file's text: sorted keys, two spaces, no NaN, a final newline."""
        text = json.dumps(
            self.to_dict(), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False
        )
        return f"{text}\n"

    @property
    def place(self) -> Territory:
        """The territory, with the names of its files."""
        return Territory(self.territory.level, self.territory.code, self.territory.name)

    @property
    def frame(self) -> pd.DataFrame:
        """Tidy rows: the headline, each other method, definition and subgroup (results.csv)."""
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(COLUMNS))

    def rows(self) -> list[dict[str, Any]]:
        """Return the same rows as plain values: counts stay whole numbers, None where nothing."""
        return tidy_rows(self)

    def summary(self, language: Language | None = None) -> pd.DataFrame:
        """Return the headline as a small table of text (label, value, interval)."""
        import pandas as pd

        speech = language or self.study.language
        head = self.headline
        figures: list[tuple[str, Figure, int]] = [
            ("rate_entrants", head.rate_entrants, 1),
            ("rate_comparison", head.rate_comparison, 1),
            ("effect_points", head.effect_points, 1),
            ("uplift_percent", head.uplift_percent, 0),
            ("additional_returns", head.additional_returns, 0),
        ]
        rows = {
            message(f"results.{name}", speech): (
                _withheld(figure, speech) or number(figure.estimate, speech, digits=digits),
                interval(figure.low, figure.high, speech, digits=digits),
            )
            for name, figure, digits in figures
        }
        columns = [message("results.estimate", speech), message("results.interval", speech)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def _repr_html_(self) -> str:
        speech = self.study.language
        grade = message(f"results.grade_{self.verdict.grade}", speech)
        caption = message("results.caption", speech, name=self.territory.name, grade=grade)
        return table(self.summary(), caption, index_label=message("results.figure", speech))

    def __repr__(self) -> str:
        effect = self.headline.effect_points
        shown = effect.withheld or f"{effect.estimate} [{effect.low}, {effect.high}]"
        return f"Results({self.place.key}, effect_points={shown}, grade={self.verdict.grade})"


def json_schema() -> str:
    """Return the JSON Schema of the results file as text."""
    return json.dumps(Results.model_json_schema(), indent=2, sort_keys=True) + "\n"


def write_text(target: Path, text: str) -> None:
    """Write utf-8 with Unix line ends through a temporary neighbour, then rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(text.encode("utf-8"))
    os.replace(partial, target)


def _withheld(figure: Figure, language: Language) -> str | None:
    if figure.withheld is None:
        return None
    known = figure.withheld in ("disclosure", "not_publishable")
    return message(f"results.withheld_{figure.withheld if known else 'other'}", language)


_ONLY_WHEN_SET = ("withheld", "unbounded")


def _bare(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {
            key: _bare(value)
            for key, value in tree.items()
            if not (key in _ONLY_WHEN_SET and value in (None, False))
        }
    return [_bare(item) for item in tree] if isinstance(tree, list) else tree
