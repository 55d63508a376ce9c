"""Regions before 2016: their codes, and what became of them.

In: the vintage of the study file. Out: a map from old to present codes, or the faults of codes of
another vintage. Must never guess a vintage from a code.
"""

from __future__ import annotations

from typing import Final

import duckdb

from evaluation.errors import Fault
from evaluation.register.reader import Reading
from evaluation.territories import REGIONS

REFORM: Final = 2016
MERGED: Final[dict[str, str]] = {
    "26": "27", "43": "27", "25": "28", "23": "28", "31": "32", "22": "32", "42": "44",
    "21": "44", "41": "44", "72": "75", "74": "75", "54": "75", "91": "76", "73": "76",
    "83": "84", "82": "84",
}  # fmt: skip
"""Code of a region that ceased on 1 January 2016 → code of the region it is part of."""
CREATED: Final = tuple(sorted(set(MERGED.values())))
"""Codes that no region had before 2016."""


def region_map(vintage: int | None) -> dict[str, str]:
    """Return ``{spelling: present code}`` of a vintage; ``Reg22`` names a folder of old extracts.

    Examples
    --------
    >>> region_map(2015)["22"], region_map(2015)["Reg22"], "22" in region_map(2024)
    ('32', '32', False)
    """
    old = vintage is not None and vintage < REFORM
    present = {code: code for code in REGIONS if not (old and code in CREATED)}
    meant = {**present, **(MERGED if old else {})}
    return {**(MERGED if old else {}), **{f"Reg{code}": new for code, new in meant.items()}}


def explained(faults: list[Fault], vintage: list[Fault]) -> list[Fault]:
    """Return all faults, a region code said to be unknown left out when its vintage explains it."""
    known = {(f.data["file"], f.data["column"], f.data["count"]) for f in vintage}
    rest = [
        f for f in faults
        if f.code != "EVAL-211" or (f.data["file"], f.data["column"], f.data["count"]) not in known
    ]  # fmt: skip
    return rest + vintage


def check_vintage(
    reading: Reading, vintage: int | None, connection: duckdb.DuckDBPyConnection
) -> list[Fault]:
    """Refuse region codes of another vintage than the study's: EVAL-226 and EVAL-228."""
    column = reading.table.columns.get("region")
    if column is None or column not in reading.present:
        return []
    rows = connection.execute(
        f"SELECT CAST(r AS VARCHAR), sum(n) FROM ({reading.histogram(column)}) "
        "WHERE r IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    counts = {str(code).removeprefix("Reg").removesuffix(".0"): int(n) for code, n in rows}
    old = vintage is not None and vintage < REFORM
    strange = {c: n for c, n in counts.items() if c in (CREATED if old else MERGED)}
    if not strange:
        return []
    data = {"file": reading.source.file, "column": reading.found["region"],
            "table": reading.table.name, "count": sum(strange.values()),
            "examples": sorted(strange)[:5], "vintage": vintage or "–"}  # fmt: skip
    return [Fault("EVAL-228" if old else "EVAL-226", data)]
