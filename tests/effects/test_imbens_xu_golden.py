"""Published estimates on the treated of the NSW against CPS-1, to the printed unit.

Imbens and Xu (2024), LaLonde (1986) after nearly four decades, arXiv:2406.00827. Nearest neighbours
are sought in covariates scaled by their inverse variances, as `Matching::Match` does by default,
with its homoscedastic error. Their errors of weighted means take weights as known: ``HC0`` here.
Three printed figures are not ours to the unit, and each test says so: the score (1410), the
placebo of entropy balancing (-1228) and the error of the outcome model (624).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import Effect, estimate
from evaluation.errors import EvaluationWarning
from evaluation.matching import Matched, match_frame
from tests.effects.build import matched_of, nsw_cps

pytestmark = pytest.mark.golden
COVARIATES = ["age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75",
              "u74", "u75"]  # fmt: skip
BEFORE = [name for name in COVARIATES if name not in ("re75", "u75")]
NEAREST = {"distance": "scaled_euclidean", "ratio": 5, "replace": True, "ties": True,
           "bias_adjust": True}  # fmt: skip


def rows() -> pd.DataFrame:
    frame = nsw_cps()
    return frame.assign(u74=(frame["re74"] == 0).astype(int), u75=(frame["re75"] == 0).astype(int))


def effect_of(covariates: list[str], outcome: str, variance: str, **options: Any) -> Effect:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(rows(), treatment="treat", covariates=covariates, **options)
        return estimate(matched, outcome, variance=variance)


def unweighted() -> Matched:
    frame = rows()
    return matched_of(
        frame, frame["treat"].to_numpy() == 1, np.ones(len(frame)), covariates=frame[COVARIATES],
        family="moment_weights", method="ipw",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("covariates", "outcome", "estimate_", "se"),
    [(COVARIATES, "re78", 1729, 815), (BEFORE, "re75", -1466, 352)],
)
def test_five_nearest_neighbours_with_ties_and_bias_adjustment(covariates, outcome, estimate_, se):
    found = effect_of(covariates, outcome, "abadie_imbens_homoscedastic", **NEAREST).difference
    assert (round(found.estimate), round(found.se)) == (estimate_, se)


@pytest.mark.parametrize("metric", ["mahalanobis", "robust_mahalanobis"])
def test_no_other_metric_gives_the_published_matches(metric):
    options = NEAREST | {"distance": metric}
    found = effect_of(COVARIATES, "re78", "abadie_imbens_homoscedastic", **options).difference
    assert abs(found.estimate - 1729) > 200


def test_entropy_balancing():
    found = effect_of(COVARIATES, "re78", "HC0", method="entropy_balancing").difference
    assert (round(found.estimate), round(found.se)) == (1406, 655)


def test_entropy_balancing_on_the_placebo_up_to_the_balance_that_their_solver_left():
    found = effect_of(BEFORE, "re75", "HC0", method="entropy_balancing").difference
    assert found.estimate == pytest.approx(-1228, abs=1)
    assert round(found.se) == 298


def test_the_exactly_identified_score_is_entropy_balancing_and_theirs_is_over_identified():
    cbps = effect_of(COVARIATES, "re78", "HC0", method="cbps").difference
    exact = effect_of(COVARIATES, "re78", "HC0", method="entropy_balancing").difference
    assert cbps.estimate == pytest.approx(exact.estimate, rel=1e-6)
    assert cbps.estimate == pytest.approx(1410, abs=5)
    assert round(cbps.se) == 655


def test_difference_in_means():
    found = estimate(unweighted(), "re78", variance="HC0").difference
    assert (round(found.estimate), round(found.se)) == (-8498, 582)


def test_regression_with_common_slopes():
    found = estimate(
        unweighted(), "re78", adjust=True, adjust_model="linear", interacted=False, variance="HC1"
    ).difference
    assert (round(found.estimate), round(found.se)) == (1066, 627)


def test_linear_outcome_model():
    """The error printed is 624; ours, the covariates of the treated being a sample, is 631."""
    found = estimate(
        unweighted(), "re78", adjust=True, adjust_model="linear", variance="HC0"
    ).difference
    assert round(found.estimate) == 1133
    assert round(found.se) == 631
