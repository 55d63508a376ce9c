"""One run at a time in a work folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluation.errors import fail


@contextmanager
def run_lock(work: Path) -> Iterator[None]:
    """Hold ``work/run.lock`` while the block runs.

    Raises
    ------
    EvaluationError
        EVAL-712 when another living process holds it.
    """
    work.mkdir(parents=True, exist_ok=True)
    file = work / "run.lock"
    holder = {"pid": os.getpid(), "host": socket.gethostname()}
    if not _take(file, holder):
        other = _read(file)
        if _alive(other):
            fail("EVAL-712", file=file.name, folder=work.name, pid=other.get("pid"))
        file.unlink(missing_ok=True)
        if not _take(file, holder):
            fail("EVAL-712", file=file.name, folder=work.name, pid=_read(file).get("pid"))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _take(file: Path, holder: dict[str, object]) -> bool:
    try:
        with file.open("x", encoding="utf-8") as stream:
            json.dump(holder, stream)
    except FileExistsError:
        return False
    return True


def _read(file: Path) -> dict[str, object]:
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _alive(holder: dict[str, object]) -> bool:
    """Return whether the holder still runs, or may still run."""
    pid = holder.get("pid")
    if not isinstance(pid, int):
        return False
    # Windows has no signal 0: there, and for another machine, only a person can tell.
    if os.name == "nt" or holder.get("host") != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
