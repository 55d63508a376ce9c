"""Hires that cleaning, conventions and cuts touch, by arm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from evaluation.cohort import Cohort
from tests.cohort.helpers import FakeRegister

Build = Callable[..., Cohort]
SEPTEMBER = date(2023, 9, 11)


def touched(cohort: Cohort, name: str) -> list[tuple[int, float, int]]:
    found = [cohort.quality[arm][name] for arm in ("entrants", "comparators")]
    return [(f["count"], f["share"], f["persons"]) for f in found]


def test_each_rule_is_counted_in_its_arm(pair: FakeRegister, build: Build) -> None:
    pair.hire("entrant", SEPTEMBER, "CDD", date(2023, 10, 1), cancelled=True)
    pair.hire("entrant", SEPTEMBER, "CDD").hire("entrant", SEPTEMBER, "CDI")
    pair.hire("other", SEPTEMBER, "CDD", date(2023, 10, 1))
    cohort = build(pair)
    assert [cohort.quality[a]["hires"] for a in ("entrants", "comparators")] == [2, 1]
    assert touched(cohort, "cancelled") == [(1, 1 / 3, 1), (0, 0.0, 0)]
    assert touched(cohort, "missing_end") == [(1, 1 / 2, 1), (0, 0.0, 0)]
    assert touched(cohort, "duplicates") == touched(cohort, "chained") == [(0, 0.0, 0)] * 2


@pytest.mark.parametrize(
    ("second", "repeats"),
    [
        ({}, 1),
        ({"employer_id": "other-firm"}, 0),
        ({"end": date(2023, 10, 2)}, 0),
        ({"kind": "AIDE"}, 0),
        ({"day": date(2023, 9, 12)}, 0),
    ],
)
@pytest.mark.parametrize("gap", [0, 5])
def test_a_hire_declared_under_two_numbers_is_a_duplicate(
    pair: FakeRegister, build: Build, second: dict[str, Any], repeats: int, gap: int
) -> None:
    same = {"day": SEPTEMBER, "kind": "CDD", "end": date(2023, 10, 1), "employer_id": "firm"}
    # A contract of another firm in between must not hide the repetition.
    for values in (same, same | {"employer_id": "between"}, same | second):
        pair.hire("other", **values)
    cohort = build(pair, outcome__chain_gap_days=gap)
    assert touched(cohort, "duplicates")[1] == (repeats, repeats / 3, repeats)


def test_hires_outside_the_horizon_are_not_counted(pair: FakeRegister, build: Build) -> None:
    for day in (date(2023, 8, 31), date(2024, 3, 1)):
        pair.hire("other", day, "CDD")
    assert build(pair).quality["comparators"]["hires"] == 0
    pair.hire("other", date(2024, 2, 29), "CDD")
    assert touched(build(pair), "missing_end")[1] == (1, 1.0, 1)


def test_near_the_cut_is_counted_for_every_definition_in_use(
    pair: FakeRegister, build: Build
) -> None:
    """11 September + 180 days is 8 March, + six months 10 March (last days)."""
    for kind, end in (
        ("CDD", date(2024, 3, 3)), ("CDD", date(2024, 3, 15)), ("CTT", date(2024, 3, 9)),
        ("CDI", None), ("CDD", None),
    ):  # fmt: skip
        pair.hire("other", SEPTEMBER, kind, end)
    quality = build(pair, outcome__sensitivity=["unedic_180", "any_job"]).quality
    near = quality["comparators"]["near_cut"]
    counts = {preset: found["count"] for preset, found in near.items()}
    assert counts == {"es47": 2, "unedic_180": 1, "any_job": 0}
    assert near["es47"] == {"count": 2, "share": 0.4, "persons": 1}
    assert quality["definitions"] == {"es47": 1, "unedic_180": 1, "any_job": 1}
