"""Matching with replacement and shared ties, and its Abadie-Imbens errors, against R's Matching.

Runs are named outcome (y continuous, b binary), distance (ps: linear score; covW1 and covW2: all
covariates, inverse variances and Mahalanobis), comparators (M1, M4), and whether the estimate is
adjusted for bias (raw, biasadj). `Match(..., replace = TRUE, ties = TRUE, Var.calc = 0)`.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

from evaluation.effects import estimate
from evaluation.effects.counterfactuals import counterfactuals
from evaluation.effects.replacement import abadie_imbens, conditional_variance, reuse_of
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import Matched, match_frame
from evaluation.matching.types import Problem
from tests.matching.data import COVARIATES, DATA, GOLDEN, TREATMENT, golden_linear

pytestmark = pytest.mark.golden


@cache
def runs(dataset: str) -> dict[str, Any]:
    text = (GOLDEN / f"abadie_imbens_{dataset}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)["runs"]
    return found


def outcome_of(dataset: str, kind: str) -> np.ndarray:
    frame = DATA[dataset]()
    if dataset == "nhefs":
        return frame["wt82_71" if kind == "y" else "death"].to_numpy(float)
    earnings = frame["re78"].to_numpy(float)
    return earnings if kind == "y" else (earnings > 0).astype(float)


RUNS = [(dataset, run) for dataset in DATA for run in runs(dataset) if "caliper" not in run]


@pytest.mark.parametrize(("dataset", "run"), RUNS)
def test_estimate_and_error_of_the_pairs_of_matching(dataset: str, run: str) -> None:
    want = runs(dataset)[run]
    sets = runs(dataset)["y" + run[1:].replace("biasadj", "raw")]["sets"]
    focal = np.concatenate([[row] * len(others) for row, *others in sets])
    other = np.concatenate([others for _, *others in sets])
    outcome = outcome_of(dataset, run[0])
    treated = DATA[dataset]()[TREATMENT[dataset]].to_numpy() == 1
    reuse = reuse_of(focal, other, rows=len(outcome))
    problem = problem_of(dataset, bias_adjust="biasadj" in run)
    values = counterfactuals(outcome[:, None], focal, other, problem)[:, 0]
    sigma2 = conditional_variance(outcome, reuse, neighbour=None, treated=treated, values=values)
    means, v = abadie_imbens(outcome, reuse, sigma2, values=values)
    assert means[0] - means[1] == pytest.approx(want["estimate"], rel=1e-9)
    assert np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1]) == pytest.approx(want["se"], rel=1e-9)


@cache
def problem_of(dataset: str, bias_adjust: bool) -> Problem:
    return with_ties(dataset, golden_linear(dataset), bias_adjust=bias_adjust).problem


def with_ties(dataset: str, distance: Any, **options: Any) -> Matched:
    frame = DATA[dataset]()
    frame = frame.assign(y=outcome_of(dataset, "y"), b=outcome_of(dataset, "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            frame, treatment=TREATMENT[dataset], covariates=COVARIATES[dataset],
            distance=distance, replace=True, ties=True, **options,
        )  # fmt: skip


@pytest.mark.parametrize("bias_adjust", [True, False])
@pytest.mark.parametrize("ratio", [1, 4])
@pytest.mark.parametrize("dataset", DATA)
def test_one_call_gives_pairs_estimate_and_error(
    dataset: str, ratio: int, bias_adjust: bool
) -> None:
    matched = with_ties(dataset, "logit", ratio=ratio, bias_adjust=bias_adjust)
    found = matched.pairs.groupby("treated")["comparison"].apply(sorted).to_dict()
    sets = runs(dataset)[f"y_ps_M{ratio}_raw"]["sets"]
    assert found == {row: sorted(others) for row, *others in sets}
    for kind in "yb":
        want = runs(dataset)[f"{kind}_ps_M{ratio}_{'biasadj' if bias_adjust else 'raw'}"]
        effect = estimate(
            matched, kind, variance="abadie_imbens_homoscedastic", score_estimated=False
        )
        assert effect.difference.estimate == pytest.approx(want["estimate"], rel=1e-9)
        assert effect.difference.se == pytest.approx(want["se"], rel=1e-9)


@pytest.mark.parametrize("dataset", DATA)
def test_a_caliper_loses_whom_matching_loses(dataset: str) -> None:
    """Matching keeps a lost row in the variance: as one more treated, its pair difference nil."""
    matched = with_ties(dataset, "logit", caliper=0.2)
    lost = {"nsw_cps": 0, "nhefs": 1}[dataset]
    assert len(matched.unmatched) == lost
    want = runs(dataset)["y_ps_M1_caliper02"]
    effect = estimate(matched, "y", variance="abadie_imbens_homoscedastic", score_estimated=False)
    assert effect.difference.estimate == pytest.approx(want["estimate"], rel=1e-9)
    every = int(matched.treated.sum())
    kept, gap = every - lost, effect.difference.estimate
    theirs = np.sqrt((effect.difference.se * kept) ** 2 + lost * gap**2) / every
    assert theirs == pytest.approx(want["se"], rel=1e-9)


def test_the_correction_for_a_score_is_refused_with_a_bias_adjustment() -> None:
    matched = with_ties("nhefs", "logit", bias_adjust=["age", "wt71"])
    with pytest.raises(EvaluationError, match="EVAL-548"):
        estimate(matched, "y")
    adjusted = estimate(matched, "y", score_estimated=False).difference
    plain = estimate(with_ties("nhefs", "logit"), "y", score_estimated=False).difference
    assert adjusted.estimate != plain.estimate
    assert adjusted.se == pytest.approx(plain.se, rel=0.1)
