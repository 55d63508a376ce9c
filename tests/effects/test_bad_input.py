"""Data that hold no answer: a clear refusal or a withheld effect, for every method, never NaN."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import Effect, estimate
from evaluation.errors import EvaluationError, EvaluationWarning
from tests.matching.test_every_method import METHODS, rows, run


def numbers(effect: Any) -> list[float]:
    intervals = (effect.rate_treated, effect.rate_comparison, effect.difference, effect.uplift,
                 effect.additional, *((effect.points,) if effect.points else ()))  # fmt: skip
    names = ("estimate", "low", "high", "se", "p_value")
    return [v for one in intervals for n in names if (v := getattr(one, n, None)) is not None]


def outcome_of(fault: str, treat: np.ndarray, y: np.ndarray) -> np.ndarray:
    return {
        "no events": np.zeros(len(y), dtype=int),
        "all events": np.ones(len(y), dtype=int),
        "constant": np.full(len(y), 7.5),
        "no events among the treated": y * (1 - treat),
        "no events in the comparison": y * treat,
        "all treated have it": np.where(treat == 1, 1, y),
        "missing": np.where(np.arange(len(y)) == 3, np.nan, y),
        "infinite": np.where(np.arange(len(y)) == 3, np.inf, y),
    }.get(fault, y)


FAULTS = ("no events", "all events", "constant", "no events among the treated",
          "no events in the comparison", "all treated have it", "missing", "infinite",
          "one person", "weights zero", "one arm empty")  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_estimate_is_said_and_never_nan(method, fault):
    frame = rows(11).rename_axis(None)
    frame["y"] = outcome_of(fault, frame["treat"].to_numpy(), frame["y"].to_numpy())
    if fault == "one person":
        frame["who"] = "p"
    if fault == "one arm empty":
        frame["treat"] = 0
    effect = answer(frame, method, fault)
    if isinstance(effect, EvaluationError):
        assert effect.text("en")
        return
    assert effect.withheld, "an interval came out of data that hold none"
    assert all(math.isfinite(value) for value in numbers(effect))
    assert (effect.difference.low, effect.difference.se) == (None, None)


def answer(frame: pd.DataFrame, method: str, fault: str) -> Effect | EvaluationError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        try:
            matched = run(frame, method, **({"person": "who"} if fault == "one person" else {}))
            if fault == "weights zero":
                empty = replace(matched.weighted, weights=np.zeros(len(frame)))
                matched = replace(matched, weighted=empty)
            return estimate(matched, "y", seed=1)
        except EvaluationError as error:
            return error
