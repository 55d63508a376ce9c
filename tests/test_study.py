"""The study file is read once and checked whole."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.study import Study, load_study
from evaluation.territories import territory
from evaluation.wording import Language

MINIMAL = """
[study]
name = "demo"
[register]
registrations = "r.parquet"
entries = "e.parquet"
hires = "h.parquet"
extraction_date = 2025-01-31
[cohort]
entry_window = [2023-01-01, 2023-12-31]
"""


def write(folder: Path, text: str = MINIMAL) -> Path:
    file = folder / "study.toml"
    file.write_text(text, encoding="utf-8")
    return file


def codes(caught: pytest.ExceptionInfo[EvaluationError]) -> list[str]:
    return [fault.code for fault in caught.value.faults]


def test_defaults_file_and_override_have_their_origin(tmp_path: Path) -> None:
    study = load_study(write(tmp_path), ["matching.ratio=1", "matching.method=ipw"])
    assert study.matching.ratio == 1
    assert study.matching.method == "ipw"
    assert study.origins["matching.ratio"] == "override"
    assert study.origins["study.name"] == "file"
    assert study.cohort.duration_classes == (0, 3, 6, 12, 24, 36)
    assert study.work == tmp_path / ".work"


def test_a_territory_deviates_only_where_it_says(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, MINIMAL + "\n[territory.94]\nmatching.caliper = 0.25\n"))
    assert study.for_territory(territory(region="94")).matching.caliper == 0.25
    assert study.for_territory(territory(region="24")).matching.caliper == 0.2
    assert study.for_territory(territory(region="94")).origins["matching.caliper"] == "territory"


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("matching.ratioo=1", "matching.ratio"),
        ("matchng.ratio=1", "matching.ratio"),
        ("ratio=1", "ratio"),
    ],
)
def test_a_misspelt_key_is_an_error_that_proposes_the_nearest(
    tmp_path: Path, override: str, hint: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        load_study(write(tmp_path), [override])
    assert codes(caught) == ["EVAL-103"]
    assert hint in str(caught.value)


def test_allowed_names_are_listed_where_none_is_near(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError) as caught:
        load_study(write(tmp_path), ["zzzzzz.q=1", "matching.xyzxyz=1"])
    assert codes(caught) == ["EVAL-103", "EVAL-103"]
    fr, en = caught.value.text("fr"), caught.value.text("en")
    assert "Vouliez-vous dire" not in fr
    assert "Did you mean" not in en
    assert fr.count("Valeurs permises : ") == 2
    assert "Valeurs permises : method, distance, ratio" in fr
    assert en.count("Allowed: ") == 2
    near = EvaluationError("EVAL-103", file="x", key="ratioo", nearest="ratio").text("en")
    assert 'Did you mean "ratio"?' in near
    both = {"method": "ipw", "option": "q", "nearest": "a, b", "allowed": ["a", "b"]}
    assert (
        EvaluationError("EVAL-402", **both)
        .text("en")
        .endswith("\n  → Options of this method: a, b.")
    )


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"region": 1, "department": ""}, "EVAL-111"),
        ({"region": "99"}, "EVAL-112"),
        ({"region": "", "department": ""}, "EVAL-110"),
        ({"region": "24", "department": "18"}, "EVAL-110"),
    ],
)
def test_a_wrong_territory_is_refused_with_the_study(
    tmp_path: Path, place: dict[str, str], code: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        load_study(write(tmp_path), language="en", **place)
    assert codes(caught) == [code]
    assert str(caught.value) == caught.value.text("en")
    assert load_study(write(tmp_path), region="24", department="") == load_study(write(tmp_path))


@pytest.mark.parametrize(("asked", "spoken"), [("", "en"), ("fr", "fr"), ("en", "en")])
def test_a_refusal_speaks_the_language_asked_for_else_the_study_s(
    tmp_path: Path, asked: str, spoken: Language
) -> None:
    file = write(tmp_path, MINIMAL.replace('"demo"', '"demo"\nlanguage = "en"'))
    with pytest.raises(EvaluationError) as caught:
        load_study(file, ["matching.ratioo=1"], language=asked)
    assert str(caught.value) == caught.value.text(spoken)


def test_all_faults_of_the_file_are_named_at_once(tmp_path: Path) -> None:
    text = MINIMAL + "\n[matching]\ncalliper = 0.1\n[outcme]\npreset = 'es47'\n"
    with pytest.raises(EvaluationError) as caught:
        load_study(write(tmp_path, text))
    assert codes(caught) == ["EVAL-103", "EVAL-103"]
    assert "caliper" in str(caught.value)
    assert "outcome" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "code", "word"),
    [
        ("matching.ratio=0", "EVAL-104", "≥ 1"),
        ("matching.ratio=many", "EVAL-104", "1, 2, 3"),
        ("outcome.preset=es48", "EVAL-108", "es47"),
        ("cohort.entry_window=[2023-12-31, 2023-01-01]", "EVAL-104", "entry_window[0]"),
        ("cohort.duration_classes=[3, 0]", "EVAL-104", "0 < a < b"),
        ('effects.compare_methods=["ipw"]', "EVAL-104", "n ≥ 4"),
        ('effects.compare_methods=["ipw"]', "EVAL-104", '["ipw"]'),
        ("cohort.duration_classes=[3, 0]", "EVAL-104", "[3, 0]"),
        ("cohort.entry_window=[2023-12-31, 2023-01-01]", "EVAL-104", '"2023-12-31", "2023-01-01"'),
        ("cohort.ages=[60, 20]", "EVAL-104", "cohort.ages"),
        ("register.profile=flat", "EVAL-104", "cog_vintage"),
        ("run.work=../x/y", "EVAL-106", "../x"),
        ("matching.ratio", "EVAL-107", "matching.ratio=1"),
    ],
)
def test_an_illegal_value_names_what_is_allowed(
    tmp_path: Path, override: str, code: str, word: str
) -> None:
    overrides = [override] + (["run.output=../x"] if code == "EVAL-106" else [])
    with pytest.raises(EvaluationError) as caught:
        load_study(write(tmp_path), overrides)
    assert codes(caught) == [code]
    assert word in caught.value.text("fr")
    assert word in caught.value.text("en")


def test_a_missing_file_and_broken_toml_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="EVAL-101"):
        load_study(tmp_path / "nowhere.toml")
    with pytest.raises(EvaluationError, match="EVAL-102"):
        load_study(write(tmp_path, "[study\n"))
    with pytest.raises(EvaluationError, match="EVAL-105"):
        load_study(write(tmp_path, MINIMAL.replace("extraction_date = 2025-01-31", "")))


def test_a_relative_path_is_looked_for_up_to_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert load_study("study.toml").path == tmp_path / "study.toml"


def test_only_parameters_that_can_move_a_number_enter_the_digest(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    same = study.with_values({"run.workers": 3, "study.language": "en"})
    other = study.with_values({"matching.ratio": 1})
    assert study.sha256 == same.sha256
    assert study.sha256 != other.sha256


def test_a_study_and_an_error_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    assert isinstance(pickle.loads(pickle.dumps(study)), Study)
    error = EvaluationError("EVAL-101", file="x.toml")
    error.language = "en"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "not found" in str(error)
    warning = EvaluationWarning("EVAL-101", file="x.toml")
    assert str(pickle.loads(pickle.dumps(warning))) == str(warning)
