"""AIPW: the formula by hand, right when either model is, the influence a derivative."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import Effect, estimate
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import Matched, match_frame
from evaluation.matching.algorithms.aipw import person_folds


def rows(seed: int = 0, n: int = 600, *, effect: float = 0.0) -> pd.DataFrame:
    """Entry and outcome depend on x and its square; the odds keep a finite variance."""
    rng = np.random.default_rng(seed)
    x, zone = rng.normal(size=n), rng.choice(["north", "south"], n)
    bent = x**2 - 1
    treat = rng.random(n) < 1 / (1 + np.exp(1.4 - 0.4 * x - 0.2 * bent))
    y = 2 + x + 1.5 * bent + effect * treat + rng.normal(size=n)
    job = rng.random(n) < 1 / (1 + np.exp(1 - 0.5 * x - 0.4 * bent))
    return pd.DataFrame({"treat": treat.astype(int), "x": x, "bent": bent, "zone": zone,
                         "y": y, "job": job.astype(int), "person": np.arange(n) // 2})  # fmt: skip


def run(frame: pd.DataFrame, covariates: list[str], **options: Any) -> Matched:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(
            frame, treatment="treat", covariates=covariates, method="aipw", **options
        )


def effect_of(matched: Matched, outcome: str = "y", **options: Any) -> Effect:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return estimate(matched, outcome, **options)


@pytest.mark.parametrize("outcome", ["y", "job"])
def test_the_estimate_is_the_formula_computed_by_hand(outcome):
    import statsmodels.api as sm

    frame = rows()
    matched = run(frame, ["x", "bent"])
    folds = matched.weighted.folds
    X = sm.add_constant(frame[["x", "bent"]]).to_numpy()
    t, y = frame["treat"].to_numpy() == 1, frame[outcome].to_numpy(float)
    odds, fitted = np.zeros(len(frame)), np.zeros(len(frame))
    for k in range(5):
        out, own = folds != k, folds == k
        e = sm.Logit(t[out].astype(float), X[out]).fit(disp=0, tol=1e-12).predict(X[own])
        odds[own] = e / (1 - e)
        pool = out & ~t
        model = sm.OLS(y[pool], X[pool]) if outcome == "y" else sm.Logit(y[pool], X[pool])
        fit = model.fit() if outcome == "y" else model.fit(disp=0, tol=1e-12)
        fitted[own] = fit.predict(X[own])
    corrected = np.average((y - fitted)[~t], weights=odds[~t])
    want = y[t].mean() - fitted[t].mean() - corrected
    assert effect_of(matched, outcome).difference.estimate == pytest.approx(want, rel=1e-8)


class Blind:
    """Replace what one of the two models sees; the other keeps the right covariates."""

    @staticmethod
    def outcome(matched: Matched, frame: pd.DataFrame) -> Matched:
        """Let the outcome model see x only: its design, not that behind the weights."""
        import dataclasses

        from evaluation.matching.score.design import build_design

        score = matched.problem.score
        assert score is not None
        poor, _ = build_design(frame[["x"]], matched.problem.treated, score.weights)
        problem = dataclasses.replace(
            matched.problem, score=dataclasses.replace(score, design=poor)
        )
        return dataclasses.replace(matched, problem=problem)

    @staticmethod
    def score(frame: pd.DataFrame) -> Matched:
        """Let the score see x only, and the outcome model everything."""
        import dataclasses

        poor, rich = run(frame, ["x"]), run(frame, ["x", "bent"])
        return dataclasses.replace(poor, problem=rich.problem)


@pytest.mark.property
@pytest.mark.slow
def test_it_is_right_when_either_model_is_and_wrong_when_neither():
    found: dict[str, list[tuple[float, float]]] = {"both": [], "score": [], "outcome": [],
                                                   "neither": []}  # fmt: skip
    for seed in range(200):
        frame = rows(seed, n=800, effect=1.0)
        rich = run(frame, ["x", "bent"])
        matches = {"both": rich, "score": Blind.outcome(rich, frame),
                   "outcome": Blind.score(frame), "neither": run(frame, ["x"])}  # fmt: skip
        for name, matched in matches.items():
            gap = effect_of(matched).difference
            found[name].append((gap.estimate, gap.se))
    for name in ("both", "score", "outcome"):
        estimates, errors = np.array(found[name]).T
        noise = estimates.std() / np.sqrt(len(estimates))
        assert abs(estimates.mean() - 1.0) < 3.5 * noise + 0.03
        covered = np.abs(estimates - 1.0) < 1.96 * errors
        assert 0.90 <= covered.mean() <= 0.99
    wrong = np.array(found["neither"])[:, 0]
    assert abs(wrong.mean() - 1.0) > 0.3


@pytest.mark.property
@pytest.mark.parametrize("outcome", ["y", "job"])
def test_the_influence_is_the_derivative_of_the_estimate(outcome):
    """A little more sampling weight on one row moves the effect by its influence."""
    frame = rows(3).assign(weight=1.0)

    def at(table: pd.DataFrame) -> Effect:
        return effect_of(run(table, ["x"], exact=["zone"], sampling_weight="weight"), outcome)

    whole = at(frame)
    influence = whole.influence[:, 0] - whole.influence[:, 1]
    others = np.flatnonzero(frame["treat"] == 0)[:6]
    for row in [*others, *np.flatnonzero(frame["treat"] == 1)[:3]]:
        moved = frame.copy()
        moved.loc[row, "weight"] = 1 + 1e-5
        change = (at(moved).difference.estimate - whole.difference.estimate) / 1e-5
        assert change == pytest.approx(influence[row], abs=2e-7 + 1e-4 * abs(influence[row]))


@pytest.mark.property
def test_all_rows_of_a_person_share_a_fold_whatever_their_order():
    frame = rows(4)
    matched = run(frame, ["x", "bent"], person="person")
    folds = matched.weighted.folds
    assert (pd.Series(folds).groupby(frame["person"]).nunique() == 1).all()
    assert np.bincount(folds[::2]).min() >= 58
    order = np.random.default_rng(7).permutation(len(frame))
    turned = run(frame.iloc[order].reset_index(drop=True), ["x", "bent"], person="person")
    assert (turned.weighted.folds == folds[order]).all()
    again = effect_of(turned).difference
    assert again.estimate == pytest.approx(effect_of(matched).difference.estimate, rel=1e-9)
    assert again.se == pytest.approx(effect_of(matched).difference.se, rel=1e-9)


def test_folds_are_drawn_by_their_own_seed():
    frame = rows(4)
    first = run(frame, ["x"]).weighted.folds
    assert (run(frame, ["x"], seed=5).weighted.folds == first).all()
    assert (run(frame, ["x"], fold_seed=5).weighted.folds != first).any()


def test_folds_share_out_the_treated_evenly():
    rng = np.random.default_rng(5)
    treated = rng.random(500) < 0.1
    folds = person_folds(np.arange(500), treated, rng.normal(size=500), count=5, rng=rng)
    assert np.ptp(np.bincount(folds[treated], minlength=5)) <= 2


def test_known_weights_and_models_give_the_textbook_variance():
    matched = run(rows(6), ["x", "bent"])
    effect = effect_of(matched, variance="HC0")
    psi = effect.influence[:, 0] - effect.influence[:, 1]
    assert effect.difference.se == pytest.approx(np.sqrt(np.sum(psi**2)))
    assert effect.difference.se == pytest.approx(effect_of(matched).difference.se, rel=0.2)


def test_an_outcome_without_events_in_one_arm_has_no_interval_and_no_crash():
    frame = rows(7)
    frame.loc[frame["treat"] == 0, "job"] = 0
    effect = effect_of(run(frame, ["x"]), "job")
    assert (effect.withheld, effect.difference.se) == ("no_events", None)
    assert effect.rate_comparison.estimate == 0


def test_a_separated_outcome_model_takes_a_ridge_and_stays_finite():
    frame = rows(8)
    frame["job"] = ((frame["treat"] == 1) & (frame["y"] > 2)).astype(int)
    frame.loc[frame["treat"] == 0, "job"] = (frame["x"] > 1)[frame["treat"] == 0].astype(int)
    effect = effect_of(run(frame, ["x"]), "job")
    assert np.isfinite(effect.difference.se)
    assert [note.code for note in effect.notes] == ["EVAL-551"]
    assert 0 <= effect.rate_comparison.estimate <= 1


def test_exact_subgroups_add_up_to_the_whole():
    from evaluation.effects.subgroups import estimate_subgroups

    frame = rows(10, n=1500)
    matched = run(frame, ["x", "bent"], exact=["zone"])
    whole = effect_of(matched, "job")
    groups = estimate_subgroups(matched, "job", ["zone"])
    counts = np.array([group.support.entrants for group in groups])
    gaps = np.array([group.means[0] - group.means[1] for group in groups])
    assert counts @ gaps / counts.sum() == pytest.approx(whole.difference.estimate, rel=1e-9)


def test_a_territory_headed_by_it_has_curve_band_subgroups_and_other_methods():
    from tests.effects.cohorts import cohort_of, estimates_of, study_of

    methods = ["aipw", "nearest", "ipw", "entropy_balancing"]
    study = study_of(effects={"subgroups": ["sex"], "compare_methods": methods})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record = estimates_of(cohort_of(entrants=600, people=4000, study=study), "aipw").record
    head, last = record["headline"]["effect_points"], record["curve"][5]["effect_points"]
    assert head["low"] < head["estimate"] < head["high"]
    assert last["low"] == pytest.approx(head["low"])
    assert last["band_low"] < last["low"]
    spread = [row["effect_points"]["estimate"] for row in record["methods"]]
    assert len(spread) == 4
    assert np.ptp(spread) < 4
    assert record["subgroups"][0]["effect_points"]["estimate"] is not None
    assert record["placebo"]["effect_points"]["se"] > 0


def test_refusals():
    frame = rows(9)
    with pytest.raises(EvaluationError, match="EVAL-542"):
        estimate(run(frame, ["x"]), "y", adjust=True)
    with pytest.raises(EvaluationError, match="EVAL-451"):
        run(frame, ["x"], estimand="ATE")
    for folds in (1, 5.0, True):
        with pytest.raises(EvaluationError, match="EVAL-452"):
            run(frame, ["x"], folds=folds)
    with pytest.raises(EvaluationError, match="EVAL-452"):
        run(frame, ["x"], fold_seed=-1)
    few = pd.concat([frame[frame["treat"] == 1].head(3), frame[frame["treat"] == 0]])
    with pytest.raises(EvaluationError, match="EVAL-549"):
        run(few.reset_index(drop=True), ["x"])
    with pytest.raises(EvaluationError, match="EVAL-455"):
        run(frame, ["x"], distance=frame["x"].to_numpy())
