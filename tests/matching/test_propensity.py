"""The score: derivatives, sparse data, separation, weights."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from evaluation.matching.score.design import build_design, collinear
from evaluation.matching.score.newton import solve
from evaluation.matching.score.propensity import PropensityModel, fit_propensity


def rows(n: int = 600, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "sex": rng.choice(["1", "2"], n),
            "education": pd.Categorical(rng.choice(list("abcd"), n), categories=list("dcba")),
            "flag": rng.integers(0, 2, n),
        }
    )
    chance = 1 / (1 + np.exp(2 - 0.03 * frame["age"] - (frame["sex"] == "2") * 0.5))
    return frame, rng.random(n) < chance.to_numpy()


def codes(model: PropensityModel) -> list[str]:
    return [note.code for note in model.notes]


def test_design_products_are_those_of_the_dense_matrix() -> None:
    frame, treated = rows()
    design, _ = build_design(frame, treated, np.ones(len(frame)))
    dense = design.dense().to_numpy()
    rng = np.random.default_rng(1)
    w, v = rng.random(len(frame)), rng.normal(size=design.shape[1])
    np.testing.assert_allclose(design.gram(w), dense.T * w @ dense, rtol=1e-12)
    np.testing.assert_allclose(design.times(v), dense @ v, rtol=1e-10)
    np.testing.assert_allclose(design.transpose_times(w), dense.T @ w, rtol=1e-12)
    assert design.names[2:] == ("flag", "sex[2]", "education[c]", "education[b]", "education[a]")


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_fit_agrees_with_statsmodels(link: str) -> None:
    frame, treated = rows()
    model = fit_propensity(frame, treated, link=link)  # type: ignore[arg-type]
    reference = model.statsmodels()
    np.testing.assert_allclose(reference.params, model.coefficients, atol=1e-6)
    np.testing.assert_allclose(reference.fittedvalues, model.probability, atol=1e-8)
    assert model.design_transpose_times(model.residual) == pytest.approx(0, abs=1e-6)


def test_a_row_of_weight_two_is_the_row_twice() -> None:
    frame, treated = rows()
    weights = np.ones(len(frame))
    weights[:50] = 2
    twice = fit_propensity(
        pd.concat([frame, frame[:50]], ignore_index=True), np.r_[treated, treated[:50]]
    )
    once = fit_propensity(frame, treated, weights=weights)
    np.testing.assert_allclose(once.coefficients, twice.coefficients, rtol=1e-9)
    np.testing.assert_allclose(once.information, twice.information, rtol=1e-9)


def test_score_influence_predicts_what_a_row_changes() -> None:
    frame, treated = rows()
    model = fit_propensity(frame, treated)
    direction = np.arange(1.0, len(model.names) + 1)
    influence = model.score_influence(direction)
    assert influence.sum() == pytest.approx(0, abs=1e-7)
    weights = np.ones(len(frame))
    weights[7] += 1e-4
    moved = fit_propensity(frame, treated, weights=weights)
    slope = direction @ (moved.coefficients - model.coefficients) / 1e-4
    assert influence[7] == pytest.approx(slope, rel=1e-3)


def test_one_step_is_close_to_a_refit_and_exact_without_change() -> None:
    frame, treated = rows(2000)
    model = fit_propensity(frame, treated)
    rng = np.random.default_rng(2)
    multiplier = rng.poisson(1.0, (2000, 3)).astype(float)
    predictors = model.one_step(np.column_stack([np.ones(2000), multiplier]))
    np.testing.assert_allclose(predictors[:, 0], model.linear, atol=1e-12)
    for r in range(3):
        refit = fit_propensity(frame, treated, weights=np.maximum(multiplier[:, r], 1e-12))
        moved = np.abs(refit.linear - model.linear).max()
        assert np.abs(predictors[:, r + 1] - refit.linear).max() < 0.25 * moved


def test_equal_rows_get_bit_identical_scores() -> None:
    frame, treated = rows(300)
    model = fit_propensity(
        pd.concat([frame, frame.iloc[::-1]], ignore_index=True), np.r_[treated, treated[::-1]]
    )
    assert (model.linear[:300] == model.linear[300:][::-1]).all()


def test_row_order_moves_nothing_but_the_last_bits() -> None:
    frame, treated = rows()
    order = np.random.default_rng(5).permutation(len(frame))
    one = fit_propensity(frame, treated)
    other = fit_propensity(frame.iloc[order].reset_index(drop=True), treated[order])
    np.testing.assert_allclose(one.linear[order], other.linear, rtol=1e-9)


def test_constant_and_collinear_columns_are_left_out_and_said() -> None:
    frame, treated = rows()
    plain = fit_propensity(frame, treated)
    more = frame.assign(same=1.0, twice=2 * frame["age"] + 1, woman=frame["sex"].eq("2"))
    model = fit_propensity(more, treated)
    assert codes(model) == ["EVAL-419", "EVAL-420"]
    assert [note.data["columns"] for note in model.notes] == [["same"], ["twice", "sex"]]
    np.testing.assert_allclose(model.linear, plain.linear, atol=1e-8)


def test_solve_is_exact_and_takes_the_least_solution_when_singular() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(9, 6)) * 10.0 ** np.arange(6)
    right = rng.normal(size=(6, 2))
    np.testing.assert_allclose(
        root.T @ root @ solve(root.T @ root, right), right, rtol=1e-6, atol=1e-6
    )
    flat = np.ones((2, 2))
    np.testing.assert_allclose(solve(flat, np.array([2.0, 2.0])), [1.0, 1.0])


def test_the_number_of_threads_moves_no_bit() -> None:
    code = (
        "import hashlib, numpy as np, pandas as pd\n"
        "from evaluation.matching import fit_propensity\n"
        "r = np.random.default_rng(0); x = pd.DataFrame(r.normal(size=(3000, 80)))\n"
        "m = fit_propensity(x, r.random(3000) < 0.3)\n"
        "print(hashlib.sha256(m.linear.tobytes() + m.information.tobytes()).hexdigest())"
    )
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | dict.fromkeys(threads, count),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in ("1", "2")
    }
    assert len(seen) == 1


def test_collinear_keeps_the_first_of_two() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(50), rng.normal(size=(50, 3))])
    X = np.column_stack([X, X[:, 1] - X[:, 2], np.full(50, 3.0)])
    assert collinear(X.T @ X) == [4, 5]


def test_complete_separation_is_refused_by_name() -> None:
    frame, treated = rows()
    with pytest.raises(EvaluationError) as caught:
        fit_propensity(frame.assign(leak=np.where(treated, 5.0, 1.0)), treated)
    assert caught.value.code == "EVAL-423"
    assert caught.value.faults[0].data == {"column": "leak"}


def test_partial_separation_is_penalised_and_said_by_name() -> None:
    frame, treated = rows()
    frame = frame.assign(area=np.where(treated, "b", "a"))
    frame.loc[treated & (np.arange(600) % 3 > 0), "area"] = "a"
    with pytest.warns(EvaluationWarning, match="« area »"):
        model = fit_propensity(frame, treated)
    assert model.penalty > 0
    assert model.converged
    assert np.abs(model.coefficients[list(model.names).index("area[b]")]) < 15


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_penalised_score_solves_its_own_equations(link: str) -> None:
    """The gradient of the likelihood equals the ridge's; the intercept is free."""
    frame, treated = rows()
    model = fit_propensity(frame, treated, link=link, penalty=3.0)
    columns = model.design.dense().to_numpy()
    ridge = 3.0 * columns.var(axis=0) * model.coefficients
    np.testing.assert_allclose(columns.T @ model.residual, ridge, atol=1e-6)
    free = fit_propensity(frame, treated, link=link)
    assert model.penalty == 3.0
    assert np.abs(model.coefficients[1:]).sum() < np.abs(free.coefficients[1:]).sum()


