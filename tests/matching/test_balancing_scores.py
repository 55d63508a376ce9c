"""Covariate-balancing score and stable weights: exact equations, influence, honest refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError
from evaluation.matching import match_frame
from evaluation.matching.algorithms.cbps import cbps
from evaluation.matching.algorithms.entropy_balancing import entropy_balancing
from evaluation.matching.algorithms.stable import _system, stable
from evaluation.matching.engines.quadratic_dual import solve_dual
from evaluation.matching.engines.usable_strata import usable_strata
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

METHODS = {"cbps": cbps, "stable": stable}
OPTIONS = {"cbps": {}, "stable": {"tolerance": 0.05}}


def levels_of(given):
    """Return numbers and all levels as columns (n, q)."""
    return pd.get_dummies(given.covariates, dtype=float).to_numpy(float)


@pytest.mark.golden
@pytest.mark.parametrize("name", SAMPLES)
def test_balancing_score_against_reference(name):
    """WeightIt's inverse probability tilting has the same ATT equations, solved to the end."""
    given, outcome = real(name)
    weighted = cbps(given)
    expected = golden(f"weights_{name}")["w_ipt"]
    found = difference(weighted.weights, given.treated, outcome)
    assert found == pytest.approx(expected["att"], rel=1e-6)
    assert standard_error(given, weighted, outcome) == pytest.approx(expected["se"], rel=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize("name", SAMPLES)
def test_balancing_score_has_the_weights_of_entropy_balancing(name):
    given, _ = real(name)
    np.testing.assert_allclose(
        cbps(given).weights, entropy_balancing(given).weights, rtol=1e-5, atol=1e-7
    )


@pytest.mark.property
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_balancing_score_makes_means_and_strata_equal(estimand):
    given, _ = made(1, fitted=False, estimand=estimand)
    weights = cbps(given).weights
    columns = np.column_stack([levels_of(given), given.strata[:, None] == np.arange(3)])
    t = given.treated
    first, second = (np.average(columns[arm], axis=0, weights=weights[arm]) for arm in (t, ~t))
    np.testing.assert_allclose(first, second, atol=1e-8)
    if estimand != "ATE":
        focal = t if estimand == "ATT" else ~t
        aim = np.average(columns[focal], axis=0, weights=given.sampling_weight[focal])
        np.testing.assert_allclose(first, aim, atol=1e-8)


@pytest.mark.property
@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.1])
def test_stable_weights_are_optimal(tolerance):
    """The conditions of optimality hold: means within bounds, multipliers where they bind."""
    given, _ = made(2, fitted=False, options={"tolerance": tolerance})
    system = _system(given, usable_strata(given.treated, given.strata, given.sampling_weight))
    bound = tolerance * system.scale
    found = solve_dual(system.design, system.base, system.target, bound)
    gap = found.means - system.target
    assert found.converged
    assert (np.abs(gap) <= bound + 1e-8).all()
    binding = found.multipliers != 0
    np.testing.assert_allclose(
        gap[binding], -(np.sign(found.multipliers) * bound)[binding], atol=1e-8
    )
    linear = system.design.times(found.multipliers)
    np.testing.assert_allclose(found.weights, system.base * np.maximum(linear, 0), atol=1e-12)


@pytest.mark.property
def test_stable_weights_against_a_general_solver():
    from scipy.optimize import LinearConstraint, minimize

    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 2))
    treated = np.arange(60) < 20
    x[treated] += 0.4
    given = problem(
        pd.DataFrame(x, columns=["a", "b"]), treated, fitted=False, options={"tolerance": 0.1}
    )
    ours = stable(given).weights[~treated]
    ours = ours / ours.sum()
    spread = x[treated].std(axis=0)
    aim = x[treated].mean(axis=0)
    rows = np.vstack([np.ones(40), x[~treated].T])
    limits = LinearConstraint(
        rows, np.append(1, aim - 0.1 * spread), np.append(1, aim + 0.1 * spread)
    )
    theirs = minimize(
        lambda w: w @ w, np.full(40, 1 / 40), jac=lambda w: 2 * w, bounds=[(0, None)] * 40,
        constraints=limits, method="trust-constr", options={"gtol": 1e-10, "maxiter": 3000},
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs.x, atol=2e-5)
    assert ours @ ours <= theirs.x @ theirs.x + 1e-9


