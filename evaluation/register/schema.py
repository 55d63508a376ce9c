"""The three tables as data: columns, types, codes, bounds and labels, read from ``schemas/``.

In: the TOML files. Out: frozen :class:`Table` and :class:`Column`, from which the checks, the
repairs, the codebook and the tests are generated. Must never open a register file.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from evaluation.territories import DEPARTMENTS, REGIONS

TableName = Literal["registrations", "entries", "hires"]
Kind = Literal["identifier", "code", "text", "date", "int8", "int16", "int32", "flag"]
TABLES: tuple[TableName, ...] = ("registrations", "entries", "hires")
SQL_TYPES: dict[str, str] = {
    "identifier": "VARCHAR", "code": "VARCHAR", "text": "VARCHAR", "date": "DATE",
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "flag": "BOOLEAN",
}  # fmt: skip
LAYOUT = 3  # raise when the files written under work/register change without a change of schema


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column.

    Attributes
    ----------
    name, kind : str
        Name and type (``identifier``, ``code``, ``text``, ``date``, ``int8``…, ``flag``).
    required, nullable : bool
        Whether the column must be there; whether a value may be missing.
    codes : dict of str to (str, str)
        Code → (label in French, label in English); empty when the column has no code list.
    pattern : str
        Regular expression of the whole value (identifiers and texts), ``""`` for none.
    low, high : str
        Bounds, both included, as written in the TOML file (``"extraction"`` is a date known later).
    pad, upper, censor : bool
        Repairs: restore lost leading zeros, write in capitals, empty a date after the extraction.
    censored_with : str
        Date column whose emptying empties this one, ``""`` for none.
    width : int
        Full width of a padded text.
    within : str
        Column of the code that this code must belong to, ``""`` for none.
    labels, units : (str, str)
        In French and in English.
    """

    name: str
    kind: Kind
    required: bool
    nullable: bool
    codes: dict[str, tuple[str, str]]
    pattern: str
    low: str
    high: str
    pad: bool
    upper: bool
    censor: bool
    censored_with: str
    width: int
    within: str
    labels: tuple[str, str]
    units: tuple[str, str]

    @property
    def sql_type(self) -> str:
        """Type in the written Parquet file."""
        return SQL_TYPES[self.kind]

    def bounds(self, extraction: date) -> tuple[str, str]:
        """Return both bounds with the study's extraction date filled in, ``""`` when unbounded."""
        return _bound(self.low, extraction), _bound(self.high, extraction)


@dataclass(frozen=True, slots=True)
class Table:
    """One declared table.

    Attributes
    ----------
    name : str
        ``registrations``, ``entries`` or ``hires``.
    columns : dict of str to Column
        In the order of the written file.
    sort, unique : tuple of str
        First keys of the total order; columns without two equal values.
    order : tuple of (str, str)
        Pairs of dates of which the first may not be after the second.
    labels, rows : (str, str)
        What it is and what a row is, in French and in English.
    """

    name: TableName
    columns: dict[str, Column]
    sort: tuple[str, ...]
    unique: tuple[str, ...]
    order: tuple[tuple[str, str], ...]
    labels: tuple[str, str]
    rows: tuple[str, str]


def _bound(text: str, extraction: date) -> str:
    if text == "extraction":
        return extraction.isoformat()
    if text.startswith("extraction_year"):
        offset = text.removeprefix("extraction_year").replace(" ", "")
        return str(extraction.year + int(offset or 0))
    return text


@cache
def tables() -> dict[TableName, Table]:
    """Return the declared tables by name.

    Examples
    --------
    >>> tables()["registrations"].columns["category"].kind
    'code'
    """
    return {name: _table(name) for name in TABLES}


@cache
def schema_version() -> str:
    """Return a digest of the declarations: a cached register of another version is read again."""
    digest = hashlib.sha256(f"layout {LAYOUT}".encode())
    for folder in ("schemas", "profiles"):
        entries = sorted(files("evaluation.register").joinpath(folder).iterdir(), key=str)
        for entry in entries:
            if entry.name.endswith(".toml"):
                # a checkout on Windows may have changed the line ends
                digest.update(entry.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


@cache
def code_lists() -> dict[str, dict[str, tuple[str, str]]]:
    """Return every code list, territories included, as ``{list: {code: (fr, en)}}``."""
    declared = {
        name: {str(code): (labels[0], labels[1]) for code, labels in codes.items()}
        for name, codes in _load("codes").items()
    }
    declared["region"] = {r.code: (r.name, r.name_en) for r in REGIONS.values()}
    declared["department"] = {code: (name, name) for code, name in DEPARTMENTS.items()}
    return declared


def _load(stem: str) -> dict[str, Any]:
    file = files("evaluation.register").joinpath("schemas", f"{stem}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def _table(name: TableName) -> Table:
    declared = _load(name)
    head = declared["table"]
    return Table(
        name=name,
        columns={key: _column(key, value) for key, value in declared["columns"].items()},
        sort=tuple(head["sort"]),
        unique=tuple(head["unique"]),
        order=tuple((pair["first"], pair["last"]) for pair in declared.get("order", [])),
        labels=(head["label_fr"], head["label_en"]),
        rows=(head["row_fr"], head["row_en"]),
    )


def _column(name: str, declared: dict[str, Any]) -> Column:
    return Column(
        name=name,
        kind=declared["type"],
        required=not declared.get("optional", False),
        nullable=declared.get("nullable", False),
        codes=code_lists()[declared["codes"]] if "codes" in declared else {},
        pattern=declared.get("pattern", ""),
        low=str(declared.get("min", "")),
        high=str(declared.get("max", "")),
        pad=declared.get("pad", False),
        upper=declared.get("upper", False),
        censor=declared.get("censor", False),
        censored_with=declared.get("censored_with", ""),
        width=declared.get("width", 0),
        within=declared.get("within", ""),
        labels=(declared["label_fr"], declared["label_en"]),
        units=(declared.get("unit_fr", ""), declared.get("unit_en", "")),
    )
