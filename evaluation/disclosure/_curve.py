"""Which months of the access curve may be shown: monthly, quarterly, horizons, or one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.disclosure._rounding import interval, to_step
from evaluation.disclosure._support import Support, small


def protect_curve(
    points: Sequence[Mapping[str, Any]], horizon: int, *, min_cell: int, step: float
) -> list[dict[str, Any]]:
    """Return the finest curve whose every increment of events is safe in both arms.

    The number of people who found work between two points is the difference of two cumulated
    counts; it must be 0 or at least ``min_cell``, unless rounded rates leave an interval at least
    that wide.
    """
    return next(
        ([_rounded(point, step) for point in kept]
         for kept in _candidates(points, horizon)
         if kept and _safe(kept, min_cell, step)),
        [],
    )  # fmt: skip


def _candidates(points: Sequence[Mapping[str, Any]], horizon: int) -> list[list[Mapping[str, Any]]]:
    ordered = sorted(points, key=lambda point: int(point["month"]))
    return [
        [point for point in ordered if point["month"] % every == 0 or point["month"] == horizon]
        for every in (1, 3, 6)
    ] + [[point for point in ordered if point["month"] == horizon]]


def _safe(points: Sequence[Mapping[str, Any]], min_cell: int, step: float) -> bool:
    before: Support | None = None
    for point in points:
        support = Support.of(point)
        if support is None or not support.allows(min_cell):
            return False
        if before is not None and not _increments(before, support, min_cell, step):
            return False
        before = support
    return True


def _increments(before: Support, after: Support, min_cell: int, step: float) -> bool:
    pairs = (
        (before.events_entrants, after.events_entrants, before.entrants),
        (before.events_comparators, after.events_comparators, before.comparators),
    )
    return all(
        _wide(size, step, min_cell) or not small((late or 0) - (early or 0), min_cell)
        for early, late, size in pairs
    )


def _wide(size: int, step: float, min_cell: int) -> bool:
    """Return whether two rounded rates of ``size`` people leave at least ``min_cell`` counts."""
    return 2 * size * step / 100 >= min_cell


def _rounded(point: Mapping[str, Any], step: float) -> dict[str, Any]:
    return {
        "month": int(point["month"]),
        "rate_entrants": to_step(_level(point["rate_entrants"]), step),
        "rate_comparison": to_step(_level(point["rate_comparison"]), step),
        "effect_points": _banded(point.get("effect_points"), step),
    }


def _banded(figure: Mapping[str, Any] | None, step: float) -> dict[str, Any]:
    source = figure or {}
    band = {name: to_step(source.get(name), step) for name in ("band_low", "band_high")}
    return {**interval(figure, step), **band}


def _level(value: Any) -> Any:
    return value.get("estimate") if isinstance(value, Mapping) else value
