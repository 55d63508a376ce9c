from __future__ import annotations

import numpy as np
import pytest

from evaluation.effects.intervals import fieller, ratio_interval, wald, wilson


def test_wilson_is_that_of_statsmodels_on_the_effective_size():
    from statsmodels.stats.proportion import proportion_confint

    p, n = 0.13, 480
    found = wilson(p, p * (1 - p) / n, 1.0, level=0.95)
    assert (found.low, found.high) == pytest.approx(proportion_confint(p * n, n, method="wilson"))
    doubled = wilson(p, 2 * p * (1 - p) / n, 1.0, level=0.95)
    assert (doubled.low, doubled.high) == pytest.approx(
        proportion_confint(p * n / 2, n / 2, method="wilson")
    )


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_wilson_keeps_an_interval_at_the_ends(rate):
    found = wilson(rate, 0.0, 50, level=0.95)
    assert found.se is None
    assert found.high - found.low == pytest.approx(0.0713, abs=1e-3)
    assert 0 <= found.low <= rate <= found.high <= 1


def test_published_ratio_widths():
    # 13 % against 10 %, n per arm, 1:1
    for n, low, high in [(500, -8, 84), (1000, 2, 66), (2000, 9, 55), (10_000, 20, 41)]:
        v = np.diag([0.13 * 0.87 / n, 0.10 * 0.90 / n])
        found = ratio_interval(np.array([0.13, 0.10]), v, level=0.95, p_value=None)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.6)
        assert found.fieller_low == pytest.approx(found.low, abs=12)


def test_fieller_solves_its_equation_and_is_unbounded_near_zero():
    means, v = np.array([0.13, 0.10]), np.array([[2e-4, 3e-5], [3e-5, 1e-4]])
    for limit in fieller(means, v, level=0.95):
        r = 1 + limit / 100
        gap = (means[0] - r * means[1]) ** 2
        spread = v[0, 0] - 2 * r * v[0, 1] + r**2 * v[1, 1]
        assert gap == pytest.approx(1.959964**2 * spread, rel=1e-5)
    assert fieller(np.array([0.13, 0.01]), v, level=0.95) == (None, None)
    found = ratio_interval(np.array([0.13, 0.01]), v, level=0.95, p_value=0.1)
    assert found.fieller_unbounded
    assert not found.unbounded


def test_a_ratio_on_a_zero_rate_is_unbounded():
    found = ratio_interval(np.array([0.1, 0.0]), np.eye(2) * 1e-4, level=0.95, p_value=0.01)
    assert found.estimate is None
    assert found.unbounded
    none = ratio_interval(np.array([0.0, 0.1]), np.eye(2) * 1e-4, level=0.95, p_value=0.01)
    assert none.estimate == -100
    assert none.unbounded
    assert none.low is None


def test_wald_without_variance_has_no_limits():
    for variance in (0.0, float("nan"), -1.0):
        found = wald(0.2, variance, level=0.95)
        assert (found.estimate, found.low, found.se, found.p_value) == (0.2, None, None, None)
