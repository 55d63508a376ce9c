"""Rows with an estimate and its interval: methods, definitions, subgroups, regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evaluation.reporting import svg
from evaluation.reporting.speech import Speech
from evaluation.results import Figure

LINE = 32


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the chart.

    Attributes
    ----------
    label : str
        What the line is about.
    figure : Figure
        Estimate and interval, in points.
    main : bool
        Whether it is the headline (a diamond).
    """

    label: str
    figure: Figure
    main: bool = False


def draw_forest(
    identifier: str, rows: Sequence[Row], say: Speech, *, title: str, description: str
) -> Markup:
    """Return the chart in both widths; rows without a number say why."""
    pair = [
        _draw(identifier, rows, say, size=size, title=title, description=description)
        for size in ("wide", "narrow")
    ]
    return Markup("").join(pair)


def spread(rows: Sequence[Row]) -> tuple[float, float] | None:
    """Return the smallest and largest estimate shown."""
    shown = [row.figure.estimate for row in rows if row.figure.estimate is not None]
    return (min(shown), max(shown)) if shown else None


def _draw(
    identifier: str, rows: Sequence[Row], say: Speech, *, size: str, title: str, description: str
) -> Markup:
    wide = size == "wide"
    width, left, right = (760.0, 306.0, 590.0) if wide else (340.0, 12.0, 328.0)
    tall = any(len(row.label) > LINE for row in rows)
    pitch, top = (42.0 if tall else 32.0, 12.0) if wide else (54.0, 8.0)
    across, grid = _scale(rows, left, right)
    bottom = top + pitch * len(rows) + 4
    parts: list[Markup] = []
    for i, row in enumerate(rows):
        y = top + pitch * (i + 0.5)
        # On a narrow screen the grid stands under each bar only, clear of the labels.
        ends = (y - pitch / 2, y + pitch / 2) if wide else (y - 2, y + 18)
        parts += [_rule(across(v), ends, zero=v == 0) for v in grid]
        parts += _row(row, y, across, say) if wide else _stacked(row, y, across, say)
    step = 1 if wide or len(grid) < 8 else 2
    digits = 0 if all(value == int(value) for value in grid) else 1
    parts += [
        svg.text(across(v), bottom + 18, say.number(v, digits, sign=True), anchor="middle")
        for v in grid[::step]
    ]  # fmt: skip
    return svg.drawing(
        identifier, width=width, height=bottom + 28, title=title, description=description,
        size=size, parts=parts,
    )  # fmt: skip


def _rule(x: float, ends: tuple[float, float], *, zero: bool) -> Markup:
    return svg.line(x, ends[0], x, ends[1], "zero" if zero else "grid")


def _scale(rows: Sequence[Row], left: float, right: float) -> tuple[svg.Scale, list[float]]:
    ends = [
        end for row in rows for end in (row.figure.low, row.figure.high, row.figure.estimate)
        if end is not None
    ]  # fmt: skip
    grid = svg.ticks(min([0.0, *ends]), max([0.0, *ends] if ends else [1.0]), 7)
    return svg.Scale(grid[0], grid[-1], left, right), grid


def _row(row: Row, y: float, across: svg.Scale, say: Speech) -> list[Markup]:
    label = svg.label(290, y + 5, row.label, LINE, "end")
    value = svg.text(604, y + 5, _value(row, say), "tick d")
    return [label, *_mark(row, y, across), value]


def _stacked(row: Row, y: float, across: svg.Scale, say: Speech) -> list[Markup]:
    """Put label and value above the bar, so that text keeps its size on a phone."""
    label = svg.text(0, y - 8, svg.shorten(row.label, 27), "tick d")
    value = svg.text(340, y - 8, _value(row, say), "tick d", "end")
    return [label, value, *_mark(row, y + 8, across)]


def _value(row: Row, say: Speech) -> str:
    figure = row.figure
    if figure.estimate is None:
        return say.estimate(figure)
    return f"{say.number(figure.estimate, sign=True)} {say.interval(figure)}"


def _mark(row: Row, y: float, across: svg.Scale) -> list[Markup]:
    figure = row.figure
    if figure.estimate is None:
        return []
    low = across.low if figure.low is None else figure.low
    high = across.high if figure.high is None else figure.high
    x = across(figure.estimate)
    bar = svg.line(across(low), y, across(high), y, "bar main" if row.main else "bar")
    if row.main:
        corners = [(x - 8, y), (x, y - 8), (x + 8, y), (x, y + 8)]
        return [bar, svg.tag("polygon", points=svg.points(corners), class_="dt")]
    return [bar, svg.tag("circle", cx=x, cy=y, r=4.5, class_="dc")]
