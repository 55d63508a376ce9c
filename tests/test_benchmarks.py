"""The benchmark of the national scale, on a handful of people: what it makes, what it prints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmarks import cohort as benchmark

TABLES = ("registrations", "entries", "hires")
SCALE = 0.0008


def here(function: Callable[..., Any], *given: Any) -> Any:
    return function(*given)


def pool(workers: int, mp_context: object) -> ThreadPoolExecutor:
    """Stand for processes: starting one costs more than all the work of this test."""
    return ThreadPoolExecutor(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("national")
    return folder, benchmark.make(folder, SCALE)


def test_the_register_is_an_extract_of_a_nation(made: tuple[Path, dict[str, int]]) -> None:
    folder, sizes = made
    tables = {name: pq.read_table(folder / f"{name}.parquet").to_pandas() for name in TABLES}
    assert {name: len(table) for name, table in tables.items()} == {t: sizes[t] for t in TABLES}
    registered = set(tables["registrations"].person_id)
    assert len(registered) == sizes["people"]
    assert set(tables["hires"].person_id) <= registered
    assert set(tables["entries"].person_id) <= registered
    assert tables["registrations"].region.nunique() == 18
    # the shape of the nation: 30 million hires of 4.3 million people, 7 million registrations
    assert 6 < sizes["hires"] / sizes["people"] < 8
    assert 1.4 < sizes["registrations"] / sizes["people"] < 1.9


def test_it_is_made_the_same_again(made: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    folder, sizes = made
    assert benchmark.make(tmp_path, SCALE) == sizes
    for name in TABLES:
        digests = {
            hashlib.sha256((place / f"{name}.parquet").read_bytes()).hexdigest()
            for place in (folder, tmp_path)
        }
        assert len(digests) == 1


def test_the_last_line_says_seconds_and_memory(
    made: tuple[Path, dict[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, sizes = made
    (folder / "sizes.json").write_text(json.dumps({"scale": SCALE, **sizes}), encoding="utf-8")
    monkeypatch.setattr(benchmark, "apart", here)
    monkeypatch.setattr(benchmark, "warm", lambda folder: None)
    monkeypatch.setattr(benchmark, "ProcessPoolExecutor", pool)
    words = ["--scale", str(SCALE), "--keep", str(folder), "--region", "11", "--region", "84"]
    benchmark.main(words)
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["regions"] == 2
    assert row["entrants"] > 10
    assert row["rows"] > 5 * row["entrants"]
    seconds = row["seconds"]
    assert seconds["register"] > 0
    assert seconds["cohorts"] > 0
    assert seconds["total"] == pytest.approx(seconds["register"] + seconds["cohorts"], rel=0.01)
    assert row["peak_rss_gb"] > 0.05
    assert not list(folder.glob("work-*"))


def test_a_folder_of_another_scale_is_refused(made: tuple[Path, dict[str, int]]) -> None:
    folder, sizes = made
    (folder / "sizes.json").write_text(json.dumps({"scale": 9, **sizes}), encoding="utf-8")
    with pytest.raises(SystemExit, match="another scale"):
        benchmark.kept_register(folder, SCALE)
