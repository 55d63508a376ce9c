"""The placebo's frame knows nothing of the last six months."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from evaluation.cohort import Cohort
from tests.cohort.helpers import FakeRegister, row

Build = Callable[..., Cohort]


def test_events_of_the_last_six_months_leave_no_trace(pair: FakeRegister, build: Build) -> None:
    quiet = build(pair).frozen
    pair.hire("other", date(2023, 2, 28), "CDD", date(2023, 12, 1))
    pair.hire("other", date(2023, 6, 1), "CTT", date(2023, 6, 9))
    pair.person("other", registration_date=date(2023, 3, 1), rsa=True, benefit="ass", category="E",
                disabled=True, experience_months=99, previous_support="intensive")  # fmt: skip
    busy = build(pair, cohort__exclude_durable_job=False)
    assert row(busy.frame, "other")["rsa"] == 1
    assert row(busy.frame, "other")["hires_24"] == 2
    pd.testing.assert_frame_equal(busy.frozen, quiet)


def test_the_months_before_are_still_counted(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2022, 11, 1), "CDD", date(2022, 11, 10))
    cohort = build(pair)
    then, now = row(cohort.frozen, "other"), row(cohort.frame, "other")
    assert then["hires_24"] == now["hires_24"] == 1
    assert then["days_employed_q4"] == now["days_employed_q4"] == 10
    assert then["months_since_last_job"] == 3
    assert now["months_since_last_job"] == 9
    assert then["months_registered_24"] == 18
    assert now["months_registered_24"] == 24
    assert then["months_category_a_15"] == 8
    assert now["months_category_a_15"] == 14


def test_who_was_not_registered_then_keeps_only_lasting_traits(
    pair: FakeRegister, build: Build
) -> None:
    for registration in pair.registrations:
        registration |= {"registration_date": date(2023, 6, 1), "rsa": True}
    found = row(build(pair).frozen, "other")
    assert found["benefit"] == found["previous_support"] == "not_registered"
    assert found["experience_months"] == found["benefit_days_left"] == 0
    assert (found["sex"], found["rsa"], found["education"]) == ("1", 1, "NV5")


def test_no_column_that_the_last_months_determine_stands_in_it(
    pair: FakeRegister, build: Build
) -> None:
    cohort = build(pair)
    gone = {"elapsed_months", "category", "registration_reason", "spell_start", "entry_date",
            "days_employed_q1", "days_employed_q2", "enters_within_horizon"}  # fmt: skip
    assert gone.isdisjoint(cohort.frozen)
    blocks = {name: cohort.variables[name].block for name in cohort.frozen}
    assert {"outcome", "placebo"}.isdisjoint(blocks.values())
    assert {"B0", "B1", "B2", "B3", "B4", "B5", "B6"} <= set(blocks.values())
    for key in ("person_id", "index_month", "treated", "duration_class", "sampling_weight"):
        pd.testing.assert_series_equal(cohort.frozen[key], cohort.frame[key])


@pytest.mark.parametrize("name", ["days_employed_q3", "days_employed_q8"])
def test_quarters_before_the_freeze_are_the_same(
    pair: FakeRegister, build: Build, name: str
) -> None:
    pair.hire("other", date(2021, 10, 1), "CDD", date(2023, 5, 1))
    cohort = build(pair, cohort__exclude_durable_job=False)
    assert row(cohort.frame, "other")[name] > 0
    pd.testing.assert_series_equal(cohort.frozen[name], cohort.frame[name])
