"""Matching: rows of any table in, weights and matched sets out.

In: a DataFrame, the column of the treatment, covariates or a formula, a method and its options.
Out: a :class:`Matched` with row-aligned weights, sets, pairs, the score and every loss by reason.
New methods register with :func:`register_method` and receive a ``Problem``.
Must never know what a register, a cohort or an outcome is.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "match_frame": "evaluation.matching.frame",
    "Matched": "evaluation.matching.result",
    "PropensityModel": "evaluation.matching.propensity",
    "fit_propensity": "evaluation.matching.propensity",
    "register_method": "evaluation.matching.registry",
    "method": "evaluation.matching.registry",
    "methods": "evaluation.matching.registry",
    "Problem": "evaluation.matching.types",
    "Weighted": "evaluation.matching.types",
    "Nuisance": "evaluation.matching.types",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation.matching' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
