"""One file read through the schema: which of its columns is which, and the SQL of its rows.

In: a source, a table's declaration, a profile. Out: a :class:`Reading` that gives the SQL of the
typed rows and of each column's distinct values, and the faults of its header. Judges names and
types of columns, never values.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.errors import Fault
from evaluation.register import expressions
from evaluation.register.engine import name, quote
from evaluation.register.names import meaning
from evaluation.register.privacy import identifying
from evaluation.register.profile import Profile
from evaluation.register.schema import Column, Table
from evaluation.register.sources import Source

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """How one file becomes rows of a declared table.

    Attributes
    ----------
    source : Source
        The file.
    table : Table
        The declaration.
    found : dict of str to str
        Declared column → column of the file; absent optional columns are left out.
    respelt : tuple of str
        Columns recognised although case or blanks of their name differ.
    ignored : tuple of str
        Columns of the file that no declaration names.
    code_maps : dict
        ``{column: {code of the extract: code}}``.
    faults : tuple of Fault
        EVAL-205 missing column, EVAL-207 two columns of one name, EVAL-208 unusable type, EVAL-209
        no row, EVAL-231 a name that identifies.
    constants : dict of str to str
        Values of the profile for columns the extract does not have.
    plain : frozenset of str
        Text columns in which nothing has to be repaired, known once the values are checked.
    """

    source: Source
    table: Table
    found: dict[str, str]
    respelt: tuple[str, ...]
    ignored: tuple[str, ...]
    code_maps: dict[str, dict[str, str]]
    faults: tuple[Fault, ...]
    constants: dict[str, str]
    plain: frozenset[str] = frozenset()

    def type_of(self, column: str) -> str:
        """Return the type that the file gives a declared column."""
        return self.source.types[self.found[column]]

    @property
    def present(self) -> list[Column]:
        """Declared columns that the file has in a usable type."""
        columns = self.table.columns
        return [
            columns[c] for c in columns
            if c in self.found and expressions.usable(columns[c], self.type_of(c))
        ]  # fmt: skip

    def native(self, column: Column) -> bool:
        """Return whether the file itself types the column as declared (never so for text)."""
        found = expressions.family(self.type_of(column.name))
        return found == {"date": "date", "flag": "flag"}.get(column.kind, "integer") and (
            column.kind in ("date", "flag") or column.kind.startswith("int")
        )

    @property
    def ready(self) -> bool:
        """Whether every column can be used as the file has it, with at most a change of width."""
        return all(self.native(c) or c.name in self.plain for c in self.present)

    def histogram(self, column: Column) -> str:
        """Return the SQL of a column's distinct values, so that each is repaired only once.

        Its columns are ``f`` (as in the file), ``r`` (raw), ``v`` (typed) and ``n`` (rows).
        """
        found = self.found[column.name]
        f = name(found)
        distinct = f"SELECT {f}, count(*) AS n FROM {self.source.relation} GROUP BY {f}"
        reading = expressions.raw(found, self.type_of(column.name), column.kind)
        inner = f"SELECT {name(found)} AS f, {reading} AS r, n FROM ({distinct})"
        return f"SELECT *, {self._typed(column, 'r')} AS v FROM ({inner})"

    @property
    def natives(self) -> str:
        """SQL of the columns that the file types itself, ``r_<column>`` and ``v_<column>``."""
        return self._rows([c for c in self.present if self.native(c)])

    @property
    def values(self) -> str:
        """SQL of the file's rows with ``f_``, ``r_`` and ``v_<column>``: as found, raw, typed."""
        raw, typed = ["*"], ["*"]
        for column in self.present:
            found, r = self.found[column.name], name("r_" + column.name)
            reading = expressions.raw(found, self.type_of(column.name), column.kind)
            raw += [f"{name(found)} AS {name('f_' + column.name)}", f"{reading} AS {r}"]
            typed.append(f"{self._typed(column, r)} AS {name('v_' + column.name)}")
        inner = f"SELECT {', '.join(raw)} FROM {self.source.relation}"
        return f"SELECT {', '.join(typed)} FROM ({inner})"

    @property
    def table_sql(self) -> str:
        """SQL of the typed rows, every declared column in its order; absent ones are NULL."""
        there = {c.name for c in self.present}
        outer = []
        for column in self.table.columns.values():
            value = name("v_" + column.name) if column.name in there else "NULL"
            if column.name in self.constants:
                value = quote(self.constants[column.name])
            outer.append(f"TRY_CAST({value} AS {column.sql_type}) AS {name(column.name)}")
        return f"SELECT {', '.join(outer)} FROM ({self._rows(self.present)})"

    def _rows(self, columns: list[Column]) -> str:
        raw, typed = ["1 AS one"], ["*"]
        for column in columns:
            found, r = self.found[column.name], name("r_" + column.name)
            as_is = column.name in self.plain
            reading = expressions.raw(found, self.type_of(column.name), column.kind)
            raw.append(f"{name(found) if as_is else reading} AS {r}")
            typed.append(f"{r if as_is else self._typed(column, r)} AS {name('v_' + column.name)}")
        inner = f"SELECT {', '.join(raw)} FROM {self.source.relation}"
        return f"SELECT {', '.join(typed)} FROM ({inner})"

    def _typed(self, column: Column, reading: str) -> str:
        code_map = self.code_maps.get(column.name, {})
        return expressions.typed(column, reading, self.type_of(column.name), code_map)


