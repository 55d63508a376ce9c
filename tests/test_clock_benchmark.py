"""The benchmark of clocks runs on today's cohort, wrong clocks included."""

from __future__ import annotations

import math

from benchmarks.clock import ENTRANTS_AT_SCALE_1, one_draw
from evaluation.clocks import CLOCKS


def test_one_small_draw_runs_every_clock():
    row = one_draw(5, 400 / ENTRANTS_AT_SCALE_1, list(CLOCKS), "ipw", 5)
    assert list(row["clocks"]) == list(CLOCKS)
    for found in row["clocks"].values():
        assert 200 < found["entrants"] < 800
        assert all(math.isfinite(value) for value in found.values())
    effects = {round(found["effect"], 6) for found in row["clocks"].values()}
    assert len(effects) == len(CLOCKS)
