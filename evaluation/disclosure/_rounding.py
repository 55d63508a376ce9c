"""Published rounding: rates and points 0.1, uplift 1, p and standard error two digits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LIMITS = ("estimate", "low", "high")


def finite(value: Any) -> float | None:
    """Return ``value`` as a finite float, None for nothing, NaN and infinity."""
    if value is None or isinstance(value, bool):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def to_step(value: Any, step: float) -> float | None:
    """Return ``value`` rounded to a multiple of ``step``, never minus zero.

    Examples
    --------
    >>> to_step(13.06, 0.1), to_step(-0.02, 0.1), to_step(27.4, 1)
    (13.1, 0.0, 27.0)
    """
    number = finite(value)
    if number is None:
        return None
    return round(round(number / step) * step, 6) + 0.0


def significant(value: Any, digits: int = 2) -> float | None:
    """Return ``value`` with ``digits`` significant digits.

    Examples
    --------
    >>> significant(0.08612), significant(1.634), significant(0.0)
    (0.086, 1.6, 0.0)
    """
    number = finite(value)
    if number is None or number == 0:
        return number
    return round(number, digits - 1 - math.floor(math.log10(abs(number))))


def whole(value: Any) -> int | None:
    """Return ``value`` rounded to an integer."""
    number = finite(value)
    return None if number is None else round(number)


def interval(figure: Mapping[str, Any] | None, step: float) -> dict[str, Any]:
    """Round an estimate and its limits; an infinite limit becomes null and ``unbounded``."""
    source = figure or {}
    rounded: dict[str, Any] = {name: to_step(source.get(name), step) for name in LIMITS}
    if step >= 1:
        rounded = {name: whole(value) for name, value in rounded.items()}
    limits = [source.get("low"), source.get("high")]
    infinite = any(isinstance(limit, float) and math.isinf(limit) for limit in limits)
    if infinite or source.get("unbounded"):
        rounded["unbounded"] = True
    if _refused(source):
        rounded["withheld"] = source["withheld"]
    return rounded


def tested(figure: Mapping[str, Any] | None, step: float) -> dict[str, Any]:
    """Round an effect with its standard error and p value."""
    source = figure or {}
    return {
        **interval(source, step),
        "se": significant(source.get("se")),
        "p_value": significant(source.get("p_value")),
    }


def nothing(reason: str, *extra: str) -> dict[str, Any]:
    """Return a withheld figure: every number null, and the reason."""
    return {**dict.fromkeys((*LIMITS, *extra)), "withheld": reason}


def _refused(source: Mapping[str, Any]) -> bool:
    reason = source.get("withheld")
    return isinstance(reason, str) and reason.replace("_", "").isalpha()
