"""Inverse probability weighting: reference weights and errors, strata, estimands, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from evaluation.errors import EvaluationError
from evaluation.matching.algorithms.ipw import ipw
from evaluation.matching.score.propensity import fit_propensity
from tests.diagnostics.samples import (
    SAMPLES,
    difference,
    golden,
    made,
    problem,
    real,
    standard_error,
    taken,
)


@pytest.mark.golden
@pytest.mark.parametrize("name", SAMPLES)
def test_reference_weights_effect_and_error(name):
    """weightit(method = "glm", estimand = "ATT"); M-estimation standard error."""
    given, outcome = real(name, trim=None)
    weighted = ipw(given)
    expected = golden(f"weights_{name}")["w_ps_att"]
    share = weighted.weights / weighted.weights[~given.treated].sum()
    stored = np.array(expected["weights"]) / expected["sum"]
    np.testing.assert_allclose(share[expected["rows"]], stored, rtol=1e-6)
    assert difference(weighted.weights, given.treated, outcome) == pytest.approx(
        expected["att"], rel=1e-6
    )
    assert standard_error(given, weighted, outcome) == pytest.approx(expected["se"], rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_strata_receive_the_share_of_their_target(estimand):
    given, _ = made(1, estimand=estimand)
    weights = ipw(given).weights
    t = given.treated
    target = {"ATT": t, "ATC": ~t, "ATE": np.ones(1500, bool)}[estimand]
    aim = np.bincount(given.strata, given.sampling_weight * target)
    for arm in (t, ~t):
        shares = np.bincount(given.strata[arm], weights[arm])
        np.testing.assert_allclose(shares / shares.sum(), aim / aim.sum(), rtol=1e-12)


def test_normalisation_of_the_att():
    given, _ = made(2)
    weights = ipw(given).weights
    assert (weights[given.treated] == 1).all()
    comparison = weights[~given.treated]
    assert comparison.sum() == pytest.approx((comparison > 0).sum())


def test_overlap_weights_balance_the_score_model_exactly():
    """Li, Morgan & Zaslavsky (2018), theorem 3: means of the score's covariates are equal."""
    given, _ = made(3)
    plain = problem(given.covariates, given.treated, estimand="ATO", options={"trim": None})
    weights = ipw(plain).weights
    assert difference(weights, plain.treated, given.covariates["x"].to_numpy()) == pytest.approx(
        0, abs=1e-9
    )


@pytest.mark.property
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE", "ATO"])
def test_influence_matches_a_reweighted_fit(estimand):
    """Derivative of both means with respect to one row's weight, score fitted again."""
    given, outcome = made(4, estimand=estimand, options={"trim": None})

    def fitted(weights):
        score = fit_propensity(given.covariates, given.treated, weights=weights)
        return ipw(replace(given, sampling_weight=weights, score=score))

    weighted = fitted(given.sampling_weight)
    t = given.treated
    for arm in (t, ~t):
        own = np.where(arm, weighted.weights, 0.0)
        residual = np.where(arm, outcome - np.average(outcome, weights=own), 0.0)
        project = weighted.nuisance.project(weighted.nuisance.gradient(residual))
        influence = (own * residual + project) / own.sum()
        for row in (np.flatnonzero(t)[5], np.flatnonzero(~t)[9]):
            means = []
            for step in (-1e-4, 1e-4):
                changed = given.sampling_weight.copy()
                changed[row] *= 1 + step
                again = np.where(arm, fitted(changed).weights, 0.0)
                means.append(np.average(outcome, weights=again))
            found = (means[1] - means[0]) / 2e-4
            assert found == pytest.approx(influence[row], rel=1e-3, abs=3e-6)


