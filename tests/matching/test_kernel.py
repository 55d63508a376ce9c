"""Kernel matching: the compiled sums against the double sum, bandwidth, bootstrap, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.matching.algorithms.kernel import kernel, within_bandwidth
from evaluation.matching.engines.kernel_sums import FAR, kernel_sums
from evaluation.matching.engines.smooth_match import layout, smooth_match
from tests.diagnostics.samples import difference, made, taken

SHAPES = ["epanechnikov", "gaussian"]


def shape_of(gap: np.ndarray, bandwidth: float, shape: str) -> np.ndarray:
    u = gap / bandwidth
    return np.exp(-0.5 * u * u) if shape == "gaussian" else np.maximum(0.0, 1 - u * u)


def plain(score, weight, treated, strata, t_weight, bandwidth, shape):
    """The definition, one treated at a time."""
    given = np.zeros(len(score))
    for i in np.flatnonzero(t_weight):
        same = ~treated & (strata == strata[i]) & (weight > 0)
        gap = np.abs(score - score[i])
        value = np.where(same, weight * shape_of(gap, bandwidth, shape), 0.0)
        nearest = gap[same].min()
        if nearest >= (FAR * bandwidth if shape == "gaussian" else bandwidth):
            value = np.where(same & (gap == nearest), weight, 0.0)
        given += t_weight[i] * value / value.sum()
    return given


@pytest.mark.property
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bandwidth", [0.003, 0.05, 0.4, 2.0, 40.0])
@pytest.mark.parametrize("digits", [0, 1, 2, 12])
def test_sums_are_the_double_sum(shape, bandwidth, digits):
    """Ties, empty windows, windows of everything, weights over several orders of magnitude."""
    rng = np.random.default_rng(int(1000 * bandwidth) + digits)
    at = np.sort(np.round(rng.normal(size=400), digits))
    points = np.sort(np.round(1.3 * rng.normal(size=3000), digits))
    mass = np.exp(2 * rng.normal(size=3000))
    found = kernel_sums(at, points, mass, bandwidth, shape == "gaussian", FAR)
    gap = np.abs(points - at[:, None])
    expected = (mass * shape_of(gap, bandwidth, shape)).sum(axis=1)
    if shape == "gaussian":
        expected[gap.min(axis=1) > FAR * bandwidth] = 0.0
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    np.testing.assert_allclose(found[expected > 1e-3], expected[expected > 1e-3], rtol=1e-10)


@pytest.mark.property
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bandwidth", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("digits", [1, 12])
def test_weights_follow_the_definition(shape, bandwidth, digits):
    """Strata, sampling weights, rows that a replication leaves out."""
    rng = np.random.default_rng(digits)
    n = 900
    score, strata = np.round(rng.normal(size=n), digits), rng.integers(0, 3, n)
    treated, base = rng.random(n) < 0.25, rng.uniform(0.5, 2, n)
    base[treated] = 1.0
    multiplier = rng.poisson(1.0, n).astype(float)
    plan = layout(treated, strata, base, window=within_bandwidth(treated, bandwidth, shape))
    found = smooth_match(plan, score, multiplier)
    deviation = np.sqrt(np.cov(score, fweights=multiplier.astype(int)))
    assert found.width == pytest.approx(bandwidth * deviation, rel=2e-3)
    weight = base * multiplier
    expected = plain(score, weight, treated, strata, found.treated, found.width, shape)
    np.testing.assert_allclose(found.comparison, expected, rtol=1e-8, atol=1e-10)
    assert found.comparison.sum() == pytest.approx(found.treated.sum())


def test_weights_stay_in_their_stratum():
    given, _ = made(1)
    weights = kernel(given).weights
    t = given.treated
    kept = np.bincount(given.strata[t], weights[t])
    shares = np.bincount(given.strata[~t], weights[~t])
    np.testing.assert_allclose(shares / shares.sum(), kept / kept.sum(), rtol=1e-10)
    assert set(np.unique(weights[t])) <= {0.0, 1.0}
    assert weights[~t].sum() == pytest.approx((weights[~t] > 0).sum())


@pytest.mark.parametrize(("shape", "factor"), [("gaussian", 1.0), ("epanechnikov", 2.2138)])
def test_default_bandwidth_is_silvermans_rule(shape, factor):
    given, _ = made(2, options={"kernel": shape})
    note = next(n for n in kernel(given).notes if n.code == "EVAL-497")
    t, s = given.treated, given.sampling_weight
    score = np.repeat(given.distance[~t], s[~t].astype(int))
    low, high = np.quantile(score, [0.25, 0.75], method="inverted_cdf")
    scale = min(np.std(score, ddof=1), (high - low) / 1.34)
    available = np.bincount(given.strata[~t])[given.strata[t]].mean()
    expected = 0.9 * scale * available**-0.2 * factor
    assert note.data["bandwidth"] == pytest.approx(expected, rel=1e-3)


def test_bandwidth_of_a_replication_is_that_of_the_rows_repeated():
    given, _ = made(3)
    counts = np.random.default_rng(0).poisson(1.0, 1500)
    rows = np.repeat(np.arange(1500), counts)

    def width(rows, multiplier):
        t, base = given.treated[rows], given.sampling_weight[rows]
        plan = layout(t, given.strata[rows], base, window=within_bandwidth(t, None, "gaussian"))
        return smooth_match(plan, given.distance[rows], multiplier).width

    drawn = width(np.arange(1500), counts.astype(float))
    assert drawn == pytest.approx(width(rows, np.ones(len(rows))), rel=1e-3)
    assert drawn == pytest.approx(width(np.arange(1500), np.ones(1500)), rel=0.1)


def test_canonical_factor_is_the_ratio_of_the_kernels_own_bandwidths():
    """Marron and Nolan (1988): (R(K) / mu2(K)²)^(1/5), Epanechnikov's over the Gaussian's."""
    from evaluation.matching.algorithms.kernel import CANONICAL

    gauss = (1 / (2 * np.sqrt(np.pi))) ** 0.2
    epanechnikov = (0.6 / 0.2**2) ** 0.2
    assert CANONICAL["epanechnikov"] == pytest.approx(epanechnikov / gauss, rel=1e-4)


@pytest.mark.parametrize("adjust", [True, False])
def test_unit_weights_replicate_the_estimate(adjust):
    given, outcome = made(4, options={"bias_adjust": adjust})
    weighted = kernel(given)
    outcomes = np.column_stack([outcome, 1 - outcome])
    found = weighted.replicate(outcomes, np.ones((len(outcome), 2)))
    assert found.shape == (2, 2, 2)
    np.testing.assert_allclose(found[0, 0], weighted.adjusted(outcome), rtol=1e-9)
    if not adjust:
        gap = difference(weighted.weights, given.treated, outcome)
        assert found[0, 0, 0] - found[0, 0, 1] == pytest.approx(gap, rel=1e-9)


@pytest.mark.property
def test_row_order_does_not_matter():
    given, outcome = made(6)
    order = np.random.default_rng(1).permutation(1500)
    moved = replace(taken(given, order), distance=given.distance[order])
    first, second = kernel(given), kernel(moved)
    np.testing.assert_allclose(second.weights, first.weights[order], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(second.adjusted(outcome[order]), first.adjusted(outcome), rtol=1e-7)


@pytest.mark.property
@pytest.mark.parametrize("shape", SHAPES)
def test_bootstrap_error_is_of_the_right_size(shape):
    """Standard error over repeated samples against the mean bootstrap error, no effect."""
    found, errors = [], []
    for seed in range(40):
        given, outcome = made(seed + 300, n=700, options={"kernel": shape})
        weighted = kernel(given)
        first, second = weighted.adjusted(outcome)
        counts = np.random.default_rng(seed).multinomial(700, np.full(700, 1 / 700), size=30)
        draws = weighted.replicate(outcome[:, None], counts.T.astype(float))[:, 0]
        found.append(first - second)
        errors.append((draws[:, 0] - draws[:, 1]).std(ddof=1))
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(40)
    assert 0.75 < np.mean(errors) / np.std(found) < 1.5


def test_entrants_beyond_all_comparators_are_left_out():
    given, _ = made(7)
    top = int(np.flatnonzero(given.treated)[0])
    linear = given.score.linear.copy()
    linear[top] = linear[~given.treated].max() + 1
    weighted = kernel(replace(given, score=replace(given.score, linear=linear)))
    assert top in weighted.reasons["outside_support"]
    assert weighted.weights[top] == 0


def test_a_given_distance_is_taken_as_known():
    given, _ = made(8)
    weighted = kernel(replace(given, score=None, distance_name="array"))
    assert "EVAL-468" in [n.code for n in weighted.notes]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("EVAL-451", {"estimand": "ATE"}),
        ("EVAL-403", {"options": {"bandwidth": 0}}),
        ("EVAL-403", {"options": {"bandwidth": True}}),
        ("EVAL-403", {"options": {"kernel": "uniform"}}),
        ("EVAL-403", {"options": {"bias_adjust": "x"}}),
        ("EVAL-458", {"distance": None, "score": None, "distance_name": "mahalanobis"}),
        ("EVAL-459", {"options": {"bias_adjust": ["flagg"]}}),
    ],
)
def test_refusals(code, change):
    given, _ = made(10)
    with pytest.raises(EvaluationError) as error:
        kernel(replace(given, **change))
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")
