"""Who is an entrant, who a comparator, on which day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluation.cohort import Cohort, build_cohort
from evaluation.territories import territory
from tests.cohort.helpers import FakeRegister, make_study, pool, row

PEOPLE = [f"other{i:02d}" for i in range(40)]
CENTRE = territory(region="24")


@pytest.fixture
def register(tmp_path: Path) -> FakeRegister:
    """Forty people and two entrants of March 2023, all registered since January 2022."""
    register = pool(FakeRegister(make_study(tmp_path)), [*PEOPLE, "entrant-a", "entrant-b"])
    return register.entry("entrant-a", date(2023, 3, 6)).entry("entrant-b", date(2023, 3, 20))


def build(register: FakeRegister, **changes: Any) -> Cohort:
    values = {key.replace("__", "."): value for key, value in changes.items()}
    register.study = register.study.with_values(values)
    return build_cohort(register, CENTRE, use_cache=False)


def people(cohort: Cohort, treated: int) -> set[str]:
    return set(cohort.frame.loc[cohort.frame["treated"] == treated, "person_id"])


def step(cohort: Cohort, name: str) -> tuple[int, int]:
    found = next(step for step in cohort.flow.steps if step.step == name)
    return found.removed_entrants, found.removed_comparators


def test_comparators_take_the_days_of_their_own_stratum(register: FakeRegister) -> None:
    register.person("entrant-c", registration_date=date(2023, 3, 1))
    register.entry("entrant-c", date(2023, 3, 9)).entry("entrant-d", date(2023, 5, 9))
    register.person("entrant-d")
    frame = build(register).frame
    march = frame[(frame["treated"] == 0) & (frame["index_month"] == "2023-03-01")]
    assert set(march["index_date"].dt.date) == {date(2023, 3, 6), date(2023, 3, 20)}
    assert set(march["duration_class"]) == {"12_23"}
    may = frame[(frame["treated"] == 0) & (frame["index_month"] == "2023-05-01")]
    assert set(may["index_date"].dt.date) == {date(2023, 5, 9)}
    assert set(frame["index_month"].dt.strftime("%m")) == {"03", "05"}


def test_the_draw_depends_on_the_seed_and_on_nobody_else(register: FakeRegister) -> None:
    def days(cohort: Cohort) -> pd.Series:
        return cohort.frame.set_index(["person_id", "index_month"])["index_date"]

    first = days(build(register, cohort__comparators_per_entrant=0))
    for i in range(25):
        register.person(f"newcomer{i:02d}")
    more = days(build(register))
    pd.testing.assert_series_equal(more.loc[first.index], first)
    assert not days(build(register, run__seed=7)).equals(more)


def test_who_enters_later_is_a_comparator_before_and_an_entrant_then(
    register: FakeRegister,
) -> None:
    register.entry("other00", date(2023, 7, 3))
    cohort = build(register)
    before, then = (row(cohort.frame, "other00", month) for month in ("2023-03-01", "2023-07-01"))
    assert (before["treated"], then["treated"]) == (0, 1)
    assert before["entry_date"] == pd.Timestamp("2023-07-03")
    assert before["enters_within_horizon"] == 1
    assert then["enters_within_horizon"] == 0
    never = row(cohort.frame, "other01", "2023-03-01")
    assert pd.isna(never["entry_date"])
    assert never["enters_within_horizon"] == 0


def test_an_entry_just_after_the_horizon_is_not_within_it(register: FakeRegister) -> None:
    register.entry("other00", date(2023, 9, 20)).entry("other01", date(2023, 9, 21))
    frame = build(register).frame
    for person in ("other00", "other01"):
        found = row(frame, person, "2023-03-01")
        limit = found["index_date"] + pd.DateOffset(months=6)
        assert found["enters_within_horizon"] == int(found["entry_date"] <= limit)


def test_an_entry_before_the_window_keeps_a_person_out_of_both_arms(
    register: FakeRegister,
) -> None:
    register.entry("other00", date(2022, 12, 31))
    register.entry("other01", date(2022, 6, 1)).entry("other01", date(2023, 3, 8))
    cohort = build(register)
    assert {"other00", "other01"}.isdisjoint(cohort.frame["person_id"])
    assert cohort.flow.entrants == 3
    assert step(cohort, "earlier_entry") == (1, 2)


def test_the_first_entry_of_the_window_counts_and_the_others_are_reported(
    register: FakeRegister,
) -> None:
    register.entry("entrant-a", date(2023, 8, 1)).entry("entrant-a", date(2023, 9, 1))
    cohort = build(register)
    assert row(cohort.frame, "entrant-a")["index_date"] == pd.Timestamp("2023-03-06")
    note = next(note for note in cohort.notes if note.code == "EVAL-321")
    assert note.data == {"count": 1, "entries": 2}


def test_an_entrant_must_be_registered_on_the_day_of_entry(register: FakeRegister) -> None:
    register.person("entrant-c", exit_date=date(2023, 3, 6)).entry("entrant-c", date(2023, 3, 6))
    register.person("entrant-d", exit_date=date(2023, 3, 7)).entry("entrant-d", date(2023, 3, 6))
    register.person("entrant-e", registration_date=date(2023, 3, 7))
    register.entry("entrant-e", date(2023, 3, 6))
    cohort = build(register)
    assert people(cohort, 1) == {"entrant-a", "entrant-b", "entrant-d"}
    assert step(cohort, "not_registered")[0] == 2
    assert cohort.flow.entrants - cohort.flow.eligible == 2


def test_a_comparator_must_be_registered_on_its_day(register: FakeRegister) -> None:
    register.person("gone", exit_date=date(2023, 3, 6))
    register.person("leaver", exit_date=date(2023, 3, 21))
    found = people(build(register), 0)
    assert "gone" not in found
    assert "leaver" in found


def test_ages_are_counted_in_the_year_of_the_index_date(register: FakeRegister) -> None:
    for age in (15, 16, 70, 71):
        register.person(f"aged-{age}", birth_year=2023 - age)
        register.person(f"entrant-{age}", birth_year=2023 - age)
        register.entry(f"entrant-{age}", date(2023, 3, 6))
    cohort = build(register)
    assert {p for p in people(cohort, 0) if p.startswith("aged")} == {"aged-16", "aged-70"}
    assert step(cohort, "age") == (2, 2)
    assert row(cohort.frame, "entrant-70")["age"] == 70


@pytest.mark.parametrize(
    ("kind", "day", "end", "held"),
    [
        ("CDI", date(2023, 3, 6), None, True),
        ("CDI", date(2023, 3, 7), None, False),
        ("CDI", date(2020, 5, 1), None, False),
        ("CDI", date(2022, 5, 1), date(2023, 3, 5), False),
        ("CDD", date(2022, 9, 1), date(2023, 3, 6), True),
        ("CDD", date(2022, 9, 1), date(2023, 3, 5), False),
        ("CDD", date(2023, 2, 1), date(2023, 6, 30), False),
        ("CDD", date(2023, 2, 1), None, False),
    ],
)
def test_holders_of_a_durable_job_are_in_neither_arm(
    register: FakeRegister, kind: str, day: date, end: date | None, held: bool
) -> None:
    register.entries[1]["entry_date"] = date(2023, 3, 6)
    for person in ("entrant-a", "other00"):
        register.hire(person, day, kind, end)
    cohort = build(register)
    assert ("entrant-a" in people(cohort, 1)) is not held
    assert ("other00" in people(cohort, 0)) is not held
    assert step(cohort, "durable_job") == (int(held), int(held))
    assert "entrant-a" in people(build(register, cohort__exclude_durable_job=False), 1)


def test_a_lost_job_is_over_on_the_day_of_the_new_registration(tmp_path: Path) -> None:
    register = pool(FakeRegister(make_study(tmp_path)), PEOPLE, registration_date=date(2023, 3, 6))
    for person in ("entrant", "other00"):
        register.person(person, registration_date=date(2020, 1, 1), exit_date=date(2021, 1, 1))
        register.person(person, registration_date=date(2023, 3, 6))
        register.hire(person, date(2021, 1, 1), "CDI")
    register.entry("entrant", date(2023, 3, 6))
    cohort = build(register)
    assert people(cohort, 1) == {"entrant"}
    assert step(cohort, "durable_job") == (0, 0)


def test_a_cancelled_hire_counts_nowhere(register: FakeRegister) -> None:
    register.hire("other00", date(2023, 3, 1), "CDI", cancelled=True)
    register.hire("other00", date(2023, 4, 5), "CDI", cancelled=True)
    found = row(build(register).frame, "other00")
    assert found["durable_12m"] == found["any_job_12m"] == found["hires_24"] == 0


def test_an_ineligible_entrant_of_the_month_stays_a_possible_comparator(
    register: FakeRegister,
) -> None:
    register.person("left", exit_date=date(2023, 3, 25)).entry("left", date(2023, 3, 30))
    cohort = build(register)
    assert row(cohort.frame, "left", "2023-03-01")["treated"] == 0


def test_no_more_comparators_than_asked_and_weights_that_give_them_back(
    register: FakeRegister,
) -> None:
    cohort = build(register, cohort__comparators_per_entrant=3)
    comparators = cohort.frame[cohort.frame["treated"] == 0]
    assert len(comparators) == 6
    assert cohort.flow.comparators_available == 40
    assert cohort.flow.comparators_sampled == 6
    assert comparators["sampling_weight"].sum() == pytest.approx(40)
    assert set(cohort.frame.loc[cohort.frame["treated"] == 1, "sampling_weight"]) == {1.0}
    everybody = build(register, cohort__comparators_per_entrant=0)
    assert set(everybody.frame["sampling_weight"]) == {1.0}
    assert people(cohort, 0) < people(everybody, 0)


def test_the_sample_is_not_the_draw_of_dates(register: FakeRegister) -> None:
    """A sample ranked by the bits that drew the day would keep one day's people first."""
    for i in range(400):
        register.person(f"crowd{i:03d}")
    cohort = build(register, cohort__comparators_per_entrant=50)
    days = cohort.frame.loc[cohort.frame["treated"] == 0, "index_date"].value_counts()
    assert days.min() > 30


