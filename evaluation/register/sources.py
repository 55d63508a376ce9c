"""Raw files made readable: Parquet as it is, French CSV and SAS through another Parquet.

In: a path. Out: a :class:`Source` (an SQL relation, its columns and their types), or a fault.
Knows formats by their first bytes; must never judge a value.
"""

from __future__ import annotations

import csv
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from evaluation.errors import EvaluationError, fail
from evaluation.register import sas
from evaluation.register.csvfile import Copied, copy_csv
from evaluation.register.engine import name, parquet
from evaluation.register.packing import unpack
from evaluation.register.schema import TableName

# what the readers of the standard library raise on a damaged text or archive
_DAMAGED = (
    OSError, EOFError, UnicodeError, csv.Error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One readable file of a table.

    Attributes
    ----------
    table, file : str
        Table it belongs to; name of the file, for messages.
    relation : str
        What stands after ``FROM`` in SQL.
    types : dict of str to str
        Column of the file → DuckDB type, in the file's order; all text for CSV.
    rows : int
        Number of rows.
    form : str
        ``"parquet"`` or for instance ``"csv ; cp1252"``.
    blank : int
        Rows without any value that were left out.
    """

    table: TableName
    file: str
    relation: str
    types: dict[str, str]
    rows: int
    form: str
    blank: int = 0


def open_source(
    table: TableName,
    path: Path,
    *,
    known: frozenset[str],
    staged: Path,
    connection: duckdb.DuckDBPyConnection,
) -> Source:
    """Make one file readable.

    Parameters
    ----------
    table : str
        Table it belongs to.
    path : Path
        The file.
    known : frozenset of str
        Expected column names, simplified; they decide which separator a CSV file has.
    staged : Path
        Where the text of a CSV file is put (Parquet); not written for Parquet input.
    connection : DuckDBPyConnection
        Reads column names and row counts.

    Raises
    ------
    EvaluationError
        EVAL-204 not readable, EVAL-207 a column name stands twice, EVAL-222 rows with another
        number of fields than the header, EVAL-227 a SAS table without the reader it needs.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        fail("EVAL-204", file=path.name, reason=error.strerror or type(error).__name__)
    copied = Copied("parquet")
    if magic == sas.MAGIC:
        copied = Copied(sas.stage_sas(path, staged))
    elif magic != b"PAR1":
        copied = _stage_csv(path, magic, staged, known)
    readable = path if magic == b"PAR1" else staged
    return _describe(table, path, readable, copied, connection)


def _stage_csv(path: Path, magic: bytes, staged: Path, known: frozenset[str]) -> Copied:
    try:
        return copy_csv(unpack(path, magic), staged, known=known)
    except EvaluationError:
        raise
    except _DAMAGED as error:
        reason = type(error).__name__
        raise EvaluationError("EVAL-204", file=path.name, reason=reason) from None


def _describe(
    table: TableName, path: Path, readable: Path, copied: Copied,
    connection: duckdb.DuckDBPyConnection,
) -> Source:  # fmt: skip
    relation = parquet(readable)
    if copied.empty_columns:
        without = ", ".join(name(column) for column in copied.empty_columns)
        relation = f"(SELECT * EXCLUDE ({without}) FROM {relation})"
    try:
        columns = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        count = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        reason = "Parquet: damaged or incomplete"
        raise EvaluationError("EVAL-204", file=path.name, reason=reason) from None
    types = {str(row[0]): str(row[1]) for row in columns}
    return Source(table, path.name, relation, types, int(count[0][0]), copied.form,
                  copied.empty_rows)  # fmt: skip
