"""Outcomes of arbitrary registers against the rules written out, and what may not change them."""

from __future__ import annotations

import random
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.cohort import Cohort, build_cohort
from evaluation.territories import territory
from tests.cohort import reference
from tests.cohort.helpers import FakeRegister, make_study
from tests.cohort.test_oracle import moved

pytestmark = pytest.mark.property
INDEX, EXTRACTION = date(2023, 8, 31), date(2024, 12, 31)
BUDGET = settings(
    max_examples=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
FEW = settings(BUDGET, max_examples=4)
KINDS = ["CDI", "CDD", "CDD", "CDD", "CTT", "CTT", "AIDE", "OTHER"]


def last_day(day: date, chance: random.Random) -> date | None:
    """Return an end near a cut or near a day on which presence is asked, or any other."""
    cuts = [moved(day, 6), day + timedelta(days=180), day + timedelta(days=30)]
    asked = [moved(INDEX, month) for month in range(1, 13)]
    near = [d for d in (*cuts, *asked) if d > day + timedelta(days=5)]
    pick = chance.random()
    if pick < 0.15:
        return None
    if pick < 0.75:
        return chance.choice(near) + timedelta(days=chance.randint(-2, 2))
    return day + timedelta(days=chance.randint(0, 120))


def hire_often(register: FakeRegister, person: str, chance: random.Random) -> None:
    """Declare hires that often follow each other at the same firm, with short gaps or none."""
    day = INDEX + timedelta(days=chance.choice([-400, -200, -100, 0, 1, 40]))
    firm, kind = chance.choice("ab"), chance.choice(KINDS)
    for _ in range(chance.randint(0, 6)):
        end = last_day(day, chance)
        names = {"user_employer_id": firm} if kind == "CTT" else {"employer_id": firm}
        register.hire(person, day, kind, end, cancelled=chance.random() < 0.1, **names)
        day = (end or day) + timedelta(days=chance.choice([0, 1, 2, 3, 4, 32, 33, 60]))
        if chance.random() < 0.3:
            firm, kind = chance.choice(["a", "b", None]), chance.choice(KINDS)


@st.composite
def registers(draw: st.DrawFn) -> FakeRegister:
    """Draw the conventions and thirty people; their hires come from one drawn seed."""
    changes: dict[str, Any] = {
        "register__extraction_date": EXTRACTION,
        "cohort__exclude_durable_job": False,
        "outcome__preset": draw(st.sampled_from(["es47", "lolf_p102", "dares_sortants"])),
        "outcome__sensitivity": ["es47", "dares_midas", "unedic_180", "access_1_month"],
        "outcome__duration_unit": draw(st.sampled_from(["calendar_months", "days"])),
        "outcome__missing_end": draw(
            st.sampled_from(["not_durable", "durable", "until_extraction"])
        ),
        "outcome__chain_gap_days": draw(st.sampled_from([2, 0, 31])),
    }
    register = FakeRegister(make_study(Path(tempfile.gettempdir()) / "unused", **changes))
    chance = random.Random(draw(st.integers(0, 2**32)))
    for number in range(30):
        person = f"p{number:02d}"
        until = chance.choice([None, date(2023, 9, 15), date(2023, 12, 31)])
        register.person(person, registration_date=date(2020, 1, 1), exit_date=until)
        if until and chance.random() < 0.5:
            register.person(person, registration_date=until + timedelta(days=90))
        if number < 5:
            register.entry(person, INDEX)
        hire_often(register, person, chance)
    return register


def built(register: FakeRegister) -> Cohort:
    return build_cohort(register, territory(region="24"), use_cache=False)


def of(rows: list[dict[str, Any]], person: str) -> list[dict[str, Any]]:
    found = [row for row in rows if row["person_id"] == person]
    return sorted(found, key=lambda row: row.get("registration_date", INDEX))


@BUDGET
@given(registers())
def test_outcomes_are_the_rules_written_out(register: FakeRegister) -> None:
    rules = register.study.outcome
    conventions = reference.Conventions(
        rules.chain_gap_days, rules.duration_unit == "days", rules.missing_end, EXTRACTION
    )
    frame = built(register).frame
    assert set(frame["treated"]) == {0, 1}
    for found in frame.to_dict("records"):
        index, person = found["index_date"].date(), found["person_id"]
        own = of(register.hires, person), of(register.registrations, person)
        held = reference.jobs(rules.preset, *own, conventions)
        months = range(1, 13)
        for name, rule in (("durable", reference.accessed), ("presence", reference.present),
                           ("placebo", reference.placebo)):  # fmt: skip
            want = [int(rule(held, index, k)) for k in months]
            assert [found[f"{name}_{k}m"] for k in months] == want, (name, person)
        assert found["month_durable"] == sum(
            not reference.accessed(held, index, k) for k in months
        ) + 1 if found["durable_12m"] else found["month_durable"] == 0  # fmt: skip
        for preset in set(rules.sensitivity) - {rules.preset}:
            other = reference.jobs(preset, *own, conventions)
            want_other = int(reference.accessed(other, index, 6))
            assert found[f"durable_6m__{preset}"] == want_other, (preset, person)
        any_day = [h["hire_date"] for h in own[0] if not h["cancelled"]]
        assert found["any_job_3m"] == any(index < d <= moved(index, 3) for d in any_day)


@FEW
@given(registers(), st.randoms(use_true_random=False))
def test_order_and_irrelevant_people_change_nothing(
    register: FakeRegister, chance: random.Random
) -> None:
    before = built(register)
    for person, region in (("zz", "11"), ("aa", "93")):
        register.person(person, region=region).entry(person, INDEX).hire(person, INDEX)
    register.person("gone", registration_date=date(2015, 1, 1), exit_date=date(2015, 6, 1))
    register.hire("gone", date(2023, 10, 1)).hire("nobody", date(2023, 10, 1))
    for rows in (register.registrations, register.entries, register.hires):
        chance.shuffle(rows)
    after = built(register)
    pd.testing.assert_frame_equal(before.frame, after.frame)
    pd.testing.assert_frame_equal(before.frozen, after.frozen)
    assert before.quality == after.quality


@FEW
@given(registers())
def test_access_only_grows_and_a_cancelled_hire_never_was(register: FakeRegister) -> None:
    frame = built(register).frame
    for stem in ("durable", "any_job"):
        curve = frame[[f"{stem}_{k}m" for k in range(1, 13)]].to_numpy()
        assert (curve[:, 1:] >= curve[:, :-1]).all()
    register.hires = [hire for hire in register.hires if not hire["cancelled"]]
    pd.testing.assert_frame_equal(frame, built(register).frame)
