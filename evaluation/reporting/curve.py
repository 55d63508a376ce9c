"""The access curve: two lines, the band of their gap, the gap at the horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from evaluation.reporting import svg
from evaluation.reporting.speech import Speech

if TYPE_CHECKING:
    from evaluation.results import CurvePoint, Results


@dataclass(frozen=True, slots=True)
class _Frame:
    size: str
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


_WIDE = _Frame("wide", 760, 330, 56, 546, 16, 286)
_NARROW = _Frame("narrow", 340, 300, 40, 328, 50, 252)


def draw_curve(results: Results, say: Speech) -> Markup:
    """Return the chart in both widths (the page shows one of them)."""
    return _draw(results, say, _WIDE) + _draw(results, say, _NARROW)


def at_horizon(results: Results) -> CurvePoint | None:
    """Return the point of the headline's horizon."""
    horizon = results.study.horizon_months
    return next((point for point in results.curve if point.month == horizon), None)


def describe(results: Results, say: Speech) -> str:
    """Return the chart's text alternative, with its numbers."""
    main, last = at_horizon(results) or results.curve[-1], results.curve[-1]
    return say(
        "curve.description",
        month=main.month,
        rate_entrants=say.percent(main.rate_entrants),
        rate_comparison=say.percent(main.rate_comparison),
        effect=say.points(main.effect_points.estimate, sign=True),
        interval=say.interval(main.effect_points),
        last=last.month,
        last_entrants=say.percent(last.rate_entrants),
        last_comparison=say.percent(last.rate_comparison),
    )


def _draw(results: Results, say: Speech, frame: _Frame) -> Markup:
    curve = results.curve
    last = max(point.month for point in curve)
    across = svg.Scale(0, last, frame.left, frame.right)
    grid = svg.ticks(0, max(_top(point) for point in curve))
    up = svg.Scale(0, grid[-1], frame.bottom, frame.top)
    parts = [
        *_axes(grid, last, across, up, frame, say),
        *_lines(curve, across, up),
        *_gap(results, across, up, frame, say),
        *_names(curve[-1], across, up, frame, say),
    ]
    return svg.drawing(
        "curve",
        width=frame.width,
        height=frame.height,
        title=say("curve.title"),
        description=describe(results, say),
        size=frame.size,
        parts=parts,
    )


def _top(point: CurvePoint) -> float:
    high = (point.rate_comparison or 0) + (point.effect_points.high or 0)
    return max(point.rate_entrants or 0, point.rate_comparison or 0, high)


def _axes(
    grid: list[float], last: int, across: svg.Scale, up: svg.Scale, frame: _Frame, say: Speech
) -> list[Markup]:
    digits = 0 if all(value == int(value) for value in grid) else 1
    parts = []
    for value in grid:
        parts.append(svg.line(frame.left, up(value), frame.right, up(value)))
        label = say.percent(value, digits)
        parts.append(svg.text(frame.left - 7, up(value) + 5, label, anchor="end"))
    for month in range(0, last + 1, 3 if last > 6 else 1):
        parts.append(svg.text(across(month), frame.bottom + 20, str(month), anchor="middle"))
    middle = (frame.left + frame.right) / 2
    parts.append(svg.text(middle, frame.bottom + 40, say("curve.axis"), anchor="middle"))
    return parts


def _lines(curve: list[CurvePoint], across: svg.Scale, up: svg.Scale) -> list[Markup]:
    entrants = [(0, 0.0), *((p.month, p.rate_entrants or 0) for p in curve)]
    others = [(0, 0.0), *((p.month, p.rate_comparison or 0) for p in curve)]
    highs = [
        (0, 0.0),
        *((p.month, (p.rate_comparison or 0) + (p.effect_points.high or 0)) for p in curve),
    ]
    lows = [
        (0, 0.0),
        *((p.month, (p.rate_comparison or 0) + (p.effect_points.low or 0)) for p in curve),
    ]
    band = [*highs, *reversed(lows)]

    def path(pairs: list[tuple[int, float]]) -> str:
        return svg.points((across(x), up(max(y, 0.0))) for x, y in pairs)

    dots = [svg.tag("circle", cx=across(x), cy=up(y), r=3, class_="dt") for x, y in entrants[1:]]
    return [
        svg.tag("polygon", points=path(band), class_="band"),
        svg.tag("polyline", points=path(others), class_="lc"),
        svg.tag("polyline", points=path(entrants), class_="lt"),
        *dots,
    ]  # fmt: skip


def _gap(
    results: Results, across: svg.Scale, up: svg.Scale, frame: _Frame, say: Speech
) -> list[Markup]:
    point = at_horizon(results)
    if point is None or point.rate_entrants is None or point.rate_comparison is None:
        return []
    x, high, low = across(point.month), up(point.rate_entrants), up(point.rate_comparison)
    effect = say.points(point.effect_points.estimate, sign=True)
    label = say("curve.gap", effect=effect, month=point.month)
    if frame.size == "narrow":
        label = effect
    inner = x - 10 if x > frame.left + 100 else x + 10
    anchor = "end" if inner < x else "start"
    band_top = up((point.rate_comparison) + (point.effect_points.high or 0))
    return [
        svg.line(x, high, x, low, "gap"),
        svg.tag("circle", cx=x, cy=high, r=5.5, class_="dt"),
        svg.tag("rect", x=x - 5, y=low - 5, width=10, height=10, class_="dc"),
        svg.text(inner, min(high, low, band_top) - 8, label, "lab t", anchor),
    ]


def _names(
    last: CurvePoint, across: svg.Scale, up: svg.Scale, frame: _Frame, say: Speech
) -> list[Markup]:
    """Name the lines at their end; on a narrow screen above the chart, where there is room."""
    first, second = last.rate_entrants or 0, last.rate_comparison or 0
    names = [
        ("● ", "curve.entrants", first, "lab t"),
        ("■ ", "curve.comparison", second, "lab c"),
    ]
    if frame.size == "narrow":
        return [
            svg.text(8, 18 + 20 * i, f"{mark}{say(key)} {say.percent(value)}", css)
            for i, (mark, key, value, css) in enumerate(names)
        ]
    heights = [up(first) + 5, up(second) + 5]
    if abs(heights[0] - heights[1]) < 20:
        middle, upper = sum(heights) / 2, 0 if first >= second else 1
        heights = [middle - 10, middle + 10] if upper == 0 else [middle + 10, middle - 10]
    return [
        svg.text(across(last.month) + 12, y, f"{mark}{say(key)} {say.percent(value)}", css)
        for (mark, key, value, css), y in zip(names, heights, strict=True)
    ]
