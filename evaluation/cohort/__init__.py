"""Who is compared with whom, from when: entrants, risk sets, history, outcomes, flow counts.

In: a register (its study, its DuckDB views) and a territory. Out: one :class:`Cohort`, a row per
person and month, every column dated. Must never know how rows are matched or reported, and no
covariate may look past its row's index date.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "build_cohort": "evaluation.cohort.build",
    "Cohort": "evaluation.cohort.types",
    "Flow": "evaluation.cohort.types",
    "FlowStep": "evaluation.cohort.types",
    "Variable": "evaluation.cohort.types",
    "declared_variables": "evaluation.cohort.variables",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation.cohort' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