@pytest.mark.parametrize("penalty", [-1.0, True, float("inf"), "1"])
def test_illegal_penalty(penalty: object) -> None:
    frame, treated = rows()
    with pytest.raises(EvaluationError) as caught:
        fit_propensity(frame, treated, penalty=penalty)  # type: ignore[arg-type]
    assert caught.value.code == "EVAL-403"


def test_a_penalty_without_a_score_is_refused() -> None:
    frame, treated = rows()
    with pytest.raises(EvaluationError) as caught:
        match_frame(
            frame.assign(treat=treated.astype(int)), treatment="treat", covariates=["age"],
            distance="mahalanobis", score_penalty=1.0,
        )  # fmt: skip
    assert caught.value.code == "EVAL-403"


def test_rare_levels_are_pooled_on_request_only() -> None:
    frame, treated = rows(2000)
    rare = frame["education"].astype(str).to_numpy()
    rare[:3], rare[3:6] = "x", "y"
    frame["education"] = rare
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        assert "education[x]" in fit_propensity(frame, treated).names
    pooled = fit_propensity(frame, treated, pool_sparse=True)
    assert codes(pooled) == ["EVAL-421"]
    assert pooled.notes[0].data["levels"] == {"education": ["x", "y"]}
    assert "education[x]" not in pooled.names


def test_effects_interact_when_events_allow_and_add_up_otherwise() -> None:
    frame, treated = rows(6000, seed=4)
    rng = np.random.default_rng(9)
    effects = pd.DataFrame({"month": rng.integers(1, 4, 6000), "long": rng.integers(0, 2, 6000)})
    rich = fit_propensity(frame, treated, effects=effects, pool_sparse=True)
    assert sum("×" in name for name in rich.names) == 5
    few = treated.copy()
    few[np.flatnonzero(treated)[40:]] = False
    poor = fit_propensity(frame, few, effects=effects, pool_sparse=True)
    assert not any("×" in name for name in poor.names)
    assert "EVAL-422" in codes(poor)
    assert poor.penalty > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_small_region_with_many_dummies_always_gets_a_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 1260
    columns = {f"c{j}": rng.choice(list("abcdefghijk"), n, p=_skewed(11)) for j in range(10)}
    frame = pd.DataFrame(columns)
    treated = np.arange(n) < 60
    frame.loc[treated, "c0"] = rng.choice(["a", "b"], 60)
    effects = pd.DataFrame({"month": rng.integers(1, 13, n), "class": rng.integers(0, 6, n)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit_propensity(frame, treated, effects=effects, pool_sparse=True)
    assert model.converged
    assert model.penalty > 0
    assert np.isfinite(model.linear).all()
    assert np.abs(model.linear).max() < 20
    assert np.linalg.eigvalsh(model.covariance).min() > 0


def _skewed(levels: int) -> np.ndarray:
    shares = 1.0 / np.arange(1, levels + 1) ** 2
    return shares / shares.sum()
