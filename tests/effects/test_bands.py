"""Simultaneous bands: known critical values, joint coverage, and where they stand in the record."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evaluation.disclosure import protect
from evaluation.effects.bands import bands_of, joint_covariance, sup_t
from evaluation.effects.estimation import estimate_columns
from evaluation.effects.intervals import quantile
from evaluation.effects.moments import arms_of
from evaluation.effects.pooling import estimate_nation
from evaluation.results import Results
from tests.effects.build import matched_of
from tests.effects.cohorts import cohort_of, estimates_of, study_of


@pytest.mark.parametrize(
    ("correlation", "size", "want"),
    # Independent: Šidák. Pairs: the exact quantile of the larger of two correlated normals.
    [(0.0, 12, 2.858), (1.0, 12, 1.960), (0.5, 2, 2.212), (0.0, 1, 1.960)],
)
def test_critical_values_are_those_of_the_tables(correlation, size, want):
    matrix = np.full((size, size), correlation) + (1 - correlation) * np.eye(size)
    spread = np.arange(1, size + 1.0)
    found = sup_t(matrix * np.outer(spread, spread), level=0.95, seed=1, draws=200_000)
    assert found == pytest.approx(want, abs=0.01)


def test_the_draws_depend_on_the_seed_only():
    matrix = 0.5 + 0.5 * np.eye(4)
    assert sup_t(matrix, level=0.95, seed=3) == sup_t(matrix, level=0.95, seed=3)
    assert sup_t(matrix, level=0.95, seed=3) != sup_t(matrix, level=0.95, seed=4)
    moved = matrix + 1e-13 * np.eye(4)
    assert sup_t(moved, level=0.95, seed=3) == pytest.approx(sup_t(matrix, level=0.95, seed=3))


def walks(rng: np.random.Generator, sets: int = 150, months: int = 10) -> pd.DataFrame:
    """Return pairs whose outcomes cumulate, with no effect."""
    first = rng.geometric(0.05, (sets, 2)).ravel()
    return pd.DataFrame({f"y_{k}m": (first <= k).astype(int) for k in range(1, months + 1)})


def effects_of(frame: pd.DataFrame):
    rows = len(frame)
    matched = matched_of(
        frame, np.tile([True, False], rows // 2), np.ones(rows), sets=np.arange(rows) // 2
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimate_columns(matched, list(frame), strict=False)
    return {k + 1: effect for k, effect in enumerate(found.values())}, arms_of(matched)


@pytest.mark.property
def test_the_band_covers_all_months_as_often_as_it_says_and_single_limits_do_not():
    rng = np.random.default_rng(1)
    inside, alone = [], []
    for _ in range(400):
        effects, arms = effects_of(walks(rng))
        bands = bands_of(effects, arms, level=0.9, seed=1)
        inside.append(bool(((bands.low <= 0) & (bands.high >= 0)).all()))
        z = quantile(0.9)
        gaps = [abs(e.difference.estimate) <= z * e.difference.se for e in effects.values()]
        alone.append(all(gaps))
    assert 0.86 <= np.mean(inside) <= 0.945
    assert np.mean(alone) < 0.80


def test_the_joint_covariance_agrees_with_the_single_variances():
    rng = np.random.default_rng(2)
    effects, arms = effects_of(walks(rng))
    bands = bands_of(effects, arms, level=0.95, seed=1)
    errors = np.array([effect.difference.se for effect in effects.values()])
    psi = np.column_stack([e.influence[:, 0] - e.influence[:, 1] for e in effects.values()])
    own = np.sqrt(np.diag(joint_covariance(psi, arms, "set_person")))
    assert own == pytest.approx(errors)
    # a person in several sets
    shared = replace(arms, person=np.arange(len(arms.person)) % 100)
    crossed = joint_covariance(psi, shared, "set_person")
    assert np.linalg.eigvalsh(crossed).min() > -1e-12
    assert np.abs(crossed - joint_covariance(psi, arms, "set_person")).max() > 0
    assert quantile(0.95) <= bands.critical < quantile(0.95 ** (1 / 10))


def test_rows_in_another_order_give_the_same_band():
    frame = walks(np.random.default_rng(3))
    pairs = np.random.default_rng(4).permutation(len(frame) // 2)
    order = np.column_stack([2 * pairs, 2 * pairs + 1]).ravel()
    first = bands_of(*effects_of(frame), level=0.95, seed=1)
    second = bands_of(*effects_of(frame.iloc[order].reset_index(drop=True)), level=0.95, seed=1)
    assert second.critical == pytest.approx(first.critical, rel=1e-9)
    assert second.low == pytest.approx(first.low, rel=1e-9)


def test_months_without_events_have_no_band_and_spoil_no_other():
    frame = walks(np.random.default_rng(5))
    frame["y_1m"] = 0
    bands = bands_of(*effects_of(frame), level=0.95, seed=1)
    assert bands.months == tuple(range(2, 11))
    assert bands.limits(1) == (None, None)
    assert np.isfinite(bands.low).all()
    nothing = frame.assign(**dict.fromkeys(frame, 0))
    assert bands_of(*effects_of(nothing), level=0.95, seed=1) is None


def test_record_disclosure_and_results_carry_the_band():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = study_of(effects={"subgroups": ["sex"]})
        record = estimates_of(cohort_of(entrants=900, people=6000, study=study)).record
    for point in record["curve"]:
        figure = point["effect_points"]
        if figure["low"] is not None:
            assert figure["band_low"] < figure["low"] < figure["high"] < figure["band_high"]
    shown = protect(record, min_cell=11)
    assert shown["curve"]
    for point in shown["curve"]:
        assert set(point) == {"month", "rate_entrants", "rate_comparison", "effect_points"}
        figure = point["effect_points"]
        assert figure["band_low"] == round(figure["band_low"], 1) <= figure["low"]
        assert figure["band_high"] == round(figure["band_high"], 1) >= figure["high"]
    results = Results.of(shown)
    assert results.curve[-1].effect_points.band_low is not None
    old = json.loads(json.dumps(shown))
    for point in old["curve"]:
        del point["effect_points"]["band_low"], point["effect_points"]["band_high"]
    assert Results.of(old).curve[-1].effect_points.band_high is None


def test_the_national_band_is_that_of_the_weighted_sum():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = study_of(effects={"subgroups": ["sex"]})
        one = estimates_of(cohort_of(entrants=500, people=4000, study=study)).record
        two = estimates_of(cohort_of(seed=2, entrants=300, people=3000, region="94", study=study))
        alone = estimate_nation([one], study=study).record
        both = estimate_nation([one, two.record], study=study).record
    for mine, theirs in zip(one["curve"], alone["curve"], strict=True):
        for name in ("band_low", "band_high"):
            want = mine["effect_points"][name]
            assert theirs["effect_points"][name] == pytest.approx(want, rel=1e-9)
    for point in both["curve"]:
        figure = point["effect_points"]
        half = (figure["high"] - figure["low"]) / 2
        ratio = (figure["band_high"] - figure["band_low"]) / 2 / half
        assert 1 < ratio < quantile(0.95 ** (1 / 8)) / quantile(0.95) + 1e-9
