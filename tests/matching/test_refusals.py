"""Bad inputs are refused or said aloud, by code, with names and counts."""

from __future__ import annotations

import warnings
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching import match_frame
from tests.matching.data import small_problem

FRAME = small_problem(0).assign(z=lambda f: f["x"] ** 2)


def refused(frame: pd.DataFrame = FRAME, **options: Any) -> EvaluationError:
    given: dict[str, Any] = {"treatment": "t", "covariates": ["x", "z"]} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        with pytest.raises(EvaluationError) as caught:
            match_frame(frame, **given)
    for language in ("fr", "en"):
        assert "{" not in caught.value.text(language)
    return caught.value


def notes(frame: pd.DataFrame = FRAME, **options: Any) -> dict[str, dict[str, Any]]:
    given: dict[str, Any] = {"treatment": "t", "covariates": ["x"]} | options
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        matched = match_frame(frame, **given)
    warned = [w.message.fault for w in seen if isinstance(w.message, EvaluationWarning)]
    assert {f.code for f in warned} <= {note.code for note in matched.notes}
    for note in matched.notes:
        assert "{" not in note.text("fr") + note.text("en")
    return {note.code: note.data for note in matched.notes}


@pytest.mark.parametrize(
    ("options", "code", "near"),
    [
        ({"covariates": ["xx"]}, "EVAL-400", "x"),
        ({"exact": "stratun"}, "EVAL-400", "stratum"),
        ({"caliper_covariates": {"zz": 1}}, "EVAL-400", "z"),
        ({"method": "nearset"}, "EVAL-401", "nearest"),
        ({"calliper": 0.2}, "EVAL-402", "caliper"),
        ({"max_ration": 2}, "EVAL-402", "max_ratio"),
    ],
)
def test_a_misspelt_name_proposes_the_nearest(
    options: dict[str, Any], code: str, near: str
) -> None:
    error = refused(**options)
    assert error.code == code
    assert error.faults[0].data["nearest"] == near


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ratio": 0}, "EVAL-403"),
        ({"ratio": 1.5}, "EVAL-403"),
        ({"ratio": True}, "EVAL-403"),
        ({"caliper": -0.1}, "EVAL-403"),
        ({"caliper": float("nan")}, "EVAL-403"),
        ({"order": "biggest"}, "EVAL-403"),
        ({"discard": "all"}, "EVAL-403"),
        ({"distance": "logistic"}, "EVAL-403"),
        ({"estimand": "TOT"}, "EVAL-403"),
        ({"replace": 1}, "EVAL-403"),
        ({"reuse_max": 0}, "EVAL-403"),
        ({"estimand": "ATE"}, "EVAL-436"),
        ({"covariates": None}, "EVAL-410"),
        ({"formula": "t ~ x"}, "EVAL-410"),
        ({"covariates": []}, "EVAL-410"),
        ({"covariates": ["x", "t"]}, "EVAL-411"),
        ({"covariates": None, "formula": "t ~ x +"}, "EVAL-433"),
        ({"covariates": None, "formula": "z ~ x"}, "EVAL-434"),
        ({"distance": [1.0, 2.0]}, "EVAL-426"),
        ({"distance": np.full(42, np.inf)}, "EVAL-406"),
        ({"distance": "mahalanobis", "caliper": 0.2}, "EVAL-425"),
        ({"distance": "mahalanobis", "discard": "both"}, "EVAL-425"),
        ({"within_caliper": ["x"]}, "EVAL-425"),
        ({"distance": "mahalanobis", "order": "largest"}, "EVAL-429"),
        ({"distance": "mahalanobis", "ratio": 2, "max_ratio": 3}, "EVAL-428"),
        ({"ratio": 3, "max_ratio": 2}, "EVAL-428"),
        ({"caliper_covariates": {"stratum": 1}}, "EVAL-427"),
        ({"sampling_weight": np.zeros(42)}, "EVAL-437"),
        ({"person": ["a"]}, "EVAL-426"),
        ({"caliper": 0.0}, "EVAL-413"),
    ],
)
def test_an_illegal_option_is_refused(options: dict[str, Any], code: str) -> None:
    assert refused(**options).code == code


def test_every_column_with_missing_values_is_named_with_its_count() -> None:
    frame = FRAME.assign(x=FRAME["x"].where(FRAME.index > 2), z=FRAME["z"].where(FRAME.index > 0))
    error = refused(frame)
    assert [(f.data["column"], f.data["count"]) for f in error.faults] == [("x", 3), ("z", 1)]
    assert "3" in error.text("fr")
    assert refused(frame, covariates=["y"], exact=["x"]).code == "EVAL-405"


