"""The list of what disclosure decided: one part per territory, joined in ``disclosure.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.pipeline.files import write_whole

NAME = "disclosure.csv"


def write_audit(folder: Path, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one territory's part and join all parts (internal: holds withheld counts)."""
    from evaluation.disclosure import AUDIT_COLUMNS

    stream = io.StringIO()
    writer = csv.DictWriter(stream, AUDIT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "territory": key} for row in rows)
    write_whole(folder / "parts" / f"{key}.csv", stream.getvalue())
    join_audit(folder)


def join_audit(folder: Path) -> None:
    """Join the parts of all territories; the parent does so again when all have ended."""
    parts = [file.read_text("utf-8") for file in sorted((folder / "parts").glob("*.csv"))]
    if parts:
        head = parts[0].partition("\n")[0]
        body = "".join(part.partition("\n")[2] for part in parts)
        write_whole(folder / NAME, f"{head}\n{body}")
