"""Every column is declared once, and no covariate is dated after the index date."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.cohort import declared_variables
from evaluation.cohort.types import COVARIATE_BLOCKS
from evaluation.cohort.variables import _variable
from evaluation.errors import EvaluationError
from tests.cohort.helpers import FakeRegister, make_study


def test_no_covariate_is_dated_after_the_index_date(tmp_path: Path) -> None:
    declared = declared_variables(make_study(tmp_path))
    late = {name for name, v in declared.items() if v.as_of == "after"}
    assert {"durable_6m", "any_job_12m", "entry_date", "treated"} <= late
    assert not {declared[name].block for name in late} & set(COVARIATE_BLOCKS)
    with pytest.raises(AssertionError, match="after the index date"):
        _variable("x", {"block": "B1", "as_of": "after", "label_fr": "", "label_en": "",
                        "unit": "", "kind": "flag"}, {})  # fmt: skip


def test_every_variable_is_worded_and_typed(tmp_path: Path) -> None:
    declared = declared_variables(make_study(tmp_path))
    for name, variable in declared.items():
        assert variable.name == name
        assert variable.label_fr
        assert variable.label_en
        assert "{" not in variable.label_fr + variable.label_en + name
        assert variable.kind in {"category", "flag", "number", "date", "text"}
        assert variable.as_of in {"registration", "index", "after"}


def test_outcomes_and_placebos_can_never_enter_a_score(pair: FakeRegister, build) -> None:  # type: ignore[no-untyped-def]
    cohort = build(pair)
    names = cohort.covariates(COVARIATE_BLOCKS)
    assert not [n for n in names if n.startswith(("durable_6", "any_job", "placebo", "month_d"))]
    assert {"spell_start", "person_id", "treated", "entry_date"}.isdisjoint(names)
    for block in ("outcome", "placebo", "key", "B7"):
        with pytest.raises(EvaluationError, match="EVAL-308"):
            cohort.covariates(["B0", block])
    assert "elapsed_months" not in cohort.covariates(COVARIATE_BLOCKS, cohort.frozen)


def test_barriers_become_levels_in_the_design(pair: FakeRegister, build) -> None:  # type: ignore[no-untyped-def]
    pair.registrations[0]["barrier_health"] = True
    cohort = build(pair)
    assert cohort.frame["barrier_health"].dtype == "int8"
    assert sorted(cohort.frame["barrier_health"]) == [-1, 1]
    assert list(cohort.frame["barriers"]) == [1, 0]
    design = cohort.design(["B6"])
    assert list(design["barrier_health"].cat.categories) == [0, 1, -1]
    assert list(design.columns) == cohort.covariates(["B6"])
