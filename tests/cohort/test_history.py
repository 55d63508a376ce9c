"""The two years before the index date, from spells and contracts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from evaluation.cohort import Cohort
from tests.cohort.helpers import FakeRegister, row

Build = Callable[..., Cohort]
QUARTERS = [f"days_employed_q{k}" for k in range(1, 9)]


def history(pair: FakeRegister, build: Build) -> dict[str, int]:
    return dict(row(build(pair, cohort__exclude_durable_job=False).frame, "other"))


def test_days_are_counted_once_in_the_quarter_they_fall_in(
    pair: FakeRegister, build: Build
) -> None:
    # q1 runs from 31 May to 30 August 2023; q2 from 28 February to 30 May
    pair.hire("other", date(2023, 5, 21), "CDD", date(2023, 6, 9))
    pair.hire("other", date(2023, 6, 5), "CTT", date(2023, 6, 14))
    found = history(pair, build)
    assert [found[q] for q in QUARTERS] == [15, 10, 0, 0, 0, 0, 0, 0]
    assert found["days_temp_agency_24"] == 10
    assert found["days_cdi_24"] == 0
    assert found["hires_24"] == 2


def test_a_contract_is_cut_at_both_ends_of_the_history(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2019, 1, 1), "CDI", date(2026, 1, 1))
    found = history(pair, build)
    assert sum(found[q] for q in QUARTERS) == found["days_cdi_24"] == 730
    assert found["hires_24"] == 0
    assert found["months_since_last_job"] == 0
    assert found["months_category_a_24"] == 0
    assert found["months_registered_24"] == 24


@pytest.mark.parametrize(
    ("kind", "days"), [("CDD", 1), ("CTT", 1), ("CDI", 30)], ids=["cdd", "ctt", "cdi"]
)
def test_an_unknown_end_counts_one_day_or_runs_to_the_index_date(
    pair: FakeRegister, build: Build, kind: str, days: int
) -> None:
    pair.hire("other", date(2023, 8, 1), kind)
    assert history(pair, build)["days_employed_q1"] == days


def test_a_cdi_without_end_stops_when_the_person_registers_again(
    pair: FakeRegister, build: Build
) -> None:
    pair.registrations[1]["exit_date"] = date(2023, 2, 1)
    pair.person("other", registration_date=date(2023, 8, 10))
    pair.person("filler", registration_date=date(2023, 8, 10)).entry("filler", date(2023, 8, 31))
    pair.hire("other", date(2023, 2, 1), "CDI")
    found = history(pair, build)
    assert found["days_cdi_24"] == (date(2023, 8, 10) - date(2023, 2, 1)).days
    assert found["spells_24"] == 2
    assert found["duration_class"] == "00_02"
    # registered until 31 January: on the last day of months 8 to 24, and of month 1
    assert found["months_registered_24"] == 18


def test_duration_days_replace_a_missing_end(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2023, 8, 1), "CDD", duration_days=10)
    assert history(pair, build)["days_employed_q1"] == 10


@pytest.mark.parametrize(
    ("last_day", "months"),
    [
        (date(2023, 8, 30), 0),
        (date(2023, 7, 31), 0),
        (date(2023, 7, 30), 1),
        (date(2021, 8, 31), 23),
        (date(2021, 8, 30), 99),
    ],
)
def test_months_since_the_last_job(
    pair: FakeRegister, build: Build, last_day: date, months: int
) -> None:
    pair.hire("other", date(2021, 5, 1), "CDD", last_day)
    assert history(pair, build)["months_since_last_job"] == months


def test_category_a_asks_for_a_searching_category_and_a_month_without_work(
    pair: FakeRegister, build: Build
) -> None:
    pair.hire("other", date(2023, 7, 30), "CTT", date(2023, 8, 2))  # touches two months
    found = history(pair, build)
    assert found["months_registered_24"] == 24
    assert found["months_category_a_24"] == 22
    assert found["months_category_a_15"] == 13
    pair.registrations[1]["category"] = "D"
    assert history(pair, build)["months_category_a_24"] == 0


def test_the_index_day_and_later_are_not_history(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2023, 8, 31), "CDI").hire("other", date(2023, 9, 1), "CDI")
    found = history(pair, build)
    assert found["hires_24"] == found["durable_hires_24"] == found["days_cdi_24"] == 0
    assert found["months_since_last_job"] == 99


def test_anticipation_moves_the_history_and_not_the_outcome(
    pair: FakeRegister, build: Build
) -> None:
    pair.hire("other", date(2023, 8, 10), "CDD", date(2023, 8, 12))
    pair.hire("other", date(2023, 9, 10), "CDI")
    now, before = build(pair), build(pair, cohort__anticipation_days=30)
    assert row(now.frame, "other")["hires_24"] == 1
    assert row(before.frame, "other")["hires_24"] == 0
    assert row(before.frame, "other")["placebo_any_6m"] == 1
    assert row(before.frame, "other")["month_durable"] == 1


def test_a_longer_history_names_its_columns(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2021, 1, 15), "CDD", date(2021, 1, 24))
    cohort = build(pair, cohort__history_months=36)
    found = row(cohort.frame, "other")
    assert found["hires_36"] == 1
    assert found["days_employed_q11"] == 10
    assert "hires_24" not in cohort.frame
    assert "hires_36" in cohort.covariates(["B4"])
