"""Overlap weights and the other estimands of a score: closed forms, stacked errors, wording."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import estimate
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from tests.matching.data import COVARIATES, DATA, TREATMENT
from tests.matching.sets import quiet


def rows_of(seed: int, n: int = 700) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), (rng.random(n) < 0.4).astype(int)
    t = (rng.random(n) < 1 / (1 + np.exp(1.2 - 0.7 * x - 0.5 * z))).astype(int)
    y = (rng.random(n) < 1 / (1 + np.exp(0.8 - 0.6 * x))).astype(int)
    s = np.where(t == 1, 1.0, rng.choice([1.0, 3.0], n))
    return pd.DataFrame({"t": t, "x": x, "z": z, "y": y, "s": s})


def raw(estimand: str, e: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the tilting function of the estimand divided by the probability of the own arm."""
    tilt = {"ATT": e, "ATC": 1 - e, "ATE": np.ones_like(e), "ATO": e * (1 - e)}[estimand]
    return tilt / np.where(t, e, 1 - e)


def asked(estimand: str) -> dict[str, Any]:
    if estimand == "ATO":
        return {"method": "overlap", "estimand": "ATO"}
    return {"method": "ipw", "estimand": estimand}


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE", "ATO"])
@pytest.mark.parametrize("dataset", DATA)
def test_weights_are_the_closed_form_on_real_data(dataset: str, estimand: str) -> None:
    matched = quiet(
        DATA[dataset](), treatment=TREATMENT[dataset], covariates=COVARIATES[dataset],
        **asked(estimand),
    )  # fmt: skip
    t = matched.problem.treated
    expected = raw(estimand, matched.propensity.to_numpy(), t)
    for arm in (t, ~t):
        expected[arm] *= arm.sum() / expected[arm].sum()
    np.testing.assert_allclose(matched.weights, expected, rtol=1e-9)


@pytest.mark.parametrize("dataset", DATA)
def test_means_of_all_covariates_are_equal(dataset: str) -> None:
    """Li, Morgan and Zaslavsky (2018), theorem 3."""
    frame, names = DATA[dataset](), COVARIATES[dataset]
    matched = quiet(frame, treatment=TREATMENT[dataset], covariates=names, method="overlap")
    columns = pd.get_dummies(frame[names], dtype=float)
    t, w = matched.problem.treated, matched.weights.to_numpy()
    gap = np.average(columns[t], axis=0, weights=w[t]) - np.average(
        columns[~t], axis=0, weights=w[~t]
    )
    np.testing.assert_allclose(gap / columns.std(), 0, atol=1e-7)


def stacked_error(frame: pd.DataFrame, estimand: str, link: str, weights: np.ndarray) -> float:
    """Return the standard error by brute force: all equations at once, derivatives by steps."""
    from scipy.special import ndtr
    from scipy.stats import norm
    from statsmodels.api import GLM, families

    X = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    t, y = frame["t"].to_numpy(float), frame["y"].to_numpy(float)
    links = {"logit": families.links.Logit(), "probit": families.links.Probit()}
    family = families.Binomial(link=links[link])
    beta = GLM(t, X, family=family, freq_weights=weights).fit(tol=1e-13).params
    inverse = ndtr if link == "probit" else (lambda v: 1 / (1 + np.exp(-v)))

    def equations(theta: np.ndarray) -> np.ndarray:
        linear = X @ theta[:3]
        e = inverse(linear)
        slope = norm.pdf(linear) / (e * (1 - e)) if link == "probit" else 1.0
        w = weights * raw(estimand, e, t == 1)
        score = (weights * (t - e) * slope)[:, None] * X
        return np.column_stack([score, w * t * (y - theta[3]), w * (1 - t) * (y - theta[4])])

    w = weights * raw(estimand, inverse(X @ beta), t == 1)
    means = [np.average(y[t == arm], weights=w[t == arm]) for arm in (1, 0)]
    theta = np.r_[beta, means]
    steps = np.eye(5) * 1e-6
    A = np.column_stack(
        [(equations(theta + h).sum(0) - equations(theta - h).sum(0)) / 2e-6 for h in steps]
    )
    if link == "probit":
        # The score counts expected information; for a logistic one it is the observed one.
        e = inverse(X @ beta)
        A[:3, :3] = -(X.T * (weights * norm.pdf(X @ beta) ** 2 / (e * (1 - e)))) @ X
    B = equations(theta).T @ equations(theta)
    V = np.linalg.solve(A, B) @ np.linalg.inv(A).T
    return float(np.sqrt(V[3, 3] + V[4, 4] - 2 * V[3, 4]))


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE", "ATO"])
@pytest.mark.parametrize("sampled", [False, True])
def test_errors_are_those_of_all_equations_stacked(estimand: str, link: str, sampled: bool) -> None:
    frame = rows_of(1)
    weight = {"sampling_weight": "s"} if sampled else {}
    matched = quiet(
        frame, treatment="t", covariates=["x", "z"], distance=link, **weight, **asked(estimand)
    )
    effect = estimate(matched, "y")
    weights = frame["s"].to_numpy() if sampled else np.ones(len(frame))
    expected = stacked_error(frame, estimand, link, weights)
    assert effect.variance == "sandwich"
    assert effect.difference.se == pytest.approx(expected, rel=1e-5)


