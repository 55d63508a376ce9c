"""A small region with one entrant and one comparator who share their days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evaluation.cohort import Cohort, build_cohort
from evaluation.territories import territory
from tests.cohort.helpers import FakeRegister, make_study

INDEX = date(2023, 8, 31)


@pytest.fixture
def pair(tmp_path: Path) -> FakeRegister:
    """``entrant`` enters on 31 August 2023; ``other`` is the only comparator, on that day."""
    register = FakeRegister(make_study(tmp_path, register__extraction_date=date(2024, 12, 31)))
    for person in ("entrant", "other"):
        register.person(person, registration_date=date(2020, 1, 1))
    return register.entry("entrant", INDEX)


@pytest.fixture
def build() -> Callable[..., Cohort]:
    """Build the cohort of region 24 with some values of the study changed."""

    def made(register: FakeRegister, **changes: Any) -> Cohort:
        values = {key.replace("__", "."): value for key, value in changes.items()}
        register.study = register.study.with_values(values)
        return build_cohort(register, territory(region="24"), use_cache=False)

    return made
