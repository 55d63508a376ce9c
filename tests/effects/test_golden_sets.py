"""Differences in means and standard errors of cells, pairs and subclasses: sandwich 3.1-1 of R."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.effects import estimate
from tests.matching.data import DATA
from tests.matching.sets import SPECS, golden_sets, run

pytestmark = pytest.mark.golden

CASES = [
    (dataset, name, kind, variance)
    for dataset in DATA
    for name in SPECS
    for kind in ("continuous", "binary")
    for variance in ("CL_HC0", "CL_HC1", "HC0", "HC1")
    if variance in golden_sets(dataset)[name].get(kind, {}).get("se", {})
]


def test_the_reference_covers_every_method_and_error() -> None:
    assert len(CASES) == 64
    assert {variance for *_, variance in CASES} == {"CL_HC0", "CL_HC1", "HC0", "HC1"}


@pytest.mark.parametrize(("dataset", "name", "kind", "variance"), CASES)
def test_difference_in_means_and_its_errors_are_those_of_r(dataset, name, kind, variance):
    # lm(outcome ~ treat, weights); sandwich::vcovHC, and vcovCL(~subclass) where there are pairs
    want = golden_sets(dataset)[name][kind]
    effect = estimate(run(dataset, name), want["outcome"], variance=variance)
    assert effect.difference.estimate == pytest.approx(want["estimate"], rel=1e-8)
    assert effect.difference.se == pytest.approx(want["se"][variance], rel=1e-6)


@pytest.mark.parametrize("name", ["cem", "cem_q4", "exact_factor"])
def test_nuisance_of_the_cells_leaves_the_sums_by_set_as_they_are(name):
    """Stacking the cells' totals moves influence between arms of a set, never out of it."""
    from dataclasses import replace

    matched = replace(run("nhefs", name), family="sets")
    bare = replace(matched, weighted=replace(matched.weighted, nuisance=None))
    errors = [estimate(m, "wt82_71", variance="CL_HC0").difference.se for m in (matched, bare)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-12)
    stacked = estimate(replace(matched, family="moment_weights"), "wt82_71").difference.se
    assert np.isfinite(stacked)
    assert stacked != pytest.approx(errors[0], rel=1e-3)
