"""What was read once is not read again: digests of inputs, a manifest, a lock.

In: the input files and the parameters that change the result. Out: whether the files under
``work/register`` are theirs. Files appear whole or not at all, also when two processes ask at
once. Must never open a table.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from evaluation.errors import fail
from evaluation.register.schema import TABLES, TableName, schema_version
from evaluation.register.writing import sha256
from evaluation.study import Study

MANIFEST = "manifest.json"
# under this size hashing is quicker than doubting the clock of the file system
_ALWAYS_HASHED = 64 * 2**20


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a written register, empty when there is none that can be read."""
    try:
        stored = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def describe_inputs(
    files: Mapping[TableName, Sequence[Path]],
    manifest: Mapping[str, Any],
    activity: Sequence[Path] = (),
) -> list[dict[str, Any]]:
    """Return name, size, time and digest of each input file.

    A large file whose path, size and time are those of the manifest keeps its recorded digest.

    Raises
    ------
    EvaluationError
        EVAL-204 a file that may not be read.
    """
    recorded = {entry["path"]: entry for entry in manifest.get("inputs", [])}
    described: list[dict[str, Any]] = []
    for table, paths in [*((t, files[t]) for t in TABLES), ("activity", activity)]:
        for path in paths:
            status = path.stat()
            entry = {"table": table, "path": str(path), "size": status.st_size,
                     "mtime_ns": status.st_mtime_ns}  # fmt: skip
            known = recorded.get(str(path), {})
            same = all(known.get(key) == value for key, value in entry.items())
            trusted = same and status.st_size >= _ALWAYS_HASHED
            described.append({**entry, "sha256": known["sha256"] if trusted else _hashed(path)})
    return described


def input_digest(study: Study, inputs: Sequence[Mapping[str, Any]]) -> str:
    """Return the digest of contents and parameters; names and places of files do not count."""
    contents = {
        table: sorted(entry["sha256"] for entry in inputs if entry["table"] == table)
        for table in TABLES
    }
    worked = sorted(entry["sha256"] for entry in inputs if entry["table"] == "activity")
    parameters = {
        "profile": study.files.profile,
        "extraction_date": study.files.extraction_date.isoformat(),
        "cog_vintage": study.files.cog_vintage,
        "schema": schema_version(),
        "profiles": study.files.profiles,
        "columns": study.files.columns,
        "constants": study.files.constants,
        "options": study.files.options,
        "activity": worked,
        "merge_gap_days": study.cohort.merge_gap_days,
    }
    text = json.dumps({"contents": contents, "parameters": parameters}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(folder: Path, manifest: Mapping[str, Any], digest: str) -> bool:
    """Return whether the written tables are those of ``digest`` and still have their sizes."""
    if manifest.get("digest") != digest:
        return False
    outputs: dict[str, dict[str, Any]] = manifest.get("outputs", {})
    return set(outputs) == set(TABLES) and all(
        _size(folder / f"{table}.parquet") == entry["size"] for table, entry in outputs.items()
    )


def describe_outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and digest of each written table."""
    paths = {table: folder / f"{table}.parquet" for table in TABLES}
    return {t: {"size": p.stat().st_size, "sha256": sha256(p)} for t, p in paths.items()}


def content_digest(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one digest of the three written tables."""
    text = json.dumps({table: entry["sha256"] for table, entry in outputs.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def publish(scratch: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Move the written tables into place, the manifest last.

    Raises
    ------
    EvaluationError
        EVAL-251 another program holds one of the files open.
    """
    text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (scratch / MANIFEST).write_text(text, "utf-8", newline="\n")
    try:
        # without its manifest a half-replaced register is nobody's
        (folder / MANIFEST).unlink(missing_ok=True)
        for table in TABLES:
            os.replace(scratch / f"{table}.parquet", folder / f"{table}.parquet")
        os.replace(scratch / MANIFEST, folder / MANIFEST)
    except PermissionError as error:
        fail("EVAL-251", file=Path(error.filename or folder).name, folder=folder.name)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time write ``folder``; the lock ends with the process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+b") as handle:
        _lock(handle)
        try:
            yield
        finally:
            _unlock(handle)


if sys.platform == "win32":
    import msvcrt
    import time

    def _lock(handle: IO[bytes]) -> None:
        while True:
            try:
                handle.seek(0)
                msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                return
            except OSError:
                time.sleep(0.1)

    def _unlock(handle: IO[bytes]) -> None:
        handle.seek(0)
        msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl
    from contextlib import suppress

    def _lock(handle: IO[bytes]) -> None:
        # some network file systems know no locks; atomic renames still hold there
        with suppress(OSError):
            fcntl.flock(handle.fileno(), fcntl.LOCK_EX)

    def _unlock(handle: IO[bytes]) -> None:
        with suppress(OSError):
            fcntl.flock(handle.fileno(), fcntl.LOCK_UN)


def _hashed(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        fail("EVAL-204", file=path.name, reason=error.strerror or type(error).__name__)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
