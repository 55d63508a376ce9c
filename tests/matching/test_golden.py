"""Nearest-neighbour matching and its score against R's, on real data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationWarning
from evaluation.matching import Matched, fit_propensity, match_frame
from tests.matching.data import COVARIATES, DATA, EXACT, TREATMENT, golden, golden_linear

pytestmark = pytest.mark.golden

SPECS: dict[str, dict[str, Any]] = {
    "nn_default_prob": {"distance": "probability"},
    "nn_largest": {},
    "nn_smallest": {"order": "smallest"},
    "nn_data": {"order": "data"},
    "nn_closest": {"order": "closest"},
    "nn_farthest": {"order": "farthest"},
    "nn_replace": {"replace": True},
    "nn_reuse3": {"reuse_max": 3},
    "nn_k3": {"ratio": 3},
    "nn_k3_replace": {"ratio": 3, "replace": True},
    "nn_varratio": {"ratio": 2, "max_ratio": 4},
    "nn_cal02": {"caliper": 0.2},
    "nn_cal02_closest": {"caliper": 0.2, "order": "closest"},
    "nn_cal02_replace": {"caliper": 0.2, "replace": True},
    "nn_cal02_k3": {"caliper": 0.2, "ratio": 3},
    "nn_cal_raw": {"caliper": "0.02 on the probability", "distance": "probability"},
    "nn_cal_var": {"caliper": 0.2, "caliper_covariates": {"age": 0.25}},
    "nn_exact": {"exact": True},
    "nn_cal02_exact": {"caliper": 0.2, "exact": True},
    "nn_cal02_exact_closest": {"caliper": 0.2, "exact": True, "order": "closest"},
    "nn_discard_both": {"discard": "both"},
    "nn_discard_treated": {"discard": "treated"},
    "nn_atc": {"estimand": "ATC"},
    "mahal_ps_caliper": {"caliper": 0.2, "within_caliper": True},
    "robust_mahal": {"distance": "robust_mahalanobis"},
}
INSIDE = {
    "nsw_cps": ["age", "education", "re74", "re75"],
    "nhefs": ["age", "smokeintensity", "smokeyrs", "wt71"],
}
EXCHANGED = 12
"""Focal rows of nsw_cps whose match may differ when the score is fitted here rather than in R."""


def run(dataset: str, options: dict[str, Any]) -> Matched:
    options = dict(options)
    if options.get("exact"):
        options["exact"] = [EXACT[dataset]]
    if options.get("within_caliper"):
        options["within_caliper"] = INSIDE[dataset]
    if isinstance(options.get("caliper"), str):
        probability = 1 / (1 + np.exp(-golden_linear(dataset)))
        options["caliper"] = 0.02 / float(np.std(probability, ddof=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            DATA[dataset](),
            treatment=TREATMENT[dataset],
            covariates=COVARIATES[dataset],
            **options,
        )


def pairs_of(matched: Matched) -> dict[int, list[int]]:
    focal, other = "treated", "comparison"
    if matched.estimand == "ATC":
        focal, other = other, focal
    return matched.pairs.groupby(focal)[other].apply(sorted).to_dict()


def expected_pairs(spec: dict[str, Any]) -> dict[int, list[int]]:
    return {row: sorted(others) for row, *others in spec["pairs"]}


def on_score_of_r(dataset: str, name: str) -> Matched:
    """Run a specification on R's own score, so that ties are told apart as R does."""
    options = dict(SPECS[name])
    linear = golden_linear(dataset)
    distance = options.get("distance", "logit")
    if distance in ("logit", "probability"):
        options["distance"] = linear if distance == "logit" else 1 / (1 + np.exp(-linear))
    return run(dataset, options)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("dataset", DATA)
def test_pairs_and_weights_are_those_of_matchit(dataset: str, name: str) -> None:
    spec = golden(dataset)["specs"][name]
    matched = on_score_of_r(dataset, name)
    assert pairs_of(matched) == expected_pairs(spec)
    weights = matched.weights.to_numpy()
    used = sorted({row for pair in spec["pairs"] for row in pair})
    assert np.flatnonzero(weights).tolist() == used
    others = {int(row): value for row, value in spec["weights_not_one"].items()}
    expected = [others.get(row, 1.0) for row in used]
    np.testing.assert_allclose(weights[used], expected, rtol=1e-10)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("dataset", DATA)
