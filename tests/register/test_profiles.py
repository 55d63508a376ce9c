"""Extracts of other systems give the toolkit's rows: renamed, recoded, converted, and counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from evaluation.errors import EvaluationError
from evaluation.register import check_register, read_register
from evaluation.register.profile import load_profile, profiles
from evaluation.study import Study, load_study
from tests.register.conftest import Small, as_text
from tests.register.extracts import (
    CONSTANTS,
    codes,
    column,
    foreign,
    mmo,
    sas_days,
    study,
    write,
    written,
)


def test_every_profile_that_a_study_may_name_exists() -> None:
    from typing import get_args

    from evaluation.study import Profile

    assert set(profiles()) == set(get_args(Profile))
    assert all(load_profile(name).name == name for name in profiles())


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_historical_file_and_labour_movements(small: Small, form: str) -> None:
    read = foreign(small, form=form)
    source = small.registrations
    assert column(read, "person_id") == list(source["person_id"])
    assert column(read, "registration_id") == [
        f"{p}-{r}" for p, r in zip(source["person_id"], source["registration_id"], strict=True)
    ]
    assert column(read, "birth_year") == list(source["birth_year"])
    assert column(read, "department") == list(source["department"])
    assert column(read, "region") == list(source["region"])
    assert column(read, "experience_months") == [
        (i % 3) * (12 if i % 2 == 0 else 1) for i in range(40)
    ]
    assert column(read, "mobility_km") == [30, None] * 20
    assert column(read, "rsa") == [False, True] * 20
    assert column(read, "nationality") == ["french"] * 40
    hires = small.hires.sort_values("contract_id")
    assert column(read, "contract_type", "hires") == list(hires["contract_type"])
    assert column(read, "source", "hires") == ["MMO"] * 120
    report = check_register(read)
    assert report.count("not_translated") == 20
    assert report.count("duplicate_contract") == 60
    assert [f.file.split(".")[0] for f in report.files if f.table == "hires"] == [
        "MMO_2_2022", "MMO_2_2023",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (written("%Y-%d-%m"), "date_ydm"),
        (written("%d/%m/%Y"), "date_dmy"),
        (sas_days, "date_sas"),
        (written("%d%b%Y"), "date_sas"),
        (written("%Y%m%d"), ""),
    ],
)
def test_the_order_of_dates_is_found(
    small: Small, text: Callable[[object], object], kind: str
) -> None:
    read = foreign(small, text)
    report = check_register(read)
    assert report.ok, report.summary("en")
    assert {r.kind for r in report.repairs if r.kind.startswith("date_")} == ({kind} - {""})
    assert column(read, "registration_date") == list(small.registrations["registration_date"])
    ends = [None if pd.isna(d) else d for d in small.registrations["exit_date"]]
    assert column(read, "exit_date") == ends


def early(value: object) -> object:
    """Write a date whose day could be a month."""
    if value is None or value != value:
        return None
    day = pd.Timestamp(value)  # type: ignore[arg-type]
    return day.replace(day=1 + day.day % 12).strftime("%Y-%m-%d")


def test_an_order_that_cannot_be_known_is_refused_until_it_is_said(small: Small) -> None:
    def change(_de: pd.DataFrame, hires: pd.DataFrame) -> None:
        hires["DebutCTT"], hires["FinCTT"] = small.hires["hire_date"].map(early), None

    (first, second) = check_register(foreign(small, change=change)).faults
    assert (first.code, second.code) == ("EVAL-223", "EVAL-223")
    assert first.data["column"] == "DebutCTT"
    assert first.data["orders"] == ["ymd", "ydm"]
    said = '[register.options]\ndates = "ymd"\n'
    assert check_register(foreign(small, change=change, more=said)).ok


def test_categories_by_hours_worked(small: Small) -> None:
    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        frame["CATREGR"] = ["1", "2", "3", "4", "5"] * 8

    plain = foreign(small, change=change)
    assert column(plain, "category") == list("ABCDE") * 8
    assert "EVAL-267" in {n.code for n in check_register(plain).notes}
    starts = small.registrations["registration_date"]
    rows = [("p00000x", starts[0], "78,0"), ("p00001x", starts[1], "40"),
            ("p00001x", starts[1], "38.5"), ("p00003x", starts[3], "100"),
            ("p00002x", date(2020, 1, 1), "100")]  # fmt: skip
    hours = pd.DataFrame(rows, columns=["id_force", "MOIS", "NBHEUR"])
    write(hours.assign(MOIS=hours["MOIS"].map(written("%Y%m"))), small.folder / "e0_1.csv")
    read = foreign(small, change=change, more='activity = "e0*.csv"\n')
    assert column(read, "category")[:5] == ["B", "C", "A", "D", "E"]
    assert "EVAL-267" not in {n.code for n in check_register(read).notes}
    write(hours.assign(NBHEUR="beaucoup", MOIS="202201"), small.folder / "e0_2.csv")
    (fault,) = check_register(read).faults
    assert (fault.code, fault.data["column"], fault.data["count"]) == ("EVAL-216", "hours", 5)
    missing = foreign(small, change=change, more='activity = "e1*.csv"\n')
    assert codes(missing) == {"EVAL-203"}


@pytest.mark.parametrize(
    ("option", "choice", "expected"),
    [
        ("education", "detailed", ["NV4", "NV3", "NV4", "NV3", "C12", "INC"]),
        ("education", "by_level", ["NV4", "NV3", "NV4", "NV3", "NV5", "INC"]),
        ("education", "by_diploma", ["NV4", "NV4", "NV5", "NV3", "NV5", "INC"]),
        ("qualification", "detailed", ["7", "1", "8", "4", "0", "9"]),
        ("qualification", "technician_skilled", ["6", "5", "8", "6", "0", "9"]),
        ("qualification", "technician_supervisor", ["8", "5", "8", "6", "0", "9"]),
    ],
)
def test_published_recodes(small: Small, option: str, choice: str, expected: list[str]) -> None:
    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        frame["NIVFOR"] = ["NV4", "NV3", "NV4", "NV3", "C12", "INC"] + ["AFS"] * 34
        frame["DIPLOME"] = ["D", "N", "N", "D", None, None] + ["N"] * 34
        frame["QUALIF"] = ["7", "1", "8", "4", "0", "9"] + ["5"] * 34

    read = foreign(small, change=change, more=f'[register.options]\n{option} = "{choice}"\n')
    assert column(read, option)[:6] == expected
    changed = check_register(read).count("recoded") - check_register(
        foreign(small, change=change)
    ).count("recoded")
    assert (changed > 0) == (choice != "detailed")


def test_an_option_that_cannot_be_applied_is_refused(small: Small) -> None:
    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        del frame["DIPLOME"]

    asked = '[register.options]\neducation = "by_diploma"\n'
    (fault,) = check_register(foreign(small, change=change, more=asked)).faults
    assert (fault.code, fault.data["column"]) == ("EVAL-205", "DIPLOME")
    wrong = foreign(small, more='[register.options]\neducation = "by_diplome"\nlevel = "x"\n')
    found = {f.data["key"]: f.data["allowed"] for f in check_register(wrong).faults}
    assert found == {"education = by_diplome": "detailed, by_level, by_diploma",
                     "level": found["level"]}  # fmt: skip


def test_one_region_a_folder_with_numbers_that_are_its_own(small: Small) -> None:
    frame = foreign(small) and pd.read_csv(small.folder / "de_2024.csv", sep=";", dtype=str)
    frame = frame.drop(columns="id_force").assign(IDX="7", DEPCOM="27229", NDEM="1")
    write(frame[:1], small.folder / "Reg28" / "de_2015.csv")
    write(frame[1:2].assign(DEPCOM="21231"), small.folder / "Reg27" / "de_2015.csv")
    hires = mmo(small, written("%Y-%m-%d"))[:2].assign(id_force=["Reg28-7", "Reg27-7"])
    write(hires, small.folder / "MMO.csv")
    entries = as_text(small.entries, french=False)[:1].assign(person_id="Reg28-7")
    write(entries, small.folder / "one.csv")
    read = study(
        small.folder,
        f"""
