from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation.effects.confounder import (
    Strength,
    confounder_like,
    least_squares,
    omitted_bias,
)
from evaluation.effects.moments import arms_of
from evaluation.effects.pooled_parts import pooled_near_cut
from evaluation.effects.robustness import near_cut_of
from evaluation.effects.sensitivity import (
    e_value_of_limit,
    independent_sets,
    mcnemar_bound,
    rosenbaum_gamma,
    sets_bound,
)
from tests.effects.build import matched_of, pairs_frame


def test_e_value_of_an_interval_that_holds_one_is_one():
    assert e_value_of_limit(0.9, 1.4) == 1
    assert e_value_of_limit(1.2, 1.4) == pytest.approx(1.2 + np.sqrt(1.2 * 0.2))
    assert e_value_of_limit(0.5, 0.8) == pytest.approx(1.25 + np.sqrt(1.25 * 0.25))


def test_gamma_is_where_the_bound_crosses_the_level():
    matched, frame = pairs_frame(np.random.default_rng(1), sets=600, effect=0.2)
    gamma = rosenbaum_gamma(frame["y"].to_numpy(), arms_of(matched))
    assert gamma is not None
    assert gamma > 1.2
    wide = frame["y"].to_numpy().reshape(-1, 2)
    own, other = int((wide[:, 0] > wide[:, 1]).sum()), int((wide[:, 0] < wide[:, 1]).sum())
    assert mcnemar_bound(own, own + other, gamma=gamma) == pytest.approx(0.025, abs=1e-6)


def test_gamma_is_one_without_effect_and_mirrors_a_negative_one():
    none, frame = pairs_frame(np.random.default_rng(2), sets=300)
    assert rosenbaum_gamma(frame["y"].to_numpy(), arms_of(none)) == 1.0
    matched, frame = pairs_frame(np.random.default_rng(3), sets=600, effect=0.2)
    positive = rosenbaum_gamma(frame["y"].to_numpy(), arms_of(matched))
    assert rosenbaum_gamma(1 - frame["y"].to_numpy(), arms_of(matched)) == positive


def test_sets_of_several_agree_with_pairs_in_large_numbers():
    events, sizes = np.ones(2000, dtype=int), np.full(2000, 2)
    for gamma in (1.0, 1.1):
        exact = mcnemar_bound(1060, 2000, gamma=gamma)
        assert sets_bound(events, sizes, 1060, gamma=gamma) == pytest.approx(exact, abs=2e-3)


def test_independent_sets_share_no_person():
    frame = pd.DataFrame({"y": [0.0] * 6})
    matched = matched_of(frame, np.array([1, 0, 1, 0, 1, 0]), np.ones(6),
                         sets=np.array([0, 0, 1, 1, 2, 2]),
                         person=np.array([1, 2, 3, 2, 4, 3]))  # fmt: skip
    rows = independent_sets(arms_of(matched))
    # Set 1 loses its comparator to set 0; set 2's comparator is the treated person of set 1.
    assert rows.tolist() == [True, True, False, False, False, False]


def test_omitted_bias_is_the_bias_of_a_known_confounder():
    rng = np.random.default_rng(4)
    n = 20_000
    hidden, x = rng.normal(size=n), rng.normal(size=n)
    treated = 0.5 * x + 0.4 * hidden + rng.normal(size=n)
    outcome = 1.0 * treated + x + 0.7 * hidden + rng.normal(size=n)
    ones = np.ones(n)
    short = least_squares(outcome, np.column_stack([treated, ones, x]), 0, ones)
    long = least_squares(outcome, np.column_stack([treated, ones, x, hidden]), 0, ones)
    on_treatment = least_squares(treated, np.column_stack([hidden, ones, x]), 0, ones)
    on_outcome = least_squares(outcome, np.column_stack([hidden, ones, x, treated]), 0, ones)
    strength = Strength(on_treatment.partial_r2, on_outcome.partial_r2)
    bias = omitted_bias(short.se, short.dof, strength)
    assert bias == pytest.approx(abs(short.coefficient - long.coefficient), rel=1e-6)


def test_least_squares_drops_collinear_columns():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(500, 2))
    y = x @ [1.0, 2.0] + rng.normal(size=500)
    ones = np.ones(500)
    plain = least_squares(y, np.column_stack([x, ones]), 0, ones)
    redundant = np.column_stack([x, ones, x[:, 1] * 2, 3 * ones])
    assert least_squares(y, redundant, 0, ones).se == pytest.approx(plain.se)


def test_a_constant_benchmark_has_no_strength():
    frame = pd.DataFrame({"age": np.arange(50.0)})
    flat = np.zeros(50)
    treated = (np.arange(50) % 2).astype(float)
    assert confounder_like(flat, treated, treated, frame, np.ones(50), name="rsa") is None


def test_near_cut_shares_both_arms_hires_and_says_nothing_without_any():
    near = {"es47": {"count": 3, "share": 0.1, "persons": 2}}
    other = {"es47": {"count": 9, "share": 0.05, "persons": 8}}
    quality = {"entrants": {"hires": 30, "near_cut": near},
               "comparators": {"hires": 170, "near_cut": other}}  # fmt: skip
    found = near_cut_of(quality, "es47")
    assert found["near_cut_share"] == 12 / 200
    assert (found["near_cut"]["count"], found["near_cut"]["persons"]) == (12, 10)
    assert found["near_cut"]["arms"]["entrants"] == {"hires": 30, **near["es47"]}
    for nothing in (near_cut_of({}, "es47"), near_cut_of(quality, "training")):
        assert nothing["near_cut_share"] is None
        assert nothing["near_cut"]["hires"] == 0


def test_the_nation_adds_the_hires_near_the_cut_of_its_territories():
    rows = [{"near_cut": {"hires": 200, "count": 12, "persons": 10}},
            {"near_cut": {"hires": 800, "count": 8, "persons": 8}}]  # fmt: skip
    found = pooled_near_cut(rows)
    assert found["near_cut_share"] == 20 / 1000
    assert found["near_cut"] == {"hires": 1000, "count": 20, "persons": 18}
    empty = pooled_near_cut([{"near_cut": {"hires": 0, "count": 0, "persons": 0}}])
    assert empty["near_cut_share"] is None
