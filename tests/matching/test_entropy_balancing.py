"""Entropy balancing: exact means, reference weights, honest refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching.algorithms.entropy_balancing import entropy_balancing
from evaluation.matching.engines.moments import independent, moment_matrix
from evaluation.matching.engines.tilt import tilt
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
@pytest.mark.parametrize(("reference", "tolerance"), [("ebal_pkg", 1e-5), ("w_ebal", 2e-4)])
def test_weights_of_reference(name, reference, tolerance):
    """ebal::ebalance and WeightIt (which stops at a mean difference of about 1e-5)."""
    given, _ = real(name)
    expected = golden(f"weights_{name}")[reference]
    ours = entropy_balancing(given).weights
    scale = given.treated.sum() / ours[~given.treated].sum()
    stored = np.array(expected["weights"]) * given.treated.sum() / expected["sum"]
    np.testing.assert_allclose(ours[expected["rows"]] * scale, stored, atol=tolerance)


@pytest.mark.golden
@pytest.mark.parametrize("name", SAMPLES)
def test_effect_and_error_of_reference(name):
    """WeightIt's inverse probability tilting solves the same equations to full precision."""
    given, outcome = real(name)
    weighted = entropy_balancing(given)
    expected = golden(f"weights_{name}")
    assert difference(weighted.weights, given.treated, outcome) == pytest.approx(
        expected["ebal_pkg"]["att"], rel=1e-6
    )
    assert standard_error(given, weighted, outcome) == pytest.approx(
        expected["w_ipt"]["se"], rel=1e-6
    )


@pytest.mark.golden
def test_published_estimate():
    """Imbens & Xu (2024), arXiv 2406.00827: entropy balancing 1406 on NSW against CPS-1."""
    given, outcome = real("nsw_cps")
    found = difference(entropy_balancing(given).weights, given.treated, outcome)
    assert round(found) == 1406


@pytest.mark.property
@pytest.mark.parametrize("moments", [1, 2])
def test_means_and_strata_shares_are_exact(moments):
    given, _ = made(1, options={"moments": moments}, fitted=False)
    weights = entropy_balancing(given).weights
    matrix = moment_matrix(given.covariates, moments=moments).matrix
    strata = (given.strata[:, None] == np.arange(3)).astype(float)
    t = given.treated
    for columns in (matrix, strata):
        reached = np.average(columns[~t], axis=0, weights=weights[~t])
        np.testing.assert_allclose(reached, columns[t].mean(axis=0), atol=1e-9)
    assert weights[~t].sum() == pytest.approx((weights[~t] > 0).sum())
    assert (weights[t] == 1).all()


@pytest.mark.property
def test_duplicated_comparator_equals_weight_two():
    given, outcome = made(2, fitted=False)
    single = np.where(given.treated, 1.0, 1.0)
    once = taken(given, np.arange(1500), sampling_weight=single, fitted=False)
    twice = np.flatnonzero(~given.treated)[:40]
    rows = np.concatenate([np.arange(1500), twice])
    repeated = taken(once, rows, fitted=False)
    heavy = single.copy()
    heavy[twice] = 2.0
    doubled = taken(once, np.arange(1500), sampling_weight=heavy, fitted=False)
    first = entropy_balancing(repeated).weights
    second = entropy_balancing(doubled).weights
    assert difference(first, repeated.treated, outcome[rows]) == pytest.approx(
        difference(second, doubled.treated, outcome), abs=1e-10
    )
    assert difference(first, repeated.treated, outcome[rows]) != pytest.approx(
        difference(entropy_balancing(once).weights, once.treated, outcome), abs=1e-6
    )


@pytest.mark.property
def test_row_order_and_units_do_not_matter():
    given, _ = made(3, fitted=False)
    before = entropy_balancing(given).weights
    order = np.random.default_rng(0).permutation(1500)
    np.testing.assert_allclose(
        entropy_balancing(taken(given, order, fitted=False)).weights, before[order], rtol=1e-7
    )
    changed = given.covariates.assign(x=1e4 - 250.0 * given.covariates["x"])
    moved = problem(changed, given.treated, strata=given.strata,
                    sampling_weight=given.sampling_weight, fitted=False)  # fmt: skip
    np.testing.assert_allclose(entropy_balancing(moved).weights, before, rtol=1e-7)


@pytest.mark.property
def test_influence_matches_a_reweighted_fit():
    """Derivative of the comparison mean with respect to one row's weight, by difference."""
    given, outcome = made(4, fitted=False)
    weighted = entropy_balancing(given)
    t = given.treated
    own = np.where(t, 0.0, weighted.weights)
    residual = np.where(t, 0.0, outcome - np.average(outcome, weights=own))
    project = weighted.nuisance.project(weighted.nuisance.gradient(residual))
    influence = (own * residual + project) / own.sum()
    for row in [np.flatnonzero(t)[7], np.flatnonzero(~t)[11]]:
        means = []
        for step in (-1e-4, 1e-4):
            weights = given.sampling_weight.copy()
            weights[row] *= 1 + step
            again = entropy_balancing(
                taken(given, np.arange(1500), sampling_weight=weights, fitted=False)
            ).weights
            means.append(np.average(outcome[~t], weights=again[~t]))
        assert (means[1] - means[0]) / 2e-4 == pytest.approx(influence[row], rel=1e-4)


