"""The files: their columns, their quirks, their independence from each other, and the refusals."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from evaluation.errors import EvaluationError
from evaluation.simulation import Simulated, simulate
from evaluation.study import load_study
from evaluation.territories import REGION_OF, REGIONS

COLUMNS = {
    "registrations": "person_id registration_id region department employment_zone "
    "registration_date exit_date exit_reason registration_reason category sex birth_year "
    "nationality family_situation children education diploma qualification occupation "
    "experience_months benefit benefit_days_left rsa disabled qpv rural mobility_km "
    "driving_licence vehicle barrier_mobility barrier_housing barrier_health barrier_childcare "
    "barrier_digital barrier_administrative previous_support",
    "entries": "person_id entry_date exit_date exit_reason prescription_date prescriber modality "
    "organisation",
    "hires": "person_id contract_id hire_date contract_type planned_end_date duration_days "
    "employer_id user_employer_id sector cancelled source declaration_date",
}


def table(simulated: Simulated, name: str) -> pd.DataFrame:
    return pd.read_parquet(simulated.folder / f"{name}.parquet")


def digest(folder: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.iterdir())
        if file.name != "study.toml"
    }


@pytest.mark.parametrize("name", COLUMNS)
def test_tables_have_the_columns_of_the_contract_in_order(small: Simulated, name: str) -> None:
    schema = pq.read_schema(small.folder / f"{name}.parquet")
    assert schema.names == COLUMNS[name].split()
    kinds = {field.name: str(field.type) for field in schema}
    assert all(kind == "date32[day]" for column, kind in kinds.items() if column.endswith("_date"))
    assert kinds["person_id"] == "string"
    if name == "registrations":
        assert kinds["birth_year"] == "int16"
        assert kinds["children"] == "int8"
        assert kinds["rsa"] == kinds["barrier_health"] == "bool"


def test_registrations_are_a_legal_register(small: Simulated) -> None:
    rows = table(small, "registrations")
    assert rows.registration_id.is_unique
    assert set(rows.region) == {"24", "94"}
    assert (rows.department.map(REGION_OF) == rows.region).all()
    assert rows.person_id.str.fullmatch(r"p[0-9a-z]{8}").all()
    assert rows.groupby("person_id").region.nunique().max() == 1
    assert rows.category.isin(list("ABCDE")).all()
    assert rows.occupation.str.fullmatch(r"[A-N]\d{4}").all()
    assert (rows.exit_reason.isna() == rows.exit_date.isna()).all()
    assert (rows.exit_date.dropna() >= rows.registration_date[rows.exit_date.notna()]).all()
    known = rows.barrier_housing.notna().mean()
    assert 0.4 < known < 0.8
    assert rows.loc[rows.benefit == "none", "benefit_days_left"].isna().all()
    assert rows[["nationality", "rsa", "disabled"]].notna().all().all()


def test_hires_have_the_legal_quirks(small: Simulated) -> None:
    hires = table(small, "hires")
    repeated = hires.duplicated(["person_id", "contract_id"]).mean()
    assert 0.001 < repeated < 0.02
    assert hires.duplicated().mean() == repeated  # only exact copies, so that any one will do
    assert 0.01 < (hires.cancelled == True).mean() < 0.05  # noqa: E712 (nullable)
    untold = hires.planned_end_date.isna() & hires.duration_days.isna()
    assert set(hires.contract_type[untold]) == {"CDI", "CDD", "CTT"}
    assert (hires.source[untold & (hires.contract_type != "CDI")] == "DPAE").all()
    assert not (hires.planned_end_date.notna() & hires.duration_days.notna()).any()
    ended = hires[hires.planned_end_date.notna()]
    assert (ended.planned_end_date >= ended.hire_date).all()
    assert hires.user_employer_id.notna().eq(hires.contract_type == "CTT").all()


def test_entries_come_with_their_exits(small: Simulated) -> None:
    entries = table(small, "entries")
    left = entries[entries.exit_date.notna()]
    assert (left.exit_date >= left.entry_date).all()
    prescribed = entries[entries.prescription_date.notna()]
    assert (prescribed.prescription_date <= prescribed.entry_date).all()
    closed = entries.exit_reason.dropna()
    assert 0.3 < (closed != "other").mean() < 0.55
    years = pd.to_datetime(entries.entry_date).dt.year
    assert set(years) >= {2021, 2022, 2023, 2024}
    assert entries.person_id.duplicated().any()
    people = set(table(small, "registrations").person_id)
    assert set(entries.person_id) <= people


@pytest.mark.property
def test_a_region_does_not_depend_on_the_others(small: Simulated, tmp_path: Path) -> None:
    alone = simulate(tmp_path / "alone", scale=0.02, regions=["94"], seed=7)
    both = table(small, "registrations")
    mine = both[both.region == "94"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, table(alone, "registrations"))
    everybody = set(mine.person_id)
    hires = table(small, "hires")
    others = set(both.person_id) - everybody
    corsica = hires[~hires.person_id.isin(others)].reset_index(drop=True)
    ours = table(alone, "hires")
    assert set(ours.contract_id) <= set(corsica.contract_id)
    shared = corsica[corsica.contract_id.isin(ours.contract_id)].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, ours)


@pytest.mark.property
def test_the_same_seed_writes_the_same_bytes(small: Simulated, tmp_path: Path) -> None:
    again = simulate(tmp_path / "again", scale=0.02, regions=["94", "24", "94"], seed=7)
    assert digest(again.folder) == digest(small.folder)
    other = simulate(tmp_path / "other", scale=0.02, regions=["24", "94"], seed=8)
    assert digest(other.folder)["hires.parquet"] != digest(small.folder)["hires.parquet"]


def read_text(folder: Path, name: str) -> pd.DataFrame:
    raw = (folder / f"{name}.csv").read_bytes()
    assert raw.decode("cp1252") == raw.decode("utf-8")
    names = raw.split(b"\n", 1)[0].decode().replace('"', "").split(";")
    read = pyarrow.csv.read_csv(
        folder / f"{name}.csv",
        parse_options=pyarrow.csv.ParseOptions(delimiter=";"),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=True
        ),
    )
    return read.to_pandas()


def test_csv_shows_the_habits_of_a_spreadsheet(small_csv: Simulated) -> None:
    rows = read_text(small_csv.folder, "registrations")
    assert rows.registration_date.str.fullmatch(r"\d\d/\d\d/\d{4}").all()
    assert rows.rsa.isin(["O", "N"]).all()
    assert rows.category.isin(list("12345")).mean() == pytest.approx(10 / 36, abs=0.04)
    assert rows.experience_months.dropna().str.endswith(",0").all()
    hires = read_text(small_csv.folder, "hires")
    assert hires.cancelled.dropna().isin(["0", "1"]).all()
    assert hires.duplicated(["person_id", "contract_id"]).mean() == pytest.approx(0.074, abs=0.01)
    assert not (small_csv.folder / "hires.parquet").exists()


def test_codes_lose_their_leading_zero_as_in_excel(tmp_path: Path) -> None:
    simulated = simulate(tmp_path / "ara", scale=0.002, regions=["84", "01"], file_format="csv")
    rows = read_text(simulated.folder, "registrations")
    assert set(rows.region) == {"84", "1"}
    assert {"1", "3", "7"} <= set(rows.department)
    assert not rows.department.str.startswith("0").any()


@pytest.mark.parametrize("name", COLUMNS)
def test_undoing_the_habits_gives_the_parquet_rows(
    small: Simulated, small_csv: Simulated, name: str
) -> None:
    found = read_text(small_csv.folder, name).drop_duplicates()
    wanted = table(small, name).drop_duplicates()
    for column in wanted:
        text = found[column]
        if column.endswith("_date"):
            found[column] = pd.to_datetime(text, format="%d/%m/%Y").dt.date
        elif column in ("region", "department"):
            found[column] = text.str.zfill(2)
        elif column == "category":
            found[column] = text.replace(dict(zip("12345", "ABCDE", strict=True)))
        elif text.dropna().isin(["O", "N"]).all() or column == "cancelled":
            found[column] = text.map({"O": True, "N": False, "1": True, "0": False})
        elif wanted[column].dtype.kind in "if":
            found[column] = text.str.replace(",", ".").astype(float)
    keys = ["person_id", {"registrations": "registration_id", "hires": "contract_id"}.get(
        name, "entry_date")]  # fmt: skip
    left = found.sort_values(keys).reset_index(drop=True).astype(object)
    right = wanted.sort_values(keys).reset_index(drop=True).astype(object)
    missing = left.isna() & right.isna()
    assert left.shape == right.shape
    assert ((left == right) | missing).all().all()


def test_the_study_file_is_complete_and_read(small: Simulated, small_csv: Simulated) -> None:
    study = load_study(small.folder / "study.toml")
    assert study.name == "small"
    assert study.run.output == "../../reports/small"
    assert study.files.registrations == "registrations*.parquet"
    assert load_study(small_csv.folder / "study.toml").files.hires == "hires*.csv"
    defaults = load_study(small.folder / "study.toml").sections()
    written = {k for k, origin in study.origins.items() if origin == "file"}
    everything = {f"{section}.{key}" for section, keys in defaults.items() for key in keys}
    assert written == everything


def test_the_file_formats_replace_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    simulate(folder, scale=0.002, regions=["94"])
    simulate(folder, scale=0.002, regions=["94"], file_format="csv")
    assert {file.name for file in folder.iterdir()} == {
        "registrations.csv", "entries.csv", "hires.csv",
        "truth.json", "truth_people.parquet", "study.toml",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "code", "word"),
    [
        ({"scale": 0.0}, "EVAL-801", "scale"),
        ({"scale": float("nan")}, "EVAL-801", "scale"),
        ({"seed": -1}, "EVAL-801", "seed"),
        ({"region_sd": -1.0}, "EVAL-801", "region_sd"),
        ({"regions": ["1"]}, "EVAL-802", "01"),
        ({"regions": ["Corse"]}, "EVAL-802", "94"),
        ({"file_format": "cvs"}, "EVAL-803", "csv"),
    ],
)
def test_an_illegal_choice_is_refused_before_anything_is_written(
    tmp_path: Path, wrong: dict[str, object], code: str, word: str
) -> None:
    folder = tmp_path / "never"
    with pytest.raises(EvaluationError) as caught:
        simulate(folder, **wrong)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert word in caught.value.text("fr")
    assert word in caught.value.text("en")
    assert not folder.exists()


def test_an_effect_that_cannot_be_reached_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "much"
    with pytest.raises(EvaluationError, match="EVAL-804"):
        simulate(folder, scale=0.002, regions=["24"], effect_points=-19.0)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_a_file_or_a_real_register_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EvaluationError, match="EVAL-805"):
        simulate(tmp_path / "file", scale=0.002, regions=["94"])
    real = tmp_path / "real"
    real.mkdir()
    (real / "hires.csv").write_text("precious")
    with pytest.raises(EvaluationError, match=r"EVAL-806[\s\S]*hires\.csv"):
        simulate(real, scale=0.002, regions=["94"])
    assert (real / "hires.csv").read_text() == "precious"


def test_the_signature_is_the_contract(small: Simulated) -> None:
    parameters = inspect.signature(simulate).parameters
    defaults = {name: p.default for name, p in parameters.items() if name != "output"}
    assert defaults == {
        "scale": 0.2, "regions": (), "seed": 20180618, "effect_points": 2.8,
        "hidden_confounding": 0.0, "region_sd": 0.0, "file_format": "parquet",
    }  # fmt: skip
    assert set(small.counts) == {"people", "entrants", "registrations", "entries", "hires"}
    assert len(REGIONS) == 18
