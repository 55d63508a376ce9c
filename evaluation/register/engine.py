"""The database engine: connections that stay inside the work folder, and safe SQL words.

In: a study and its limits. Out: a DuckDB connection with memory limit and temporary folder set,
no extension ever fetched. Must never know a column of the register.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from evaluation.errors import EvaluationError

SPILL = ".duckdb_tmp"
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def quote(text: str) -> str:
    """Return an SQL string literal.

    Examples
    --------
    >>> quote("l'étude")
    "'l''étude'"
    """
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Return a quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def path_literal(path: Path) -> str:
    """Return a path to read as an SQL literal; ``[``, ``*`` and ``?`` stand for themselves.

    Examples
    --------
    >>> path_literal(Path("data [24]/a.parquet"))
    "'data [[]24]/a.parquet'"
    """
    plain = path.as_posix()
    return quote("".join(f"[{c}]" if c in "[*?" else c for c in plain))


def parquet(path: Path) -> str:
    """Return the SQL table function that reads one Parquet file."""
    # columns come from the file alone: a folder named "region=24" must not add one
    return (
        f"read_parquet({path_literal(path)}, binary_as_string=true, "
        "hive_partitioning=false, union_by_name=false)"
    )


def connect(
    work: Path,
    *,
    memory_limit_gb: float | None = None,
    threads: int | None = None,
    share: int = 1,
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database that spills into the work folder only.

    Parameters
    ----------
    work : Path
        The study's work folder.
    memory_limit_gb : float, optional
        Gibibytes; None or 0 for 60 % of what the machine (or its container) has, over ``share``.
    threads : int, optional
        Threads of the engine; None for all cores.
    share : int
        Processes that share the machine.
    """
    # two processes that share a spill folder would overwrite each other's blocks
    spill = work / SPILL / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    # the engine makes the last folder of a path only, and only once it has to spill
    spill.parent.mkdir(parents=True, exist_ok=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",
        "temp_directory": str(spill),
    }
    if threads:
        settings["threads"] = str(threads)
    connection = duckdb.connect(":memory:", config=settings)
    limit = memory_limit_gb or 0.75 * _default_limit(connection) / share
    connection.execute(f"SET memory_limit = '{limit:.3f} GiB'")
    return connection


def _default_limit(connection: duckdb.DuckDBPyConnection) -> float:
    """Return the engine's own default, 80 % of the memory it may use, in gibibytes."""
    row = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    number, unit = str(row[0] if row else "4 GiB").split()
    return float(number) * _UNITS[unit] / 2**30


@contextmanager
def guarded(work: Path) -> Iterator[None]:
    """Turn a failure of the engine into EVAL-253: its own messages may quote a person's value."""
    try:
        yield
    except duckdb.Error as error:
        reason = type(error).__name__
        raise EvaluationError("EVAL-253", reason=reason, folder=work.name) from None


@contextmanager
def scratch(work: Path) -> Iterator[Path]:
    """Yield a new empty folder inside ``work`` and remove it afterwards."""
    folder = work / f".register-{os.getpid()}-{uuid.uuid4().hex[:12]}.partial"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
