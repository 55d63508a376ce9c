from __future__ import annotations

import pytest

from evaluation.effects.power import (
    entrants_needed,
    entrants_needed_from,
    minimum_detectable,
    planned_minimum_detectable,
)


@pytest.mark.parametrize(
    ("treated", "one", "five"),
    [(250, 8.7, 7.1), (565, 5.5, 4.4), (1000, 4.1, 3.2), (2000, 2.8, 2.2), (8000, 1.4, 1.1)],
)
def test_planned_effects_are_those_of_the_usual_table(treated, one, five):
    assert 100 * planned_minimum_detectable(treated, base=0.1) == pytest.approx(one, abs=0.2)
    found = planned_minimum_detectable(treated, base=0.1, ratio=5)
    assert 100 * found == pytest.approx(five, abs=0.4)


@pytest.mark.parametrize(("ratio", "count"), [(1, 1771), (2, 1379), (5, 1143)])
def test_entrants_needed_for_three_points(ratio, count):
    assert entrants_needed(0.03, base=0.1, ratio=ratio) == pytest.approx(count, abs=1)


def test_needed_and_planned_are_inverse():
    needed = entrants_needed(0.03, base=0.1)
    assert planned_minimum_detectable(needed, base=0.1) == pytest.approx(0.03, abs=1e-5)


def test_detectable_effect_shrinks_with_the_root_of_the_entrants():
    assert minimum_detectable(1.0) == pytest.approx(2.8016, abs=1e-3)
    assert entrants_needed_from(6.0, 500, points=3.0) == 2000
