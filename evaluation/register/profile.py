"""Column profiles of known extracts: how another system's columns and codes become the toolkit's.

In: a profile's name. Out: a :class:`Profile` (renamings, constants, code
maps, derivations). Each is one TOML file of ``profiles/``; a new extract needs no code. Must never
open a register file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from evaluation.errors import Fault, fail, nearest, refuse
from evaluation.register.dates import ORDERS, DateOrder
from evaluation.register.names import simple
from evaluation.register.schema import TABLES, TableName, tables
from evaluation.register.transforms import KNOWN, Derivation

PARTS = ("columns", "constants", "codes", "derive", "dates", "keep", "shares")
_HEADS = ("profile", "options", "activity", "starter")
DETAILED = "detailed"


@dataclass(frozen=True, slots=True)
class Choice:
    """One named recode that a study may ask for: which column it makes, and how."""

    table: TableName
    column: str
    derivation: Derivation
    labels: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Profile:
    """Renamings and code maps of one kind of extract.

    Attributes
    ----------
    name : str
        As in ``register.profile`` of the study file.
    columns : dict
        ``{table: {toolkit column: names in the extract, the first one present}}``; a column left
        out keeps its name.
    constants : dict
        ``{table: {toolkit column: value}}`` for columns that the extract does not have.
    codes : dict
        ``{table: {column: {code of the extract: toolkit code}}}``.
    derive : dict
        ``{table: {column: derivations, the first whose columns are present}}``.
    dates : dict
        ``{table: orders that its text dates may follow}``.
    keep : dict
        ``{table: column that must be filled for a row to belong to it}``.
    shares : dict
        ``{table: tables that may be read from the same file}``.
    options : dict
        ``{option: {choice: Choice}}``.
    activity : dict
        Columns ``person``, ``month`` and ``hours`` of the monthly activity file, and ``limit``.
    asked : dict
        ``{table: columns whose name the study itself gives}``: these may not be absent.
    date_order : str or None
        Order of text dates that the study states.
    labels : tuple of str
        French, English.
    """

    name: str
    columns: dict[str, dict[str, tuple[str, ...]]]
    constants: dict[str, dict[str, str]]
    codes: dict[str, dict[str, dict[str, str]]]
    derive: dict[str, dict[str, tuple[Derivation, ...]]] = field(default_factory=dict)
    dates: dict[str, tuple[DateOrder, ...]] = field(default_factory=dict)
    keep: dict[str, str] = field(default_factory=dict)
    shares: dict[str, tuple[str, ...]] = field(default_factory=dict)
    options: dict[str, dict[str, Choice]] = field(default_factory=dict)
    activity: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, frozenset[str]] = field(default_factory=dict)
    date_order: DateOrder | None = None
    labels: tuple[str, str] = ("", "")

    def source_name(self, table: TableName, column: str) -> str:
        """Return the extract's (first) name of a toolkit column."""
        return self.source_names(table, column)[0]

    def source_names(self, table: TableName, column: str) -> tuple[str, ...]:
        """Return every name that the extract may give a toolkit column."""
        return self.columns.get(table, {}).get(column, (column,))

    def code_map(self, table: TableName, column: str) -> dict[str, str]:
        """Return ``{code of the extract: toolkit code}``, empty when codes are the toolkit's."""
        return self.codes.get(table, {}).get(column, {})

    def constant(self, table: TableName, column: str) -> str | None:
        """Return the value of a column that the extract does not have, None when it must."""
        return self.constants.get(table, {}).get(column)

    def names(self, table: TableName) -> frozenset[str]:
        """Return all columns of the extract that a table makes use of, their names simplified."""
        direct = {n for c in tables()[table].columns for n in self.source_names(table, c)}
        ways = [way for each in self.derive.get(table, {}).values() for way in each]
        ways += [
            choice.derivation for choices in self.options.values() for choice in choices.values()
            if choice.table == table
        ]  # fmt: skip
        needed = {c for way in ways for c in way.columns if not c.startswith("@")}
        kept = {self.keep[table]} if table in self.keep else set()
        return frozenset(simple(name) for name in direct | needed | kept)


