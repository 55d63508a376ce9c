"""Presence in durable employment on a day, beside access by that day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from evaluation.cohort import Cohort
from evaluation.cohort.types import COVARIATE_BLOCKS
from evaluation.effects.placebo import check_covariates
from evaluation.errors import EvaluationError
from tests.cohort.helpers import FakeRegister, row

Build = Callable[..., Cohort]


def months(cohort: Cohort, person: str, stem: str = "presence") -> list[int]:
    found = row(cohort.frame, person)
    return [k for k in range(1, 13) if found[f"{stem}_{k}m"]]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        # 31 August + k months: 30 September, …, 29 February, 31 March
        (date(2023, 9, 1), date(2024, 3, 1), [1, 2, 3, 4, 5, 6]),
        (date(2023, 9, 30), date(2024, 3, 30), [1, 2, 3, 4, 5, 6]),
        (date(2023, 10, 1), date(2024, 4, 1), [2, 3, 4, 5, 6, 7]),
        (date(2023, 8, 31), date(2024, 3, 31), [1, 2, 3, 4, 5, 6, 7]),
        (date(2024, 2, 29), date(2024, 8, 30), [6, 7, 8, 9, 10, 11]),
        (date(2024, 2, 29), date(2024, 8, 31), [6, 7, 8, 9, 10, 11, 12]),
        (date(2023, 9, 1), date(2024, 2, 28), []),  # not durable
    ],
)
def test_both_ends_are_days_of_presence(
    pair: FakeRegister, build: Build, begin: date, end: date, expected: list[int]
) -> None:
    pair.hire("other", begin, "CDD", end)
    cohort = build(pair, cohort__exclude_durable_job=False)
    assert months(cohort, "other") == expected
    assert months(cohort, "entrant") == []


def test_presence_ends_with_the_contract_and_access_does_not(
    pair: FakeRegister, build: Build
) -> None:
    pair.hire("other", date(2023, 9, 15), "CDI", date(2023, 11, 15))
    cohort = build(pair)
    assert months(cohort, "other") == [1, 2]
    assert months(cohort, "other", "durable") == list(range(1, 13))


def test_an_open_ended_job_is_held_until_the_person_registers_again(
    pair: FakeRegister, build: Build
) -> None:
    pair.registrations[1]["exit_date"] = date(2023, 9, 20)
    pair.hire("other", date(2023, 9, 20), "CDI").hire("entrant", date(2023, 9, 20), "CDI")
    pair.person("other", registration_date=date(2024, 1, 31))
    cohort = build(pair)
    assert months(cohort, "other") == [1, 2, 3, 4]  # 31 January is the fifth month's day
    assert months(cohort, "entrant") == list(range(1, 13))


@pytest.mark.parametrize(
    ("convention", "expected"),
    [
        ("not_durable", []),
        ("durable", list(range(1, 13))),
        ("until_extraction", list(range(1, 13))),
    ],
)
def test_a_missing_end_follows_the_convention(
    pair: FakeRegister, build: Build, convention: str, expected: list[int]
) -> None:
    pair.hire("other", date(2023, 9, 15), "CDD")
    cohort = build(pair, outcome__missing_end=convention)
    assert months(cohort, "other") == months(cohort, "other", "durable") == expected


def test_a_chain_is_one_job_from_its_first_contract(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2023, 9, 15), "CDD", date(2023, 12, 29), employer_id="firm")
    pair.hire("other", date(2024, 1, 2), "CDD", date(2024, 5, 30), employer_id="firm")
    assert months(build(pair), "other") == []
    chained = build(pair, outcome__chain_gap_days=3)
    assert months(chained, "other") == list(range(1, 9))  # the gap on 31 December included
    assert months(chained, "other", "durable") == list(range(1, 13))


def test_presence_stops_where_the_curve_does_and_enters_no_score(
    pair: FakeRegister, build: Build
) -> None:
    cohort = build(pair, register__extraction_date=date(2024, 9, 29))
    assert "presence_8m" in cohort.frame
    assert "presence_9m" not in cohort.frame
    assert cohort.frame["presence_8m"].dtype == "int8"
    assert not [n for n in cohort.covariates(COVARIATE_BLOCKS) if n.startswith("presence")]
    with pytest.raises(EvaluationError, match="EVAL-510"):
        check_covariates(["age", "presence_3m"])
