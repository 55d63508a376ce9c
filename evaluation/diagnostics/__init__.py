"""Diagnostics: whether this comparison can be trusted.

In: a matched problem (arms, weights, covariates, score) from any DataFrame. Out: balance, overlap,
weights and entrants kept, each with a figure that shows no small count. Every statistic is
declared once, per covariate in ``statistics``, for the sample in ``measures``. Must never know an
outcome, the cohort or the register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.diagnostics.balance import Balance as Balance
    from evaluation.diagnostics.balance import balance_of as balance_of
    from evaluation.diagnostics.kept import Kept as Kept
    from evaluation.diagnostics.kept import kept_of as kept_of
    from evaluation.diagnostics.measures import MEASURES as MEASURES
    from evaluation.diagnostics.measures import Diagnosis as Diagnosis
    from evaluation.diagnostics.measures import Measure as Measure
    from evaluation.diagnostics.measures import diagnose as diagnose
    from evaluation.diagnostics.overlap import Overlap as Overlap
    from evaluation.diagnostics.overlap import overlap_of as overlap_of
    from evaluation.diagnostics.statistics import STATISTICS as STATISTICS
    from evaluation.diagnostics.statistics import Statistic as Statistic
    from evaluation.diagnostics.weights import Weights as Weights
    from evaluation.diagnostics.weights import weights_of as weights_of

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "balance": "Balance balance_of",
        "kept": "Kept kept_of",
        "measures": "Diagnosis MEASURES Measure diagnose",
        "overlap": "Overlap overlap_of",
        "statistics": "STATISTICS Statistic",
        "weights": "Weights weights_of",
    },
)
