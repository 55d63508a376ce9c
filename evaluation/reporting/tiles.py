"""The tile map: eighteen equal squares, each with its name, value and symbol."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from evaluation.reporting import svg
from evaluation.reporting.sentences import SYMBOLS
from evaluation.reporting.speech import Speech
from evaluation.territories import REGIONS

SIDE = 96.0
ABBREVIATIONS = {
    "01": "GUA", "02": "MTQ", "03": "GUY", "04": "REU", "06": "MAY", "11": "IDF", "24": "CVL",
    "27": "BFC", "28": "NOR", "32": "HDF", "44": "GES", "52": "PDL", "53": "BRE", "75": "NAQ",
    "76": "OCC", "84": "ARA", "93": "PAC", "94": "COR",
}  # fmt: skip


def draw_tiles(
    kinds: Mapping[str, str], values: Mapping[str, float | None], say: Speech, *, description: str
) -> Markup:
    """Return the map.

    Parameters
    ----------
    kinds : mapping of str to str
        Outcome of each region (``effect``, ``inconclusive``…), by code; absent: not in the study.
    values : mapping of str to float or None
        Effect in points, by code.
    say : Speech
        The language.
    description : str
        Text alternative with the regions of each kind.
    """
    parts = [_tile(code, kinds.get(code), values.get(code), say) for code in REGIONS]
    return svg.drawing(
        "map", width=7 * SIDE + 8, height=6 * SIDE + 8, title=say("nation.map_title"),
        description=description, size="any", parts=parts,
    )  # fmt: skip


def _tile(code: str, kind: str | None, value: float | None, say: Speech) -> Markup:
    column, row = REGIONS[code].tile
    x, y = 4 + column * SIDE, 4 + row * SIDE
    middle = x + SIDE / 2 - 2
    symbol = SYMBOLS[kind] if kind else "·"
    shown = say.number(value, sign=True) if value is not None else ""
    return (
        svg.tag("rect", x=x, y=y, width=SIDE - 4, height=SIDE - 4, rx=8,
                class_=f"tile {kind or 'absent'}")
        + svg.text(middle, y + 30, ABBREVIATIONS[code], "tile-name", "middle")
        + svg.text(middle, y + (80 if shown else 70), symbol, "tile-symbol", "middle")
        + (svg.text(middle, y + 57, shown, "tile-value", "middle") if shown else Markup(""))
    )  # fmt: skip
