"""Which hire counts in which month, after the index date and before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from evaluation.cohort import Cohort
from evaluation.errors import EvaluationError
from tests.cohort.helpers import FakeRegister, row

Build = Callable[..., Cohort]


@pytest.mark.parametrize(
    ("hired", "month"),
    [
        (date(2023, 8, 30), 0),
        (date(2023, 8, 31), 0),
        (date(2023, 9, 1), 1),
        (date(2023, 9, 30), 1),  # 31 August + 1 month
        (date(2023, 10, 1), 2),
        (date(2024, 2, 29), 6),  # 31 August + 6 months, a leap year
        (date(2024, 3, 1), 7),
        (date(2024, 8, 31), 12),
        (date(2024, 9, 1), 0),
    ],
)
def test_a_hire_counts_in_its_month_and_every_later_one(
    pair: FakeRegister, build: Build, hired: date, month: int
) -> None:
    pair.hire("other", hired, "CDD", date(2025, 9, 1))
    frame = build(pair, cohort__exclude_durable_job=False).frame
    found = row(frame, "other")
    assert found["month_durable"] == month
    flags = [found[f"durable_{k}m"] for k in range(1, 13)]
    assert flags == [int(0 < month <= k) for k in range(1, 13)]
    assert flags == [found[f"any_job_{k}m"] for k in range(1, 13)]
    assert row(frame, "entrant")["month_durable"] == 0


@pytest.mark.parametrize(
    ("hired", "month"),
    [
        (date(2023, 8, 31), 0),
        (date(2023, 8, 30), 1),
        (date(2023, 7, 31), 1),
        (date(2023, 7, 30), 2),
        (date(2023, 2, 28), 6),  # 31 August − 6 months
        (date(2023, 2, 27), 7),
        (date(2021, 8, 31), 24),
        (date(2021, 8, 30), 0),
    ],
)
def test_the_placebo_mirrors_the_outcome(
    pair: FakeRegister, build: Build, hired: date, month: int
) -> None:
    pair.hire("other", hired, "CDI", hired)
    found = row(build(pair, cohort__exclude_durable_job=False).frame, "other")
    flags = [found[f"placebo_{k}m"] for k in range(1, 25)]
    assert flags == [int(0 < month <= k) for k in range(1, 25)]
    assert found["placebo_any_6m"] == int(0 < month <= 6)


def test_the_first_durable_hire_gives_the_month(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2023, 10, 15), "CDD", date(2023, 11, 15))
    pair.hire("other", date(2024, 1, 15), "CDI").hire("other", date(2024, 5, 15), "CDI")
    found = row(build(pair).frame, "other")
    assert found["month_durable"] == 5
    assert (found["any_job_1m"], found["any_job_2m"], found["durable_2m"]) == (0, 1, 0)


def test_people_who_left_the_lists_are_followed(pair: FakeRegister, build: Build) -> None:
    for registration in pair.registrations:
        registration["exit_date"] = date(2023, 9, 2)
    pair.hire("entrant", date(2024, 1, 15))
    assert row(build(pair).frame, "entrant")["durable_6m"] == 1


def test_definitions_part_at_exactly_six_months(pair: FakeRegister, build: Build) -> None:
    pair.hire("other", date(2023, 9, 1), "CDD", date(2024, 2, 29))
    pair.hire("entrant", date(2023, 9, 1), "CTT", date(2024, 6, 30))
    cohort = build(pair)
    other, entrant = (row(cohort.frame, person) for person in ("other", "entrant"))
    names = [
        "durable_6m",
        *(f"durable_6m__{p}" for p in ("lolf_p102", "dares_midas", "unedic_180")),
    ]
    assert [other[name] for name in names] == [0, 1, 1, 1]
    assert [entrant[name] for name in names] == [1, 1, 0, 0]
    near = cohort.quality["comparators"]["near_cut"]["es47"]
    assert near == {"count": 1, "share": 1.0, "persons": 1}
    assert cohort.quality["entrants"]["near_cut"]["es47"]["count"] == 0


def test_a_business_creation_counts_for_the_budget_indicator_only(
    pair: FakeRegister, build: Build
) -> None:
    pair.registrations[1] |= {"exit_date": date(2023, 11, 2), "exit_reason": "16"}
    found = row(build(pair).frame, "other")
    assert (found["durable_6m"], found["durable_6m__lolf_p102"]) == (0, 1)
    assert found["any_job_6m"] == 0
    headline = build(pair, outcome__preset="lolf_p102").frame
    assert row(headline, "other")["month_durable"] == 3
    assert "durable_6m__lolf_p102" not in headline


@pytest.mark.parametrize(("gap", "chained"), [(0, False), (7, False), (8, True)])
def test_missions_for_one_firm_chain_over_short_gaps(
    pair: FakeRegister, build: Build, gap: int, chained: bool
) -> None:
    first, second = (date(2023, 9, 11), date(2023, 12, 22)), (date(2023, 12, 31), date(2024, 4, 1))
    for begin, end in (first, second):
        pair.hire("other", begin, "CTT", end, employer_id="agency", user_employer_id="firm")
        pair.hire("entrant", begin, "CTT", end, employer_id="agency", user_employer_id=f"{end}")
    cohort = build(pair, outcome__chain_gap_days=gap)
    assert row(cohort.frame, "other")["durable_6m"] == int(chained)
    assert row(cohort.frame, "other")["month_durable"] == int(chained)
    assert row(cohort.frame, "entrant")["durable_6m"] == 0
    assert cohort.quality["comparators"]["chained"]["count"] == int(chained)


def test_a_chain_counts_before_the_index_date_only_if_long_enough_by_then(
    pair: FakeRegister, build: Build
) -> None:
    pair.hire("other", date(2023, 4, 1), "CDD", date(2023, 7, 31), employer_id="firm")
    pair.hire("other", date(2023, 8, 1), "CDD", date(2023, 8, 30), employer_id="firm")
    pair.hire("other", date(2023, 9, 1), "CDD", date(2024, 3, 1), employer_id="firm")
    found = row(build(pair, outcome__chain_gap_days=3).frame, "other")
    assert found["placebo_6m"] == found["durable_hires_24"] == 0
    assert found["durable_6m"] == 0  # the chain began before the index date
    assert found["any_job_1m"] == 1


def test_months_not_observed_for_the_whole_window_are_absent(
    pair: FakeRegister, build: Build
) -> None:
    cohort = build(pair, register__extraction_date=date(2024, 9, 29))
    assert cohort.months_observed == 8
    assert "durable_8m" in cohort.frame
    assert not {"durable_9m", "any_job_9m"} & set(cohort.frame)
    assert "durable_9m" not in cohort.variables
    assert build(pair, register__extraction_date=date(2024, 9, 30)).months_observed == 9


def test_an_unobserved_horizon_names_the_first_extraction_that_would_do(
    pair: FakeRegister, build: Build
) -> None:
    with pytest.raises(EvaluationError, match="EVAL-304") as caught:
        build(pair, register__extraction_date=date(2024, 6, 29))
    assert "2024-06-30" in caught.value.text("fr")
    assert build(pair, register__extraction_date=date(2024, 6, 30)).months_observed == 6


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ({}, {}, True),
        ({}, {"employer_id": "another"}, False),
        ({"employer_id": None}, {"employer_id": None}, False),
        ({"kind": "CTT", "user_employer_id": "firm"}, {}, False),
        ({"kind": "CTT", "user_employer_id": "u"}, {"kind": "CTT", "user_employer_id": "u"}, True),
        ({"kind": "CTT", "user_employer_id": "u"}, {"kind": "CTT", "user_employer_id": "v"}, False),
        ({"kind": "AIDE"}, {}, True),
        ({"end": None}, {}, False),
        ({"cancelled": True}, {}, False),
        ({}, {"cancelled": True}, False),
    ],
)
def test_only_known_ends_at_one_employer_make_a_chain(
    pair: FakeRegister, build: Build, first: dict[str, Any], second: dict[str, Any], joined: bool
) -> None:
    base = {"kind": "CDD", "employer_id": "firm"}
    early = {"day": date(2023, 9, 11), "end": date(2023, 12, 10)}
    late = {"day": date(2023, 12, 11), "end": date(2024, 4, 10)}
    pair.hire("other", **base | early | first).hire("other", **base | late | second)
    cohort = build(pair, outcome__chain_gap_days=1)
    assert row(cohort.frame, "other")["durable_6m"] == int(joined)
    assert cohort.quality["comparators"]["chained"]["count"] == int(joined)


def test_a_chain_of_three_is_one_hire_dated_at_its_first_contract(
    pair: FakeRegister, build: Build
) -> None:
    """Durable from the third contract on; a fourth and a contract in between add nothing."""
    for begin, end, kind in (
        (date(2022, 9, 1), date(2022, 11, 30), "CDD"),
        (date(2022, 12, 1), date(2022, 12, 31), "CDD"),
        (date(2023, 1, 1), date(2023, 4, 30), "CDD"),
        (date(2023, 5, 1), date(2023, 5, 20), "OTHER"),
        (date(2023, 5, 21), date(2023, 6, 30), "CDD"),
    ):
        pair.hire("other", begin, kind, end, employer_id="firm")
    for preset in ("es47", "dares_sortants"):
        cohort = build(pair, outcome__chain_gap_days=1, outcome__preset=preset)
        found = row(cohort.frame, "other")
        assert (found["durable_hires_24"], found["placebo_11m"], found["placebo_12m"]) == (1, 0, 1)
        assert found["hires_24"] == 5
