"""The register as the field sends it gives the results of the clean one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import evaluation as ev
from evaluation.register import Register
from evaluation.simulation import simulate


@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Register]:
    read = {}
    for form in ("parquet", "csv"):
        folder = tmp_path_factory.mktemp(form)
        simulate(folder, scale=0.02, regions=["01", "24"], seed=3, file_format=form)
        read[form] = ev.read_register(ev.load_study(folder / "study.toml"))
    return read


def test_repaired_tables_are_identical(registers: dict[str, Register]) -> None:
    assert registers["csv"].digest != registers["parquet"].digest
    for name in ("registrations", "entries", "hires"):
        csv, parquet = (pd.read_parquet(registers[form].path(name)) for form in registers)
        pd.testing.assert_frame_equal(csv, parquet)
    assert registers["csv"].digest_content == registers["parquet"].digest_content


def test_repairs_of_the_spreadsheet_are_counted(registers: dict[str, Register]) -> None:
    csv, parquet = registers["csv"].quality, registers["parquet"].quality
    done = {(repair.table, repair.column) for repair in csv.repairs}
    assert {("registrations", "region"), ("registrations", "category")} <= done
    assert csv.rows("hires") > parquet.rows("hires")


def test_cohorts_and_effects_are_identical(registers: dict[str, Register]) -> None:
    cohorts = {form: ev.build_cohort(register, region="24") for form, register in registers.items()}
    pd.testing.assert_frame_equal(cohorts["csv"].frame, cohorts["parquet"].frame)
    assert cohorts["csv"].flow == cohorts["parquet"].flow
    effects = [ev.estimate(ev.match(cohort)).to_dict() for cohort in cohorts.values()]
    assert effects[0] == effects[1]


def test_the_file_of_a_study_is_written_for_its_format(tmp_path: Path) -> None:
    simulate(tmp_path, scale=0.01, regions=["94"], file_format="csv")
    study = ev.load_study(tmp_path / "study.toml")
    assert study.files.hires.endswith(".csv")
