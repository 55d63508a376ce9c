"""Effects: from a matched set and an outcome to rates, effects and how far they can be trusted.

In: a ``Matched`` of the matching room, a cohort, or the records of territories.
Out: ``Effect`` and ``TerritoryEstimates`` (the unprotected record of one territory or the nation).
Must never know reporting, read a register, publish a number or write under the reports folder.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Effect": "evaluation.effects.effect",
    "Interval": "evaluation.effects.types",
    "Support": "evaluation.effects.types",
    "TerritoryEstimates": "evaluation.effects.estimates",
    "Uplift": "evaluation.effects.types",
    "estimate": "evaluation.effects.estimation",
    "estimate_nation": "evaluation.effects.pooling",
    "estimate_territory": "evaluation.effects.territory",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation.effects' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