def test_infinite_values_dates_and_identifiers_are_refused() -> None:
    assert refused(FRAME.assign(x=np.inf)).code == "EVAL-406"
    assert refused(FRAME.assign(x=pd.Timestamp("2023-01-01"))).code == "EVAL-438"
    assert refused(FRAME.assign(x=date(2023, 1, 1))).code == "EVAL-438"
    many = pd.concat([FRAME] * 3, ignore_index=True)
    error = refused(many.assign(x=[f"p{i}" for i in range(len(many))]))
    assert (error.code, error.faults[0].data["count"]) == ("EVAL-439", 126)


def test_the_treatment_must_be_zero_and_one() -> None:
    assert refused(FRAME.assign(t=FRAME["t"].where(FRAME.index > 3))).code == "EVAL-408"
    coded = refused(FRAME.assign(t=FRAME["t"] + 1))
    assert coded.code == "EVAL-407"
    assert coded.faults[0].data["examples"] == ["1", "2"]
    assert '(df["t"] == 2).astype(int)' in coded.text("en")
    words = refused(FRAME.assign(t=np.where(FRAME["t"] == 1, "yes", "no")))
    assert "(df[\"t\"] == 'yes')" in words.text("en")
    assert refused(FRAME.assign(t=1)).faults[0].data["arm"] == "0"
    assert refused(FRAME.assign(t=0)).faults[0].data["arm"] == "1"
    continuous = refused(FRAME.assign(t=FRAME["x"]))
    assert continuous.faults[0].data["examples"] == []


def test_a_column_that_stands_twice_is_refused() -> None:
    frame = pd.concat([FRAME, FRAME[["x"]]], axis=1)
    assert refused(frame).code == "EVAL-430"


def test_a_leak_of_the_treatment_is_refused_by_name() -> None:
    error = refused(FRAME.assign(leak=FRAME["t"] * 2), covariates=["x", "leak"])
    assert (error.code, error.faults[0].data) == ("EVAL-423", {"column": "leak"})


def test_losses_are_counted_by_reason() -> None:
    frame = small_problem(2, treated=60, others=90)
    frame["stratum"] = np.where(frame.index < 14, "empty", "full")
    frame.loc[14:28, "score"] += 99.0
    options = {"distance": frame["score"].to_numpy(), "exact": ["stratum"], "order": "data"}
    found = notes(frame, **options, caliper=0.5)
    lost = found["EVAL-412"]
    assert (lost["stratum_empty"], lost["caliper"], lost["total"]) == (14, 15, 60)
    assert (lost["lost"], lost["share"]) == (29, 48.3)
    assert found["EVAL-416"] == {
        "count": 1, "total": 2, "treated": 14, "examples": ["(stratum=empty)"],
    }  # fmt: skip


def test_small_losses_are_counted_for_the_researcher_only() -> None:
    frame = FRAME.assign(stratum=np.where(FRAME.index < 2, "empty", "full"))
    found = notes(frame, exact=["stratum"])
    assert found["EVAL-416"]["treated"] == "secret"
    assert found["EVAL-416"]["examples"] == ["secret"]
    assert found["EVAL-412"]["lost"] == found["EVAL-412"]["share"] == "secret"
    assert found["EVAL-412"]["caliper"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        matched = match_frame(frame, treatment="t", covariates=["x"], exact=["stratum"])
    assert matched.empty_strata.to_dict("list") == {"stratum": ["empty"], "rows": [2]}
    assert matched.unmatched["reason"].tolist() == ["stratum_empty"] * 2


def test_shortages_are_said() -> None:
    found = notes(small_problem(1, treated=40, others=19))
    assert (found["EVAL-414"]["comparators"], found["EVAL-414"]["treated"]) == (19, 40)
    assert found["EVAL-412"]["no_comparator_left"] == 21
    many = small_problem(1, treated=40, others=90)
    assert notes(many, ratio=3)["EVAL-415"] == {"count": 30, "matched": 40, "ratio": 3}
    tight = many.assign(s=np.where((many.index < 25) | (many.index > 120), "a", "b"))
    assert notes(tight, exact=["s"])["EVAL-435"] == {"count": 1, "total": 2, "missing": 16}


def test_far_pairs_without_a_caliper_and_void_options_are_said() -> None:
    many = small_problem(1, treated=60, others=70)
    found = notes(many, distance="logit")["EVAL-417"]
    assert (found["total"], found["caliper"]) == (60, 0.2)
    assert found["count"] >= 11
    assert "EVAL-417" not in notes(caliper=0.5)
    assert notes(replace=True, order="data")["EVAL-418"]["option"] == "order"
    assert notes(replace=True, reuse_max=2)["EVAL-418"]["option"] == "replace"


def test_constant_covariates_are_dropped_with_a_note() -> None:
    found = notes(FRAME.assign(c=7), covariates=["x", "c"])
    assert found["EVAL-419"] == {"columns": ["c"]}
