"""The sections of the results file, one frozen model each (see :mod:`evaluation.results`).

In: the keys of a protected record. Out: checked, finite, published numbers; percent and percentage
points. Must hold no rule of its own but that a withheld figure is empty.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evaluation.territories import Level
from evaluation.wording import Language

Number = Annotated[float, Field(allow_inf_nan=False)] | None
Count = Annotated[int, Field(ge=0)] | None
Share = Annotated[float, Field(ge=0, le=1)] | None
Grade = Literal["strong", "moderate", "weak", "unusable"]


class Part(BaseModel):
    """What every section is: frozen, without a key that nobody declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Part):
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


class Banded(Figure):
    """An effect of a curve: limits for its month alone, and a band that holds all months at once.

    The band is null in files written before it existed, and where the month has no interval.
    """

    band_low: Number = None
    band_high: Number = None


class Uplift(Figure):
    """The relative effect, delta method, with Fieller's limits as a check."""

    fieller_low: Number
    fieller_high: Number


class Returns(Figure):
    """Additional returns among matched entrants, and entrants per additional return."""

    entrants_per_return: Annotated[int, Field(ge=1)] | None = None


class Place(Part):
    """The territory."""

    level: Level
    code: str
    name: str


class About(Part):
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


class Step(Part):
    """One filter (several merged filters are joined by ``+``) and what it removed."""

    step: str
    removed_entrants: Count
    removed_comparators: Count


class FlowCounts(Part):
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


class Headline(Part):
    """The answer."""

    rate_entrants: Figure
    rate_comparison: Figure
    effect_points: Tested
    uplift_percent: Uplift
    additional_returns: Returns
    minimum_detectable_points: Number
    withheld: str | None = None


class Raw(Part):
    """Rates before matching; ``basis`` says whether all eligible entrants or the matched ones."""

    rate_entrants: Number
    rate_others: Number
    difference_points: Number
    basis: Literal["eligible", "matched"] = "eligible"
    withheld: str | None = None


class CurvePoint(Part):
    """Cumulated access after some months."""

    month: int
    rate_entrants: Number
    rate_comparison: Number
    effect_points: Banded


class BalanceRow(Part):
    """One covariate (or one level of it) before and after matching."""

    covariate: str
    level: str | None
    block: str | None
    smd_before: Number
    smd_after: Number
    variance_ratio: Number
    ecdf_max: Number
    withheld: str | None = None


class Balance(Part):
    """Likeness of the two groups."""

    max_abs_smd: Number
    mean_abs_smd: Number
    share_below_0_1: Share
    rows: list[BalanceRow]


class Overlap(Part):
    """Common support."""

    coefficient: Number
    share_outside: Share


class Placebo(Part):
    """Effect on what happened before entry."""

    effect_points: Tested


class Method(Part):
    """One estimator."""

    name: str
    headline: bool
    effect_points: Figure
    uplift_percent: Figure


class HiddenConfounder(Part):
    """Effect if an unseen trait were as strong as the benchmark covariate."""

    benchmark: str | None
    effect_points: Figure


class NamedConfounder(Part):
    """The same for any named covariate, the effect drawn toward zero."""

    benchmark: str
    direction: Literal["toward_zero"]
    effect_points: Figure


class Definition(Part):
    """The effect under another definition of durable employment."""

    preset: str
    effect_points: Figure
    near_cut_share: Share


class Sensitivity(Part):
    """How far the number can be trusted."""

    rosenbaum_gamma: Number
    e_value: Number
    hidden_confounder: HiddenConfounder
    hidden_confounders: list[NamedConfounder] = []
    definitions: list[Definition]


class Subgroup(Part):
    """The effect in one level of a variable."""

    variable: str
    level: str
    entrants: Count
    effect_points: Figure
    contrast_p_holm: Annotated[float, Field(ge=0, le=1)] | None
    contrast_p_bh: Annotated[float, Field(ge=0, le=1)] | None = None


class Notice(Part):
    """A code and its sentence."""

    code: str
    text: str = ""
    text_fr: str = ""
    text_en: str = ""


class Verdict(Part):
    """The grade of evidence and its reasons."""

    grade: Grade
    reasons: list[Notice]


class Nation(Part):
    """What only the nation has: its regions side by side and how far they differ."""

    regions: list[dict[str, Any]]
    heterogeneity: dict[str, Any]
