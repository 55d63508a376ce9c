"""The cohort and what describes it: the contract between the clock and everything after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from evaluation.cohort.hires_table import HiresTable, hires_table
from evaluation.display import SECRET, Guarded, mask, table
from evaluation.errors import Fault, fail
from evaluation.study import Study
from evaluation.territories import Territory
from evaluation.wording import message

COVARIATE_BLOCKS: Final = ("B0", "B1", "B2", "B3", "B4", "B5", "B6")
"""The only blocks whose columns may enter a score."""
_SCORED: Final = ("category", "flag", "number")


@dataclass(frozen=True, slots=True)
class Variable:
    """One declared column of the cohort (``variables.toml``).

    Attributes
    ----------
    name, block : str
        Column and block (``B0`` … ``B6``, ``key``, ``outcome``, ``placebo``).
    as_of : str
        When it is known: ``registration`` (declared at the registration in force), ``index``
        (computed from what happened before the index date) or ``after``.
    label_fr, label_en, unit : str
        Wording of reports.
    kind : str
        ``category``, ``flag``, ``number``, ``date`` or ``text``. An int8 column of kind
        ``category`` (a barrier: 1, 0, −1 not diagnosed) stands for levels, not for a quantity.
    """

    name: str
    block: str
    as_of: str
    label_fr: str
    label_en: str
    unit: str
    kind: str


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One filter: its name (a key of the catalogue) and what it removed."""

    step: str
    removed_entrants: int
    removed_comparators: int


@dataclass(frozen=True, slots=True)
class Flow:
    """Who is left at each step; comparators are counted as rows (person × month).

    Attributes
    ----------
    entrants : int
        First entries of the window in the territory, before any filter.
    eligible : int
        Entrants in the frame.
    comparators_available : int
        Eligible comparator rows before sampling.
    comparators_sampled : int
        Comparator rows in the frame.
    steps : tuple of FlowStep
        In the order applied; entrants − sum of removed_entrants = eligible.
    """

    entrants: int
    eligible: int
    comparators_available: int
    comparators_sampled: int
    steps: tuple[FlowStep, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the flow as plain numbers."""
        steps = [
            {
                "step": step.step,
                "removed_entrants": step.removed_entrants,
                "removed_comparators": step.removed_comparators,
            }
            for step in self.steps
        ]
        return {
            "entrants": self.entrants,
            "eligible": self.eligible,
            "comparators_available": self.comparators_available,
            "comparators_sampled": self.comparators_sampled,
            "steps": steps,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Cohort(Guarded):
    """Entrants and comparators of one territory, one row per person × month.

    Attributes
    ----------
    frame : DataFrame
        Columns of CONTRACT §3, sorted by region, index_month, treated (1 first), person_id.
    frozen : DataFrame
        Same rows: covariates as known six months before the index date (for the placebo).
    flow : Flow
        Counts at every filter.
    study : Study
        Parameters, the territory's deviations applied.
    territory : Territory
        The place.
    variables : dict of str to Variable
        What each column is.
    months_observed : int
        Last month of the curve observed for every entrant of the window.
    notes : tuple of Fault
        Warnings raised while it was built.
    quality : dict
        Shares affected by each hire-cleaning rule, by arm.
    """

    frame: pd.DataFrame
    frozen: pd.DataFrame
    flow: Flow
    study: Study
    territory: Territory
    variables: dict[str, Variable]
    months_observed: int
    notes: tuple[Fault, ...] = ()
    quality: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """Name of the headline outcome column."""
        horizon = self.study.outcome.horizon_months
        stem = "any_job" if self.study.outcome.preset == "any_job" else "durable"
        return f"{stem}_{horizon}m"

    @property
    def hires(self) -> HiresTable:
        """Shares of hires touched by each cleaning rule and near each definition's cut, by arm."""
        return hires_table(
            self.quality, min_cell=self.study.disclosure.min_cell, language=self.study.language
        )

    def covariates(self, blocks: Sequence[str], frame: pd.DataFrame | None = None) -> list[str]:
        """Return the columns of ``blocks`` that stand in ``frame`` (default: the cohort's own).

        Dates stay out: no score can use them.

        Raises
        ------
        EvaluationError
            EVAL-308 when a block holds what is only known after the index date.
        """
        if wrong := [block for block in blocks if block not in COVARIATE_BLOCKS]:
            fail("EVAL-308", blocks=wrong, allowed=list(COVARIATE_BLOCKS))
        columns = (self.frame if frame is None else frame).columns
        return [
            name
            for name, variable in self.variables.items()
            if variable.block in blocks and variable.kind in _SCORED and name in columns
        ]

    def design(self, blocks: Sequence[str], frame: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the covariates of ``blocks`` with levels as levels.

        As :meth:`covariates`, the columns themselves; int8 columns that hold levels (barriers,
        −1 = not diagnosed) become categories, so that a score gives each level its own term.
        """
        source = self.frame if frame is None else frame
        chosen = source[self.covariates(blocks, source)]
        levels = {
            name: pd.CategoricalDtype([0, 1, -1])
            for name in chosen.columns
            if self.variables[name].kind == "category" and chosen[name].dtype.kind == "i"
        }
        return chosen.astype(levels) if levels else chosen

    def summary(self) -> pd.DataFrame:
        """Return the flow as a table: one row a step, removed entrants and comparators."""
        language = self.study.language
        return pd.DataFrame(
            {
                message("cohort.flow.entrants", language): [
                    self.flow.entrants,
                    *(-step.removed_entrants for step in self.flow.steps),
                    self.flow.eligible,
                ],
                message("cohort.flow.comparators", language): [
                    self.flow.comparators_available
                    + sum(step.removed_comparators for step in self.flow.steps),
                    *(-step.removed_comparators for step in self.flow.steps),
                    self.flow.comparators_available,
                ],
            },
            index=[
                message("cohort.flow.start", language),
                *(message(f"cohort.step.{step.step}", language) for step in self.flow.steps),
                message("cohort.flow.left", language),
            ],
        )

    def _repr_html_(self) -> str:
        """Return the flow, rounded; counts under the threshold withheld with what gives them.

        Exact counts here, less the exact number of matched entrants that the results publish,
        would be the few who find no comparison.
        """
        shown = self.summary().astype(object)
        limit = self.study.disclosure.min_cell
        base = 10 * max(1, -(-(limit - 1) // 10))
        for column in shown.columns:
            values = [int(value) for value in shown[column]]
            small = any(0 < abs(count) < limit for count in values[1:-1])
            rounded: list[Any] = [base * round(value / base) for value in values]
            for place in (0, len(values) - 1):
                rounded[place] = mask(rounded[place], [values[place]], limit)
            shown[column] = [*([SECRET] * (len(values) - 1)), rounded[-1]] if small else rounded
        language = self.study.language
        title = message("cohort.flow.title", language, place=self.territory.name)
        return table(shown, message("disclosure.rounded", language, title=title, base=base))