registrations = "Reg*/de_*.csv"
entries = "one.csv"
hires = "MMO.csv"
profile = "fhs"
cog_vintage = 2024
[register.profiles]
hires = "mmo"
entries = "toolkit"
[register.options]
dates = "ymd"
{CONSTANTS}""",
    )
    assert column(read, "person_id") == ["Reg27-7", "Reg28-7"]
    assert column(read, "region") == ["27", "28"]


def flat_folder(small: Small) -> Path:
    source = as_text(small.registrations, french=True)
    profile = load_profile("flat")
    names = {c: n[0] for c, n in profile.columns["registrations"].items()}
    people = source.rename(columns=names).drop(columns=["registration_id"])
    people["indemnisable"] = people["indemnisable"].map({"are": "ARE", "ass": "ASS", "none": "non"})
    people["sexe"] = people["sexe"].map({"1": "H", "2": "F"})
    people["nationalite"], people["situation_familiale"] = "F", "C"
    people["modalite_suivi_anterieure"] = people["modalite_suivi_anterieure"].map(
        {"followed": "suivi", "guided": "guidé", "other": "autre"}
    )
    starts = as_text(small.entries, french=True).set_index("person_id")["entry_date"]
    people["date_entree_ag"] = people["id_de"].map(starts)
    people["date_sortie_ag"] = None
    hires = as_text(small.hires, french=True).rename(
        columns={c: n[0] for c, n in profile.columns["hires"].items()}
    )
    people.to_csv(small.folder / "personnes.csv", sep=";", index=False, encoding="cp1252")
    hires.to_csv(small.folder / "embauches.csv", sep=";", index=False, encoding="cp1252")
    return small.folder


FLAT = """
registrations = "personnes*.csv"
entries = "personnes*.csv"
hires = "embauches*.csv"
profile = "flat"
cog_vintage = 2024
"""


def test_flat_extract_of_people_and_hires(small: Small) -> None:
    read = study(flat_folder(small), FLAT)
    report = check_register(read)
    assert report.ok, report.summary("en")
    assert "EVAL-206" not in {n.code for n in report.notes}
    assert report.count("other_table") == 25
    assert column(read, "person_id", "entries", "person_id") == list(small.entries["person_id"])
    assert column(read, "entry_date", "entries", "person_id") == list(small.entries["entry_date"])
    assert column(read, "sex", by="person_id") == list(small.registrations["sex"])
    assert column(read, "benefit", by="person_id") == list(small.registrations["benefit"])
    assert column(read, "previous_support", by="person_id") == list(
        small.registrations["previous_support"]
    )
    assert column(read, "contract_id", "hires") == sorted(small.hires["contract_id"])


def test_declarations_before_hire(small: Small) -> None:
    small.parquet()
    (small.folder / "hires.parquet").unlink()
    hires = small.hires[["person_id", "hire_date", "contract_type", "planned_end_date"]]
    names = {"person_id": "id_de", "hire_date": "date_embauche", "contract_type": "nature_contrat",
             "planned_end_date": "date_fin_contrat"}  # fmt: skip
    text = as_text(hires, french=True).rename(columns=names)
    write(text.replace({"nature_contrat": {"CTT": "INTERIM"}}), small.folder / "dpae_2023.csv")
    read = study(
        small.folder,
        """