@pytest.mark.property
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE", "ATO"])
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_gradient_is_the_derivative_of_the_weights(estimand, link):
    """Move the coefficients a little along a direction; both links, all estimands."""
    given, outcome = made(12, estimand=estimand, options={"trim": None})
    score = fit_propensity(given.covariates, given.treated, link=link)
    direction = np.array([0.3, -0.2, 0.5, 0.1, -0.4])[: len(score.coefficients)]
    inverse = (lambda z: 1 / (1 + np.exp(-z))) if link == "logit" else ndtr

    def weights(step):
        linear = score.linear + step * score.design_times(direction)
        moved = replace(score, linear=linear, probability=inverse(linear))
        return ipw(replace(given, score=moved))

    start = weights(0.0)
    for arm in (given.treated, ~given.treated):
        own = np.where(arm, start.weights, 0.0)
        mean = [np.average(outcome, weights=own * (given.strata == s)) for s in range(3)]
        pooled = np.average(outcome, weights=own)
        centre = np.full(1500, pooled) if estimand == "ATO" else np.array(mean)[given.strata]
        residual = np.where(arm, outcome - centre, 0.0)
        sums = [residual @ weights(step).weights for step in (-1e-5, 1e-5)]
        gradient = start.nuisance.gradient(residual)[: len(direction)]
        expected = (sums[1] - sums[0]) / 2e-5
        assert gradient @ direction == pytest.approx(expected, rel=1e-5, abs=1e-4)


@pytest.mark.property
def test_row_order_does_not_matter():
    given, _ = made(5)
    order = np.random.default_rng(1).permutation(1500)
    np.testing.assert_allclose(
        ipw(taken(given, order)).weights, ipw(given).weights[order], rtol=1e-8
    )


@pytest.mark.property
def test_duplicated_comparator_equals_weight_two():
    given, outcome = made(6, options={"trim": None})
    once = taken(given, np.arange(1500), sampling_weight=np.ones(1500))
    twice = np.flatnonzero(~given.treated)[:60]
    rows = np.concatenate([np.arange(1500), twice])
    repeated = taken(once, rows)
    heavy = np.ones(1500)
    heavy[twice] = 2.0
    doubled = taken(once, np.arange(1500), sampling_weight=heavy)
    first = difference(ipw(repeated).weights, repeated.treated, outcome[rows])
    second = difference(ipw(doubled).weights, doubled.treated, outcome)
    assert first == pytest.approx(second, abs=1e-10)
    assert first != pytest.approx(difference(ipw(once).weights, once.treated, outcome), abs=1e-7)


@pytest.mark.property
def test_no_effect_is_found_where_there_is_none():
    ratios = []
    for seed in range(30):
        given, outcome = made(seed + 100, n=700)
        weighted = ipw(given)
        error = standard_error(given, weighted, outcome)
        ratios.append(difference(weighted.weights, given.treated, outcome) / error)
    assert abs(np.mean(ratios)) < 3 / np.sqrt(30)
    assert 0.7 < np.std(ratios) < 1.3


def test_trim_caps_and_says_so():
    given, _ = made(7, options={"trim": 0.9})
    weighted = ipw(given)
    note = next(n for n in weighted.notes if n.code == "EVAL-457")
    assert note.data["count"] > 50
    whole = ipw(replace(given, options={"trim": None})).weights
    assert weighted.weights[~given.treated].max() < whole[~given.treated].max()


def test_extreme_weights_are_noted():
    given, _ = real("nsw_cps", trim=None)
    few = np.concatenate([np.arange(185), np.arange(185, 260)])
    with pytest.warns(UserWarning, match="EVAL-454"):
        weighted = ipw(taken(given, few))
    assert "EVAL-454" in [n.code for n in weighted.notes]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("EVAL-452", {"options": {"trim": 1.5}}),
        ("EVAL-452", {"options": {"trim": True}}),
        ("EVAL-455", {"score": None}),
        ("EVAL-451", {"estimand": "LATE"}),
    ],
)
def test_refusals(code, change):
    given, _ = made(8)
    with pytest.raises(EvaluationError) as error:
        ipw(replace(given, **change))
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")


def test_certain_entry_is_refused():
    given, _ = made(9)
    sure = replace(given.score, probability=np.where(given.treated, 1.0, given.score.probability))
    with pytest.raises(EvaluationError, match="EVAL-456"):
        ipw(replace(given, score=sure))