def test_a_person_in_two_classes_of_a_month_keeps_the_earlier_day(tmp_path: Path) -> None:
    register = pool(FakeRegister(make_study(tmp_path)), PEOPLE, registration_date=date(2022, 9, 10))
    # on the 9th they have five months behind them, on the 20th six: both strata have an entrant
    register.person("five", registration_date=date(2022, 9, 10)).entry("five", date(2023, 3, 9))
    register.person("six", registration_date=date(2022, 9, 10)).entry("six", date(2023, 3, 20))
    cohort = build(register)
    assert cohort.frame["person_id"].is_unique
    comparators = cohort.frame[cohort.frame["treated"] == 0]
    assert set(comparators["index_date"].dt.date) == {date(2023, 3, 9)}
    assert set(comparators["duration_class"]) == {"03_05"}
    assert any(note.code == "EVAL-322" for note in cohort.notes)


def test_the_never_entered_pool_is_kept_but_warned_about(register: FakeRegister) -> None:
    register.entry("other00", date(2024, 7, 3))
    with pytest.warns(UserWarning, match="EVAL-320"):
        cohort = build(register, cohort__pool="never_entered")
    assert "other00" not in people(cohort, 0)
    assert step(cohort, "later_entry") == (0, 1)
    assert any(note.code == "EVAL-320" for note in cohort.notes)


