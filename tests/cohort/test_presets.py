"""Outcomes that are no durable hire: training, business creation, positive exits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import get_args

import pytest

from evaluation.cohort import Cohort
from evaluation.cohort.presets import PRESETS, job_preset
from evaluation.errors import EvaluationWarning
from evaluation.study import OUTCOME_FAMILIES, Preset
from tests.cohort.helpers import FakeRegister, row

Build = Callable[..., Cohort]
ALL = ["training", "business_creation", "positive_exit"]
pytestmark = pytest.mark.filterwarnings("ignore::evaluation.errors.EvaluationWarning")


def outcomes(cohort: Cohort, person: str, names: list[str]) -> list[int]:
    found = row(cohort.frame, person)
    return [int(found[f"durable_6m__{name}"]) for name in names]


def test_the_study_offers_what_the_room_knows() -> None:
    assert set(get_args(Preset)) == set(PRESETS) == set(OUTCOME_FAMILIES)
    assert {job_preset(name) for name in PRESETS} <= set(PRESETS)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("02", [1, 0, 1]), ("16", [0, 1, 1]), ("01", [0, 0, 0]), ("13", [0, 0, 0]), (None, [0] * 3)],
)
def test_an_exit_from_the_lists_counts_in_both_arms(
    pair: FakeRegister, build: Build, reason: str | None, expected: list[int]
) -> None:
    for registration in pair.registrations:
        registration |= {"exit_date": date(2023, 11, 2), "exit_reason": reason}
    lists = [f"{name}_lists" for name in ALL]
    cohort = build(pair, outcome__sensitivity=[*ALL, *lists])
    for person in ("entrant", "other"):
        assert outcomes(cohort, person, ALL) == outcomes(cohort, person, lists) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("training", [1, 0, 1]), ("business_creation", [0, 1, 1]), ("job", [0, 0, 1]),
        ("other", [0, 0, 0]),
    ],
)  # fmt: skip
def test_a_programme_exit_counts_only_where_the_name_says_so(
    pair: FakeRegister, build: Build, reason: str, expected: list[int]
) -> None:
    pair.entries[0] |= {"exit_date": date(2024, 2, 29), "exit_reason": reason}
    lists = [f"{name}_lists" for name in ALL]
    cohort = build(pair, outcome__sensitivity=[*ALL, *lists])
    assert outcomes(cohort, "entrant", ALL) == expected
    assert outcomes(cohort, "entrant", lists) == [0, 0, 0]
    assert outcomes(cohort, "other", ALL) == [0, 0, 0]
    told = {note.data["preset"]: note.data for note in cohort.notes if note.code == "EVAL-326"}
    assert [told[name]["entrants"] for name in ALL] == expected
    assert {told[name]["comparators"] for name in ALL} == {0}


def test_a_comparator_who_enters_later_may_leave_to_training(
    pair: FakeRegister, build: Build
) -> None:
    pair.entry("other", date(2023, 10, 5), exit_date=date(2024, 1, 5), exit_reason="training")
    frame = build(pair, outcome__sensitivity=["training"]).frame
    found = frame[(frame["person_id"] == "other") & (frame["treated"] == 0)].iloc[0]
    assert (found["durable_6m__training"], found["enters_within_horizon"]) == (1, 1)


@pytest.mark.parametrize(
    ("left", "month"),
    [(date(2023, 8, 31), 0), (date(2023, 9, 1), 1), (date(2024, 2, 29), 6), (date(2024, 3, 1), 7)],
)
def test_training_as_the_headline_is_dated_like_a_hire(
    pair: FakeRegister, build: Build, left: date, month: int
) -> None:
    pair.entries[0] |= {"exit_date": left, "exit_reason": "training"}
    found = row(build(pair, outcome__preset="training").frame, "entrant")
    assert found["month_durable"] == month
    assert found["durable_6m"] == int(0 < month <= 6)


def test_training_as_the_headline_keeps_jobs_in_the_history(
    pair: FakeRegister, build: Build
) -> None:
    """Durable jobs stay es47: excluded while held, counted in the history, seen in presence."""
    pair.hire("other", date(2022, 3, 1), "CDD", date(2022, 12, 31))
    pair.hire("entrant", date(2023, 12, 1), "CDI")
    cohort = build(pair, outcome__preset="training_lists")
    assert row(cohort.frame, "other")["durable_hires_24"] == 1
    assert row(cohort.frame, "other")["placebo_24m"] == 0
    entrant = row(cohort.frame, "entrant")
    assert (entrant["durable_12m"], entrant["presence_4m"], entrant["presence_3m"]) == (0, 1, 0)
    pair.person("third", registration_date=date(2020, 1, 1)).hire("third", date(2023, 2, 1), "CDI")
    cohort = build(pair, outcome__preset="training_lists")
    assert "third" not in set(cohort.frame["person_id"])


@pytest.mark.parametrize(("last", "counts"), [(date(2023, 10, 30), 1), (date(2023, 10, 29), 0)])
def test_a_positive_exit_takes_a_job_of_thirty_days(
    pair: FakeRegister, build: Build, last: date, counts: int
) -> None:
    pair.hire("other", date(2023, 10, 1), "CTT", last)
    cohort = build(pair, outcome__preset="positive_exit")
    assert row(cohort.frame, "other")["durable_6m"] == counts


def test_an_outcome_seen_better_in_one_arm_is_said(pair: FakeRegister, build: Build) -> None:
    with pytest.warns(EvaluationWarning, match="EVAL-326"):
        build(pair, outcome__preset="training")
    assert not [
        n for n in build(pair, outcome__preset="training_lists").notes if n.code[-3:] == "326"
    ]
