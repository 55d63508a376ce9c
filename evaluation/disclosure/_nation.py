"""The nation's extra section: regions side by side and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.disclosure._flow import NATIONAL_BASE
from evaluation.disclosure._rounding import finite, interval, nothing, significant, to_step, whole
from evaluation.disclosure._support import Support, small

_TEXT = ("code", "name", "level", "method", "text", "kind", "withheld", "estimator", "grade")


_DIFFER = ("territories", "df", "p_value")
"""What may be said of differences between regions when one of them is withheld."""


def protect_nation(
    nation: Mapping[str, Any] | None,
    regions: Sequence[Mapping[str, Any]],
    *,
    min_cell: int,
    reason: str | None = None,
) -> dict[str, Any] | None:
    """Return the regions' rows and the heterogeneity, rounded; withheld regions stay withheld.

    ``reason`` says why the nation's own headline is withheld, None when it is published.
    """
    if nation is None:
        return None
    reasons = {
        region["territory"]["code"]: region["headline"].get("withheld") for region in regions
    }
    rows = [_region(row, reasons.get(str(row["code"])), min_cell) for row in nation["regions"]]
    held = {row["code"]: row["withheld"] for row in rows if row.get("withheld")}
    if reason == "disclosure":
        held["FR"] = reason
    differ = _heterogeneity(nation.get("heterogeneity") or {}, held, min_cell)
    # Its middle is the national effect, which a limit a territory would give beyond its rounding.
    differ.pop("funnel", None)
    return {"regions": rows, "heterogeneity": differ}


def _heterogeneity(
    found: Mapping[str, Any], held: Mapping[str, str], min_cell: int
) -> dict[str, Any]:
    """Return how far regions differ; what would give back a withheld effect is null.

    The random-effects mean and Q are sums over all regions: with the published ones taken off,
    they leave the withheld one.
    """
    shown: dict[str, Any] = _plain(found, min_cell)
    for name in ("shrunken", "ranks"):
        if shown.get(name):
            shown[name] = [row for row in shown[name] if row["code"] not in held]
    if "disclosure" not in held.values() or not shown:
        return shown
    kept = _DIFFER if "FR" not in held else ("territories",)
    return {**{key: shown[key] if key in kept else None for key in shown}, "withheld": "disclosure"}


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


def rebuilt_subgroups(
    rows: Sequence[Mapping[str, Any]], regions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the nation's subgroups; a count that some region withholds is not its exact sum.

    The nation's entrants of a level minus those that the regions publish would be those of the
    region that does not: the count is rebuilt from the published ones and rounded to 10.
    """
    found = [
        {(row["variable"], row["level"]): row["entrants"] for row in region["subgroups"]}
        for region in regions
    ]
    shown = []
    for row in rows:
        key = (row["variable"], row["level"])
        parts = [part[key] for part in found if key in part]
        holes = row["entrants"] is not None and None in parts
        known = whole(to_step(sum(part or 0 for part in parts), NATIONAL_BASE))
        shown.append({**row, "entrants": (known or None) if holes else row["entrants"]})
    return shown
