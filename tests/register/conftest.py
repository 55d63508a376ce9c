"""A small register made by hand, in memory, and the files it is written to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from evaluation.register.schema import TABLES, tables
from evaluation.study import Study, load_study

EXTRACTION = date(2024, 12, 31)
STUDY = """
[study]
name = "small"
[register]
registrations = '{registrations}'
entries = '{entries}'
hires = '{hires}'
profile = "{profile}"
cog_vintage = 2024
extraction_date = 2024-12-31
[cohort]
entry_window = [2023-01-01, 2023-12-31]
[run]
output = "out"
work = "work [1] d'été"
"""
PLACES = [("24", "45"), ("94", "2A"), ("84", "01"), ("01", "971"), ("11", "75")]


def people(n: int = 40) -> list[str]:
    return [f"p{i:05d}x" for i in range(n)]


def registrations() -> pd.DataFrame:
    rows = []
    for i, person in enumerate(people()):
        region, department = PLACES[i % 5]
        start = date(2022, 1, 10) + timedelta(days=17 * i)
        rows.append(
            {
                "person_id": person, "registration_id": f"r{i:04d}", "region": region,
                "department": department, "employment_zone": None if i % 7 == 0 else "0051",
                "registration_date": start,
                "exit_date": None if i % 3 == 0 else start + timedelta(days=90 + i),
                "exit_reason": None if i % 3 == 0 else ["01", "02", "13"][i % 3],
                "registration_reason": "4Z1"[i % 3], "category": "ABCDE"[i % 5],
                "sex": "12"[i % 2], "birth_year": 1960 + i, "nationality": "french",
                "family_situation": None if i % 11 == 0 else "single", "children": i % 4,
                "education": ["NV5", "NV4", "INC"][i % 3], "diploma": "DN"[i % 2],
                "qualification": "036"[i % 3], "occupation": ["K1304", "D1106"][i % 2],
                "experience_months": None if i % 9 == 0 else 12 * (i % 20),
                "benefit": ["are", "ass", "none"][i % 3], "benefit_days_left": 10 * i,
                "rsa": i % 4 == 0, "disabled": i % 6 == 0, "qpv": i % 5 == 0, "rural": i % 2 == 0,
                "mobility_km": 30, "driving_licence": None if i % 8 == 0 else True,
                "vehicle": False, "barrier_mobility": None if i % 2 else True,
                "barrier_housing": False, "barrier_health": None, "barrier_childcare": None,
                "barrier_digital": True, "barrier_administrative": False,
                "previous_support": ["followed", "guided", "other"][i % 3],
            }
        )  # fmt: skip
    return pd.DataFrame(rows).astype({"experience_months": "Int16"})


def entries() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person_id": person, "entry_date": date(2023, 2, 1) + timedelta(days=9 * i),
            "exit_date": None if i % 2 else date(2023, 9, 1) + timedelta(days=9 * i),
            "exit_reason": None if i % 2 else "job",
            "prescription_date": date(2023, 1, 15), "prescriber": "social_worker",
            "modality": "individual", "organisation": "dedicated",
        }
        for i, person in enumerate(people()[:30:2])
    )  # fmt: skip


def hires() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person_id": person, "contract_id": f"c{j}-{i}",
            "hire_date": date(2023, 1, 5) + timedelta(days=40 * j + i),
            "contract_type": ["CDI", "CDD", "CTT"][(i + j) % 3],
            "planned_end_date": None
            if (i + j) % 3 == 0
            else date(2023, 3, 1) + timedelta(days=50 * j + i),
            "duration_days": None, "employer_id": f"e{i % 4}", "user_employer_id": None,
            "sector": "78.20Z", "cancelled": False, "source": "DPAE",
            "declaration_date": date(2023, 1, 4) + timedelta(days=40 * j + i),
        }
        for j in range(3)
        for i, person in enumerate(people())
    )  # fmt: skip


@dataclass
class Small:
    """A register that a test may spoil before it is written."""

    folder: Path
    registrations: pd.DataFrame = field(default_factory=registrations)
    entries: pd.DataFrame = field(default_factory=entries)
    hires: pd.DataFrame = field(default_factory=hires)

    def table(self, name: str) -> pd.DataFrame:
        frame: pd.DataFrame = getattr(self, name)
        return frame

    def spoil(self, table: str, column: str, value: object, rows: int = 1) -> Small:
        """Put ``value`` in the first rows of a column."""
        frame = self.table(table)
        values = frame[column].astype(object) if column in frame else pd.Series([None] * len(frame))
        values = values.astype(object).copy()
        values.iloc[:rows] = [value] * rows
        setattr(self, table, frame.assign(**{column: values}))
        return self

    def study(self, profile: str = "toolkit", **patterns: str) -> Study:
        named = {t: patterns.get(t, f"{t}*.*") for t in TABLES}
        path = self.folder / "study.toml"
        path.write_text(STUDY.format(**named, profile=profile), "utf-8")
        return load_study(path)

    def parquet(self) -> Study:
        for name in TABLES:
            typed(self.table(name)).to_parquet(self.folder / f"{name}.parquet", index=False)
        return self.study()

    def csv(self, *, separator: str = ";", encoding: str = "utf-8", french: bool = True,
            suffix: str = ".csv", names: Callable[[str], str] = str) -> Study:  # fmt: skip
        for name in TABLES:
            frame = as_text(self.table(name), french=french).rename(columns=names)
            frame.to_csv(
                self.folder / f"{name}{suffix}", sep=separator, encoding=encoding, index=False,
                lineterminator="\r\n",
            )  # fmt: skip
        return self.study()


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with integers and flags that may be missing as nullable columns."""
    return frame.convert_dtypes()


def as_text(frame: pd.DataFrame, *, french: bool) -> pd.DataFrame:
    def write(value: object) -> object:
        if value is None or value is pd.NA or value != value:
            return None
        if isinstance(value, bool):
            return ("oui" if value else "non") if french else str(value).lower()
        if isinstance(value, date):
            return value.strftime("%d/%m/%Y" if french else "%Y-%m-%d")
        return str(value)

    return frame.astype(object).map(write)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    folder = tmp_path / "données [24] l'été"
    folder.mkdir()
    return Small(folder)


@pytest.fixture(scope="session")
def declared() -> dict[str, list[str]]:
    return {name: list(table.columns) for name, table in tables().items()}
