"""The love plot: standardised differences before and after matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from evaluation.reporting import svg
from evaluation.reporting.speech import Speech

if TYPE_CHECKING:
    from evaluation.results import BalanceRow, Results

SHOWN = 12


def love_rows(results: Results) -> list[BalanceRow]:
    """Return the rows drawn: those that differed most before matching."""
    known = [row for row in results.balance.rows if row.smd_before is not None]
    known = [row for row in known if row.smd_after is not None]
    order = sorted(known, key=lambda r: (-abs(r.smd_before or 0), r.covariate, r.level or ""))
    return order[:SHOWN]


def draw_love(results: Results, say: Speech, *, description: str) -> Markup:
    """Return the chart in both widths."""
    rows = love_rows(results)
    return Markup("").join(_draw(rows, say, size, description) for size in ("wide", "narrow"))


def _draw(rows: Sequence[BalanceRow], say: Speech, size: str, description: str) -> Markup:
    wide = size == "wide"
    width, left, right = (760.0, 330.0, 740.0) if wide else (340.0, 14.0, 326.0)
    pitch, top = (42.0, 8.0) if wide else (48.0, 4.0)
    ends = [end for row in rows for end in (row.smd_before or 0.0, row.smd_after or 0.0)]
    grid = svg.ticks(min([-0.1, *ends]), max([0.1, *ends]), 6)
    across = svg.Scale(grid[0], grid[-1], left, right)
    bottom = top + pitch * len(rows) + 4
    parts: list[Markup] = []
    for i, row in enumerate(rows):
        parts += _row(row, top + pitch * (i + 0.5), across, say, wide)
    parts += [svg.text(across(v), bottom + 18, say.number(v, 1), anchor="middle") for v in grid]
    parts.append(svg.text((left + right) / 2, bottom + 38, say("balance.axis"), anchor="middle"))
    return svg.drawing(
        "love", width=width, height=bottom + 46, title=say("balance.title"),
        description=description, size=size, parts=parts,
    )  # fmt: skip


def _row(row: BalanceRow, y: float, across: svg.Scale, say: Speech, wide: bool) -> list[Markup]:
    label = say.covariate(row.covariate, row.level)
    reach = 21 if wide else 10
    mark = y if wide else y + 10
    before, after = across(row.smd_before or 0.0), across(row.smd_after or 0.0)
    name = (
        svg.label(316, y + 5, label, 34, "end")
        if wide
        else svg.text(0, y - 4, svg.shorten(label, 46), "tick d")
    )
    zone = svg.tag(
        "rect", x=across(-0.1), y=mark - reach, width=across(0.1) - across(-0.1),
        height=2 * reach, class_="zone",
    )  # fmt: skip
    return [
        zone,
        svg.line(across(0), mark - reach, across(0), mark + reach, "zero"),
        name,
        svg.line(across.start, mark, across.end, mark),
        svg.line(before, mark, after, mark, "move"),
        svg.tag("circle", cx=before, cy=mark, r=5.5, class_="open"),
        svg.tag("circle", cx=after, cy=mark, r=5.5, class_="dt"),
    ]
