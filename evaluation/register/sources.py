"""Raw files made readable: Parquet as it is, French CSV and SAS through another Parquet.

In: a path. Out: a :class:`Source` (an SQL relation, its columns and their types), or a fault.
Knows encodings, separators and compression; must never judge a value.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb

from evaluation.errors import EvaluationError, fail
from evaluation.register import sas
from evaluation.register.engine import parquet
from evaluation.register.schema import TableName

_SEPARATORS = (";", ",", "\t", "|")
_BLOCK = 1 << 22


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
    """

    table: TableName
    file: str
    relation: str
    types: dict[str, str]
    rows: int
    form: str


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
        Expected column names in lower case; they decide which separator a CSV file has.
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
    form = "parquet"
    if magic == b"PAR1":
        readable = path
    elif magic == sas.MAGIC:
        readable = staged
        form = sas.stage_sas(path, staged)
    else:
        _refuse_other_formats(path, magic)
        readable = staged
        form = _stage_csv(path, staged, known=known, zipped=magic[:2] == b"\x1f\x8b")
    return _describe(table, path, readable, form, connection)


def _describe(
    table: TableName, path: Path, readable: Path, form: str, connection: duckdb.DuckDBPyConnection
) -> Source:
    relation = parquet(readable)
    try:
        columns = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        count = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        reason = "Parquet: damaged or incomplete"
        raise EvaluationError("EVAL-204", file=path.name, reason=reason) from None
    types = {str(row[0]): str(row[1]) for row in columns}
    return Source(table, path.name, relation, types, int(count[0][0]), form)


_FORMATS = {
    b"PK\x03\x04": "Excel, zip",
    b"\xd0\xcf\x11\xe0": "Excel",
    b"$FL2": "SPSS",
    b"RDX3": "R",
}


def _refuse_other_formats(path: Path, magic: bytes) -> None:
    if not magic:
        fail("EVAL-204", file=path.name, reason="0 byte")
    if magic in _FORMATS:
        fail("EVAL-204", file=path.name, reason=_FORMATS[magic])


def _stage_csv(path: Path, staged: Path, *, known: frozenset[str], zipped: bool) -> str:
    try:
        encoding = _encoding(path, zipped=zipped)
        header = _header(path, encoding, zipped=zipped)
        separator, names = _columns(header, known)
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            fail("EVAL-207", file=path.name, columns=twice)
        broken = _copy_text(path, staged, names, encoding=encoding, separator=separator,
                            zipped=zipped)  # fmt: skip
    except (OSError, EOFError, UnicodeError, csv.Error) as error:
        reason = type(error).__name__
        raise EvaluationError("EVAL-204", file=path.name, reason=reason) from None
    if broken:
        fail("EVAL-222", file=path.name, count=broken, fields=len(names), separator=separator)
    shown = {"\t": "tab"}.get(separator, separator)
    return f"csv{' gz' if zipped else ''} {shown} {encoding}"


def _opened(path: Path, *, zipped: bool) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if zipped else path.open("rb")


def _encoding(path: Path, *, zipped: bool) -> str:
    """Return the encoding: a byte order mark decides, then strict UTF-8, else Windows French."""
    with _opened(path, zipped=zipped) as stream:
        start = stream.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    candidates = ("utf-8", "cp1252")
    return next((e for e in candidates if _decodes(path, e, zipped=zipped)), "latin-1")


def _decodes(path: Path, encoding: str, *, zipped: bool) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with _opened(path, zipped=zipped) as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _header(path: Path, encoding: str, *, zipped: bool) -> str:
    with _opened(path, zipped=zipped) as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
        line = text.readline(1 << 20)
    return line.lstrip("\ufeff").rstrip("\r\n")


def _columns(header: str, known: frozenset[str]) -> tuple[str, list[str]]:
    """Return separator and column names: the reading that knows most names, then the longest."""
    readings: list[tuple[int, int, str, list[str]]] = []
    for separator in _SEPARATORS:
        fields = next(csv.reader([header], delimiter=separator), [])
        names = [field.strip() for field in fields]
        hits = sum(n.lower() in known for n in names)
        readings.append((hits, len(names), separator, names))
    best = max(readings, key=lambda reading: reading[:2])
    return best[2], best[3]


def _copy_text(
    path: Path, staged: Path, names: list[str], *, encoding: str, separator: str, zipped: bool
) -> int:
    """Copy a CSV file to Parquet, every column as text; return the number of broken rows."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet as pq

    broken = 0

    def count(_row: Any) -> str:
        nonlocal broken
        broken += 1
        return "skip"

    schema = pa.schema([(column, pa.string()) for column in names])
    read = arrow_csv.ReadOptions(
        use_threads=False, block_size=_BLOCK, encoding=encoding, column_names=names, skip_rows=1
    )
    handler = cast("Callable[[Any], str]", count)
    parse = arrow_csv.ParseOptions(
        delimiter=separator, newlines_in_values=True, invalid_row_handler=handler
    )
    convert = arrow_csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True, check_utf8=True
    )
    try:
        with (
            pa.input_stream(str(path), compression="gzip" if zipped else None) as stream,
            pq.ParquetWriter(staged, schema) as out,
            arrow_csv.open_csv(stream, read, parse, convert) as reader,
        ):
            for batch in reader:
                out.write_batch(batch)
    except pa.ArrowInvalid as error:
        # a header without rows is an empty table, which the checks name as such
        if "Empty CSV" not in str(error):
            raise EvaluationError("EVAL-204", file=path.name, reason="CSV") from None
        pq.write_table(schema.empty_table(), staged)
    return broken
