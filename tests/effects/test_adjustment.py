"""Adjusted estimates: R's numbers, the derivative that a standard error is, honest refusals."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import estimate
from evaluation.effects.adjustment import adjusted_influence, read_adjustment, target_weights
from evaluation.effects.moments import arms_of
from evaluation.effects.variance import influence_covariance
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from tests.effects.build import golden, matched_of_golden
from tests.matching.data import COVARIATES, DATA

# on nsw_cps the interacted logistic model separates: R has no optimum, and no number stands there
GOLDEN = [(spec, name) for spec, found in golden("adjusted").items() if spec != "versions"
          for name in found]  # fmt: skip
MODELS = {
    "reg_main": ("linear", False),
    "gcomp_lm_interacted": ("linear", True),
    "adj_logit_main": ("logit", False),
    "adj_logit_interacted": ("logit", True),
}


def rows(seed: int = 0, n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.choice(list("abc"), n)
    treat = (rng.random(n) < 1 / (1 + np.exp(1.2 - 0.7 * x))).astype(int)
    chance = 1 / (1 + np.exp(1.0 - 0.8 * x - 0.3 * treat - 0.4 * (z == "b")))
    return pd.DataFrame({
        "treat": treat, "x": x, "z": z, "y": (rng.random(n) < chance).astype(int),
        "earned": 10 + 3 * x + 2 * treat + rng.normal(size=n),
    })  # fmt: skip


def matched_rows(method: str = "ipw", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            rows(), treatment="treat", covariates=["x", "z"], method=method, **options
        )


@pytest.mark.golden
@pytest.mark.parametrize(("spec", "name"), GOLDEN)
def test_adjusted_effects_and_errors_are_those_of_r(spec, name):
    data = spec.split("__")[0]
    matched, _ = matched_of_golden(spec)
    covariates = DATA[data]()[COVARIATES[data]]
    matched = dataclasses.replace(
        matched, problem=dataclasses.replace(matched.problem, covariates=covariates)
    )
    arms = arms_of(matched)
    model, interacted = MODELS[name]
    chosen = read_adjustment(matched, arms, True, model, interacted=interacted)
    want = golden("adjusted")[spec][name]
    means, influence = adjusted_influence(
        matched.frame[want["outcome"]].to_numpy(float), arms, chosen,
        target_weights(arms, "ATT"), averaging=False,
    )  # fmt: skip
    covariance, _ = influence_covariance(influence, arms, "CL_HC0")
    se = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if name == "gcomp_lm_interacted":
        count, coefficients = arms.used.sum(), 2 * (chosen.columns.shape[1] + 1)
        se *= np.sqrt((count - 1) / (count - coefficients))
    # glm stops at a relative change of 1e-8, and differentiates numerically
    near = {"linear": (1e-9, 1e-6), "logit": (1e-6, 1e-5)}[model]
    assert means[0] - means[1] == pytest.approx(want["estimate"], rel=near[0])
    assert se == pytest.approx(want["se"], rel=near[1])


@pytest.mark.property
@pytest.mark.parametrize("method", ["ipw", "entropy_balancing", "cbps"])
@pytest.mark.parametrize("outcome", ["y", "earned"])
def test_influence_is_the_derivative_of_the_estimate(method, outcome):
    """Give one row a little more sampling weight: the effect moves by its influence."""
    frame = rows().assign(weight=1.0)

    def run(table):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EvaluationWarning)
            matched = match_frame(
                table, treatment="treat", covariates=["x", "z"], method=method,
                sampling_weight="weight",
            )  # fmt: skip
            return estimate(matched, outcome, adjust=True)

    whole = run(frame)
    influence = whole.influence[:, 0] - whole.influence[:, 1]
    before = whole.difference.estimate
    for row in [0, 1, 2, 3, 4, 5, 6, 7]:
        moved = frame.copy()
        moved.loc[row, "weight"] = 1 + 1e-5
        change = (run(moved).difference.estimate - before) / 1e-5
        assert change == pytest.approx(influence[row], abs=2e-7 + 1e-4 * abs(influence[row]))


@pytest.mark.property
def test_without_imbalance_an_adjustment_narrows_and_does_not_move():
    frame = pd.concat([rows(1).assign(treat=arm) for arm in (0, 1)], ignore_index=True)
    frame["earned"] += 2.0 * frame["treat"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(frame, treatment="treat", covariates=["x", "z"], method="ipw")
    plain, adjusted = estimate(matched, "earned"), estimate(matched, "earned", adjust=["x"])
    assert adjusted.difference.estimate == pytest.approx(plain.difference.estimate, abs=1e-8)
    assert adjusted.rate_comparison.se < plain.rate_comparison.se


def test_named_columns_and_all_covariates():
    matched = matched_rows("nearest", caliper=0.5)
    both = estimate(matched, "y", adjust=["x", "z"])
    assert both.difference.estimate == estimate(matched, "y", adjust=True).difference.estimate
    assert both.difference.estimate != estimate(matched, "y").difference.estimate


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"adjust": "xx"}, "EVAL-540"),
        ({"adjust": 3}, "EVAL-516"),
        ({"adjust": []}, "EVAL-516"),
        ({"adjust": True, "adjust_model": "logistic"}, "EVAL-541"),
    ],
)
def test_wrong_choices_are_refused(options, code):
    with pytest.raises(EvaluationError) as caught:
        estimate(matched_rows(), "y", **options)
    assert caught.value.code == code


def test_what_an_adjustment_cannot_do_is_said():
    with pytest.raises(EvaluationError) as caught:
        estimate(matched_rows("nearest", replace=True), "y", adjust=True)
    assert caught.value.code == "EVAL-542"
    with pytest.raises(EvaluationError) as caught:
        estimate(matched_rows(), "earned", adjust=True, adjust_model="logit")
    assert caught.value.code == "EVAL-546"
    leak = rows().assign(leak=lambda f: f["y"] * 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(leak, treatment="treat", covariates=["x"], method="ipw")
    with pytest.raises(EvaluationError) as caught:
        estimate(matched, "y", adjust=["leak"])
    assert caught.value.code == "EVAL-545"
    few = rows(n=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(few, treatment="treat", covariates=["x"], method="ipw")
    extra = few.assign(**{f"c{k}": np.random.default_rng(k).normal(size=40) for k in range(30)})
    matched = dataclasses.replace(matched, frame=extra)
    with pytest.raises(EvaluationError) as caught:
        estimate(matched, "earned", adjust=[f"c{k}" for k in range(30)])
    assert caught.value.code == "EVAL-544"
    holes = dataclasses.replace(matched, frame=few.assign(age=np.nan))
    with pytest.raises(EvaluationError) as caught:
        estimate(holes, "earned", adjust=["age"])
    assert caught.value.code == "EVAL-543"
