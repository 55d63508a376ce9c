"""A small region, simulated once for all tests of the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.simulation import Simulated, simulate

SMALL = {"scale": 0.02, "regions": ["24", "94"], "seed": 7}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("simulation") / "small", **SMALL)


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder: Path = tmp_path_factory.mktemp("simulation") / "small-csv"
    return simulate(folder, **SMALL, file_format="csv")
