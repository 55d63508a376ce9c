"""Overlap of the scores, concentration of the weights, entrants kept."""

from __future__ import annotations

import json
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import evaluation.diagnostics as diagnostics
from evaluation.diagnostics import kept_of, overlap_of, weights_of
from evaluation.errors import EvaluationError
from evaluation.matching.algorithms.entropy_balancing import entropy_balancing
from tests.diagnostics.samples import Held, golden, made, problem, real

mpl.use("Agg")


def _scored(treated_score, comparison_score, **changes):
    score = np.concatenate([treated_score, comparison_score])
    treated = np.arange(len(score)) < len(treated_score)
    given = problem(pd.DataFrame({"x": score}), treated, fitted=False)
    return Held(replace(given, distance=score, **changes), np.ones(len(score)))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_coefficient_of_two_normals(shift):
    """Two unit normals d apart overlap by 2 Phi(−d/2)."""
    grid = norm.ppf((np.arange(4000) + 0.5) / 4000)
    found = overlap_of(_scored(grid + shift, grid)).coefficient
    assert found == pytest.approx(2 * norm.cdf(-shift / 2), abs=0.03)


def test_far_apart_and_identical():
    grid = np.linspace(0, 1, 200)
    assert overlap_of(_scored(grid, grid)).coefficient == pytest.approx(1, abs=0.01)
    apart = overlap_of(_scored(grid + 50, grid))
    assert apart.coefficient < 1e-6
    assert apart.share_outside == apart.share_outside_overall == 1.0


def test_densities_integrate_to_one():
    overlap = overlap_of(_scored(np.linspace(0, 1, 300), np.linspace(-1, 2, 900)))
    step = overlap.grid[1] - overlap.grid[0]
    assert overlap.density_treated.sum() * step == pytest.approx(1, abs=1e-6)
    assert overlap.density_comparison.sum() * step == pytest.approx(1, abs=1e-6)


@pytest.mark.property
def test_sampling_weight_equals_repeated_rows():
    rng = np.random.default_rng(0)
    t, c = rng.normal(size=100), rng.normal(size=300)
    weights = rng.integers(1, 4, 300)
    weighted = overlap_of(
        _scored(t, c, sampling_weight=np.concatenate([np.ones(100), weights.astype(float)]))
    )
    # the bandwidth depends on the effective size, hence the tolerance
    repeated = overlap_of(_scored(t, np.repeat(c, weights)))
    assert weighted.coefficient == pytest.approx(repeated.coefficient, abs=0.02)
    plain = overlap_of(_scored(t, c))
    assert weighted.coefficient != plain.coefficient


def test_support_is_counted_inside_strata():
    t = np.array([0.5, 0.5, 3.0, 5.0])
    c = np.array([0.0, 1.0, 2.0, 4.0])
    strata = np.array([0, 2, 1, 1, 0, 0, 1, 1])
    overlap = overlap_of(_scored(t, c, strata=strata), margin=0.0)
    assert overlap.share_outside == 0.5
    assert overlap.share_outside_overall == 0.25
    assert overlap_of(_scored(t, c, strata=strata), margin=1.0).share_outside == 0.25


def test_a_distance_in_several_dimensions_is_refused():
    given, _ = made(1, fitted=False)
    with pytest.raises(EvaluationError, match="EVAL-471"):
        overlap_of(Held(given, np.ones(1500)))


def test_what_is_drawn_stops_before_the_extremes():
    rng = np.random.default_rng(2)
    overlap = overlap_of(_scored(rng.normal(size=200), rng.normal(size=2000)))
    lines = overlap.plot(language="en").get_lines()
    for line, (low, high) in zip(
        lines, (overlap.shown_treated, overlap.shown_comparison), strict=True
    ):
        assert line.get_xdata().min() >= low
        assert line.get_xdata().max() <= high
    few = overlap_of(_scored(rng.normal(size=8), rng.normal(size=2000)))
    assert not few.plot().get_lines()
    assert "secret" in few._repr_html_()
    assert overlap.to_dict() == {
        "coefficient": overlap.coefficient, "share_outside": overlap.share_outside,
    }  # fmt: skip


@pytest.mark.golden
@pytest.mark.parametrize("name", ["nsw_cps", "nhefs"])
def test_effective_size_of_reference(name):
    """ebal::ebalance: effective comparators of the entropy-balancing weights."""
    given, _ = real(name)
    found = weights_of(Held(given, entropy_balancing(given).weights))
    expected = golden(f"weights_{name}")["ebal_pkg"]["ess"]
    assert found.effective == pytest.approx(expected, rel=1e-5)
    assert found.effective_persons == pytest.approx(found.effective)


def test_weights_are_summed_by_person_first():
    given, _ = made(3, fitted=False, person=np.repeat(np.arange(750), 2))
    given = replace(given, treated=np.arange(1500) < 100)
    found = weights_of(Held(given, np.ones(1500)))
    assert found.effective == pytest.approx(1400)
    assert found.effective_persons == pytest.approx(700)
    assert found.persons == 700
    assert found.largest_share == pytest.approx(1 / 700)
    assert found.top_share == pytest.approx(0.01)
    assert found.lorenz_y[[0, 50, 100]] == pytest.approx([0, 0.5, 1])
    json.dumps(found.to_dict(), allow_nan=False)


def test_small_weights_tables_are_secret():
    given, _ = made(4, fitted=False)
    few = np.where(given.treated, 1.0, 0.0)
    few[np.flatnonzero(~given.treated)[:5]] = 1.0
    found = weights_of(Held(given, few))
    assert found._repr_html_().count("secret") == 5
    assert not found.plot().get_lines()
    many = weights_of(Held(given, np.ones(1500)))
    assert "secret" not in many._repr_html_()
    assert len(many.plot().get_lines()) == 2
    with pytest.raises(EvaluationError, match="EVAL-472"):
        weights_of(Held(given, np.where(given.treated, 1.0, 0.0)))


def test_entrants_kept_by_stratum_and_by_column():
    given, _ = made(5, fitted=False)
    weights = np.ones(1500)
    lost = np.flatnonzero(given.treated & (given.strata == 1))[:20]
    weights[lost] = 0.0
    found = kept_of(Held(given, weights))
    counts = np.bincount(given.strata[given.treated])
    np.testing.assert_array_equal(found.frame["entrants"], counts)
    np.testing.assert_array_equal(found.frame["kept"], counts - [0, 20, 0])
    assert found.share == pytest.approx(1 - 20 / given.treated.sum())
    by_group = kept_of(Held(given, weights), by=given.covariates["group"])
    assert list(by_group.frame["stratum"]) == ["a", "b", "c"]
    json.dumps(by_group.to_dict())
    with pytest.raises(EvaluationError, match="EVAL-470"):
        kept_of(Held(given, weights), by=given.covariates["group"].head(3))


def test_small_losses_are_secret():
    given, _ = made(6, fitted=False)
    weights = np.ones(1500)
    weights[np.flatnonzero(given.treated & (given.strata == 0))[:3]] = 0.0
    html = kept_of(Held(given, weights))._repr_html_()
    assert html.count("secret") == 1
    assert html.count("100 %") == 2


def test_summaries_in_both_languages():
    given, _ = made(7)
    held = Held(given, np.ones(1500))
    for result in (overlap_of(held), weights_of(held)):
        assert result.summary("fr") != result.summary("en")


def test_importing_the_room_stays_light():
    assert "Balance" in diagnostics.__all__
    with pytest.raises(AttributeError, match="balanse"):
        _ = diagnostics.balanse
