"""Workers are processes of their own: one that dies takes no other territory down."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.pipeline.executor import Event, run_jobs
from evaluation.pipeline.jobs import Job, Outcome, perform
from evaluation.territories import REGIONS
from tests.pipeline import workers


def job(key: str, folder: Path) -> Job:
    return Job(key, REGIONS[key].name, folder / "none.ipynb", {}, folder, "Étude", "x.html")


def outcomes(events: list[Event]) -> dict[str, Outcome]:
    ended = [event.outcome for event in events if event.outcome is not None]
    found = {outcome.key: outcome for outcome in ended}
    assert len(found) == len(ended)
    return found


def test_stages_and_outcomes_arrive_and_workers_use_one_thread(tmp_path: Path) -> None:
    keys = ["24", "94", "01"]
    events = list(run_jobs([job(key, tmp_path) for key in keys], 2, workers.quick))
    found = outcomes(events)
    assert set(found) == set(keys)
    assert {outcome.notebook for outcome in found.values()} == {"11"}
    told = {(event.key, event.stage) for event in events if event.outcome is None}
    assert told == {(key, stage) for key in keys for stage in ("start", "publish")}


def test_a_worker_that_dies_fails_its_own_territory_only(tmp_path: Path) -> None:
    keys = ["94", "24", "01", "02"]
    found = outcomes(list(run_jobs([job(key, tmp_path) for key in keys], 2, workers.mortal)))
    assert {key: outcome.status for key, outcome in found.items()} == {
        "24": "failed", "94": "done", "01": "done", "02": "done",
    }  # fmt: skip
    assert found["24"].error.startswith("[EVAL-713]")
    assert "Centre-Val de Loire" in found["24"].error


def test_workers_that_die_at_once_end_the_run(tmp_path: Path) -> None:
    found = outcomes(list(run_jobs([job("24", tmp_path)], 2, workers.stillborn)))
    assert found["24"].error.startswith("[EVAL-713]")


def test_nothing_to_do_starts_no_process() -> None:
    assert list(run_jobs([], 2, workers.quick)) == []


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    events = run_jobs([job("24", tmp_path)], 1, workers.endless)
    assert next(event for event in events if event.stage == "matching").key == "24"
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt())


def test_a_fault_inside_a_worker_is_an_outcome_in_the_study_s_language(tmp_path: Path) -> None:
    found = perform(job("24", tmp_path))
    assert found.status == "failed"
    assert found.error.startswith("[EVAL-701]")
