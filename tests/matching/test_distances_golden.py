"""Matching in several dimensions against MatchIt, on real data where many distances are equal."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from evaluation.matching import Matched
from evaluation.matching.engines.distances import METRICS, expand
from tests.matching.data import GOLDEN, golden
from tests.matching.test_golden import expected_pairs, pairs_of, run

pytestmark = pytest.mark.golden

SPECS: dict[str, dict[str, Any]] = {
    "mahal": {"distance": "mahalanobis"},
    "mahal_closest": {"distance": "mahalanobis", "order": "closest"},
    "mahal_replace": {"distance": "mahalanobis", "replace": True},
    "mahal_exact": {"distance": "mahalanobis", "exact": True},
    "robust_mahal": {"distance": "robust_mahalanobis"},
    "scaled_euclidean": {"distance": "scaled_euclidean"},
}
TIED = {"mahal": 3, "mahal_closest": 15, "mahal_replace": 2, "mahal_exact": 3,
        "scaled_euclidean": 2}  # fmt: skip
"""Treated rows of nsw_cps after whose equally near comparators the two matchings part."""
LONGER = {"mahal": 6, "mahal_closest": 11, "mahal_exact": 4, "mahal_replace": 2}
"""Treated rows of nhefs for which MatchIt passes a nearer comparator by."""


def theirs_of(dataset: str, name: str) -> dict[int, int]:
    specs = golden(dataset)["specs"]
    if name not in specs:
        specs = json.loads((GOLDEN / f"distances_{dataset}.json").read_text("utf-8"))["specs"]
    return {row: other for row, (other,) in expected_pairs(specs[name]).items()}


def passed_by(matched: Matched, pairs: dict[int, int], points: np.ndarray, name: str) -> list[int]:
    """Return the rows that did not take a nearest comparator among those free in their turn."""
    free, treated = ~matched.problem.treated, list(pairs)
    strata = matched.problem.strata
    gaps = {row: np.sqrt(((points - points[row]) ** 2).sum(axis=1)) for row in treated}
    if name == "mahal_closest":
        treated.sort(key=lambda row: gaps[row][pairs[row]])
    farther = []
    for place, row in enumerate(treated):
        rivals = treated[place:] if name == "mahal_closest" else [row]
        best = min(gaps[i][free & (strata == strata[i])].min() for i in rivals)
        if gaps[row][pairs[row]] > best + 1e-9:
            farther.append(row)
        free[pairs[row]] = name == "mahal_replace"
    return farther


@pytest.fixture(params=SPECS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def matched_and_points(dataset: str, name: str) -> tuple[Matched, np.ndarray]:
    matched = run(dataset, SPECS[name])
    problem = matched.problem
    return matched, METRICS[problem.distance_name](problem.covariates, problem.treated, None)


def test_both_take_the_nearest_and_part_only_where_distances_are_equal(name: str) -> None:
    matched, points = matched_and_points("nsw_cps", name)
    mine, theirs = pairs_of(matched), theirs_of("nsw_cps", name)
    mine = {row: other for row, (other,) in mine.items()}
    assert mine.keys() == theirs.keys()
    assert passed_by(matched, mine, points, name) == []
    assert passed_by(matched, theirs, points, name) == []
    assert sum(mine[row] != theirs[row] for row in theirs) == TIED.get(name, 0)
    if name == "mahal_replace":
        for row, other in theirs.items():
            gaps = [np.linalg.norm(points[i] - points[row]) for i in (mine[row], other)]
            assert gaps[0] == pytest.approx(gaps[1], abs=1e-12)


def test_on_a_singular_covariance_only_matchit_passes_nearer_comparators_by(name: str) -> None:
    matched, points = matched_and_points("nhefs", name)
    mine, theirs = pairs_of(matched), theirs_of("nhefs", name)
    assert passed_by(matched, {row: m for row, (m,) in mine.items()}, points, name) == []
    assert len(passed_by(matched, theirs, points, name)) == LONGER.get(name, 0)
    if name == "mahal_replace":
        total = [sum(np.linalg.norm(points[i] - points[np.atleast_1d(j)[0]]) for i, j in p.items())
                 for p in (mine, theirs)]  # fmt: skip
        assert total[0] < total[1]
    if name in ("robust_mahal", "scaled_euclidean"):
        assert mine == {row: [other] for row, other in theirs.items()}


@pytest.mark.parametrize("spec", LONGER)
def test_the_unfinished_rows_of_the_factor_explain_all_of_it(spec: str) -> None:
    """A pivoted Cholesky factor of rank 14 of 19 whose last five rows were left as they were."""
    from scipy.linalg.lapack import dpstrf

    matched, points = matched_and_points("nhefs", spec)
    treated = matched.problem.treated
    X = expand(matched.problem.covariates)
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    centred = X.copy()
    for arm in (treated, ~treated):
        centred[arm] -= X[arm].mean(axis=0)
    covariance = centred.T @ centred / (len(X) - 2)
    inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    factor, pivot, rank, _ = dpstrf((inverse + inverse.T) / 2)
    assert (rank, len(factor)) == (14, 19)
    unfinished = X @ np.triu(factor)[:, np.argsort(pivot)].T
    theirs = theirs_of("nhefs", spec)
    assert passed_by(matched, theirs, unfinished, spec) == []
    assert passed_by(matched, theirs, points, spec) != []