def test_the_censored_pool_has_the_rows_of_the_default(register: FakeRegister) -> None:
    register.entry("other00", date(2023, 7, 3))
    default, censored = build(register), build(register, cohort__pool="censored_at_entry")
    pd.testing.assert_frame_equal(default.frame, censored.frame)


def test_gaps_up_to_the_limit_merge_and_count_from_the_merged_start(tmp_path: Path) -> None:
    register = pool(FakeRegister(make_study(tmp_path)), PEOPLE)
    for person, again in (("short", date(2022, 7, 2)), ("long", date(2022, 7, 3))):
        register.person(person, exit_date=date(2022, 6, 1), rsa=False)
        register.person(person, registration_date=again, rsa=True)
        register.entry(person, date(2023, 3, 6))
    frame = build(register).frame
    short, long = row(frame, "short"), row(frame, "long")
    assert short["spell_start"] == pd.Timestamp("2022-01-10")
    assert (short["elapsed_months"], short["duration_class"]) == (13, "12_23")
    assert long["spell_start"] == pd.Timestamp("2022-07-03")
    assert (long["elapsed_months"], long["duration_class"]) == (8, "06_11")
    assert (short["rsa"], long["rsa"]) == (1, 1)
    assert (short["spells_24"], long["spells_24"]) == (1, 2)


def test_a_day_inside_a_merged_gap_is_not_covered(tmp_path: Path) -> None:
    register = pool(FakeRegister(make_study(tmp_path)), PEOPLE)
    register.person("e").entry("e", date(2023, 3, 6))
    register.person("gap", exit_date=date(2023, 3, 1))
    register.person("gap", registration_date=date(2023, 3, 15))
    assert "gap" not in set(build(register).frame["person_id"])


def test_attributes_come_from_the_latest_registration_that_covers_the_day(
    tmp_path: Path,
) -> None:
    register = pool(FakeRegister(make_study(tmp_path)), PEOPLE)
    register.person("e", category="A").entry("e", date(2023, 3, 6))
    register.person("e", registration_date=date(2023, 2, 1), category="B")
    register.person("e", registration_date=date(2023, 3, 7), category="E")
    assert row(build(register).frame, "e")["category"] == "B"
    early = build(register, cohort__anticipation_days=60).frame
    assert row(early, "e")["category"] == "A"
    assert row(early, "e")["elapsed_months"] == 13


def test_a_mover_counts_once_where_the_registration_in_force_lies(
    register: FakeRegister,
) -> None:
    register.person("mover", exit_date=date(2023, 2, 1))
    register.person("mover", registration_date=date(2023, 2, 1), region="53")
    register.entry("mover", date(2023, 3, 6))
    pool(register, [f"breton{i}" for i in range(5)], region="53")
    assert "mover" not in people(build(register), 1)
    there = build_cohort(register, territory(region="53"), use_cache=False)
    found = row(there.frame, "mover")
    assert found["treated"] == 1
    assert found["elapsed_months"] == 13
    assert found["months_registered_24"] == 14


def test_a_department_works_like_a_region(register: FakeRegister) -> None:
    pool(register, ["cher-a", "cher-b", "cher-c"], department="18")
    register.entry("cher-a", date(2023, 4, 4))
    cohort = build_cohort(register, territory(department="18"), use_cache=False)
    assert set(cohort.frame["person_id"]) == {"cher-a", "cher-b", "cher-c"}
    assert set(cohort.frame["department"]) == {"18"}
    loiret = build_cohort(register, territory(department="45"), use_cache=False)
    assert len(set(build(register).frame["person_id"])) == len(
        {*cohort.frame["person_id"], *loiret.frame["person_id"]}
    )
