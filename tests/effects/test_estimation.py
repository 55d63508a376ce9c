from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import estimate
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching.types import Nuisance
from tests.effects.build import matched_of, pairs_frame


def test_identities_hold():
    matched, frame = pairs_frame(np.random.default_rng(1), sets=400, ratio=3)
    effect = estimate(matched, "y")
    assert effect.points is not None
    difference = effect.rate_treated.estimate - effect.rate_comparison.estimate
    assert effect.difference.estimate == pytest.approx(difference, abs=1e-15)
    assert effect.points.estimate == pytest.approx(100 * difference)
    assert effect.points.se == pytest.approx(100 * effect.difference.se)
    assert effect.additional.estimate == pytest.approx(400 * difference)
    ratio = effect.rate_treated.estimate / effect.rate_comparison.estimate
    assert effect.uplift.estimate == pytest.approx(100 * (ratio - 1))
    assert effect.uplift.p_value == effect.points.p_value
    assert effect.rate_treated.estimate == frame.loc[frame.treated == 1, "y"].mean()
    v = effect.covariance
    assert effect.difference.se**2 == pytest.approx(v[0, 0] + v[1, 1] - 2 * v[0, 1])
    assert effect.influence.sum(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert effect.support.entrants == 400
    assert effect.support.comparators == 1200


@pytest.mark.property
def test_rows_in_another_order_give_the_same_effect():
    matched, frame = pairs_frame(np.random.default_rng(2), sets=150, ratio=2)
    order = np.random.default_rng(3).permutation(len(frame))
    person = np.arange(len(frame)) // 2
    first = matched_of(frame, frame.treated == 1, np.ones(len(frame)), person=person,
                       sets=matched.subclass.to_numpy())  # fmt: skip
    shuffled = frame.iloc[order].reset_index(drop=True)
    second = matched_of(shuffled, shuffled.treated == 1, np.ones(len(frame)), person=person[order],
                        sets=matched.subclass.to_numpy()[order])  # fmt: skip
    a, b = estimate(first, "y"), estimate(second, "y")
    assert a.difference.estimate == pytest.approx(b.difference.estimate, abs=1e-14)
    assert a.difference.se == pytest.approx(b.difference.se, rel=1e-12)
    assert a.uplift.high == pytest.approx(b.uplift.high, rel=1e-10)


@pytest.mark.property
def test_every_row_twice_as_the_same_person_and_set_changes_nothing_but_the_count():
    matched, frame = pairs_frame(np.random.default_rng(4), sets=200)
    rows = len(frame)
    twice = pd.concat([frame, frame], ignore_index=True)
    sets = np.tile(matched.subclass.to_numpy(), 2)
    same = matched_of(twice, twice.treated == 1, np.ones(2 * rows), sets=sets,
                      person=np.tile(np.arange(rows), 2))  # fmt: skip
    apart = np.concatenate([matched.subclass, matched.subclass + 1000])
    naive = matched_of(twice, twice.treated == 1, np.ones(2 * rows), sets=apart)
    once = estimate(matched, "y").difference.se
    assert estimate(same, "y").difference.se == pytest.approx(once, rel=1e-12)
    assert estimate(naive, "y").difference.se == pytest.approx(once / np.sqrt(2), rel=0.01)


@pytest.mark.property
def test_a_person_in_many_sets_raises_the_variance():
    rng = np.random.default_rng(5)
    sets, people = 300, 60
    trait = (rng.random(people) < 0.3).astype(float)
    chosen = rng.integers(people, size=sets)
    frame = pd.DataFrame({"treated": np.repeat([1, 0], sets)})
    frame["y"] = np.concatenate([(rng.random(sets) < 0.3).astype(float), trait[chosen]])
    labels = np.tile(np.arange(sets), 2)
    person = np.concatenate([1000 + np.arange(sets), chosen])
    apart = matched_of(frame, frame.treated == 1, np.ones(len(frame)), sets=labels)
    shared = matched_of(frame, frame.treated == 1, np.ones(len(frame)), sets=labels, person=person)
    alone, together = estimate(apart, "y"), estimate(shared, "y")
    assert together.rate_comparison.se > 1.8 * alone.rate_comparison.se
    assert together.difference.se > alone.difference.se
    assert together.rate_treated.se == pytest.approx(alone.rate_treated.se, rel=0.01)


@pytest.mark.property
def test_two_way_is_the_sum_and_never_below_one_way():
    from evaluation.effects.clusters import clustered, clusters_of, cross_products, two_way

    rng = np.random.default_rng(6)
    for _ in range(30):
        psi = rng.normal(size=(80, 2))
        sets, persons = (clusters_of(rng.integers(n, size=80)) for n in (20, 50))
        v = two_way(psi, sets, persons)
        ones = [clustered(psi, sets), clustered(psi, persons)]
        total = ones[0] + ones[1] - cross_products(psi) * (80 / 79)
        contrast = np.array([1.0, -1.0])
        lower = max(contrast @ one @ contrast for one in ones)
        # The matrix may be raised a little more to stay positive semi-definite.
        assert contrast @ v @ contrast >= max(lower, contrast @ total @ contrast) - 1e-9
        assert np.linalg.eigvalsh(v)[0] > -1e-9


@pytest.mark.property
def test_a_null_effect_is_rejected_about_five_times_in_a_hundred():
    rng = np.random.default_rng(7)
    rejected = 0
    for _ in range(400):
        matched, _ = pairs_frame(rng, sets=150, ratio=2)
        effect = estimate(matched, "y")
        rejected += effect.difference.excludes_zero
    assert 0.025 <= rejected / 400 <= 0.08


def test_stacked_estimating_equations_are_those_of_a_two_stage_fit():
    # Weights exp(theta) in one arm's half, theta estimated by a mean: derivative known by hand.
    rng = np.random.default_rng(8)
    n = 400
    treated = np.arange(n) < 200
    x = (rng.random(n) < 0.5).astype(float)
    y = rng.normal(size=n) + x
    theta = x[treated].mean()
    weights = np.where(treated, 1.0, np.where(x == 1, theta, 1 - theta))
    nuisance = Nuisance(
        gradient=lambda r: np.array([np.sum(r * np.where(treated, 0, 2 * x - 1))]),
        project=lambda g: g[0] * np.where(treated, x - theta, 0) / treated.sum(),
    )
    frame = pd.DataFrame({"y": y})
    matched = matched_of(frame, treated, weights, family="score_weights", nuisance=nuisance)
    effect = estimate(matched, "y")

    def by_hand(outcome: np.ndarray, share: float) -> float:
        w = np.where(x == 1, share, 1 - share)[~treated]
        return float(np.sum(w * outcome[~treated]) / w.sum())

    slope = (by_hand(y, theta + 1e-6) - by_hand(y, theta - 1e-6)) / 2e-6
    own = weights * (y - by_hand(y, theta)) * ~treated / weights[~treated].sum()
    want = own + slope * np.where(treated, x - theta, 0) / 200
    assert effect.influence[:, 1] == pytest.approx(want, abs=1e-8)
    fixed = estimate(matched, "y", variance="HC0")
    assert fixed.difference.se != pytest.approx(effect.difference.se, rel=1e-3)


def test_bootstrap_draws_persons_and_agrees_with_the_analytic_error():
    rng = np.random.default_rng(9)
    treated = np.repeat([True, False], [300, 900])
    y = (rng.random(1200) < 0.3).astype(float)
    frame = pd.DataFrame({"y": y})

    def replicate(outcomes: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
        found = np.empty((multiplier.shape[1], outcomes.shape[1], 2))
        for k, rows in enumerate((treated, ~treated)):
            m = multiplier[rows]
            found[:, :, k] = (m.T @ outcomes[rows]) / m.sum(axis=0)[:, None]
        return found

    matched = matched_of(frame, treated, np.ones(1200), family="smooth", replicate=replicate,
                         method="radius", adjusted=lambda o: (o[treated].mean(), 0.25))  # fmt: skip
    effect = estimate(matched, "y", seed=3)
    p = [y[treated].mean(), y[~treated].mean()]
    assert effect.rate_comparison.estimate == 0.25
    analytic = np.sqrt(p[0] * (1 - p[0]) / 300 + p[1] * (1 - p[1]) / 900)
    assert effect.difference.se == pytest.approx(analytic, rel=0.2)
    assert estimate(matched, "y", seed=3).difference.se == effect.difference.se
    assert estimate(matched, "y", seed=4).difference.se != effect.difference.se


@pytest.mark.parametrize(
    ("family", "variance", "code"),
    [("sets", "bootstrap", "EVAL-507"), ("replacement", "bootstrap", "EVAL-507"),
     ("sets", "sandwich", "EVAL-506"), ("score_weights", "CL_HC0", "EVAL-506"),
     ("smooth", "abadie_imbens", "EVAL-506"), ("sets", "CL_HC3", "EVAL-505")],
)  # fmt: skip
def test_illegal_variances_are_refused(family, variance, code):
    frame = pd.DataFrame({"y": [1.0, 0, 1, 0], "treated": [1, 1, 0, 0]})
    matched = matched_of(frame, frame.treated == 1, np.ones(4), family=family)
    with pytest.raises(EvaluationError) as error:
        estimate(matched, "y", variance=variance)
    assert error.value.code == code
    if code == "EVAL-507":
        assert "2008" in error.value.text("en")


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [("z", None, "EVAL-501"), ("y", [1, np.nan, 0, 0], "EVAL-502"),
     ("y", ["a", "b", "c", "d"], "EVAL-503"), ("age", None, "EVAL-510")],
)  # fmt: skip
def test_bad_outcomes_are_named(column, values, code):
    frame = pd.DataFrame({"y": values or [1, 0, 0, 1], "age": [1.0, 2, 3, 4]})
    matched = matched_of(frame, np.array([1, 1, 0, 0]), np.ones(4), covariates=frame[["age"]])
    with pytest.raises(EvaluationError) as error:
        estimate(matched, column)
    assert error.value.code == code
    assert column in error.value.text("fr")


def test_an_empty_arm_is_refused_and_a_single_cluster_has_no_interval():
    frame = pd.DataFrame({"y": [1.0, 0, 1, 0]})
    treated = np.array([1, 1, 0, 0])
    with pytest.raises(EvaluationError, match="EVAL-504"):
        estimate(matched_of(frame, treated, np.array([1, 1, 0, 0])), "y")
    with pytest.warns(UserWarning, match="EVAL-509"):
        effect = estimate(matched_of(frame, treated, np.ones(4), sets=np.zeros(4)), "y")
    assert effect.withheld == "one_cluster"
    assert effect.points.low is None


@pytest.mark.parametrize(
    ("y", "reason"),
    [([0, 0, 0, 0, 0, 0], "constant"), ([1, 1, 1, 1, 1, 1], "constant"),
     ([0, 0, 0, 1, 0, 1], "no_events"), ([1, 0, 1, 0, 0, 0], "no_events"),
     ([1, 1, 1, 0, 1, 0], "no_events")],
)  # fmt: skip
def test_outcomes_without_variation_are_withheld_not_nan(y, reason):
    frame = pd.DataFrame({"y": np.array(y, dtype=float)})
    matched = matched_of(frame, np.array([1, 1, 1, 0, 0, 0]), np.ones(6),
                         sets=np.array([0, 1, 2, 0, 1, 2]))  # fmt: skip
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        effect = estimate(matched, "y")
    assert effect.withheld == reason
    assert [w.category for w in seen] == [EvaluationWarning]
    assert effect.difference.se is None
    assert effect.difference.low is None
    numbers = effect.summary().to_numpy()
    assert effect.rate_treated.low is not None
    assert np.isfinite(numbers[:3, 0]).all()


def test_displays_hide_small_counts():
    matched, _ = pairs_frame(np.random.default_rng(1), sets=30)
    assert "secret" in estimate(matched, "y")._repr_html_()
    large, _ = pairs_frame(np.random.default_rng(1), sets=300)
    effect = estimate(large, "y")
    assert "secret" not in effect._repr_html_()
    assert "secret" in estimate(large, "y", min_cell=1000)._repr_html_()


def test_plot_of_a_protected_effect_shows_no_number():
    import matplotlib as mpl

    mpl.use("Agg")
    matched, _ = pairs_frame(np.random.default_rng(1), sets=30)
    axes = estimate(matched, "y").plot()
    assert [text.get_text() for text in axes.texts] == ["secret"]
    assert not axes.lines
