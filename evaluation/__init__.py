"""Matched-comparison evaluation of a public employment programme, territory by territory.

In: a study file that points at register extracts. Out: protected results and reports.
The public verbs load their rooms when first used, so that ``import evaluation`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "load_study": "evaluation.study",
    "EvaluationError": "evaluation.errors",
    "EvaluationWarning": "evaluation.errors",
    "read_register": "evaluation.verbs",
    "build_cohort": "evaluation.verbs",
    "match": "evaluation.verbs",
    "estimate": "evaluation.verbs",
    "estimate_territory": "evaluation.verbs",
    "publish": "evaluation.verbs",
    "compare": "evaluation.verbs",
    "estimate_nation": "evaluation.verbs",
    "publish_nation": "evaluation.verbs",
    "run_study": "evaluation.verbs",
    "register_method": "evaluation.verbs",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