@pytest.mark.property
@pytest.mark.parametrize(
    ("name", "tolerance", "near"),
    # the standard deviations of a bound count as known, so that it moves a little on its own
    [("cbps", None, 1e-6), ("stable", 0.0, 1e-6), ("stable", 0.05, 3e-4)],
)
@pytest.mark.parametrize("estimand", ["ATT", "ATC"])
def test_influence_is_the_derivative_of_the_estimate(name, tolerance, near, estimand):
    """Give one row a little more weight: the estimate moves by that row's influence."""
    options = {} if tolerance is None else {"tolerance": tolerance}
    given, outcome = made(3, n=600, fitted=False, estimand=estimand, options=options)
    weighted = METHODS[name](given)
    influence = np.zeros(600)
    for sign, arm in ((1, given.treated), (-1, ~given.treated)):
        own = np.where(arm, weighted.weights, 0.0)
        residual = np.where(arm, outcome - np.average(outcome, weights=own), 0.0)
        part = own * residual + weighted.nuisance.project(weighted.nuisance.gradient(residual))
        influence += sign * part / own.sum()
    before = difference(weighted.weights, given.treated, outcome)
    for row in [*np.flatnonzero(given.treated)[:3], *np.flatnonzero(~given.treated)[:5]]:
        more = given.sampling_weight.copy()
        more[row] *= 1 + 1e-5
        moved = METHODS[name](dataclasses.replace(given, sampling_weight=more))
        change = (difference(moved.weights, given.treated, outcome) - before) / 1e-5
        assert change == pytest.approx(influence[row], abs=near)


@pytest.mark.property
@pytest.mark.parametrize("name", METHODS)
def test_row_order_and_units_do_not_matter(name):
    given, _ = made(4, fitted=False, options=OPTIONS[name])
    before = METHODS[name](given).weights
    order = np.random.default_rng(0).permutation(1500)
    moved = METHODS[name](taken(given, order, fitted=False)).weights
    np.testing.assert_allclose(moved, before[order], rtol=1e-6, atol=1e-9)
    changed = given.covariates.assign(x=1e4 - 250.0 * given.covariates["x"])
    other = problem(changed, given.treated, strata=given.strata,
                    sampling_weight=given.sampling_weight, fitted=False,
                    options=OPTIONS[name])  # fmt: skip
    np.testing.assert_allclose(METHODS[name](other).weights, before, rtol=1e-6, atol=1e-9)


def test_unreachable_means_are_refused_by_name():
    x = np.r_[np.full(20, 5.0) + np.arange(20) / 20, np.arange(40) / 40]
    given = problem(pd.DataFrame({"age": x}), np.arange(60) < 20, fitted=False,
                    options={"tolerance": 0.02})  # fmt: skip
    for run, code in ((cbps, "EVAL-482"), (stable, "EVAL-485")):
        with pytest.raises(EvaluationError) as caught:
            run(given)
        assert caught.value.code == code
        assert "age" in str(caught.value)


def test_stable_names_the_tolerance_that_is_possible():
    x = np.r_[np.linspace(1.0, 2.1, 20), np.linspace(0.0, 1.5, 40)]
    given = problem(pd.DataFrame({"age": x}), np.arange(60) < 20, fitted=False,
                    options={"tolerance": 0.01})  # fmt: skip
    with pytest.raises(EvaluationError) as caught:
        stable(given)
    assert caught.value.code == "EVAL-484"
    wider = caught.value.faults[0].data["wider"]
    weights = stable(dataclasses.replace(given, options={"tolerance": wider})).weights
    gap = np.average(x[20:], weights=weights[20:]) - x[:20].mean()
    assert abs(gap) <= wider * x[:20].std() + 1e-8


def test_a_level_that_no_entrant_has_receives_no_weight():
    given, _ = made(5, fitted=False)
    group = given.covariates["group"].astype(str).to_numpy().astype(object)
    alone = ~given.treated & (given.covariates["x"].to_numpy() > 1.5)
    group[alone] = "d"
    frame = given.covariates.assign(group=pd.Categorical(group), treat=given.treated.astype(int))
    matched = match_frame(frame, treatment="treat", covariates=["x", "flag", "group"],
                          method="cbps")  # fmt: skip
    assert (matched.weights.to_numpy()[alone] == 0).all()
    assert [note.code for note in matched.notes if note.code == "EVAL-483"] == ["EVAL-483"]


@pytest.mark.parametrize(("name", "estimand"), [("cbps", "ATO"), ("stable", "ATE")])
def test_other_estimands_are_refused(name, estimand):
    given, _ = made(0, fitted=False, estimand=estimand, options=OPTIONS[name])
    with pytest.raises(EvaluationError) as caught:
        METHODS[name](given)
    assert caught.value.code == "EVAL-451"


@pytest.mark.parametrize("tolerance", [-0.1, 2, True, "x"])
def test_illegal_tolerance(tolerance):
    given, _ = made(0, fitted=False, options={"tolerance": tolerance})
    with pytest.raises(EvaluationError) as caught:
        stable(given)
    assert caught.value.code == "EVAL-452"
