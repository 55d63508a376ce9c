"""The definitions of a durable hire, at their cuts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from evaluation.cohort._arrays import UNKNOWN, day_of
from evaluation.cohort.durability import Contracts
from evaluation.cohort.levels import CONTRACTS
from evaluation.cohort.presets import PRESETS, near_cut


def contract(kind: str, start: date, end: date | None, **rules: Any) -> Contracts:
    return Contracts(
        start=np.array([day_of(start)], dtype=np.int32),
        end=np.array([UNKNOWN if end is None else day_of(end)], dtype=np.int32),
        kind=np.array([CONTRACTS.index(kind)], dtype=np.int8),
        extraction=day_of(date(2023, 6, 30)),
        **rules,
    )


def durable(preset: str, kind: str, start: date, end: date | None, **rules: Any) -> bool:
    return bool(PRESETS[preset].test(contract(kind, start, end, **rules))[0])


MARCH, AUGUST = date(2023, 3, 1), date(2023, 8, 31)


@pytest.mark.parametrize(
    ("preset", "kind", "start", "end", "expected"),
    [
        ("es47", "CDD", MARCH, AUGUST, False),
        ("es47", "CDD", MARCH, date(2023, 9, 1), True),
        ("lolf_p102", "CDD", MARCH, AUGUST, True),
        ("lolf_p102", "CDD", MARCH, date(2023, 8, 30), False),
        ("lolf_p102", "CTT", MARCH, AUGUST, True),
        ("es47", "CTT", MARCH, date(2023, 9, 1), True),
        ("dares_midas", "CTT", MARCH, date(2024, 3, 1), False),
        ("unedic_180", "CTT", MARCH, date(2024, 3, 1), False),
        ("dares_sortants", "CTT", MARCH, date(2024, 3, 1), False),
        ("dares_sortants", "CDD", MARCH, AUGUST, True),
        ("dares_midas", "OTHER", MARCH, date(2024, 3, 1), False),
        # 1 September to 27 February: 180 days, both included; to the 28th: 181, exactly six months
        ("unedic_180", "CDD", date(2022, 9, 1), date(2023, 2, 27), True),
        ("unedic_180", "CDD", date(2022, 9, 1), date(2023, 2, 26), False),
        ("dares_midas", "CDD", date(2022, 9, 1), date(2023, 2, 27), False),
        ("dares_midas", "CDD", date(2022, 9, 1), date(2023, 2, 28), True),
        ("lolf_p102", "CDD", date(2022, 9, 1), date(2023, 2, 27), False),
        ("lolf_p102", "CDD", date(2022, 9, 1), date(2023, 2, 28), True),
        ("es47", "CDD", date(2022, 9, 1), date(2023, 2, 28), False),
        # 31 August + 6 months is the last day of February
        ("es47", "CDD", date(2022, 8, 31), date(2023, 2, 27), False),
        ("es47", "CDD", date(2022, 8, 31), date(2023, 2, 28), True),
        ("lolf_p102", "CDD", date(2023, 8, 31), date(2024, 2, 28), True),
        ("access_1_month", "CTT", MARCH, date(2023, 3, 30), True),
        ("access_1_month", "CTT", MARCH, date(2023, 3, 29), False),
        ("any_job", "CTT", MARCH, MARCH, True),
    ],
)
def test_the_last_day_is_worked_and_decides(
    preset: str, kind: str, start: date, end: date, expected: bool
) -> None:
    assert durable(preset, kind, start, end) is expected


ABOUT_HIRES = [name for name in PRESETS if not name.startswith(("training", "business"))]


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in ABOUT_HIRES])
def test_no_hire_is_a_training_or_a_business(preset: str) -> None:
    assert not durable(preset, "CDI", MARCH, None)
    assert not near_cut(contract("CDD", MARCH, AUGUST), PRESETS[preset])[0]


@pytest.mark.parametrize("preset", ABOUT_HIRES)
def test_an_open_ended_contract_is_always_durable(preset: str) -> None:
    assert durable(preset, "CDI", MARCH, None)
    assert durable(preset, "CDI", MARCH, MARCH)


@pytest.mark.parametrize(
    ("preset", "convention", "start", "expected"),
    [
        ("es47", "not_durable", date(2022, 1, 1), False),
        ("es47", "durable", MARCH, True),
        ("es47", "until_extraction", date(2022, 12, 30), True),
        ("es47", "until_extraction", date(2022, 12, 31), True),
        ("es47", "until_extraction", date(2023, 1, 1), False),
        # these definitions bring their own convention
        ("dares_midas", "not_durable", MARCH, True),
        ("unedic_180", "not_durable", date(2023, 1, 2), True),
        ("unedic_180", "durable", date(2023, 1, 3), False),
    ],
)
def test_a_missing_end_follows_the_convention(
    preset: str, convention: str, start: date, expected: bool
) -> None:
    assert durable(preset, "CDD", start, None, missing_end=convention) is expected


def test_days_replace_months_only_where_the_definition_leaves_it_open() -> None:
    assert durable("es47", "CDD", MARCH, AUGUST, unit="days")
    assert not durable("es47", "CDD", MARCH, date(2023, 8, 27), unit="days")
    assert durable("lolf_p102", "CDD", MARCH, date(2023, 8, 27), unit="days")


@pytest.mark.parametrize(
    ("end", "near"),
    [
        (date(2023, 8, 26), True),
        (date(2023, 8, 25), False),
        (date(2023, 9, 5), True),
        (date(2023, 9, 6), False),
    ],
)
def test_near_the_cut_is_five_days_on_each_side(end: date, near: bool) -> None:
    assert bool(near_cut(contract("CDD", MARCH, end), PRESETS["es47"])[0]) is near
    assert not near_cut(contract("CDI", MARCH, end), PRESETS["es47"])[0]
    assert bool(near_cut(contract("CTT", MARCH, end), PRESETS["es47"])[0]) is near


def test_a_length_that_decides_nothing_is_near_no_cut() -> None:
    """180 days from 1 March end on 27 August; a mission never counts there, whatever its length."""
    end = date(2023, 8, 27)
    assert near_cut(contract("CDD", MARCH, end), PRESETS["unedic_180"])[0]
    for kind in ("CTT", "OTHER"):
        assert not near_cut(contract(kind, MARCH, end), PRESETS["unedic_180"])[0]
    assert not near_cut(contract("CDD", MARCH, None), PRESETS["unedic_180"])[0]
    assert not near_cut(contract("CDD", MARCH, end), PRESETS["any_job"])[0]


@pytest.mark.parametrize(
    ("start", "day_180", "last_of_six_months"),
    [
        (date(2022, 9, 1), date(2023, 2, 27), date(2023, 2, 28)),
        (date(2023, 3, 1), date(2023, 8, 27), date(2023, 8, 31)),
        (date(2023, 8, 31), date(2024, 2, 26), date(2024, 2, 28)),
        (date(2023, 8, 29), date(2024, 2, 24), date(2024, 2, 28)),
        (date(2022, 8, 29), date(2023, 2, 24), date(2023, 2, 27)),
        (date(2024, 2, 29), date(2024, 8, 26), date(2024, 8, 28)),
        (date(2023, 12, 31), date(2024, 6, 27), date(2024, 6, 29)),
    ],
)
def test_180_days_and_six_months_part_by_season(
    start: date, day_180: date, last_of_six_months: date
) -> None:
    before = timedelta(days=-1)
    for preset, last in (("unedic_180", day_180), ("dares_sortants", last_of_six_months)):
        assert durable(preset, "CDD", start, last)
        assert not durable(preset, "CDD", start, last + before)
    for preset, last in (("dares_midas", day_180), ("es47", last_of_six_months)):
        assert not durable(preset, "CDD", start, last)
        assert durable(preset, "CDD", start, last - before)
