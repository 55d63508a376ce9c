"""The one list of matching methods: name, family, options; plug-ins register here as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from evaluation.errors import fail, nearest
from evaluation.matching.types import Estimand, Family, Floats, Problem, Weighted

MethodFunction = Callable[[Problem], Weighted | Floats]


@dataclass(frozen=True, slots=True)
class Method:
    """One registered method.

    Attributes
    ----------
    name : str
        What users type.
    family : str
        Which variance is legal, see :mod:`evaluation.matching.types`.
    options : dict
        ``{option: default}`` beside the common ones.
    function : callable
        ``Problem -> Weighted``, or simply one weight per row (n,).
    needs_distance : bool
        Whether a distance (score) is computed first.
    estimand : str or None
        The only estimand of a method that has but one of its own.
    """

    name: str
    family: Family
    options: dict[str, Any]
    function: MethodFunction
    needs_distance: bool = True
    estimand: Estimand | None = None


_HOMES = {
    "nearest": "evaluation.matching.algorithms.nearest",
    "radius": "evaluation.matching.algorithms.radius",
    "kernel": "evaluation.matching.algorithms.kernel",
    "cem": "evaluation.matching.algorithms.cem",
    "exact": "evaluation.matching.algorithms.exact",
    "subclass": "evaluation.matching.algorithms.subclass",
    "ipw": "evaluation.matching.algorithms.ipw",
    "aipw": "evaluation.matching.algorithms.aipw",
    "overlap": "evaluation.matching.algorithms.overlap",
    "entropy_balancing": "evaluation.matching.algorithms.entropy_balancing",
    "cbps": "evaluation.matching.algorithms.cbps",
    "stable": "evaluation.matching.algorithms.stable",
    "cardinality": "evaluation.matching.algorithms.cardinality",
    "profile": "evaluation.matching.algorithms.profile",
    "optimal": "evaluation.matching.algorithms.optimal",
    "full": "evaluation.matching.algorithms.full",
    "generalised_full": "evaluation.matching.algorithms.generalised_full",
}
_METHODS: dict[str, Method] = {}


def register_method(
    name: str,
    *,
    family: Family = "sets",
    options: dict[str, Any] | None = None,
    needs_distance: bool = True,
    estimand: Estimand | None = None,
) -> Callable[[MethodFunction], MethodFunction]:
    """Register a function ``Problem -> Weighted`` (or weights (n,)) under ``name`` (decorator)."""

    def keep(function: MethodFunction) -> MethodFunction:
        _METHODS[name] = Method(name, family, options or {}, function, needs_distance, estimand)
        return function

    return keep


def methods() -> tuple[str, ...]:
    """Return the names of all methods, ours first."""
    return (*_HOMES, *(name for name in _METHODS if name not in _HOMES))


def method(name: str) -> Method:
    """Return a method; EVAL-401 names the nearest when it does not exist."""
    if name not in _METHODS and name in _HOMES:
        import_module(_HOMES[name])
    if name not in _METHODS:
        fail("EVAL-401", method=name, nearest=nearest(name, methods()))
    return _METHODS[name]
