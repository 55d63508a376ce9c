"""The cohort and what describes it: the contract between the clock and everything after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from evaluation.errors import Fault
from evaluation.study import Study
from evaluation.territories import Territory


@dataclass(frozen=True, slots=True)
class Variable:
    """One declared column of the cohort (``variables.toml``).

    Attributes
    ----------
    name, block : str
        Column and block (``B0`` … ``B6``, ``key``, ``outcome``, ``placebo``).
    as_of : str
        When it is known: ``registration``, ``index`` or ``after`` (outcomes).
    label_fr, label_en, unit : str
        Wording of reports.
    kind : str
        ``category``, ``flag`` or ``number``.
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


@dataclass(frozen=True, slots=True)
class Cohort:
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

    def covariates(self, blocks: Sequence[str], frame: pd.DataFrame | None = None) -> list[str]:
        """Return the columns of ``blocks`` that stand in ``frame`` (default: the cohort's own)."""
        columns = (self.frame if frame is None else frame).columns
        return [
            name
            for name, variable in self.variables.items()
            if variable.block in blocks and name in columns
        ]
