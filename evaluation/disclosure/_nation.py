"""The nation's extra section: regions side by side and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.disclosure._rounding import finite, interval, nothing, significant, to_step, whole
from evaluation.disclosure._support import Support, small

_TEXT = ("code", "name", "level", "method", "text", "kind", "withheld", "estimator", "grade")


def protect_nation(
    nation: Mapping[str, Any] | None, regions: Sequence[Mapping[str, Any]], *, min_cell: int
) -> dict[str, Any] | None:
    """Return the regions' rows and the heterogeneity, rounded; withheld regions stay withheld."""
    if nation is None:
        return None
    reasons = {
        region["territory"]["code"]: region["headline"].get("withheld") for region in regions
    }
    return {
        "regions": [
            _region(row, reasons.get(str(row["code"])), min_cell) for row in nation["regions"]
        ],
        "heterogeneity": _plain(nation.get("heterogeneity") or {}, min_cell),
    }


def _region(row: Mapping[str, Any], reason: str | None, min_cell: int) -> dict[str, Any]:
    support = Support.of(row)
    if reason is None and support is not None and not support.allows(min_cell):
        reason = "disclosure"
    shown: dict[str, Any] = _plain(row, min_cell)
    if reason is None:
        return shown
    empty = {
        key: nothing(reason) if isinstance(value, dict) else _kept(key, value)
        for key, value in shown.items()
    }
    return {**empty, "withheld": reason}


def _kept(key: str, value: Any) -> Any:
    return value if key in _TEXT else None


def _plain(value: Any, min_cell: int, key: str = "") -> Any:
    """Round a tree by the names of its keys; what has no number or known text does not pass."""
    if isinstance(value, Mapping):
        if "estimate" in value:
            return _figure(value, key)
        names = [name for name in value if name not in ("support", "covariance", "means")]
        return {name: _plain(value[name], min_cell, str(name)) for name in names}
    if isinstance(value, (list, tuple)):
        return [_plain(item, min_cell, key) for item in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return None if small(value, min_cell) and key.startswith(("entrants", "matched")) else value
    return _number(value, key)


def _figure(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    rounded = interval(value, 1 if key.endswith("percent") else 0.1)
    for name in ("se", "p_value"):
        if name in value:
            rounded[name] = significant(value[name])
    return rounded


def _number(value: Any, key: str) -> float | int | None:
    if key.startswith("p_") or key in ("p", "se", "p_value"):
        return significant(value)
    if key.endswith("percent"):
        return whole(value)
    if key.endswith("points"):
        return to_step(value, 0.1)
    return None if finite(value) is None else significant(value, 3)
