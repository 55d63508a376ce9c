"""Chart primitives: scales, ticks, labels, escaping; text large enough on a phone."""

from __future__ import annotations

import itertools

import pytest

from evaluation.reporting import svg
from tests.reporting.pages import Page
from tests.reporting.test_pages import national_page, region_page


@pytest.mark.parametrize(("low", "high"), [(0, 22.9), (-1.2, 6.4), (0, 0.31), (-0.1, 0.1), (3, 3)])
def test_ticks_cover_the_data_in_round_steps(low, high):
    made = svg.ticks(low, high)
    assert made[0] <= low
    assert made[-1] >= high
    assert 1 <= len(made) <= 8
    steps = {round(b - a, 6) for a, b in itertools.pairwise(made)}
    assert len(steps) <= 1


def test_scale_and_escape():
    scale = svg.Scale(0, 10, 100, 200)
    assert (scale(0), scale(5), scale(10)) == (100, 150, 200)
    assert svg.Scale(3, 3, 0, 10)(3) == 0
    assert str(svg.tag("text", "<b>&", x=1.04)) == '<text x="1">&lt;b&gt;&amp;</text>'


def test_long_labels_are_broken_then_shortened():
    assert str(svg.label(0, 0, "court", 10)).count("<text") == 1
    made = str(svg.label(0, 0, "un libellé vraiment très long pour un graphique", 20))
    assert made.count("<text") == 2
    assert "…" in made
    assert svg.shorten("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("draw", [region_page, national_page])
def test_text_of_narrow_charts_keeps_twelve_pixels_on_a_phone(draw):
    """On 390 px the content is 358 px wide; style sizes are in units of the drawing."""
    root = Page(draw()).root
    style = root.all("style")[0].text

    def size(selector: str) -> int:
        return int(style.partition(f"{selector}{{font-size:")[2].partition("px")[0])

    smallest = {
        "narrow": size(".narrow .tick,.narrow .lab"),
        "any": min(size(f".tile-{name}") for name in ("name", "value", "symbol")),
    }
    checked = 0
    for drawing in root.all("svg"):
        kind = drawing.attributes["class"].split()[-1]
        if kind in smallest:
            width = float(drawing.attributes["viewbox"].split()[2])
            assert smallest[kind] * 358 / width >= 12
            checked += 1
    assert checked
