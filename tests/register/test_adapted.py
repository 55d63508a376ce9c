"""A study's own words: names, codes, constants, recodes; the documented example is one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from evaluation.pipeline.starter import write_starter
from evaluation.register import check_register
from evaluation.register.adapted import profile_of
from evaluation.register.profile import profiles
from evaluation.study import load_study
from tests.register.conftest import Small
from tests.register.extracts import column, foreign, write, written


def test_a_study_names_its_own_columns(small: Small) -> None:
    small.registrations = small.registrations.rename(columns={"person_id": "cle", "sex": "genre"})
    small.parquet()
    path = small.folder / "study.toml"
    plain = path.read_text("utf-8")
    path.write_text(plain + '[register.columns.registrations]\nperson_id = "cle"\nsex = "genre"\n')
    assert column(load_study(path), "sex") == list(small.registrations["genre"])
    path.write_text(plain + '[register.columns.registrations]\nperson_id = "cle"\nsex = "genr"\n')
    (fault,) = check_register(load_study(path)).faults
    assert (fault.code, fault.data["column"], fault.data["nearest"]) == (
        "EVAL-205", "genr", "genre",
    )  # fmt: skip
    path.write_text(
        plain + '[register.columns.registrations]\nperson = "cle"\n[register.columns.hire]\na = "b"'
    )
    found = {f.data["key"]: f.data["nearest"] for f in check_register(load_study(path)).faults}
    assert found == {"register.columns.registrations.person": "person_id",
                     "register.columns.hire": "hires"}  # fmt: skip


def test_codes_that_nobody_declared_are_refused_until_the_study_translates_them(
    small: Small,
) -> None:
    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        frame["SITMAT"] = ["X", "C"] * 20
        frame["RMA"] = ["2", None] * 20
        frame["EXPEUNIT"] = ["S", "A"] * 20
        frame["MOBUNIT"] = ["MI", "KM"] * 20
        frame["NATION"] = ["01", "99"] * 20
        frame["CATREGR"] = ["6", "1"] * 20

    report = check_register(foreign(small, change=change))
    found = {(f.code, f.data.get("name", f.data["column"])): f for f in report.faults}
    assert set(found) == {
        ("EVAL-211", "family_situation"), ("EVAL-211", "rsa"), ("EVAL-210", "RMA → rsa"),
        ("EVAL-234", "experience_months"), ("EVAL-234", "mobility_km"), ("EVAL-211", "category"),
    }  # fmt: skip
    assert found["EVAL-211", "family_situation"].data["examples"] == ["X"]
    assert found["EVAL-234", "experience_months"].data["examples"] == ["S"]
    assert "[register.codes.registrations] rsa" in found["EVAL-211", "rsa"].text("en")
    assert report.count("not_translated") >= 20
    said = """[register.codes.registrations]
family_situation = { x = "single" }
rsa = { 2 = true, "" = false }
experience_months = { S = 0.5 }
mobility_km = { MI = "" }
nationality = { 99 = "non_eu" }
category = { 6 = "E" }
"""
    read = foreign(small, change=change, more=said)
    assert check_register(read).ok, check_register(read).summary("en")
    assert column(read, "family_situation") == ["single"] * 40
    assert column(read, "rsa") == [True, False] * 20
    assert column(read, "nationality") == ["french", "non_eu"] * 20
    assert column(read, "category") == ["E", "A"] * 20
    assert column(read, "mobility_km") == [None, 30] * 20
    assert column(read, "experience_months")[:6] == [0, 12, 1, 0, 1, 24]


def test_translations_into_nothing_known_are_refused(small: Small) -> None:
    read = small.parquet().with_values(
        {"register.codes": {"registrations": {"sex": {"M": "3"}, "rsa": {"x": "maybe"}, "se": {}},
                            "hires": {"contract_type": {"I": "CTT"}}}}
    )  # fmt: skip
    keys = [f.data["key"] for f in check_register(read).faults]
    assert keys == [
        "register.codes.registrations.se", 'register.codes.registrations.sex."M" = "3"',
        'register.codes.registrations.rsa."x" = "maybe"',
    ]  # fmt: skip
    absent = small.parquet().with_values(
        {"register.codes": {"registrations": {"nationality": {"99": "eu"}}}}
    )
    assert check_register(absent).ok
    small.registrations = small.registrations.drop(columns="nationality")
    (fault,) = check_register(small.parquet().with_values(
        {"register.codes": {"registrations": {"nationality": {"99": "eu"}}}})).faults  # fmt: skip
    assert (fault.code, fault.data["column"]) == ("EVAL-205", "nationality")


def test_names_of_a_study_keep_dates_hours_and_recodes(small: Small) -> None:
    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        names = {"DATINS": "DEBUT", "CATREGR": "CAT", "NIVFOR": "NIV", "id_force": "CLE"}
        frame["CATREGR"] = "1"
        frame.rename(columns=names, inplace=True)

    rows = [("p00000x", small.registrations["registration_date"][0].strftime("%Y%m"), "1 000,5")]
    hours = pd.DataFrame(rows, columns=["CLE", "PERIODE", "NB"])
    write(hours, small.folder / "e0_1.csv")
    said = """activity = "e0*.csv"
[register.options]
education = "by_level"
[register.columns.registrations]
person_id = "CLE"
registration_date = "DEBUT"
category = "CAT"
education = "NIV"
[register.columns.activity]
month = "PERIODE"
hours = "NB"
"""
    read = foreign(small, written("%Y-%d-%m"), change=change, more=said)
    assert column(read, "registration_date") == list(small.registrations["registration_date"])
    assert column(read, "category")[:2] == ["C", "A"]
    assert set(column(read, "education")) == {"NV5", "NV4", "INC"}
    assert column(read, "person_id") == list(small.registrations["person_id"])


def test_the_example_of_the_documentation_is_accepted(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "data" / "README.md").read_text("utf-8")
    blocks = re.findall(r"```(?:csv|toml)\n(.*?)```", text, re.DOTALL)
    names = ("personnes_2023.csv", "embauches.csv", "haute-marne.toml")
    for name, block in zip(names, blocks, strict=True):
        (tmp_path / name).write_text(block, "utf-8")
    read = load_study(tmp_path / "haute-marne.toml")
    report = check_register(read)
    assert report.ok, report.summary("en")
    assert column(read, "sex", by="person_id") == ["1", "2"]
    assert column(read, "birth_year", by="person_id") == [1984, 1990]
    assert column(read, "contract_type", "hires", "person_id") == ["CDI", "CTT"]


@pytest.mark.parametrize("name", profiles())
def test_what_a_first_study_proposes_is_known(name: str, tmp_path: Path) -> None:
    write_starter(tmp_path / "study.toml", name)
    lines = (tmp_path / "study.toml").read_text("utf-8").splitlines()
    start, end = lines.index("[cohort]"), len(lines)
    filled = [re.sub(r"^# (?=\[register|\w+ = )", "", line) for line in lines[:start]]
    (tmp_path / "study.toml").write_text("\n".join([*filled, *lines[start:end]]), "utf-8")
    files = load_study(tmp_path / "study.toml").files
    assert files.profile == name
    assert profile_of(files).name == name
    assert (name == "toolkit") == (not files.constants and not files.profiles)
