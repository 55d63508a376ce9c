"""French CSV in all its habits, copied to Parquet as text.

In: a packed text. Out: a :class:`Copied` that says what was found. Knows encodings, separators,
headers and blank rows; must never judge a value.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evaluation.errors import EvaluationError, fail
from evaluation.register.names import simple
from evaluation.register.packing import Packed

if TYPE_CHECKING:
    import pyarrow as pa

_SEPARATORS = (";", ",", "\t", "|")
_BLOCK = 1 << 22
_PREAMBLE = 5
# end of file of old systems
_BLANK = " \t\r\n\x1a\ufeff\xa0"


@dataclass(frozen=True, slots=True)
class Header:
    """How a CSV file is written, known from its first lines.

    Attributes
    ----------
    encoding, separator : str
        As found.
    names : tuple of str
        One a field; ``#3`` stands for a third column without name.
    skip : int
        Lines before the first row.
    extra : tuple of str
        Fields of the rows that the header does not announce (a separator at the end of each row).
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    skip: int
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: its form, the columns without name nor value, the blank rows left out."""

    form: str
    empty_columns: tuple[str, ...] = ()
    empty_rows: int = 0


def copy_csv(packed: Packed, staged: Path, *, known: frozenset[str]) -> Copied:
    """Copy a CSV file to Parquet, every column as text.

    Parameters
    ----------
    packed : Packed
        The file.
    staged : Path
        Where the Parquet file is written.
    known : frozenset of str
        Expected column names, simplified; they decide which separator the file has.

    Raises
    ------
    EvaluationError
        EVAL-204 not readable, EVAL-207 a column name stands twice, EVAL-222 rows with another
        number of fields than the header.
    """
    file = packed.path.name
    header = _header(packed, _encoding(packed), known)
    # the engine knows no case: it would rename the second
    spelt = [n.casefold() for n in header.names]
    twice = list(dict.fromkeys(n for n in header.names if spelt.count(n.casefold()) > 1))
    if twice:
        fail("EVAL-207", file=file, columns=twice)
    copy = _Copy(header)
    copy.run(packed, staged)
    broken = copy.broken + max((copy.filled[name] for name in header.extra), default=0)
    if broken:
        fields = len(header.names) - len(header.extra)
        fail("EVAL-222", file=file, count=broken, fields=fields, separator=header.separator)
    shown = {"\t": "tab"}.get(header.separator, header.separator)
    words = ("csv", packed.form, shown, header.encoding)
    unused = tuple(name for name, count in copy.filled.items() if not count)
    return Copied(" ".join(word for word in words if word), unused, copy.blank)


def _encoding(packed: Packed) -> str:
    """Return the encoding: a byte order mark decides, then strict UTF-8, else Windows French."""
    with packed.open() as stream:
        start = stream.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    candidates = ("utf-8", "cp1252")
    return next((e for e in candidates if _decodes(packed, e)), "latin-1")


def _decodes(packed: Packed, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with packed.open() as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _header(packed: Packed, encoding: str, known: frozenset[str]) -> Header:
    with packed.open() as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
        line, skip = "", 0
        while skip < _PREAMBLE and _preamble(line):
            line, skip = text.readline(1 << 20), skip + 1
        separator, names = _columns(line.lstrip("\ufeff").rstrip("\r\n"), known)
        rows = csv.reader(text, delimiter=separator)
        first = next((row for row in rows if any(field.strip(_BLANK) for field in row)), None)
    fitted, extra = _fitted(names, first)
    numbered = tuple(name or f"#{i}" for i, name in enumerate(fitted, start=1))
    return Header(encoding, separator, numbered, skip, numbered[len(numbered) - extra :])


def _fitted(names: list[str], first: list[str] | None) -> tuple[list[str], int]:
    """Fit the header to the first row: separators may end the one, the other, or both.

    Returns
    -------
    names : list of str
        One a field of the rows, "" for a field without name.
    extra : int
        How many fields the rows have beyond the header, all empty in the first one.
    """
    named = max((i for i, name in enumerate(names, start=1) if name), default=0)
    if first is None:
        return names[:named], 0
    if named <= len(first) <= len(names):
        return names[: len(first)], 0
    extra = len(first) - len(names)
    if extra > 0 and not any(field.strip(_BLANK) for field in first[len(names) :]):
        return names + [""] * extra, extra
    return names, 0


def _preamble(line: str) -> bool:
    """Return whether a line stands before the header: blank, or a spreadsheet's ``sep=;``."""
    words = line.strip(_BLANK).strip('"').lower()
    return not words or words.startswith("sep=")


def _columns(header: str, known: frozenset[str]) -> tuple[str, list[str]]:
    """Return separator and column names: the reading that knows most names, then the longest."""
    readings: list[tuple[int, int, str, list[str]]] = []
    for separator in _SEPARATORS:
        fields = next(csv.reader([header], delimiter=separator), [])
        names = [field.strip(_BLANK) for field in fields]
        hits = sum(simple(n) in known for n in names)
        readings.append((hits, len(names), separator, names))
    best = max(readings, key=lambda reading: reading[:2])
    return best[2], best[3]


class _Copy:
    """One pass over the rows: what cannot be read is counted, blank rows are left out."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.broken = 0
        self.blank = 0
        self.filled = {name: 0 for name in header.names if name.startswith("#")}

    def run(self, packed: Packed, staged: Path) -> None:
        """Copy all rows.

        Raises
        ------
        EvaluationError
            EVAL-204 a text that is no CSV.
        """
        import pyarrow as pa
        from pyarrow import csv as arrow_csv
        from pyarrow import parquet as pq

        names = list(self.header.names)
        schema = pa.schema([(column, pa.string()) for column in names])
        read = arrow_csv.ReadOptions(
            use_threads=False, block_size=_BLOCK, encoding=self.header.encoding,
            column_names=names, skip_rows=self.header.skip,
        )  # fmt: skip
        parse = arrow_csv.ParseOptions(
            delimiter=self.header.separator, newlines_in_values=True,
            invalid_row_handler=cast("Callable[[Any], str]", self._misfit),
        )  # fmt: skip
        convert = arrow_csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, check_utf8=True
        )
        try:
            with (
                packed.open() as stream,
                pq.ParquetWriter(staged, schema) as out,
                arrow_csv.open_csv(pa.input_stream(stream), read, parse, convert) as reader,
            ):
                for batch in reader:
                    out.write_batch(self._without_blanks(batch))
        except pa.ArrowInvalid as error:
            # a header without rows is an empty table, which the checks name as such
            if "Empty CSV" not in str(error):
                raise EvaluationError("EVAL-204", file=packed.path.name, reason="CSV") from None
            pq.write_table(schema.empty_table(), staged)

    def _misfit(self, row: Any) -> str:
        if row.text.strip(_BLANK + self.header.separator):
            self.broken += 1
        else:
            self.blank += 1
        return "skip"

    def _without_blanks(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow.compute as pc

        for name in self.filled:
            column = batch.column(name)
            self.filled[name] += len(column) - column.null_count
        if any(column.null_count == 0 for column in batch.columns):
            return batch
        blank = batch.column(0).is_null()
        for column in batch.columns[1:]:
            blank = pc.and_(blank, column.is_null())
        self.blank += pc.sum(blank).as_py() or 0
        return batch.filter(pc.invert(blank))
