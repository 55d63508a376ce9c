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
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evaluation.display import table
from evaluation.errors import fail
from evaluation.territories import Level, Territory
from evaluation.wording import Language, message
from evaluation.wording.numbers import interval, number

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
Number = Annotated[float, Field(allow_inf_nan=False)] | None
Count = Annotated[int, Field(ge=0)] | None
Share = Annotated[float, Field(ge=0, le=1)] | None
Grade = Literal["strong", "moderate", "weak", "unusable"]
COLUMNS = (
    "territory_level", "territory_code", "territory_name", "outcome", "horizon_months",
    "subgroup", "subgroup_level", "method", "entrants", "matched", "rate_entrants",
    "rate_comparison", "effect_points", "effect_low", "effect_high", "effect_se", "p_value",
    "uplift_percent", "uplift_low", "uplift_high", "additional_returns", "grade", "withheld",
)  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Part):
    """An estimate with its 95 % interval; all null when withheld."""

    estimate: Number
    low: Number
    high: Number
    withheld: str | None = None
    unbounded: bool | None = None

    @model_validator(mode="after")
    def _empty_when_withheld(self) -> Figure:
        if self.withheld and (self.estimate, self.low, self.high) != (None, None, None):
            raise ValueError("a withheld figure holds no number")
        return self


class Tested(Figure):
    """An effect with its standard error and p value."""

    se: Number
    p_value: Annotated[float, Field(ge=0, le=1)] | None


class Uplift(Figure):
    """The relative effect, delta method, with Fieller's limits as a check."""

    fieller_low: Number
    fieller_high: Number


class Returns(Figure):
    """Additional returns among matched entrants, and entrants per additional return."""

    entrants_per_return: Annotated[int, Field(ge=1)] | None = None


class Place(_Part):
    """The territory."""

    level: Level
    code: str
    name: str


class About(_Part):
    """The study: what was measured, how, with which parameters."""

    name: str
    entry_window: tuple[str, str]
    extraction_date: str
    outcome: str
    horizon_months: int
    method: str
    estimand: str
    deviations: list[Any]
    parameters_sha256: str
    title: str = ""
    contact: str = ""
    language: Language = "fr"
    sources: list[str] = Field(default_factory=list)


class Step(_Part):
    """One filter (several merged filters are joined by ``+``) and what it removed."""

    step: str
    removed_entrants: Count
    removed_comparators: Count


class FlowCounts(_Part):
    """Who was kept."""

    entrants: Count
    eligible: Count
    matched: Count
    comparators_available: Count
    comparators_used: Count
    comparators_enter_later: Count
    effective_comparators: Number
    lost_share: Share
    steps: list[Step]


class Headline(_Part):
    """The answer."""

    rate_entrants: Figure
    rate_comparison: Figure
    effect_points: Tested
    uplift_percent: Uplift
    additional_returns: Returns
    minimum_detectable_points: Number
    withheld: str | None = None


class Raw(_Part):
    """Rates before matching; ``basis`` says whether all eligible entrants or the matched ones."""

    rate_entrants: Number
    rate_others: Number
    difference_points: Number
    basis: Literal["eligible", "matched"] = "eligible"
    withheld: str | None = None


class CurvePoint(_Part):
    """Cumulated access after some months."""

    month: int
    rate_entrants: Number
    rate_comparison: Number
    effect_points: Figure


class BalanceRow(_Part):
    """One covariate (or one level of it) before and after matching."""

    covariate: str
    level: str | None
    block: str | None
    smd_before: Number
    smd_after: Number
    variance_ratio: Number
    ecdf_max: Number
    withheld: str | None = None


class Balance(_Part):
    """Likeness of the two groups."""

    max_abs_smd: Number
    mean_abs_smd: Number
    share_below_0_1: Share
    rows: list[BalanceRow]


class Overlap(_Part):
    """Common support."""

    coefficient: Number
    share_outside: Share


class Placebo(_Part):
    """Effect on what happened before entry."""

    effect_points: Tested


class Method(_Part):
    """One estimator."""

    name: str
    headline: bool
    effect_points: Figure
    uplift_percent: Figure


class HiddenConfounder(_Part):
    """Effect if an unseen trait were as strong as the benchmark covariate."""

    benchmark: str | None
    effect_points: Figure


class Definition(_Part):
    """The effect under another definition of durable employment."""

    preset: str
    effect_points: Figure
    near_cut_share: Share


class Sensitivity(_Part):
    """How far the number can be trusted."""

    rosenbaum_gamma: Number
    e_value: Number
    hidden_confounder: HiddenConfounder
    definitions: list[Definition]


class Subgroup(_Part):
    """The effect in one level of a variable."""

    variable: str
    level: str
    entrants: Count
    effect_points: Figure
    contrast_p_holm: Annotated[float, Field(ge=0, le=1)] | None


class Notice(_Part):
    """A code and its sentence."""

    code: str
    text: str = ""
    text_fr: str = ""
    text_en: str = ""


class Verdict(_Part):
    """The grade of evidence and its reasons."""

    grade: Grade
    reasons: list[Notice]


class Nation(_Part):
    """What only the nation has: its regions side by side and how far they differ."""

    regions: list[dict[str, Any]]
    heterogeneity: dict[str, Any]


class Results(_Part):
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
        return [_row(self, **row) for row in _rows(self)]

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


def _rows(results: Results) -> list[dict[str, Any]]:
    head = results.headline
    rows: list[dict[str, Any]] = [
        {"effect": head.effect_points, "uplift": head.uplift_percent, "full": True}
    ]
    rows += [
        {"effect": m.effect_points, "uplift": m.uplift_percent, "method": m.name}
        for m in results.methods
        if not m.headline
    ]
    rows += [
        {"effect": d.effect_points, "outcome": d.preset} for d in results.sensitivity.definitions
    ]
    rows += [
        {"effect": s.effect_points, "subgroup": (s.variable, s.level), "entrants": s.entrants}
        for s in results.subgroups
    ]
    return rows


def _row(
    results: Results,
    *,
    effect: Figure,
    uplift: Figure | None = None,
    method: str | None = None,
    outcome: str | None = None,
    subgroup: tuple[str, str] | None = None,
    entrants: int | None = None,
    full: bool = False,
) -> dict[str, Any]:
    head, study, flow = results.headline, results.study, results.flow
    return {
        "territory_level": results.territory.level,
        "territory_code": results.territory.code,
        "territory_name": results.territory.name,
        "outcome": outcome or study.outcome,
        "horizon_months": study.horizon_months,
        "subgroup": subgroup[0] if subgroup else None,
        "subgroup_level": subgroup[1] if subgroup else None,
        "method": method or study.method,
        "entrants": flow.entrants if full else entrants,
        "matched": flow.matched if full else None,
        "rate_entrants": head.rate_entrants.estimate if full else None,
        "rate_comparison": head.rate_comparison.estimate if full else None,
        "effect_points": effect.estimate,
        "effect_low": effect.low,
        "effect_high": effect.high,
        "effect_se": getattr(effect, "se", None),
        "p_value": getattr(effect, "p_value", None),
        "uplift_percent": uplift.estimate if uplift else None,
        "uplift_low": uplift.low if uplift else None,
        "uplift_high": uplift.high if uplift else None,
        "additional_returns": head.additional_returns.estimate if full else None,
        "grade": results.verdict.grade,
        "withheld": effect.withheld,
    }
