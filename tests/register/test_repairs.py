"""What is repaired, dropped or left aside: the right value, and the right count."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from evaluation.register import read_register
from evaluation.register.schema import tables
from tests.register.conftest import Small


def values(small: Small, table: str, column: str, form: str = "parquet") -> list[object]:
    study = small.parquet() if form == "parquet" else small.csv()
    rows = (
        read_register(study)
        .connection()
        .execute(f"SELECT DISTINCT {column} FROM {table} ORDER BY {column}")
        .fetchall()
    )
    return [row[0] for row in rows]


def repaired(small: Small, kind: str) -> dict[str, int]:
    report = read_register(small.study()).quality
    return {r.column: r.count for r in report.repairs if r.kind == kind}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_lost_zeros_come_back(small: Small, form: str) -> None:
    frame = small.registrations
    small.registrations = frame.assign(
        region=frame["region"].str.lstrip("0"),
        department=frame["department"].str.lstrip("0").str.lower(),
        exit_reason=frame["exit_reason"].str.lstrip("0"),
        employment_zone=frame["employment_zone"].str.lstrip("0"),
    )
    assert values(small, "registrations", "region", form) == ["01", "11", "24", "84", "94"]
    found = repaired(small, "code_respelt")
    assert found["region"] == 8
    assert found["department"] == 16
    assert found["employment_zone"] == 34
    assert values(small, "registrations", "department", form) == ["01", "2A", "45", "75", "971"]
    assert values(small, "registrations", "employment_zone", form) == ["0051", None]


def test_codes_that_arrive_as_numbers(small: Small) -> None:
    frame = small.registrations
    small.registrations = frame.assign(
        sex=frame["sex"].astype(float), qualification=frame["qualification"].astype("int32")
    )
    small.hires = small.hires.assign(cancelled=[None, 1.0, 0.0] * 40)
    assert values(small, "registrations", "sex") == ["1", "2"]
    assert values(small, "registrations", "qualification") == ["0", "3", "6"]
    assert values(small, "hires", "cancelled") == [False, True, None]


def test_categories_are_mapped_by_the_profile(small: Small) -> None:
    frame = small.registrations
    digits = frame["category"].map(dict(zip("ABCDE", "12345", strict=True)))
    small.registrations = frame.assign(category=digits)
    assert values(small, "registrations", "category") == ["A", "B", "C", "D", "E"]
    assert repaired(small, "code_mapped") == {"category": 40}


def test_spellings_of_yes_and_no(small: Small) -> None:
    spellings = {
        "rsa": ("oui", "non"), "disabled": ("O", "N"), "qpv": ("1", "0"), "rural": ("true", "F"),
        "vehicle": ("Yes", "NO"), "barrier_housing": ("1.0", "0.0"),
    }  # fmt: skip
    expected = small.registrations[list(spellings)]
    spelt = {c: [words[0] if v else words[1] for v in expected[c]]
             for c, words in spellings.items()}  # fmt: skip
    small.registrations = small.registrations.assign(**spelt)
    rows = read_register(small.parquet()).connection().execute(
        f"SELECT {', '.join(spellings)} FROM registrations ORDER BY registration_id"
    ).fetchall()  # fmt: skip
    assert rows == list(expected.itertuples(index=False, name=None))


def test_integers_with_a_decimal_comma_or_as_floats(small: Small) -> None:
    small.registrations = small.registrations.assign(
        children=["2,0"] * 40, mobility_km=[30.0] * 39 + [None], benefit_days_left="12.0"
    )
    assert values(small, "registrations", "children") == [2]
    assert values(small, "registrations", "mobility_km") == [30, None]
    assert values(small, "registrations", "benefit_days_left") == [12]


def test_dates_with_a_time(small: Small) -> None:
    frame = small.hires
    small.hires = frame.assign(
        hire_date=pd.to_datetime(frame["hire_date"]),
        declaration_date=[f"{d} 08:30:00" for d in frame["declaration_date"]],
    )
    found = values(small, "hires", "hire_date")
    assert found == sorted(set(frame["hire_date"]))
    assert values(small, "hires", "declaration_date") == sorted(set(frame["declaration_date"]))


def test_words_for_missing(small: Small) -> None:
    small.spoil("hires", "contract_id", "NA", 3).spoil("hires", "sector", " null ", 4)
    small.spoil("registrations", "exit_reason", ".", 2)
    assert None in values(small, "hires", "contract_id", "csv")
    assert repaired(small, "missing_marker") == {"exit_reason": 2, "contract_id": 3, "sector": 4}
    assert read_register(small.study()).quality.kept["hires"] == 120


def test_dates_after_the_extraction_are_emptied_with_their_reason(small: Small) -> None:
    small.spoil("registrations", "exit_date", date(2025, 3, 1), 1)
    small.spoil("registrations", "exit_reason", "01", 1)
    register = read_register(small.parquet())
    found = register.connection().execute(
        "SELECT exit_date, exit_reason FROM registrations WHERE registration_id = 'r0000'"
    ).fetchall()  # fmt: skip
    assert found == [(None, None)]
    assert repaired(small, "after_extraction") == {"exit_date": 1}


def test_hires_that_end_before_they_begin_are_dropped(small: Small) -> None:
    small.spoil("hires", "planned_end_date", date(2020, 1, 1), 2)
    report = read_register(small.parquet()).quality
    assert report.count("end_before_hire") == 2
    assert report.kept["hires"] == 118
    assert [n.code for n in report.notes] == ["EVAL-260"]


def test_repeated_contracts_keep_the_latest_declaration(small: Small) -> None:
    first = small.hires.iloc[[1]]
    later = first.assign(declaration_date=date(2024, 1, 1), contract_type="CDI")
    exact = small.hires.iloc[[7]]
    small.hires = pd.concat([later, small.hires, exact], ignore_index=True)
    register = read_register(small.parquet())
    found = register.connection().execute(
        "SELECT contract_type, declaration_date FROM hires WHERE contract_id = 'c0-1'"
    ).fetchall()  # fmt: skip
    assert found == [("CDI", date(2024, 1, 1))]
    report = register.quality
    assert report.count("duplicate_contract") == 2
    assert report.count("conflicting_contract") == 1
    assert report.kept["hires"] == 120
    assert {n.code for n in report.notes} == {"EVAL-261", "EVAL-262"}


def test_the_contract_kept_does_not_depend_on_row_order(small: Small) -> None:
    twin = small.hires.iloc[:20].assign(contract_type="APP", planned_end_date=None)
    small.hires = pd.concat([small.hires, twin], ignore_index=True)
    expected = read_register(small.parquet()).digest_content
    small.hires = small.hires.iloc[::-1]
    assert read_register(small.parquet()).digest_content == expected


def test_the_same_number_of_another_person_is_another_contract(small: Small) -> None:
    small.hires = small.hires.assign(contract_id="same" + small.hires["contract_type"])
    kept = small.hires.drop_duplicates(["person_id", "contract_id"])
    assert read_register(small.parquet()).quality.kept["hires"] == len(kept)


def test_identical_hires_without_number_are_kept_and_counted(small: Small) -> None:
    small.hires = pd.concat([small.hires, small.hires.iloc[:3]]).drop(columns="contract_id")
    report = read_register(small.parquet()).quality
    assert report.count("identical_hire") == 3
    assert report.kept["hires"] == 123


def test_repeated_entries_are_dropped_and_second_entries_kept(small: Small) -> None:
    second = small.entries.iloc[[0]].assign(entry_date=date(2023, 12, 1), exit_date=None)
    small.entries = pd.concat([small.entries, small.entries.iloc[:2], second])
    report = read_register(small.parquet()).quality
    assert report.count("duplicate_entry") == 2
    assert report.kept["entries"] == 16


def test_people_never_registered_are_counted(small: Small) -> None:
    small.spoil("entries", "person_id", "stranger-1").spoil("hires", "person_id", "stranger-2", 2)
    report = read_register(small.parquet()).quality
    found = {r.table: r.count for r in report.repairs if r.kind == "unregistered"}
    assert found == {"entries": 1, "hires": 2}
    expected = {"persons": 40, "entries_linked": 14, "hires_linked": 118}
    assert {key: report.facts[key] for key in expected} == expected


def test_column_names_in_capitals(small: Small) -> None:
    expected = read_register(small.csv()).digest_content
    study = small.csv(names=lambda column: f" {column.upper()}")
    register = read_register(study)
    assert register.digest_content == expected
    assert register.quality.count("column_name") == sum(len(t.columns) for t in tables().values())