def profiles() -> tuple[str, ...]:
    """Return the names of the profiles that exist."""
    folder = files("evaluation.register").joinpath("profiles")
    names = (f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def load_profile(name: str) -> Profile:
    """Read and check one profile.

    Raises
    ------
    EvaluationError
        EVAL-201 no profile of that name (lists those that exist); EVAL-202 a profile that names a
        table, column or code unknown to the schemas.
    """
    if name not in profiles():
        fail("EVAL-201", profile=name, profiles=profiles())
    return parse_profile(name, _declared(name))


def starter_of(name: str) -> dict[str, str]:
    """Return what a first study of this profile says of its files, and the lines to fill in.

    Returns
    -------
    dict
        Patterns ``registrations``, ``entries`` and ``hires``; ``more``: commented TOML.
    """
    return {"more": "", **_declared(name).get("starter", {})}


def _declared(name: str) -> dict[str, Any]:
    """Return the TOML tables of a profile laid over those that it extends."""
    file = files("evaluation.register").joinpath("profiles", f"{name}.toml")
    own = tomllib.loads(file.read_text("utf-8"))
    merged: dict[str, Any] = {}
    for parent in own.get("profile", {}).get("extends", []):
        merged = _laid_over(merged, _declared(parent))
    return _laid_over(merged, own)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged


def parse_profile(name: str, declared: dict[str, Any]) -> Profile:
    """Turn the TOML tables of a profile into a :class:`Profile`; EVAL-202 as above."""
    sections = {key: value for key, value in declared.items() if key not in _HEADS}
    refuse(_unknown(name, sections))
    said = declared.get("profile", {})
    return Profile(
        name=name,
        columns={t: {c: _names(n) for c, n in s.get("columns", {}).items()}
                 for t, s in sections.items()},
        constants={t: words(s.get("constants", {})) for t, s in sections.items()},
        codes={
            t: {column: words(codes) for column, codes in s.get("codes", {}).items()}
            for t, s in sections.items()
        },
        derive={
            t: {c: tuple(_derivation(way) for way in ways) for c, ways in s["derive"].items()}
            for t, s in sections.items() if "derive" in s
        },
        dates={t: tuple(s["dates"]) for t, s in sections.items() if "dates" in s},
        keep={t: s["keep"] for t, s in sections.items() if "keep" in s},
        shares={t: tuple(s["shares"]) for t, s in sections.items() if "shares" in s},
        options={
            option: {choice: _choice(way) for choice, way in choices.items()}
            for option, choices in declared.get("options", {}).items()
        },
        activity=declared.get("activity", {}),
        labels=(said.get("label_fr", ""), said.get("label_en", "")),
    )  # fmt: skip


def _names(names: str | list[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _derivation(way: Mapping[str, Any]) -> Derivation:
    options = {key: value for key, value in way.items() if key not in ("transform", "from")}
    return Derivation(way["transform"], tuple(way.get("from", ())), options)


def _choice(way: Mapping[str, Any]) -> Choice:
    table, _, column = str(way["column"]).partition(".")
    rest = {k: v for k, v in way.items() if k not in ("column", "label_fr", "label_en")}
    labels = (str(way["label_fr"]), str(way["label_en"]))
    return Choice(table, column, _derivation(rest), labels)  # type: ignore[arg-type]


def word(value: Any) -> str:
    """Return a TOML value as a profile compares it: text, a boolean in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def words(pairs: dict[str, Any]) -> dict[str, str]:
    """Return ``{code of the extract: toolkit code}`` as texts."""
    return {str(key): word(value) for key, value in pairs.items()}


def _unknown(name: str, sections: dict[str, Any]) -> list[Fault]:
    faults: list[Fault] = []

    def note(key: str, allowed: Any) -> None:
        known = list(allowed)
        faults.append(
            Fault("EVAL-202", {"profile": name, "key": key, "nearest": nearest(key, known)})
        )

    for table, section in sections.items():
        if table not in TABLES:
            note(table, TABLES)
            continue
        columns = tables()[table].columns
        for part, entries in section.items():
            if part not in PARTS:
                note(part, PARTS)
            elif part == "dates":
                for order in set(entries) - set(ORDERS):
                    note(order, ORDERS)
            elif isinstance(entries, dict):
                for column, value in entries.items():
                    if column not in columns:
                        note(column, columns)
                    elif part == "codes":
                        targets = columns[column].codes
                        for code in sorted({str(v) for v in value.values()} - set(targets)):
                            note(code, targets)
                    elif part == "derive":
                        for way in value:
                            if way["transform"] not in KNOWN:
                                note(way["transform"], KNOWN)
    return faults
