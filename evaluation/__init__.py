"""Matched-comparison evaluation of a public employment programme, territory by territory.

In: a study file that points at register extracts. Out: protected results and reports.
The public verbs load their rooms when first used, so that ``import evaluation`` stays fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.errors import EvaluationError as EvaluationError
    from evaluation.errors import EvaluationWarning as EvaluationWarning
    from evaluation.study import load_study as load_study
    from evaluation.verbs import build_cohort as build_cohort
    from evaluation.verbs import compare as compare
    from evaluation.verbs import estimate as estimate
    from evaluation.verbs import estimate_nation as estimate_nation
    from evaluation.verbs import estimate_territory as estimate_territory
    from evaluation.verbs import match as match
    from evaluation.verbs import publish as publish
    from evaluation.verbs import publish_nation as publish_nation
    from evaluation.verbs import read_register as read_register
    from evaluation.verbs import register_method as register_method
    from evaluation.verbs import run_study as run_study
    from evaluation.verbs import specification_curve as specification_curve

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "study": "load_study",
        "errors": "EvaluationError EvaluationWarning",
        "verbs": "read_register build_cohort match estimate estimate_territory "
        "publish compare estimate_nation publish_nation run_study register_method "
        "specification_curve",
    },
)