def test_collinear_columns_change_nothing():
    given, _ = made(5, fitted=False)
    doubled = given.covariates.assign(again=3.0 * given.covariates["x"] - 1, constant=7.0)
    more = problem(doubled, given.treated, strata=given.strata,
                   sampling_weight=given.sampling_weight, fitted=False)  # fmt: skip
    np.testing.assert_allclose(
        entropy_balancing(more).weights, entropy_balancing(given).weights, rtol=1e-6
    )


def _arms(treated_x, comparison_x, **columns):
    x = np.concatenate([treated_x, comparison_x]).astype(float)
    treated = np.arange(len(x)) < len(treated_x)
    return problem(pd.DataFrame({"x": x, **columns}), treated, fitted=False)


def test_impossible_means_are_relaxed_and_said():
    given = _arms(np.linspace(2, 3, 30), np.linspace(0, 2.4, 200))
    with pytest.warns(EvaluationWarning) as caught:
        weighted = entropy_balancing(given)
    codes = [note.code for note in weighted.notes]
    assert "EVAL-462" in codes
    assert "EVAL-462" in [str(w.message)[1:9] for w in caught]
    assert np.isfinite(weighted.weights).all()
    reached = np.average(given.covariates["x"][30:], weights=weighted.weights[30:])
    assert 1.2 < reached < 2.5


def test_sparse_levels_are_joined_before_relaxing():
    """The only comparator at the rare level is so far off that its share would move every mean."""
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(0, 0.5, 60), rng.uniform(0, 1, 400)])
    level = np.array(["common"] * 460, dtype=object)
    level[:3] = "rare"
    level[60] = "rare"
    x[60] = -100.0
    given = problem(pd.DataFrame({"x": x, "level": pd.Categorical(level)}),
                    np.arange(460) < 60, fitted=False)  # fmt: skip
    with pytest.warns(EvaluationWarning):
        weighted = entropy_balancing(given)
    codes = [note.code for note in weighted.notes]
    assert "EVAL-461" in codes
    assert "EVAL-462" not in codes
    assert np.average(x[60:], weights=weighted.weights[60:]) == pytest.approx(x[:60].mean())


def test_levels_of_one_arm_only():
    rng = np.random.default_rng(4)
    level = rng.choice(["a", "b"], 300).astype(object)
    level[:6] = "treated only"
    level[100:110] = "comparators only"
    frame = pd.DataFrame({"x": rng.normal(size=300), "level": pd.Categorical(level)})
    with pytest.warns(EvaluationWarning):
        weighted = entropy_balancing(problem(frame, np.arange(300) < 60, fitted=False))
    notes = {note.code: note.data for note in weighted.notes}
    assert notes["EVAL-460"]["count"] == 10
    assert notes["EVAL-463"]["columns"] == ["level"]
    assert (weighted.weights[100:110] == 0).all()


def test_entrants_without_comparators_are_lost_with_their_reason():
    given, _ = made(6, fitted=False)
    strata = given.strata.copy()
    lonely = np.flatnonzero(given.treated)[:4]
    strata[lonely] = 9
    alone = problem(given.covariates, given.treated, strata=strata, fitted=False)
    weighted = entropy_balancing(alone)
    np.testing.assert_array_equal(weighted.reasons["stratum_empty"], lonely)
    assert (weighted.weights[lonely] == 0).all()


def test_refusals():
    given, _ = made(7, fitted=False)
    cases = {
        "EVAL-451": problem(given.covariates, given.treated, estimand="ATO", fitted=False),
        "EVAL-452": problem(given.covariates, given.treated, options={"moments": 0}, fitted=False),
        "EVAL-450": problem(given.covariates, given.treated,
                            strata=given.treated.astype(np.int64), fitted=False),
    }  # fmt: skip
    for code, case in cases.items():
        with pytest.raises(EvaluationError) as error:
            entropy_balancing(case)
        assert error.value.code == code
        assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")


def test_tilt_proves_that_there_are_no_weights():
    X = np.linspace(0.1, 1.0, 50)[:, None]
    found = tilt(X, base=np.ones(50), starts=np.array([0]), shares=np.ones(1))
    assert not found.converged
    assert found.iterations < 60


def test_independent_keeps_the_first_of_equal_columns():
    X = np.random.default_rng(0).normal(size=(50, 3))
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    gram = X.T @ X
    np.testing.assert_array_equal(independent(gram, np.diag(gram)), [True, True, True, False])