registrations = "registrations*"
entries = "entries*"
hires = "dpae_*"
cog_vintage = 2024
[register.profiles]
hires = "dpae"
""",
    )
    found = column(read, "contract_type", "hires", "person_id, hire_date")
    assert found == list(hires.sort_values(["person_id", "hire_date"])["contract_type"])
    assert column(read, "source", "hires", "person_id") == ["DPAE"] * 120


def midas(small: Small, **changes: object) -> Study:
    def change(frame: pd.DataFrame, hires: pd.DataFrame) -> None:
        for table in (frame, hires):
            table.rename(columns={"id_force": "id_midas"}, inplace=True)
        frame.drop(columns="RMA", inplace=True)
        for name, values in changes.items():
            frame[name] = values

    foreign(small, form="parquet", change=change)
    return study(
        small.folder,
        f"""
registrations = "de_*.parquet"
entries = "entries*"
hires = "MMO_*.parquet"
profile = "midas"
cog_vintage = 2024
[register.profiles]
entries = "toolkit"
{CONSTANTS}""",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"RSAVERS": ["C", "RSA local", "rsa experimental", None, "0"] * 8},
        {"RSAVERS": ["RSA jeune", "J", "E", "non", None] * 8},
        {"MTRSAVER": [512.3, 1, 0.5, 0, None] * 8},
        {"RMA": [1.0, 1.0, 1.0, 0.0, 0.0] * 8},
        {"RMA": ["1", "1.0", "O", "0", "N"] * 8},
    ],
)
def test_one_right_under_several_labels(small: Small, changes: dict[str, object]) -> None:
    assert column(midas(small, **changes), "rsa") == [True, True, True, False, False] * 8


def test_a_label_nobody_knows_is_refused(small: Small) -> None:
    (fault,) = check_register(midas(small, RSAVERS=["C", "RSA futur"] * 20)).faults
    assert (fault.code, fault.data["count"]) == ("EVAL-211", 20)
    assert fault.data["column"] == "RSAVERS → rsa"


def test_parameters_of_a_study_without_foreign_extracts_are_unchanged(small: Small) -> None:
    read = small.parquet()
    added = {"columns", "constants", "options", "profiles", "activity"}
    assert not added & set(read.sections()["register"])
    renamed = read.with_values({"register.columns": {"hires": {"source": "origine"}}})
    assert renamed.sections()["register"]["columns"] == {"hires": {"source": "origine"}}
    assert renamed.sha256 != read.sha256


@pytest.mark.parametrize(
    ("vintage", "given", "codes_found", "regions"),
    [
        (2024, ["24", "94", "84", "01", "11"], set(), ["24", "94", "84", "01", "11"]),
        (2024, ["Reg24", "94", "Reg84", "01", "11"], set(), ["24", "94", "84", "01", "11"]),
        (2024, ["24", "94", "82", "01", "11"], {"EVAL-226"}, []),
        (2015, ["24", "94", "82", "01", "11"], set(), ["24", "94", "84", "01", "11"]),
        (2015, ["24", "94", "Reg82", "01", "11"], set(), ["24", "94", "84", "01", "11"]),
        (2015, ["24", "94", "84", "01", "11"], {"EVAL-228"}, []),
    ],
)
def test_regions_of_another_vintage(
    small: Small, vintage: int, given: list[str], codes_found: set[str], regions: list[str]
) -> None:
    small.registrations["region"] = given * 8
    small.parquet()
    path = small.folder / "study.toml"
    text = path.read_text("utf-8").replace("cog_vintage = 2024", f"cog_vintage = {vintage}")
    path.write_text(text, "utf-8")
    read = load_study(path)
    assert codes(read) == codes_found
    if not codes_found:
        assert column(read, "region") == regions * 8
        spelt = sum(a != b for a, b in zip(given, regions, strict=True))
        assert check_register(read).count("code_mapped") == 8 * spelt


def test_a_profile_without_activity_refuses_the_file(small: Small) -> None:
    read = small.parquet().with_values({"register.activity": "hires*"})
    assert codes(read) == {"EVAL-229"}


def test_the_toolkit_names_no_option(small: Small) -> None:
    read = small.parquet().with_values({"register.options": {"education": "by_level"}})
    with pytest.raises(EvaluationError, match="EVAL-225"):
        read_register(read)


EDUCATION = ["AFS", "CFG", "CP4", "C12", "C3A", "NV5", "NV4", "NV3", "NV2", "NV1", "INC"]
QUALIFICATION = list("0123456789")


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"education": "by_level"}, ["NV5"] * 6 + ["NV4", "NV3", "NV3", "NV3", "INC"]),
        ({"education": "by_diploma"}, ["NV5"] * 6 + ["NV4", "NV3", "NV3", "NV3", "INC"]),
        ({"education": "by_diploma", "N": "N"}, ["NV5"] * 7 + ["NV4", "NV3", "NV3", "INC"]),
        ({"education": "by_diploma", "N": None}, ["NV5"] * 6 + ["INC"] * 2 + ["NV3"] * 2 + ["INC"]),
        ({"qualification": "technician_skilled"}, list("0556656689")),
        ({"qualification": "technician_supervisor"}, list("0556656889")),
    ],
)
def test_every_level_of_the_published_recodes(
    small: Small, option: dict[str, str | None], expected: list[str]
) -> None:
    (name, choice), *_ = option.items()
    levels = EDUCATION if name == "education" else QUALIFICATION

    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        source = "NIVFOR" if name == "education" else "QUALIF"
        frame[source] = (levels * 4)[:40]
        frame["DIPLOME"] = option.get("N", "D")

    read = foreign(small, change=change, more=f'[register.options]\n{name} = "{choice}"\n')
    assert column(read, name)[: len(levels)] == expected
