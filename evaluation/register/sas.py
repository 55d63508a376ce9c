"""SAS tables made readable, where the optional reader is installed.

In: a ``.sas7bdat`` file. Out: the same columns as Parquet; SAS dates become dates. Must never
judge a value.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from evaluation.errors import EvaluationError, fail

MAGIC = b"\x00\x00\x00\x00"
_CHUNK = 200_000
_DAY_FORMATS = ("DATE", "DDMMYY", "MMDDYY", "YYMMDD", "E8601DA", "B8601DA", "EURDF")
_SECOND_FORMATS = ("DATETIME", "E8601DT", "B8601DT")
# days between 1 January 1960, where SAS counts from, and 1 January 1970
_EPOCH = 3653


def stage_sas(path: Path, staged: Path) -> str:
    """Copy a SAS table to Parquet, chunk by chunk; return its form.

    Raises
    ------
    EvaluationError
        EVAL-227 the optional reader is not installed; EVAL-204 the file is damaged.
    """
    try:
        reader = import_module("pyreadstat")
    except ImportError:
        fail("EVAL-227", file=path.name)
    from pyarrow import parquet as pq

    out: Any = None
    try:
        chunks = reader.read_file_in_chunks(
            reader.read_sas7bdat, str(path), chunksize=_CHUNK, disable_datetime_conversion=True
        )
        for frame, meta in chunks:
            table = _table(frame, meta)
            out = out or pq.ParquetWriter(staged, table.schema)
            out.write_table(table)
        if out is None:
            frame, meta = reader.read_sas7bdat(str(path), metadataonly=True)
            pq.write_table(_table(frame, meta), staged)
    except Exception as error:
        # the reader's own messages may quote a value
        reason = f"SAS, {type(error).__name__}"
        raise EvaluationError("EVAL-204", file=path.name, reason=reason) from None
    finally:
        if out is not None:
            out.close()
    return "sas7bdat"


def _table(frame: Any, meta: Any) -> Any:
    import pyarrow as pa

    arrays = [
        _array(frame.get(c, []), meta.readstat_variable_types.get(c, "double"),
               str(meta.original_variable_types.get(c, "")))
        for c in meta.column_names
    ]  # fmt: skip
    return pa.table(dict(zip(meta.column_names, arrays, strict=True)))


def _array(values: Any, kind: str, form: str) -> Any:
    """Return one column: text, date (from days or seconds since 1960) or number."""
    import pyarrow as pa

    if kind == "string":
        return pa.array(list(values), pa.string(), from_pandas=True)
    numbers = [None if v is None or v != v else float(v) for v in values]
    seconds = form.upper().startswith(_SECOND_FORMATS)
    if seconds or form.upper().startswith(_DAY_FORMATS):
        scale = 86400 if seconds else 1
        days = [None if v is None else int(v // scale) - _EPOCH for v in numbers]
        return pa.array(days, pa.int32()).cast(pa.date32())
    return pa.array(numbers, pa.float64())
