"""Column profiles of known extracts: how another system's columns and codes become the toolkit's.

In: a profile's name. Out: a :class:`Profile` (renamings, constants, code maps). Each is one TOML
file of ``profiles/``; a new extract needs no code. Must never open a register file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from evaluation.errors import Fault, fail, nearest, refuse
from evaluation.register.schema import TABLES, TableName, tables


@dataclass(frozen=True, slots=True)
class Profile:
    """Renamings and code maps of one kind of extract.

    Attributes
    ----------
    name : str
        As in ``register.profile`` of the study file.
    columns : dict
        ``{table: {toolkit column: column of the extract}}``; a column left out keeps its name.
    constants : dict
        ``{table: {toolkit column: value}}`` for columns that the extract does not have.
    codes : dict
        ``{table: {column: {code of the extract: toolkit code}}}``.
    """

    name: str
    columns: dict[str, dict[str, str]]
    constants: dict[str, dict[str, str]]
    codes: dict[str, dict[str, dict[str, str]]]

    def source_name(self, table: TableName, column: str) -> str:
        """Return the extract's name of a toolkit column."""
        return self.columns.get(table, {}).get(column, column)

    def code_map(self, table: TableName, column: str) -> dict[str, str]:
        """Return ``{code of the extract: toolkit code}``, empty when codes are the toolkit's."""
        return self.codes.get(table, {}).get(column, {})

    def constant(self, table: TableName, column: str) -> str | None:
        """Return the value of a column that the extract does not have, None when it must."""
        return self.constants.get(table, {}).get(column)


def profiles() -> tuple[str, ...]:
    """Return the names of the profiles that exist."""
    folder = files("evaluation.register").joinpath("profiles")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


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
    file = files("evaluation.register").joinpath("profiles", f"{name}.toml")
    return parse_profile(name, tomllib.loads(file.read_text("utf-8")))


def parse_profile(name: str, declared: dict[str, Any]) -> Profile:
    """Turn the TOML tables of a profile into a :class:`Profile`; EVAL-202 as above."""
    sections = {key: value for key, value in declared.items() if key != "profile"}
    refuse(_unknown(name, sections))
    return Profile(
        name=name,
        columns={t: dict(s.get("columns", {})) for t, s in sections.items()},
        constants={t: _words(s.get("constants", {})) for t, s in sections.items()},
        codes={
            t: {column: _words(codes) for column, codes in s.get("codes", {}).items()}
            for t, s in sections.items()
        },
    )


def _words(pairs: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in pairs.items()}


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
            if part not in ("columns", "constants", "codes"):
                note(part, ("columns", "constants", "codes"))
                continue
            for column, value in entries.items():
                if column not in columns:
                    note(column, columns)
                elif part == "codes":
                    targets = columns[column].codes
                    for code in sorted({str(v) for v in value.values()} - set(targets)):
                        note(code, targets)
    return faults
