from __future__ import annotations

import numpy as np
import pytest

from evaluation.effects.heterogeneity import (
    funnel_limits,
    generalised_q,
    morris_shrinkage,
    paule_mandel,
    q_profile,
    random_effects,
    rank_limits,
)

# BCG vaccine trials (Colditz et al. 1994): log relative risks and variances, metafor::dat.bcg
BCG = np.array(
    [-0.8893113339202054, -1.5853886572014306, -1.348073148299693, -1.4415511900213054,
     -0.2175473222112957, -0.786115585818864, -1.6208982235983924, 0.011952333523841173,
     -0.4694176487381487, -1.3713448034727846, -0.33935882833839015, 0.4459134005713783,
     -0.017313948216879493]
)  # fmt: skip
BCG_V = np.array(
    [0.3255847650039614, 0.19458112139814387, 0.41536796536796533, 0.020010031902247573,
     0.05121017216963086, 0.0069056184559087574, 0.22301724757231517, 0.003961579297707107,
     0.056434210463320165, 0.07302479361302891, 0.012412213971610165, 0.5325058452001528,
     0.0714046596839863]
)  # fmt: skip


def test_bcg_trials_give_the_published_summary():
    # metafor: rma(yi, vi, method = "PM", test = "knha"); Q = 152.2330, I2 by Q = 92.12 %
    found = random_effects(BCG, BCG_V)
    assert found.q == pytest.approx(152.2330, abs=1e-3)
    assert found.i2 == pytest.approx(92.12, abs=0.01)
    assert found.tau2 == pytest.approx(0.3180, abs=1e-3)
    # confint(rma(yi, vi)): tau2 in [0.1197, 1.1115]
    assert (found.tau2_low, found.tau2_high) == pytest.approx((0.1197, 1.1115), abs=1e-3)
    assert found.prediction_low < found.mean.low < found.mean.high < found.prediction_high


def test_paule_mandel_solves_its_equation():
    tau2 = paule_mandel(BCG, BCG_V)
    assert generalised_q(BCG, BCG_V, tau2) == pytest.approx(12)
    assert paule_mandel(np.full(5, 2.0), np.ones(5)) == 0
    assert q_profile(np.full(5, 2.0), np.ones(5), level=0.95) == (0.0, 0.0)


def test_the_mean_is_never_narrower_than_fixed_effects():
    found = random_effects(np.full(6, 2.0), np.full(6, 0.5))
    assert found.mean.se == pytest.approx(np.sqrt(0.5 / 6))
    assert found.tau2 == 0


@pytest.mark.property
@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_shrunken_intervals_cover(tau):
    rng = np.random.default_rng(1)
    variances = np.linspace(0.3, 4.0, 18)
    hits = total = 0
    for _ in range(150):
        truth = 2.8 + tau * rng.normal(size=18)
        found = morris_shrinkage(truth + np.sqrt(variances) * rng.normal(size=18), variances)
        assert found is not None
        hits += sum(one.low <= t <= one.high for one, t in zip(found, truth, strict=True))
        total += 18
    assert hits / total >= 0.93


def test_shrinkage_pulls_towards_the_mean_and_needs_four():
    found = morris_shrinkage(BCG, BCG_V)
    assert found is not None
    spread = np.std([one.estimate for one in found])
    assert spread < np.std(BCG)
    assert morris_shrinkage(BCG[:3], BCG_V[:3]) is None


def test_no_ranking_without_differences_and_limits_that_hold_the_true_ranks():
    rng = np.random.default_rng(5)
    truth = np.linspace(6.0, -6.0, 8)
    held, refused = [], []
    for _ in range(200):
        noise = rng.normal(size=8)
        found = rank_limits(truth + noise, np.ones(8))
        assert found is not None
        held.append(all(a <= k + 1 <= b for k, (a, b) in enumerate(found)))
        refused.append(rank_limits(noise, np.ones(8)) is None)
    assert np.mean(held) >= 0.95
    assert np.mean(refused) >= 0.9
    assert rank_limits(truth, np.full(8, 1e-4)) == [(k, k) for k in range(1, 9)]


def test_funnel_limits_narrow_with_precision():
    limits = funnel_limits(np.array([4.0, 1.0]), centre=2.0)
    assert limits[0] == pytest.approx([2 - 3.92, 2 + 3.92], abs=1e-2)
    assert limits[1] == pytest.approx([2 - 1.96, 2 + 1.96], abs=1e-2)
