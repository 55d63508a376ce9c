"""A plug-in may hand back bare weights; what cannot be weights is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import evaluation as ev
from evaluation.matching import Problem, registry
from tests.matching.data import small_problem


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))


def plug(answer: Any) -> None:
    @ev.register_method("mine")
    def mine(problem: Problem) -> Any:
        return answer(problem)


def test_a_function_from_problem_to_weights_serves_match_estimate_and_compare() -> None:
    @ev.register_method("my-method")
    def same_for_all(problem: Problem) -> Any:
        return np.where(problem.treated, 1.0, problem.treated.mean())

    rng = np.random.default_rng(0)
    frame = small_problem(5, treated=120, others=280)
    frame["y"] = (rng.random(len(frame)) < 0.3).astype(int)
    terms = {"treatment": "t", "covariates": ["x"]}
    matched = ev.match(frame, method="my-method", **terms)
    effect = ev.estimate(matched, outcome="y")
    gap = frame.loc[frame["t"] == 1, "y"].mean() - frame.loc[frame["t"] == 0, "y"].mean()
    assert effect.points.estimate == pytest.approx(100 * gap)
    assert 0 < effect.points.se < 20
    assert matched.family == "moment_weights"
    assert len(matched.pairs) == len(matched.unmatched) == 0
    table = ev.compare(frame, methods=["my-method", "ipw"], outcome="y", **terms)
    assert table.frame.loc["my-method", "effect"] == pytest.approx(100 * gap)
    assert table.frame.loc["ipw", "se"] > 0


def test_treated_rows_without_weight_are_unmatched_with_a_reason() -> None:
    plug(lambda problem: np.where(problem.treated & (problem.covariates["x"] > 0), 0.0, 1.0))
    frame = small_problem(5)
    with pytest.warns(ev.EvaluationWarning, match="EVAL-412"):
        matched = ev.match(frame, treatment="t", covariates=["x"], method="mine")
    lost = np.flatnonzero((frame["t"] == 1) & (frame["x"] > 0))
    assert len(lost) > 0
    assert matched.unmatched["row"].tolist() == lost.tolist()
    assert set(matched.unmatched["reason"]) == {"no_weight"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda problem: None, "EVAL-480"),
        (lambda problem: "weights", "EVAL-480"),
        (lambda problem: np.ones(problem.treated.size - 1), "EVAL-480"),
        (lambda problem: np.ones((problem.treated.size, 2)), "EVAL-480"),
        (lambda problem: np.full(problem.treated.size, np.nan), "EVAL-481"),
        (lambda problem: np.where(problem.treated, 1.0, -1.0), "EVAL-481"),
    ],
)
def test_what_cannot_be_weights_is_refused(answer: Any, code: str) -> None:
    plug(answer)
    with pytest.raises(ev.EvaluationError) as caught:
        ev.match(small_problem(5), treatment="t", covariates=["x"], method="mine")
    assert caught.value.code == code
    for language in ("fr", "en"):
        assert "mine" in caught.value.text(language)