@pytest.mark.property
def test_errors_are_those_of_repeated_samples() -> None:
    found, errors = [], []
    for seed in range(150):
        matched = quiet(
            rows_of(seed + 50, n=500), treatment="t", covariates=["x", "z"], method="overlap"
        )
        difference = estimate(matched, "y").difference
        found.append(difference.estimate)
        errors.append(difference.se)
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(150)
    assert 0.85 < np.mean(errors) / np.std(found, ddof=1) < 1.15


@pytest.mark.property
def test_row_order_does_not_matter() -> None:
    frame = rows_of(3)
    order = np.random.default_rng(0).permutation(len(frame))
    options = {"treatment": "t", "covariates": ["x", "z"], "method": "overlap"}
    one, other = quiet(frame, **options), quiet(frame.iloc[order], **options)
    np.testing.assert_allclose(other.weights, one.weights.to_numpy()[order], rtol=1e-8)


def test_another_estimand_than_asked_is_said_and_shown() -> None:
    frame = rows_of(4)
    with pytest.warns(EvaluationWarning, match="EVAL-496"):
        matched = match_frame(frame, treatment="t", covariates=["x"], method="overlap")
    assert matched.estimand == "ATO"
    assert estimate(matched, "y").estimand == "ATO"
    with warnings.catch_warnings():
        warnings.simplefilter("error", EvaluationWarning)
        silent = match_frame(
            frame, treatment="t", covariates=["x"], method="overlap", estimand="ATO"
        )
    np.testing.assert_array_equal(silent.weights, matched.weights)


def test_trim_caps_the_largest_weights() -> None:
    frame = rows_of(5)
    options = {"treatment": "t", "covariates": ["x", "z"], "method": "overlap"}
    capped, whole = quiet(frame, trim=0.9, **options), quiet(frame, **options)
    note = next(n for n in capped.notes if n.code == "EVAL-457")
    assert note.data["count"] == pytest.approx(0.1 * len(frame), abs=4)
    others = (frame["t"] == 0).to_numpy()
    assert capped.weights[others].max() < whole.weights[others].max()


def test_comparators_of_strata_without_treated_are_lost_for_the_atc_and_the_ate() -> None:
    frame = rows_of(6).assign(g=lambda rows: np.arange(len(rows)) % 3)
    frame.loc[frame["g"] == 2, "t"] = 0
    for estimand in ("ATC", "ATE"):
        matched = quiet(
            frame, treatment="t", covariates=["x"], exact=["g"], method="ipw", estimand=estimand
        )
        assert set(matched.unmatched["row"]) == set(np.flatnonzero(frame["g"] == 2))


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("EVAL-436", {"estimand": "ATE"}),
        ("EVAL-436", {"estimand": "ATC"}),
        ("EVAL-452", {"trim": 0.3}),
        ("EVAL-455", {"distance": "mahalanobis"}),
        ("EVAL-402", {"trimm": 0.9}),
    ],
)
def test_refusals(code: str, options: dict) -> None:
    chosen = {"treatment": "t", "covariates": ["x", "z"], "method": "overlap"} | options
    with pytest.raises(EvaluationError) as error:
        quiet(rows_of(0), **chosen)
    assert error.value.code == code
    assert error.value.faults[0].text("en") != error.value.faults[0].text("fr")
