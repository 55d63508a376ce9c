"""Options of a matching: names and values checked at the door, nothing silently ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from evaluation.errors import Fault, fail, nearest, refuse
from evaluation.matching.registry import Method
from evaluation.matching.types import Estimand

Order = Literal["largest", "smallest", "data", "random", "closest", "farthest"]
Discard = Literal["treated", "control", "both"]
Kernel = Literal["epanechnikov", "gaussian"]
ScoreDistance = Literal["logit", "probability", "probit"]
SpaceDistance = Literal["mahalanobis", "robust_mahalanobis", "scaled_euclidean"]

SCORE_DISTANCES: tuple[str, ...] = get_args(ScoreDistance)
SPACE_DISTANCES: tuple[str, ...] = get_args(SpaceDistance)
ORDERS: tuple[str, ...] = get_args(Order)
SPACE_ORDERS = ("data", "random", "closest", "farthest")
ESTIMANDS: tuple[str, ...] = get_args(Estimand)
COMMON = (
    "treatment", "covariates", "formula", "method", "distance", "estimand", "exact", "seed",
    "person", "sampling_weight", "score_effects", "pool_sparse",
    "score_penalty", "missing",
)  # fmt: skip
"""What every method takes."""
DEFAULTS: dict[str, Any] = {
    "ratio": 1,
    "replace": False,
    "caliper": None,
    "caliper_covariates": None,
    "order": None,
    "discard": None,
}
"""Keywords of ``match_frame`` that only some methods take, with the value that means nothing."""


def _whole(value: Any, low: int) -> bool:
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return bool(is_whole and value >= low)


def _number(value: Any) -> bool:
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return bool(is_number and np.isfinite(value) and value >= 0)


def _widths(value: Any) -> bool:
    return isinstance(value, dict) and all(_number(width) for width in value.values())


def _names(value: Any) -> bool:
    listed = isinstance(value, (list, tuple)) and len(value) > 0
    return isinstance(value, str) or (listed and all(isinstance(v, str) for v in value))


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "ratio": (lambda v: _whole(v, 1), "1, 2, 3, …"),
    "max_ratio": (lambda v: v is None or _whole(v, 2), "2, 3, 4, …"),
    "replace": (lambda v: isinstance(v, (bool, np.bool_)), "True, False"),
    "reuse_max": (lambda v: v is None or _whole(v, 1), "1, 2, 3, …"),
    "order": (lambda v: v is None or v in ORDERS, ", ".join(ORDERS)),
    "caliper": (lambda v: v is None or _number(v), "≥ 0"),
    "caliper_covariates": (lambda v: v is None or _widths(v), '{"age": 0.25}'),
    "within_caliper": (lambda v: v is None or _names(v), '["age", "re75"]'),
    "ties": (lambda v: isinstance(v, (bool, np.bool_)), "True, False"),
    "antiexact": (lambda v: v is None or _names(v), '["employer"]'),
    "unit_id": (lambda v: v is None or not np.isscalar(v) or isinstance(v, str), '"person_id"'),
    "discard": (lambda v: v is None or v in get_args(Discard), ", ".join(get_args(Discard))),
    "k2k": (lambda v: isinstance(v, (bool, np.bool_)), "True, False"),
    "subclasses": (lambda v: _whole(v, 2), "2, 3, 4, …"),
    "bandwidth": (lambda v: v is None or (_number(v) and v > 0), "> 0"),
    "kernel": (lambda v: v in get_args(Kernel), ", ".join(get_args(Kernel))),
}


def check_options(method: Method, given: dict[str, Any]) -> dict[str, Any]:
    """Return the method's options with the given ones filled in.

    Parameters
    ----------
    method : Method
        What is asked for.
    given : dict
        Options given; those of :data:`DEFAULTS` count as given when they differ from it.

    Raises
    ------
    EvaluationError
        EVAL-402 an option the method does not know (with the nearest), EVAL-403 a value that is
        not allowed; all at once.
    """
    known = {name: value for name, value in given.items() if name in method.options}
    unknown = [
        name
        for name, value in given.items()
        if name not in known and not (name in DEFAULTS and _same(value, DEFAULTS[name]))
    ]
    faults = [_unknown(method, name) for name in unknown]
    for name, value in known.items():
        rule = _RULES.get(name)
        if rule is not None and not rule[0](value):
            faults.append(
                Fault("EVAL-403", {"option": name, "value": repr(value), "allowed": rule[1]})
            )
    refuse(faults)
    return {**method.options, **known}


def _same(value: Any, default: Any) -> bool:
    return value is default or (np.isscalar(value) and value == default)


def _unknown(method: Method, name: str) -> Fault:
    allowed = [*method.options, *COMMON]
    data = {"method": method.name, "option": name, "nearest": nearest(name, allowed)}
    return Fault("EVAL-402", {**data, "allowed": list(method.options)})


def check_estimand(estimand: str) -> Estimand:
    """Return a known estimand; EVAL-403 otherwise."""
    for known in get_args(Estimand):
        if estimand == known:
            answer: Estimand = known
            return answer
    return fail("EVAL-403", option="estimand", value=repr(estimand), allowed=", ".join(ESTIMANDS))


def check_distance(distance: Any, rows: int) -> np.ndarray | str:
    """Return the name of a distance or the array of distances (n,), finite.

    Raises
    ------
    EvaluationError
        EVAL-403 unknown name, EVAL-426 wrong length, EVAL-406 not finite.
    """
    if isinstance(distance, str):
        names = SCORE_DISTANCES + SPACE_DISTANCES
        if distance not in names:
            allowed = f"{nearest(distance, names)} ({', '.join(names)})"
            fail("EVAL-403", option="distance", value=repr(distance), allowed=allowed)
        return distance
    values = np.asarray(distance, dtype=np.float64)
    if values.shape != (rows,):
        fail("EVAL-426", option="distance", length=str(values.shape), expected=rows)
    if not np.isfinite(values).all():
        fail("EVAL-406", column="distance", count=int((~np.isfinite(values)).sum()))
    return values
