"""Diagnostics: whether this comparison can be trusted.

In: a matched problem (arms, weights, covariates, score) from any DataFrame. Out: balance, overlap,
weights and entrants kept, each with a figure that shows no small count. Every statistic is
declared once, in ``statistics``. Must never know an outcome, the cohort or the register.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.diagnostics.balance import Balance, balance_of
    from evaluation.diagnostics.kept import Kept, kept_of
    from evaluation.diagnostics.overlap import Overlap, overlap_of
    from evaluation.diagnostics.statistics import STATISTICS, Statistic
    from evaluation.diagnostics.weights import Weights, weights_of

__all__ = [
    "STATISTICS",
    "Balance",
    "Kept",
    "Overlap",
    "Statistic",
    "Weights",
    "balance_of",
    "kept_of",
    "overlap_of",
    "weights_of",
]

_HOMES = {
    "Balance": "balance",
    "balance_of": "balance",
    "Kept": "kept",
    "kept_of": "kept",
    "Overlap": "overlap",
    "overlap_of": "overlap",
    "STATISTICS": "statistics",
    "Statistic": "statistics",
    "Weights": "weights",
    "weights_of": "weights",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"evaluation.diagnostics.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
