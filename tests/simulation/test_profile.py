"""Who enters looks like the published profile of entrants, and is harder to place than others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.simulation import simulate
from evaluation.simulation.people import LOW_EDUCATION


@dataclass(frozen=True)
class Register:
    registrations: pd.DataFrame
    hires: pd.DataFrame
    entrants: pd.DataFrame
    truth: dict[str, float]


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    """Return a national register at one twentieth, with the entrants' rows at entry."""
    folder: Path = tmp_path_factory.mktemp("profile") / "nation"
    simulated = simulate(folder, scale=0.05)
    registrations = pd.read_parquet(folder / "registrations.parquet")
    for column in ("registration_date", "exit_date"):
        registrations[column] = pd.to_datetime(registrations[column])
    hires = pd.read_parquet(folder / "hires.parquet").drop_duplicates()
    hires = hires[hires.cancelled != True]  # noqa: E712 (nullable)
    hires["hire_date"] = pd.to_datetime(hires.hire_date)
    by_length = hires.hire_date + pd.to_timedelta(hires.duration_days - 1, unit="D")
    hires["end"] = pd.to_datetime(hires.planned_end_date).fillna(by_length)
    beyond = hires.end + pd.Timedelta(days=1) > hires.hire_date + pd.DateOffset(months=6)
    hires["durable"] = (hires.contract_type == "CDI") | beyond
    entries = pd.read_parquet(folder / "entries.parquet")
    first = pd.to_datetime(entries.groupby("person_id").entry_date.min()).rename("day")
    people = pd.read_parquet(folder / "truth_people.parquet").merge(first, on="person_id")
    rows = people.merge(registrations.drop(columns="region"), on="person_id")
    there = (rows.registration_date <= rows.day) & ~(rows.exit_date <= rows.day)
    return Register(registrations, hires, rows[there].reset_index(drop=True), simulated.truth)


def hired(register: Register, people: pd.DataFrame, months: int, durable: bool) -> np.ndarray:
    """Return who was hired within some months after ``day``."""
    hires = register.hires[register.hires.durable] if durable else register.hires
    rows = people[["person_id", "day"]].merge(hires, on="person_id")
    last = rows.day + pd.DateOffset(months=months)
    inside = rows[(rows.hire_date > rows.day) & (rows.hire_date <= last)]
    return people.person_id.isin(inside.person_id).to_numpy()


def test_every_entrant_has_one_row_on_the_day_of_entry(register: Register) -> None:
    assert register.entrants.person_id.is_unique
    assert len(register.entrants) == register.truth["n"]
    assert 0.9 * 3000 < register.truth["n"] < 1.15 * 3000


def test_entrants_have_the_published_profile(register: Register) -> None:
    rows = register.entrants
    assert 100 * rows.rsa.mean() == pytest.approx(62, abs=2)
    assert 100 * rows.qpv.mean() == pytest.approx(21, abs=2)
    assert 100 * (rows.nationality != "french").mean() == pytest.approx(22, abs=2)
    assert 100 * rows.education.isin(LOW_EDUCATION).mean() == pytest.approx(75, abs=2)


def test_half_have_a_year_of_category_a_in_fifteen_months(register: Register) -> None:
    people = register.entrants[["person_id", "day"]]
    searching = register.registrations[register.registrations.category.isin(list("ABC"))]
    months = np.zeros(len(people))
    for back in range(1, 16):
        last = people.day + pd.offsets.MonthEnd(-back)
        month = people.assign(last=last, first=last + pd.offsets.MonthBegin(-1))
        spells = month.merge(searching, on="person_id")
        listed = spells[(spells.registration_date <= spells["last"])
                        & ~(spells.exit_date <= spells["last"])]  # fmt: skip
        jobs = month.merge(register.hires, on="person_id")
        end = jobs.end.fillna(jobs.hire_date)
        worked = jobs[(jobs.hire_date <= jobs["last"]) & (end >= jobs["first"])]
        months += people.person_id.isin(listed.person_id) & ~people.person_id.isin(worked.person_id)
    assert 100 * (months >= 12).mean() == pytest.approx(50, abs=2.5)


def test_rates_are_those_of_the_reference_study(register: Register) -> None:
    six = hired(register, register.entrants, 6, durable=True)
    error = 100 * np.sqrt(six.mean() * (1 - six.mean()) / six.size)
    assert 100 * six.mean() == pytest.approx(register.truth["rate_entrants"], abs=3.5 * error)
    assert register.truth["rate_entrants"] == pytest.approx(13, abs=0.7)
    assert register.truth["rate_comparison"] == pytest.approx(10.2, abs=0.7)
    assert register.truth["uplift_percent"] == pytest.approx(27, abs=3)
    assert 8 < register.truth["enters_later_percent"] < 15
    year = 100 * hired(register, register.entrants, 12, durable=True).mean()
    assert year == pytest.approx(23, abs=2.5)
    assert 100 * hired(register, register.entrants, 12, durable=False).mean() == pytest.approx(
        55, abs=3
    )


def test_the_raw_difference_has_the_wrong_sign(register: Register) -> None:
    day = pd.Timestamp("2023-06-15")
    rows = register.registrations
    listed = rows[(rows.registration_date <= day) & ~(rows.exit_date <= day)]
    jobs = register.hires[register.hires.durable & (register.hires.hire_date <= day)]
    spells = listed[["person_id", "registration_date"]].merge(jobs, on="person_id")
    holding = (spells.end >= day) | (
        spells.end.isna() & (spells.hire_date >= spells.registration_date)
    )
    others = listed[~listed.person_id.isin(spells.person_id[holding])]
    others = others[~others.person_id.isin(register.entrants.person_id)].assign(day=day)
    raw = 100 * hired(register, others, 6, durable=True).mean()
    assert -5 < register.truth["rate_entrants"] - raw < -1.5
