"""Locks, digests, manifest, cores, starter file, threshold: the small parts of the pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.pipeline.audit import join_audit, write_audit
from evaluation.pipeline.files import digest, write_whole
from evaluation.pipeline.lock import run_lock
from evaluation.pipeline.machine import physical_cores
from evaluation.pipeline.manifest import digests, read_manifest, verify, write_manifest
from evaluation.pipeline.resume import unchanged
from evaluation.pipeline.scrub import plain_error
from evaluation.pipeline.starter import starter, write_starter
from evaluation.pipeline.threshold import small_counts
from evaluation.study import Study, load_study


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    write_whole(target, "é\nb\n")
    assert target.read_bytes() == "é\nb\n".encode()
    with pytest.raises(UnicodeEncodeError):
        write_whole(target, "\ud800")
    assert target.read_text("utf-8") == "é\nb\n"
    assert [file.name for file in target.parent.iterdir()] == ["a.txt"]


def test_two_runs_cannot_share_a_work_folder(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(EvaluationError) as caught, run_lock(tmp_path):
        raise AssertionError("the second lock was granted")
    assert caught.value.code == "EVAL-712"
    assert str(os.getpid()) in str(caught.value)
    assert not (tmp_path / "run.lock").exists()


@pytest.mark.parametrize("left", ['{"pid": 0', "{}"])
def test_an_unreadable_lock_is_replaced(tmp_path: Path, left: str) -> None:
    (tmp_path / "run.lock").write_text(left)
    with run_lock(tmp_path):
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()


def test_the_lock_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    import socket

    holder = {"pid": child.pid, "host": socket.gethostname()}
    (tmp_path / "run.lock").write_text(json.dumps(holder))
    with run_lock(tmp_path):
        pass
    (tmp_path / "run.lock").write_text(json.dumps({"pid": child.pid, "host": "another"}))
    with pytest.raises(EvaluationError), run_lock(tmp_path):
        pass


def manifest(folder: Path) -> dict[str, object]:
    write_whole(folder / "results" / "24.json", "{}")
    write_whole(folder / "index.html", "<p>")
    made = {"territories": {}, "files": digests(folder)}
    write_manifest(folder, made)
    return made


def test_verify_names_what_changed_what_is_missing_and_what_is_new(tmp_path: Path) -> None:
    manifest(tmp_path)
    assert verify(tmp_path) == []
    (tmp_path / "index.html").write_text("<p>13 %")
    (tmp_path / "results" / "24.json").unlink()
    (tmp_path / "extra.txt").write_text("x")
    assert [(m.file, m.kind) for m in verify(tmp_path)] == [
        ("extra.txt", "unknown"), ("index.html", "changed"), ("results/24.json", "missing"),
    ]  # fmt: skip


def test_verify_without_a_manifest_says_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    assert read_manifest(tmp_path) == {}
    with pytest.raises(EvaluationError) as caught:
        verify(tmp_path)
    assert caught.value.code == "EVAL-717"


def test_only_what_is_untouched_is_kept(tmp_path: Path) -> None:
    manifest(tmp_path)
    estimates = tmp_path / "work.json"
    estimates.write_text("1")
    entry = {
        "status": "done", "content_key": "k", "estimates": digest(estimates),
        "files": {"results/24.json": digest(tmp_path / "results" / "24.json")},
    }  # fmt: skip
    assert unchanged(entry, "k", tmp_path, estimates)
    assert not unchanged(entry, "other", tmp_path, estimates)
    assert not unchanged({**entry, "status": "failed"}, "k", tmp_path, estimates)
    assert not unchanged({**entry, "files": {}}, "k", tmp_path, estimates)
    assert not unchanged({}, "k", tmp_path, estimates)
    (tmp_path / "results" / "24.json").write_text("{ }")
    assert not unchanged(entry, "k", tmp_path, estimates)
    manifest(tmp_path)
    estimates.write_text("2")
    assert not unchanged(entry, "k", tmp_path, estimates)


def test_two_threads_of_one_core_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.pipeline.machine.allowed_processors", lambda: {0, 1, 2, 3})
    for processor, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{processor}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert physical_cores(tmp_path) == 2
    assert physical_cores(tmp_path / "nothing") == 4


def test_the_starter_file_is_complete_and_loads(tmp_path: Path) -> None:
    target = tmp_path / "study.toml"
    write_starter(target, "fhs")
    study = load_study(target)
    assert study.files.profile == "fhs"
    written = tomllib.loads(starter())
    for name, values in study.sections().items():
        assert set(written[name]) == set(values), name
    defaults = Study.model_validate(
        {"study": written["study"], "register": written["register"],
         "cohort": {"entry_window": written["cohort"]["entry_window"]}}
    ).sections()  # fmt: skip
    for name in ("cohort", "outcome", "matching", "effects", "disclosure"):
        assert study.sections()[name] == defaults[name], name
    with pytest.raises(EvaluationError) as caught:
        write_starter(target)
    assert caught.value.code == "EVAL-120"
    with pytest.raises(EvaluationError, match="dpae"):
        write_starter(tmp_path / "other.toml", "dpea")


def test_small_published_counts_are_found(tmp_path: Path) -> None:
    tree = {"flow": {"entrants": 480, "steps": [{"step": "age", "removed_entrants": 3}]},
            "subgroups": [{"entrants": 11}, {"entrants": None}, {"entrants": 0}]}  # fmt: skip
    write_whole(tmp_path / "results" / "24.json", json.dumps(tree))
    assert small_counts(tmp_path, 11) == ["24.json:flow.steps[0].removed_entrants"]
    assert small_counts(tmp_path, 12) == [
        "24.json:flow.steps[0].removed_entrants", "24.json:subgroups[0].entrants",
    ]  # fmt: skip


def test_audit_parts_are_joined_under_one_head(tmp_path: Path) -> None:
    from evaluation.disclosure import AUDIT_COLUMNS

    row = dict.fromkeys(AUDIT_COLUMNS, "x")
    write_audit(tmp_path, "52", [row])
    write_audit(tmp_path, "dep-52", [row, row])
    write_audit(tmp_path, "52", [row])
    join_audit(tmp_path)
    lines = (tmp_path / "disclosure.csv").read_text("utf-8").splitlines()
    assert lines[0] == ",".join(AUDIT_COLUMNS)
    assert [line.split(",")[0] for line in lines[1:]] == ["52", "dep-52", "dep-52"]


@pytest.mark.parametrize("name", ["KeyError", "ValueError", "EvaluationError"])
def test_a_foreign_message_is_never_quoted(name: str) -> None:
    shown = plain_error(name, "'1850175123456' is not in index", "fr")
    assert "1850175123456" not in shown
    assert name in shown


def test_our_message_is_quoted_alone() -> None:
    ours = "[EVAL-205] hires.csv : colonne « x ».\n  → Ajoutez-la."
    shown = plain_error("EvaluationError", f"{ours}\nautre 1850175123456\n{ours}", "fr")
    assert shown == f"{ours}\n{ours}"