def test_the_score_fitted_here_leads_to_the_same_pairs(dataset: str, name: str) -> None:
    """On nsw_cps ages one year apart give equal distances, decided by the last bit of the score."""
    mine = pairs_of(run(dataset, SPECS[name]))
    theirs = expected_pairs(golden(dataset)["specs"][name])
    assert mine.keys() == theirs.keys()
    different = [row for row in theirs if mine[row] != theirs[row]]
    assert len(different) <= (EXCHANGED if dataset == "nsw_cps" else 0)
    if SPECS[name].get("replace"):
        score = golden_linear(dataset)
        for row in different:
            gaps = [np.sort(np.abs(score[pairs[row]] - score[row])) for pairs in (mine, theirs)]
            np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-7)


@pytest.mark.parametrize("name", ["nn_largest", "nn_k3", "nn_replace", "nn_cal02_exact"])
@pytest.mark.parametrize("dataset", DATA)
def test_counts_effect_and_balance_follow(dataset: str, name: str) -> None:
    spec = golden(dataset)["specs"][name]
    matched = on_score_of_r(dataset, name)
    summary = matched.summary()
    assert summary.loc["matched"].tolist() == spec["n"]["Matched"]
    np.testing.assert_allclose(
        summary.loc["matched_effective"], spec["n"]["Matched (ESS)"], rtol=1e-10
    )
    treated, weights = matched.problem.treated, matched.weights.to_numpy()
    outcome = DATA[dataset]()[spec["effect"]["outcome"]].to_numpy(float)
    means = [np.average(outcome[arm], weights=weights[arm]) for arm in (treated, ~treated)]
    assert means[0] - means[1] == pytest.approx(spec["effect"]["estimate"], rel=1e-9)
    score = matched.problem.distance
    difference = [np.average(score[arm], weights=weights[arm]) for arm in (treated, ~treated)]
    standardised = (difference[0] - difference[1]) / np.std(score[treated], ddof=1)
    assert standardised == pytest.approx(spec["smd_after"]["distance"], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dataset", DATA)
def test_score_is_that_of_glm(dataset: str) -> None:
    stored = golden(dataset)["score"]
    frame = DATA[dataset]()
    model = fit_propensity(frame[COVARIATES[dataset]], frame[TREATMENT[dataset]].to_numpy() == 1)
    assert model.converged
    assert model.penalty == 0
    np.testing.assert_allclose(model.linear, golden_linear(dataset), atol=1e-8)
    rows, values = np.transpose(stored["every_50th"])
    np.testing.assert_allclose(model.linear[rows.astype(int)], values, atol=1e-8)
    named = dict(zip(model.names, model.coefficients, strict=True))
    errors = model.summary()["standard_error"].to_dict()
    for name, value in stored["coefficients"].items():
        own = _our_name(name, named)
        assert named[own] == pytest.approx(value, rel=1e-6, abs=1e-8)
        assert errors[own] == pytest.approx(stored["standard_errors"][name], rel=1e-4)


def _our_name(name: str, known: dict[str, float]) -> str:
    return name if name in known else f"{name[:-2]}[{name[-2:]}]"


@pytest.mark.parametrize("dataset", DATA)
def test_score_is_that_of_statsmodels(dataset: str) -> None:
    frame = DATA[dataset]()
    rng = np.random.default_rng(3)
    weights = rng.integers(1, 4, len(frame)).astype(float)
    treated = frame[TREATMENT[dataset]].to_numpy() == 1
    model = fit_propensity(frame[COVARIATES[dataset]], treated, weights=weights)
    reference = model.statsmodels()
    np.testing.assert_allclose(reference.params, model.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(reference.bse, model.summary()["standard_error"], rtol=1e-5)
    np.testing.assert_allclose(reference.fittedvalues, model.probability, atol=1e-8)


def test_formula_gives_the_same_match_as_the_list() -> None:
    frame = DATA["nhefs"]()
    right = " + ".join(COVARIATES["nhefs"])
    by_list = run("nhefs", {"caliper": 0.2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        by_formula = match_frame(frame, formula=f"qsmk ~ {right}", caliper=0.2)
        expanded = match_frame(frame, formula=f"qsmk ~ {right} + I(age ** 2)", caliper=0.2)
    pd.testing.assert_series_equal(by_list.weights, by_formula.weights)
    assert len(expanded.score.names) == len(by_list.score.names) + 1
