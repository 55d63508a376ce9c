"""Work that does not fit in memory goes to the work folder, also the first time."""

from __future__ import annotations

from pathlib import Path

from evaluation.register import engine


def test_a_sort_larger_than_memory_spills_into_a_new_work_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    connection = engine.connect(work, memory_limit_gb=0.06, threads=1)
    connection.execute(
        "CREATE TEMP TABLE numbers AS SELECT range AS i, hash(range) AS h FROM range(4000000)"
    )
    spilt = list((work / engine.SPILL).rglob("*.tmp"))
    found = connection.execute("SELECT count(*), min(i), max(i) FROM numbers").fetchall()
    connection.close()
    assert spilt
    assert found == [(4_000_000, 0, 3_999_999)]


def test_no_spilt_block_outlives_its_connection(tmp_path: Path) -> None:
    connection = engine.connect(tmp_path, memory_limit_gb=0.06, threads=1)
    connection.execute("CREATE TEMP TABLE numbers AS SELECT hash(range) FROM range(8000000)")
    connection.close()
    assert not list((tmp_path / engine.SPILL).iterdir())
