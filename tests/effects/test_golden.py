"""Numbers of R 4.2.2: MatchIt 4.7.2, sandwich 3.1-1, marginaleffects 0.32.0, Matching 4.10-15."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.effects import estimate
from evaluation.effects.confounder import (
    adjusted_se,
    benchmark_strength,
    design_columns,
    least_squares,
    omitted_bias,
)
from evaluation.effects.replacement import abadie_imbens, conditional_variance, reuse_of
from evaluation.effects.sensitivity import e_value, mcnemar_bound
from tests.effects.build import dataset, golden, matched_of_golden

pytestmark = pytest.mark.golden

SPECS = ["nsw_cps__nn_largest", "nsw_cps__nn_k3", "nhefs__nn_largest", "nhefs__nn_cal02_k3"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("kind", ["continuous", "binary"])
@pytest.mark.parametrize("variance", ["CL_HC0", "CL_HC1", "HC0", "HC1"])
def test_difference_in_means_and_its_errors_are_those_of_r(spec, kind, variance):
    # lm(outcome ~ treat, weights); sandwich::vcovCL(~subclass) and vcovHC
    matched, expected = matched_of_golden(spec)
    want = expected[kind]
    effect = estimate(matched, want["outcome"], variance=variance)
    assert effect.difference.estimate == pytest.approx(want["estimate"], rel=1e-8)
    assert effect.difference.se == pytest.approx(want["se"][variance], rel=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_auto_is_the_cluster_of_sets_when_every_row_is_a_person(spec):
    matched, expected = matched_of_golden(spec)
    effect = estimate(matched, expected["continuous"]["outcome"])
    assert effect.variance == "set_person"
    assert effect.difference.se == pytest.approx(expected["continuous"]["se"]["CL_HC0"], rel=1e-9)


@pytest.mark.parametrize("spec", SPECS)
def test_log_ratio_and_its_error_are_those_of_marginaleffects(spec):
    # avg_comparisons(glm, comparison = "lnratioavg", vcov = ~subclass)
    matched, expected = matched_of_golden(spec)
    want = expected["binary"]["log_ratio"]
    effect = estimate(matched, expected["binary"]["outcome"])
    limits = [np.log1p(limit / 100) for limit in (effect.uplift.low, effect.uplift.high)]
    assert np.log1p(effect.uplift.estimate / 100) == pytest.approx(want["estimate"], rel=1e-6)
    assert limits == pytest.approx([want["lo"], want["hi"]], rel=1e-5)


@pytest.mark.parametrize("spec", SPECS)
def test_e_value_is_that_of_r(spec):
    expected = golden(spec)["binary"]["rr"]
    assert e_value(expected["rr"]) == pytest.approx(expected["evalue_point"], rel=1e-9)


def test_mcnemar_bounds_are_exact():
    want = golden("nsw_cps__nn_largest")["mcnemar"]
    pairs = want["treated1_control0"], want["treated0_control1"]
    for bound in want["exact_by_hand"]:
        found = mcnemar_bound(pairs[0], sum(pairs), gamma=bound["Gamma"])
        assert found == pytest.approx(bound["p_upper_one_sided"], rel=1e-9)


@pytest.mark.parametrize(
    "run", ["nsw_cps__ai_y_ps_M1_raw", "nsw_cps__ai_y_ps_M4_raw", "nhefs__ai_y_ps_M1_raw",
            "nsw_cps__ai_y_covW1_M1_raw"],
)  # fmt: skip
def test_abadie_imbens_is_that_of_matching(run):
    # Match(..., replace = TRUE, ties = TRUE, Var.calc = 0): ties share weight
    frame, treatment = dataset(run)
    want = golden(run)
    outcome = frame["re78" if treatment == "treat" else "wt82_71"].to_numpy(float)
    focal, other = np.array(want["treated_row"]), np.array(want["control_row"])
    share = np.array(want["weight"])
    share = share / np.bincount(focal, share)[focal]
    reuse = reuse_of(focal, other, rows=len(frame), share=share)
    treated = frame[treatment].to_numpy() == 1
    sigma2 = conditional_variance(outcome, reuse, neighbour=None, treated=treated)
    means, v = abadie_imbens(outcome, reuse, sigma2)
    assert means[0] - means[1] == pytest.approx(want["estimate"], rel=1e-9)
    se = np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1])
    assert se == pytest.approx(want["se"], rel=1e-6)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_hidden_confounder_bounds_are_those_of_sensemakr(place):
    # sensemakr(lm(re78 ~ treat + covariates, matched rows), benchmark_covariates = "re75")
    matched, expected = matched_of_golden("nsw_cps__nn_largest")
    frame = matched.frame[matched.weights.to_numpy() > 0]
    names = ["age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75"]
    covariates = frame[names].assign(u74=frame["re74"] == 0, u75=frame["re75"] == 0)
    rest, _ = design_columns(covariates, drop="re75")
    treated, outcome = frame["treat"].to_numpy(float), frame["re78"].to_numpy(float)
    ones = np.ones(len(frame))
    benchmark = frame["re75"].to_numpy(float)
    on_treatment = least_squares(treated, np.column_stack([benchmark, rest]), 0, ones)
    design = np.column_stack([benchmark, treated, rest])
    on_outcome = least_squares(outcome, design, 0, ones)
    main = least_squares(outcome, design, 1, ones)
    want = expected["sensemakr"]
    assert main.coefficient == pytest.approx(want["stats"][0]["estimate"], rel=1e-8)
    assert main.se == pytest.approx(want["stats"][0]["se"], rel=1e-8)
    bound = want["bounds"][place]
    strength = benchmark_strength(on_treatment, on_outcome, multiple=place + 1)
    assert strength.with_treatment == pytest.approx(bound["r2dz.x"], rel=1e-6)
    assert strength.with_outcome == pytest.approx(bound["r2yz.dx"], rel=1e-6)
    moved = main.coefficient - omitted_bias(main.se, main.dof, strength)
    assert moved == pytest.approx(bound["adjusted_estimate"], rel=1e-8)
    assert adjusted_se(main.se, main.dof, strength) == pytest.approx(bound["adjusted_se"], rel=1e-6)
