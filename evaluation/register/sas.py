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
# cells read at once: a wide table must not fill the memory
_CELLS = 4_000_000
# formats of days, and of seconds, since 1960; seconds are tested first: DATEAMPM, EURDFDT
_SECOND_FORMATS = (
    "DATETIME", "DATEAMPM", "DTDATE", "DTMONYY", "DTYEAR", "E8601DT", "E8601DN", "B8601DT",
    "B8601DN", "NLDATM", "MDYAMPM", "EURDFDT", "FRADFDT",
)  # fmt: skip
_DAY_FORMATS = (
    "DATE", "DDMMYY", "MMDDYY", "YYMM", "MMYY", "MONYY", "E8601DA", "B8601DA", "EURDF", "FRADF",
    "NLDATE", "WEEKDAT", "WORDDAT", "JULIAN",
)  # fmt: skip
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

    try:
        empty, meta = reader.read_sas7bdat(str(path), metadataonly=True)
        first = _table(empty, meta)
        with pq.ParquetWriter(staged, first.schema) as out:
            if meta.number_rows:
                for frame, _ in reader.read_file_in_chunks(
                    reader.read_sas7bdat, str(path), disable_datetime_conversion=True,
                    chunksize=max(1, _CELLS // max(1, len(meta.column_names))),
                ):  # fmt: skip
                    out.write_table(_table(frame, meta))
    except Exception as error:
        # the reader's own messages may quote a value
        reason = f"SAS, {type(error).__name__}"
        raise EvaluationError("EVAL-204", file=path.name, reason=reason) from None
    return "sas7bdat"


def _table(frame: Any, meta: Any) -> Any:
    import pyarrow as pa

    arrays = [
        _array(frame[name].to_numpy(), str(meta.readstat_variable_types[name]),
               str(meta.original_variable_types[name]).upper())
        for name in meta.column_names
    ]  # fmt: skip
    return pa.table(arrays, names=meta.column_names)


def _array(values: Any, kind: str, form: str) -> Any:
    """Return one column: text, date (from days or seconds since 1960) or number."""
    import numpy as np
    import pyarrow as pa

    if kind == "string":
        return pa.array(values.astype(object), pa.string(), from_pandas=True)
    numbers = values.astype(np.float64)
    seconds = form.startswith(_SECOND_FORMATS)
    if not seconds and not form.startswith(_DAY_FORMATS):
        return pa.array(numbers, pa.float64(), from_pandas=True)
    gaps = np.isnan(numbers)
    days = np.floor(np.where(gaps, 0, numbers) / (86400 if seconds else 1)) - _EPOCH
    return pa.array(days.astype(np.int32), pa.int32(), mask=gaps).cast(pa.date32())