def read_header(
    source: Source,
    table: Table,
    profile: Profile,
    *,
    derived: Mapping[str, str] | None = None,
    consumed: frozenset[str] = frozenset(),
    regions: Mapping[str, str] | None = None,
) -> Reading:
    """Recognise the columns of a file.

    Names are compared as they are, then without regard to case, accents and blanks. What is
    missing, unknown, unusable or identifying is kept in the reading, not raised.

    Parameters
    ----------
    source, table, profile
        The file, its declaration, the names and codes it uses.
    derived : mapping of str to str
        Toolkit column → column that the profile derived for it.
    consumed : frozenset of str
        Columns of the file that are used otherwise, so that they are not said to be ignored.
    regions : mapping of str to str
        Region codes of the study's vintage → present codes.
    """
    made = dict(derived or {})
    found: dict[str, str] = {}
    respelt: list[str] = []
    faults: list[Fault] = []
    absent: list[str] = []
    constants = {
        column: value
        for column in table.columns
        if (value := profile.constant(table.name, column)) is not None
    }
    for column in table.columns.values():
        names = profile.source_names(table.name, column.name)
        wanted = names[0]
        match = made.get(column.name) or _named(names, source, faults)
        if match is not None:
            found[column.name] = match
            constants.pop(column.name, None)
            if column.name not in made and match not in names:
                respelt.append(match)
        elif column.name in profile.asked.get(table.name, ()) or (
            column.required and column.name not in constants
        ):
            absent.append(wanted)
    used = consumed | set(found.values()) | set(made.values())
    ignored = tuple(c for c in source.types if c not in used)
    faults += [_missing(source, wanted, ignored) for wanted in absent]
    faults += [_identity(source, c) for c in ignored if identifying(c)]
    faults += [_unusable(source, c, t) for c, t in _unfit(source, table, found)]
    if source.rows == 0:
        faults.append(Fault("EVAL-209", {"file": source.file}))
    code_maps = {c: profile.code_map(table.name, c) for c in table.columns}
    if "region" in code_maps:
        code_maps["region"] = {**code_maps["region"], **(regions or {})}
    return Reading(source, table, found, tuple(respelt), ignored, code_maps, tuple(faults),
                   constants)  # fmt: skip


def _named(names: Sequence[str], source: Source, faults: list[Fault]) -> str | None:
    """Return the column that bears one of the names; two that are written alike are a fault."""
    exact = [n for n in names if n in source.types]
    found = next((f for n in (exact or names) if (f := meaning(n, source.types))), [])
    if len(found) > 1:
        faults.append(Fault("EVAL-207", {"file": source.file, "columns": found}))
    return found[0] if found else None


def _unfit(source: Source, table: Table, found: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (file_column, source.types[file_column])
        for column, file_column in found.items()
        if not expressions.usable(table.columns[column], source.types[file_column])
    ]


def _missing(source: Source, wanted: str, unused: Sequence[str]) -> Fault:
    """Name the nearest column that nothing uses; all of them (a few at most) when none is near."""
    close = difflib.get_close_matches(wanted, unused, n=1, cutoff=0.5)
    near = close[0] if close else list(unused[:_SHOWN]) or "–"
    return Fault("EVAL-205", {"file": source.file, "column": wanted, "nearest": near})


def _unusable(source: Source, column: str, found: str) -> Fault:
    shown = found if len(found) <= 40 else found[:39] + "…"
    return Fault("EVAL-208", {"file": source.file, "column": column, "type": shown})


def _identity(source: Source, column: str) -> Fault:
    return Fault("EVAL-231", {"file": source.file, "column": column})
