"""A register made by hand: three small tables behind DuckDB views, as the real one offers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from evaluation.study import Study
from evaluation.territories import DEPARTMENTS, REGION_OF

REGISTRATIONS = {
    "person_id": "VARCHAR", "registration_id": "VARCHAR", "region": "VARCHAR",
    "department": "VARCHAR", "employment_zone": "VARCHAR", "registration_date": "DATE",
    "exit_date": "DATE", "exit_reason": "VARCHAR", "registration_reason": "VARCHAR",
    "category": "VARCHAR", "sex": "VARCHAR", "birth_year": "SMALLINT", "nationality": "VARCHAR",
    "family_situation": "VARCHAR", "children": "TINYINT", "education": "VARCHAR",
    "diploma": "VARCHAR", "qualification": "VARCHAR", "occupation": "VARCHAR",
    "experience_months": "SMALLINT", "benefit": "VARCHAR", "benefit_days_left": "SMALLINT",
    "rsa": "BOOLEAN", "disabled": "BOOLEAN", "qpv": "BOOLEAN", "rural": "BOOLEAN",
    "mobility_km": "SMALLINT", "driving_licence": "BOOLEAN", "vehicle": "BOOLEAN",
    "barrier_mobility": "BOOLEAN", "barrier_housing": "BOOLEAN", "barrier_health": "BOOLEAN",
    "barrier_childcare": "BOOLEAN", "barrier_digital": "BOOLEAN",
    "barrier_administrative": "BOOLEAN", "previous_support": "VARCHAR",
}  # fmt: skip
ENTRIES = {
    "person_id": "VARCHAR", "entry_date": "DATE", "exit_date": "DATE", "exit_reason": "VARCHAR",
}  # fmt: skip
HIRES = {
    "region": "VARCHAR", "person_id": "VARCHAR", "contract_id": "VARCHAR", "hire_date": "DATE",
    "contract_type": "VARCHAR", "planned_end_date": "DATE", "duration_days": "INTEGER",
    "employer_id": "VARCHAR", "user_employer_id": "VARCHAR", "cancelled": "BOOLEAN",
}  # fmt: skip
PERSON: dict[str, Any] = {
    "region": "24", "department": "45", "employment_zone": "2415",
    "registration_date": date(2022, 1, 10), "registration_reason": "4", "category": "A",
    "sex": "1", "birth_year": 1985, "nationality": "french", "family_situation": "single",
    "children": 0, "education": "NV5", "diploma": "D", "qualification": "3",
    "occupation": "K2204", "experience_months": 24, "benefit": "are", "benefit_days_left": 200,
    "rsa": False, "disabled": False, "qpv": False, "rural": False, "mobility_km": 20,
    "driving_licence": True, "vehicle": False, "previous_support": "followed",
}  # fmt: skip


@dataclass
class FakeRegister:
    """Rows of the three tables, behind the interface of a register."""

    study: Study
    registrations: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    hires: list[dict[str, Any]] = field(default_factory=list)
    digest: str = "hand-made"
    threads: int = 1

    def connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": self.threads})
        for name, types in (
            ("registrations", REGISTRATIONS), ("entries", ENTRIES), ("hires", HIRES),
        ):  # fmt: skip
            rows = pd.DataFrame(getattr(self, name), columns=list(types)).astype(object)
            rows = rows.where(rows.notna(), None)
            connection.register(f"{name}_rows", rows)
            columns = ", ".join(f"CAST({c} AS {t}) AS {c}" for c, t in types.items())
            if name == "registrations":
                regions = "(PARTITION BY person_id)"
                columns += (
                    f", min(region) OVER {regions} <> max(region) OVER {regions} AS elsewhere"
                )
            connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM {name}_rows")
        return connection

    def person(self, person: str, **values: Any) -> FakeRegister:
        """Register a person (again): one registration, the defaults of PERSON."""
        number = sum(row["person_id"] == person for row in self.registrations)
        row = {**PERSON, "person_id": person, "registration_id": f"{person}-{number}", **values}
        if "region" in values and "department" not in values:
            row["department"] = next(d for d in DEPARTMENTS if REGION_OF[d] == row["region"])
        self.registrations.append(row)
        return self

    def entry(self, person: str, day: date, **values: Any) -> FakeRegister:
        self.entries.append({"person_id": person, "entry_date": day, **values})
        return self

    def hire(self, person: str, day: date, kind: str = "CDI", end: date | None = None,
             **values: Any) -> FakeRegister:  # fmt: skip
        """Declare a hire, once per region of the person."""
        regions = {r["region"] for r in self.registrations if r["person_id"] == person}
        for region in sorted(regions):
            self.hires.append(
                {"region": region, "person_id": person, "hire_date": day, "contract_type": kind,
                 "contract_id": f"c{len(self.hires)}", "planned_end_date": end, **values}
            )  # fmt: skip
        return self


def make_study(work: Path, **overrides: Any) -> Study:
    """Return a study whose values are given as ``section__key=value``."""
    tables: dict[str, Any] = {
        "study": {"name": "test"},
        "register": {"registrations": "r", "entries": "e", "hires": "h",
                     "extraction_date": date(2025, 1, 31)},
        "cohort": {"entry_window": (date(2023, 1, 1), date(2023, 12, 31))},
        "run": {"output": str(work / "out"), "work": str(work / "work")},
    }  # fmt: skip
    for key, value in overrides.items():
        section, _, name = key.partition("__")
        tables.setdefault(section, {})[name] = value
    return Study.model_validate(tables)


def pool(register: FakeRegister, people: Iterable[str], **values: Any) -> FakeRegister:
    """Register people who differ in nothing but their name."""
    for person in people:
        register.person(person, **values)
    return register


def row(frame: pd.DataFrame, person: str, month: str | None = None) -> Mapping[str, Any]:
    """Return the only row of a person (in a month)."""
    found = frame[frame["person_id"] == person]
    if month is not None:
        found = found[found["index_month"] == pd.Timestamp(month)]
    assert len(found) == 1, f"{len(found)} rows of {person}"
    return dict(found.iloc[0])
