"""Missing covariates: never passed over, whatever is asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError
from evaluation.matching import match_frame


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    n = 400
    age = rng.normal(40, 10, n)
    treat = (rng.random(n) < 1 / (1 + np.exp(1.5 - 0.03 * age))).astype(int)
    education = rng.choice(["low", "high"], n).astype(object)
    frame = pd.DataFrame({"treat": treat, "age": age, "education": education})
    frame.loc[rng.choice(n, 60, replace=False), "age"] = np.nan
    frame.loc[rng.choice(n, 40, replace=False), "education"] = None
    return frame


def run(frame, **options):
    return match_frame(frame, treatment="treat", **({"covariates": ["age", "education"]} | options))


def codes(matched):
    return [note.code for note in matched.notes]


def test_refused_by_default_with_all_columns_and_counts(rows):
    with pytest.raises(EvaluationError) as caught:
        run(rows)
    assert [fault.code for fault in caught.value.faults] == ["EVAL-405", "EVAL-405"]
    assert "60" in str(caught.value)
    assert "40" in str(caught.value)


def test_indicator_adds_a_flag_to_numbers_and_a_level_to_categories(rows):
    matched = run(rows, missing="indicator")
    design = matched.problem.covariates
    holes = rows["age"].isna().to_numpy()
    assert list(design.columns) == ["age", "age: missing", "education"]
    assert (design["age: missing"].to_numpy() == holes).all()
    assert design["age"][holes].unique() == pytest.approx([rows["age"].mean()])
    assert (design["education"][rows["education"].isna()] == "missing").all()
    assert codes(matched).count("EVAL-477") == 2
    assert "age: missing[1]" in matched.score.names or "age: missing" in matched.score.names
    assert "age: missing" in set(matched.balance().frame["covariate"])


def test_a_declared_level(rows):
    matched = run(rows.assign(age=40.0 + rows.index % 7), missing={"education": "unknown"})
    assert (matched.problem.covariates["education"][rows["education"].isna()] == "unknown").all()


def test_columns_that_a_dict_does_not_name_are_refused(rows):
    with pytest.raises(EvaluationError) as caught:
        run(rows, missing={"education": "unknown"})
    assert [fault.data["column"] for fault in caught.value.faults] == ["age"]


def test_the_value_that_fills_a_number_does_not_matter(rows):
    """Beside its indicator, the mean has no influence on the score."""
    first = run(rows, missing="indicator").propensity
    other = rows.assign(flag=rows["age"].isna().astype(int), age=rows["age"].fillna(1000.0))
    second = run(
        other, covariates=["age", "flag", "education"], missing={"education": "missing"}
    ).propensity
    np.testing.assert_allclose(first, second, rtol=1e-7)


def test_formula_keeps_the_indicator(rows):
    matched = run(
        rows, covariates=None, formula="treat ~ age + I(age**2) + education", missing="indicator"
    )  # fmt: skip
    assert "age: missing" in matched.score.names


@pytest.mark.parametrize(
    ("missing", "code"),
    [("drop", "EVAL-403"), (3, "EVAL-403"), ({"agee": "indicator"}, "EVAL-400"),
     ({"age": "unknown", "education": "unknown"}, "EVAL-478")],
)  # fmt: skip
def test_wrong_choices(rows, missing, code):
    with pytest.raises(EvaluationError) as caught:
        run(rows, missing=missing)
    assert caught.value.code == code


def test_a_column_without_any_value(rows):
    with pytest.raises(EvaluationError) as caught:
        run(rows.assign(age=np.nan), missing="indicator")
    assert caught.value.code == "EVAL-479"


def test_infinite_values_are_refused_all_the_same(rows):
    rows.loc[0, "age"] = np.inf
    with pytest.raises(EvaluationError) as caught:
        run(rows, missing="indicator")
    assert caught.value.code == "EVAL-406"
