"""One fault in a sound register, one refusal: code, place, count, and no value of a person."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pandas as pd
import pytest

from evaluation.errors import EvaluationError, Fault
from evaluation.register import check_register, read_register
from evaluation.register.profile import load_profile
from evaluation.wording import LANGUAGES
from tests.register.conftest import Small


def refused(small: Small, form: str = "parquet") -> list[Fault]:
    study = small.parquet() if form == "parquet" else small.csv()
    return list(check_register(study).faults)


def only(small: Small, code: str, form: str = "parquet", **data: Any) -> Fault:
    (fault,) = refused(small, form)
    assert fault.code == code
    assert {key: fault.data.get(key) for key in data} == data
    return fault


UNREADABLE = [
    ("registrations", "sex", "9", "EVAL-211", ["9"]),
    ("registrations", "region", "99", "EVAL-211", ["99"]),
    ("registrations", "education", "NV9", "EVAL-211", ["NV9"]),
    ("registrations", "qpv", "peut-être", "EVAL-211", ["aaaa-aaaa"]),
    ("registrations", "registration_date", "2022-02-30", "EVAL-212", ["9999-99-99"]),
    ("registrations", "exit_date", "12/31/2020", "EVAL-212", ["99/99/9999"]),
    ("registrations", "birth_year", "12 ans", "EVAL-216", ["99 aaa"]),
    ("registrations", "children", "1.5", "EVAL-216", ["9.9"]),
    ("registrations", "occupation", "13042", "EVAL-219", ["99999"]),
    ("entries", "prescriber", "social worker", "EVAL-211", ["social worker"]),
    ("hires", "hire_date", "hier", "EVAL-212", ["aaaa"]),
    ("hires", "contract_type", "XYZ", "EVAL-211", ["XYZ"]),
    ("hires", "source", "Dupont", "EVAL-211", ["Aaaaaa"]),
]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_unreadable_values(small: Small, form: str) -> None:
    for table, column, value, _, _ in UNREADABLE:
        frame = small.table(table)
        texts = frame[column].map(lambda v: None if pd.isna(v) else str(v))
        setattr(small, table, frame.assign(**{column: texts}))
        small.spoil(table, column, value, 2)
    found = {(f.data["table"], f.data["column"], f.code): f.data for f in refused(small, form)}
    assert set(found) == {(table, column, code) for table, column, _, code, _ in UNREADABLE}
    for table, column, _, code, shown in UNREADABLE:
        data = found[table, column, code]
        assert data["count"] == 2
        assert data.get("examples", data.get("shapes")) == shown


OUT_OF_RANGE = [
    ("registrations", "registration_date", date(1900, 1, 1), "EVAL-213"),
    ("hires", "planned_end_date", date(2999, 12, 31), "EVAL-213"),
    ("registrations", "birth_year", 2020, "EVAL-217"),
    ("registrations", "benefit_days_left", -3, "EVAL-217"),
    ("registrations", "children", 11, "EVAL-217"),
    ("registrations", "mobility_km", 99999999, "EVAL-217"),
    ("hires", "duration_days", -1, "EVAL-217"),
]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_values_out_of_range(small: Small, form: str) -> None:
    for table, column, value, _ in OUT_OF_RANGE:
        small.spoil(table, column, value, 2)
    found = [(f.data["table"], f.data["column"], f.code, f.data["count"])
             for f in refused(small, form)]  # fmt: skip
    assert sorted(found) == sorted((t, c, code, 2) for t, c, _, code in OUT_OF_RANGE)


def test_missing_value(small: Small) -> None:
    only(small.spoil("registrations", "sex", None, 3), "EVAL-210", column="sex", count=3)


def test_entry_after_extraction(small: Small) -> None:
    late = date(2025, 1, 1)
    small.spoil("entries", "exit_date", None).spoil("entries", "entry_date", late)
    only(small, "EVAL-215", column="entry_date", count=1, extraction="2024-12-31")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_dates_in_the_wrong_order(small: Small, form: str) -> None:
    small.spoil("registrations", "exit_date", date(2021, 1, 1), 3)
    small.spoil("entries", "exit_date", date(2022, 1, 1), 2)
    small.spoil("entries", "prescription_date", date(2023, 12, 30), 1)
    found = refused(small, form)
    assert {f.code for f in found} == {"EVAL-214"}
    assert [(f.data["first"], f.data["last"], f.data["count"]) for f in found] == [
        ("registration_date", "exit_date", 3),
        ("entry_date", "exit_date", 2),
        ("prescription_date", "entry_date", 1),
    ]


def test_exit_on_the_day_of_registration_is_no_fault(small: Small) -> None:
    same = small.registrations["registration_date"][0]
    assert refused(small.spoil("registrations", "exit_date", same)) == []


def test_registration_twice(small: Small) -> None:
    small.spoil("registrations", "registration_id", "r0005", 2)
    only(small, "EVAL-220", column="registration_id", count=2)


def test_department_outside_its_region(small: Small) -> None:
    small.spoil("registrations", "department", "75", 1)
    only(small, "EVAL-221", column="department", count=1, examples=["75 (24)"])


def test_missing_file_names_what_lies_near(small: Small) -> None:
    small.parquet()
    study = small.study(hires="hire-*.parquet")
    (fault,) = check_register(study).faults
    assert fault.code == "EVAL-203"
    assert fault.data["pattern"] == "hire-*.parquet"
    assert "hires.parquet" in fault.data["near"]


def test_unreadable_files(small: Small) -> None:
    study = small.parquet()
    (small.folder / "hires.parquet").write_bytes(b"PAR1 cut short")
    (small.folder / "entries.parquet").write_bytes(b"PK\x03\x04 a workbook")
    (small.folder / "registrations.parquet").write_bytes(b"")
    found = {f.data["file"]: f for f in check_register(study).faults}
    assert {f.code for f in found.values()} == {"EVAL-204"}
    assert len(found) == 3
    assert "Excel" in found["entries.parquet"].data["reason"]


def test_rows_that_do_not_fit_the_header(small: Small) -> None:
    study = small.csv()
    path = small.folder / "hires.csv"
    path.write_text(path.read_text("utf-8") + "p00001x;too;short\n", "utf-8")
    (fault,) = check_register(study).faults
    assert (fault.code, fault.data["count"], fault.data["fields"]) == ("EVAL-222", 1, 12)


def test_missing_column_with_the_nearest(small: Small) -> None:
    small.registrations = small.registrations.rename(columns={"birth_year": "birthyear"})
    only(small, "EVAL-205", column="birth_year", nearest="birthyear")


def test_missing_column_with_what_nothing_uses(small: Small) -> None:
    """Columns already recognised are no candidates for the one that is missing."""
    small.registrations = small.registrations.rename(columns={"birth_year": "an_naiss"})
    only(small, "EVAL-205", column="birth_year", nearest=["an_naiss"])


def test_files_of_one_pattern_with_other_columns(small: Small) -> None:
    study = small.parquet()
    half = small.hires[:60].drop(columns=["planned_end_date", "sector"])
    half.convert_dtypes().to_parquet(small.folder / "hires_2.parquet", index=False)
    (fault,) = check_register(study).faults
    assert (fault.code, fault.data["file"]) == ("EVAL-205", "hires_2.parquet")
    assert fault.data["column"] == "planned_end_date"


def test_a_column_that_stands_twice(small: Small) -> None:
    study = small.csv()
    path = small.folder / "entries.csv"
    path.write_text(path.read_text("utf-8").replace("modality", "prescriber", 1), "utf-8")
    (fault,) = check_register(study).faults
    assert (fault.code, fault.data["columns"]) == ("EVAL-207", ["prescriber"])


def test_unusable_type(small: Small) -> None:
    small.hires = small.hires.assign(contract_type=[["CDI"]] * len(small.hires))
    only(small, "EVAL-208", column="contract_type")


def test_no_row(small: Small) -> None:
    small.entries = small.entries.iloc[:0]
    assert {f.code for f in refused(small)} == {"EVAL-209"}


def test_window_without_entry_names_the_months_found(small: Small) -> None:
    study = small.parquet()
    elsewhere = study.with_values({"cohort.entry_window": ["2022-01-01", "2022-12-31"]})
    (fault,) = check_register(elsewhere).faults
    assert fault.code == "EVAL-240"
    assert (fault.data["from_month"], fault.data["to_month"]) == ("2023-02", "2023-06")


def test_tables_that_do_not_know_each_other(small: Small) -> None:
    small.hires = small.hires.assign(person_id="z" + small.hires["person_id"])
    only(small, "EVAL-241", table="hires", total=120)


def test_profile_without_description() -> None:
    with pytest.raises(EvaluationError, match="EVAL-201") as caught:
        load_profile("fhz")
    assert set(caught.value.faults[0].data["profiles"]) >= {"fhs", "flat", "toolkit"}


def test_history_is_not_silently_ignored(small: Small) -> None:
    study = small.parquet().with_values({"register.history": "history.parquet"})
    with pytest.raises(EvaluationError, match="EVAL-250"):
        read_register(study)


def test_all_faults_of_all_tables_at_once(small: Small) -> None:
    small.spoil("registrations", "sex", "9").spoil("registrations", "birth_year", 1800)
    small.spoil("entries", "modality", "?").spoil("hires", "hire_date", None)
    small.hires = small.hires.drop(columns="source")
    found = refused(small)
    with pytest.raises(EvaluationError) as caught:
        read_register(small.study())
    assert list(caught.value.faults) == found
    assert sorted(f.code for f in found) == [
        "EVAL-205", "EVAL-210", "EVAL-211", "EVAL-211", "EVAL-217",
    ]  # fmt: skip
    assert {f.data["file"] for f in found} == {
        "registrations.parquet", "entries.parquet", "hires.parquet",
    }  # fmt: skip


def test_a_missing_table_does_not_hide_the_others(small: Small) -> None:
    small.spoil("registrations", "sex", "9").parquet()
    (small.folder / "hires.parquet").unlink()
    with pytest.raises(EvaluationError) as caught:
        read_register(small.study())
    assert {f.code for f in caught.value.faults} == {"EVAL-203", "EVAL-211"}


def test_every_fault_speaks_both_languages(small: Small) -> None:
    small.spoil("registrations", "sex", "9").spoil("registrations", "birth_year", "x")
    small.spoil("entries", "entry_date", "x").spoil("hires", "person_id", "x")
    small.registrations = small.registrations.astype(str).assign(vehicle=None, nom_usuel="x")
    found = refused(small, "csv")
    assert len({fault.code for fault in found}) >= 5
    for fault in found:
        for language in LANGUAGES:
            assert not re.search(r"\{[a-z_]+\}", fault.text(language))


NIRS = ["185057800608436", "1850578006084", "2990194002155", "199122A00408744"]


def test_national_numbers_as_pseudonyms(small: Small) -> None:
    frame = small.registrations
    mixed = [*NIRS, *frame["person_id"][len(NIRS) :]]
    small.registrations = frame.assign(person_id=mixed)
    fault = only(small, "EVAL-230", column="person_id", count=len(NIRS))
    assert not any(nir in fault.text() for nir in NIRS)


def test_national_numbers_as_integers(small: Small) -> None:
    numbers = pd.Series(range(len(small.registrations))) + 1850578006084
    small.registrations = small.registrations.assign(person_id=numbers)
    codes = {f.code for f in refused(small)}
    assert "EVAL-230" in codes


IDENTITIES = [
    ("remarque_1", "1 85 05 78 006 084 36", "EVAL-230"),
    ("remarque_2", "NIR : 185057800608436, vu", "EVAL-230"),
    ("remarque_3", "voir jean.dupont@exemple.fr", "EVAL-232"),
    ("remarque_4", "06 12 34 56 78", "EVAL-232"),
    ("remarque_5", "+33 6 12 34 56 78", "EVAL-232"),
    ("remarque_6", "rappeler au 06 12 34 56 78 demain", "EVAL-232"),
    ("remarque_7", "tel 0612345678", "EVAL-232"),
    ("remarque_8", "0612345678, le soir", "EVAL-232"),
    ("nom", "x", "EVAL-231"),
    ("Prénom", "x", "EVAL-231"),
    ("TEL_PORTABLE", "x", "EVAL-231"),
    ("adresse_mail", "x", "EVAL-231"),
    ("dateNaissance", "x", "EVAL-231"),
]


def test_identities_in_columns_nobody_asked_for(small: Small) -> None:
    for column, value, _ in IDENTITIES:
        small.spoil("hires", column, value, 1)
    found = refused(small)
    assert sorted((f.data["column"], f.code) for f in found) == sorted(
        (column, code) for column, _, code in IDENTITIES
    )
    said = "".join(f.text(language) for f in found for language in LANGUAGES)
    assert not any(value in said for _, value, _ in IDENTITIES if value != "x")


def test_names_are_recognised_by_what_a_column_holds(small: Small) -> None:
    names = ["Marie", "DUPONT Jean", "Stéphane", "Fatima"] * 10
    small.registrations = small.registrations.assign(referent_x=names)
    fault = only(small, "EVAL-233", column="referent_x", count=40)
    assert "Marie" not in fault.text()


def test_harmless_columns_are_only_ignored(small: Small) -> None:
    harmless = {
        "nom_region": "Bretagne", "nombre_enfants": "2", "horodatage": "1672531200000",
        "libelle": "CDD de 12 mois", "montant": 12.5, "rang": 7,
    }  # fmt: skip
    small.hires = small.hires.assign(**harmless)
    report = check_register(small.parquet())
    assert report.ok
    (note,) = report.notes
    assert (note.code, note.data["columns"]) == ("EVAL-206", list(harmless))


def test_serial_numbers_of_thirteen_digits_are_no_national_numbers(small: Small) -> None:
    serial = [str(2023000000000 + i) for i in range(len(small.hires))]
    small.hires = small.hires.assign(contract_id=serial)
    assert refused(small) == []


def test_no_message_echoes_a_person(small: Small) -> None:
    secret = "secretperson"
    small.spoil("registrations", "person_id", secret + "!").spoil("hires", "employer_id", "é" * 9)
    small.spoil("registrations", "sex", secret).spoil("registrations", "benefit", secret)
    small.spoil("registrations", "birth_year", secret).spoil("hires", "hire_date", secret)
    small.spoil("registrations", "occupation", secret).spoil("hires", "sector", secret)
    report = check_register(small.csv())
    assert len(report.faults) >= 8
    for language in LANGUAGES:
        assert secret not in report.summary(language)
        assert secret not in report.to_html(language)
    assert secret not in str(report.to_dict())
