"""The cohort as a whole: columns, types, order, flow, cache, errors, determinism."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluation.cohort import Cohort, build_cohort, declared_variables
from evaluation.errors import EvaluationError
from evaluation.territories import NATION, territory
from tests.cohort.helpers import FakeRegister, make_study, pool, row

Build = Callable[..., Cohort]
CENTRE = territory(region="24")


def crowd(folder: Path, people: int = 220, *, seed: int = 3) -> FakeRegister:
    """Return a random region: spells with gaps, entries, hires of every kind."""
    dice = random.Random(seed)
    register = FakeRegister(make_study(folder))
    for i in range(people):
        person, day = f"person{i:04d}", date(2020, 6, 1) + timedelta(days=dice.randrange(1100))
        for _ in range(dice.choice([1, 1, 2, 3])):
            leave = day + timedelta(days=dice.randrange(20, 900))
            register.person(
                person, registration_date=day, rsa=dice.random() < 0.4,
                exit_date=leave if dice.random() < 0.8 else None, sex=dice.choice("12"),
                category=dice.choice("AAABCDE"), birth_year=dice.randrange(1950, 2008),
                barrier_health=dice.choice([None, True, False]),
                experience_months=dice.choice([None, 12, 60]),
                department=dice.choice(["45", "18"]),
            )  # fmt: skip
            day = leave + timedelta(days=dice.choice([0, 20, 31, 32, 90]))
        if dice.random() < 0.25:
            register.entry(person, date(2022, 11, 1) + timedelta(days=dice.randrange(450)))
        for _ in range(dice.randrange(7)):
            begin = date(2020, 6, 1) + timedelta(days=dice.randrange(1600))
            end = begin + timedelta(days=dice.choice([0, 5, 40, 180, 183, 184, 400]))
            kind = dice.choice(["CDI", "CDD", "CDD", "CTT", "CTT", "AIDE", "OTHER"])
            register.hire(
                person, begin, kind, None if kind == "CDI" or dice.random() < 0.15 else end,
                employer_id=f"e{dice.randrange(3)}", user_employer_id=f"u{dice.randrange(3)}",
                cancelled=dice.random() < 0.05,
            )  # fmt: skip
    return register


def test_columns_types_and_order_are_the_declared_ones(tmp_path: Path) -> None:
    cohort = build_cohort(crowd(tmp_path), CENTRE)
    frame = cohort.frame
    assert list(frame.columns) == list(declared_variables(cohort.study))
    assert isinstance(frame.index, pd.RangeIndex)
    assert not frame.duplicated(["person_id", "index_month"]).any()
    order = frame.assign(arm=-frame["treated"])[["index_month", "arm", "person_id"]]
    pd.testing.assert_frame_equal(
        order, order.sort_values(["index_month", "arm", "person_id"], ignore_index=True)
    )
    for name, variable in cohort.variables.items():
        kind, dtype = variable.kind, frame[name].dtype
        expected = {"flag": "int8", "date": "datetime64[s]", "text": "str"}.get(kind)
        assert expected is None or str(dtype) == expected, name
        if kind == "number":
            assert dtype.kind in "if", name
        if kind == "category":
            assert isinstance(dtype, pd.CategoricalDtype) or dtype == "int8", name
        if name != "entry_date":
            assert not frame[name].isna().any(), name
    assert list(frame["benefit"].cat.categories) == ["are", "ass", "aref", "none"]
    assert list(frame["duration_class"].cat.categories)[::5] == ["00_02", "36_plus"]
    assert list(cohort.frozen.index) == list(frame.index)
    assert not cohort.frozen.isna().to_numpy().any()


def test_the_flow_adds_up(tmp_path: Path) -> None:
    cohort = build_cohort(crowd(tmp_path), CENTRE)
    flow = cohort.flow
    assert flow.entrants - sum(s.removed_entrants for s in flow.steps) == flow.eligible
    assert all(step.removed_comparators > 0 for step in flow.steps)
    assert flow.eligible == (cohort.frame["treated"] == 1).sum()
    assert flow.comparators_sampled == (cohort.frame["treated"] == 0).sum()
    assert flow.comparators_available == pytest.approx(
        cohort.frame.loc[cohort.frame["treated"] == 0, "sampling_weight"].sum()
    )
    names = ["earlier_entry", "not_registered", "age", "durable_job"]
    assert [step.step for step in flow.steps] == names
    summary = cohort.summary()
    assert (summary.iloc[:-1].sum() == summary.iloc[-1]).all()


@pytest.mark.property
@pytest.mark.parametrize("chain", [0, 10])
def test_row_order_and_threads_change_nothing(tmp_path: Path, chain: int) -> None:
    register = crowd(tmp_path)
    register.study = register.study.with_values({"outcome.chain_gap_days": chain})
    first = build_cohort(register, CENTRE, use_cache=False)
    files = sorted((register.study.work / "cohort").iterdir())
    stored = [file.read_bytes() for file in files]
    dice = random.Random(1)
    for table in (register.registrations, register.entries, register.hires):
        dice.shuffle(table)
    register.threads = 2
    second = build_cohort(register, CENTRE, use_cache=False)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    pd.testing.assert_frame_equal(first.frozen, second.frozen)
    assert (first.flow, first.notes, first.quality) == (second.flow, second.notes, second.quality)
    assert [file.read_bytes() for file in files] == stored


@pytest.mark.property
def test_people_of_another_region_change_nothing(tmp_path: Path) -> None:
    register = crowd(tmp_path)
    first = build_cohort(register, CENTRE, use_cache=False)
    for i in range(50):
        register.person(f"a-breton{i}", region="53").entry(f"a-breton{i}", date(2023, 5, 2))
        register.hire(f"a-breton{i}", date(2023, 6, 2))
    second = build_cohort(register, CENTRE, use_cache=False)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.flow == second.flow


@pytest.mark.property
def test_departments_share_out_the_entrants_of_their_region(tmp_path: Path) -> None:
    register = crowd(tmp_path)
    whole = build_cohort(register, CENTRE, use_cache=False)
    parts = [build_cohort(register, territory(department=d), use_cache=False) for d in ("18", "45")]
    assert sum(part.flow.entrants for part in parts) == whole.flow.entrants
    assert sum(part.flow.eligible for part in parts) == whole.flow.eligible


@pytest.mark.property
def test_nothing_after_the_index_date_moves_a_covariate(tmp_path: Path) -> None:
    """Cutting the register at the last index date leaves key covariates and index dates alone."""
    register = crowd(tmp_path)
    values = {"cohort.entry_window": (date(2023, 3, 1), date(2023, 3, 31))}
    register.study = register.study.with_values(values)
    full = build_cohort(register, CENTRE, use_cache=False)
    last = full.frame["index_date"].max().date()
    register.registrations = [r for r in register.registrations if r["registration_date"] <= last]
    for registration in register.registrations:
        if registration["exit_date"] is not None and registration["exit_date"] > last:
            registration["exit_date"] = None
    register.entries = [e for e in register.entries if e["entry_date"] <= last]
    register.hires = [h for h in register.hires if h["hire_date"] <= last]
    cut = build_cohort(register, CENTRE, use_cache=False)
    names = ["person_id", "index_date", "treated", "sampling_weight",
             *full.covariates(["B0", "B1", "B2", "B3", "B4", "B5", "B6"])]  # fmt: skip
    pd.testing.assert_frame_equal(full.frame[names], cut.frame[names])
    placebos = [name for name, v in full.variables.items() if v.block == "placebo"]
    pd.testing.assert_frame_equal(full.frame[placebos], cut.frame[placebos])
    pd.testing.assert_frame_equal(full.frozen, cut.frozen)


def test_the_cache_gives_back_the_same_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = crowd(tmp_path)
    built = build_cohort(register, CENTRE)
    names = sorted(f.name for f in (register.study.work / "cohort").iterdir())
    assert names == ["24-frozen.parquet", "24.json", "24.parquet"]
    with monkeypatch.context() as patch:
        patch.setattr(register, "connection", lambda: pytest.fail("the register was opened"))
        read = build_cohort(register, CENTRE)
    pd.testing.assert_frame_equal(built.frame, read.frame)
    pd.testing.assert_frame_equal(built.frozen, read.frozen)
    assert (built.flow, built.notes, built.quality) == (read.flow, read.notes, read.quality)
    assert built.variables == read.variables


@pytest.mark.parametrize(
    "change",
    [
        {"run.seed": 7},
        {"outcome.preset": "unedic_180"},
        {"cohort.merge_gap_days": 0},
        {"register.extraction_date": date(2025, 3, 1)},
    ],
    ids=str,
)
def test_any_parameter_that_matters_makes_a_new_cohort(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    register = crowd(tmp_path, 60)
    build_cohort(register, CENTRE)
    opened: list[int] = []
    real = register.connection
    register.connection = lambda: opened.append(1) or real()  # type: ignore[method-assign, func-returns-value]
    register.study = register.study.with_values({"matching.ratio": 1})
    build_cohort(register, CENTRE)
    assert not opened
    register.study = register.study.with_values(change)
    build_cohort(register, CENTRE)
    assert opened


@pytest.mark.parametrize("damage", ["truncate", "remove", "garble"])
def test_a_damaged_cache_is_built_again(tmp_path: Path, damage: str) -> None:
    register = crowd(tmp_path, 60)
    first = build_cohort(register, CENTRE)
    folder = register.study.work / "cohort"
    if damage == "remove":
        (folder / "24-frozen.parquet").unlink()
    elif damage == "truncate":
        (folder / "24.parquet").write_bytes((folder / "24.parquet").read_bytes()[:-9])
    else:
        (folder / "24.json").write_text("{", encoding="utf-8")
    pd.testing.assert_frame_equal(build_cohort(register, CENTRE).frame, first.frame)


def test_empty_places_say_what_is_missing(pair: FakeRegister, build: Build) -> None:
    with pytest.raises(EvaluationError, match="EVAL-301") as caught:
        build_cohort(pair, territory(region="94"))
    assert "Corse" in caught.value.text("en")
    with pytest.raises(EvaluationError, match="EVAL-305"):
        build_cohort(pair, NATION)
    with pytest.raises(EvaluationError, match="EVAL-302"):
        build(pair, cohort__entry_window=(date(2023, 1, 1), date(2023, 3, 31)))


def test_no_comparator_and_no_entrant_left_are_refused(tmp_path: Path, build: Build) -> None:
    register = FakeRegister(make_study(tmp_path)).person("alone").entry("alone", date(2023, 5, 2))
    with pytest.raises(EvaluationError, match="EVAL-303"):
        build(register)
    with pytest.raises(EvaluationError, match="EVAL-306") as caught:
        build(register, cohort__ages=(50, 60))
    assert "age" in caught.value.text("fr")


def test_a_code_outside_its_list_names_column_count_and_codes(
    pair: FakeRegister, build: Build
) -> None:
    pair.registrations[0]["education"] = "BAC"
    pair.registrations[1]["rsa"] = None
    with pytest.raises(EvaluationError) as caught:
        build(pair)
    assert [fault.data["column"] for fault in caught.value.faults] == ["education", "rsa"]
    assert "BAC" in caught.value.text("fr")
    assert "NV5" in caught.value.text("en")


def test_missing_numbers_are_filled_and_said(pair: FakeRegister, build: Build) -> None:
    pool(pair, ["a", "b"], registration_date=date(2020, 1, 1), experience_months=40)
    pair.registrations[1]["experience_months"] = None
    pair.registrations[0]["experience_months"] = 8
    cohort = build(pair)
    assert row(cohort.frame, "other")["experience_months"] == 40
    note = next(note for note in cohort.notes if note.code == "EVAL-323")
    assert note.data == {"column": "experience_months", "count": 1, "value": 40.0}
    assert "experience_months" in note.text("fr")


def test_the_shown_flow_withholds_small_counts(tmp_path: Path) -> None:
    cohort = build_cohort(crowd(tmp_path), CENTRE)
    page = cohort._repr_html_()
    small = [s.removed_entrants for s in cohort.flow.steps if 0 < s.removed_entrants < 11]
    assert small
    assert "secret" in page
    assert f">{cohort.flow.entrants}<" not in page
