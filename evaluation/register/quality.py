"""What was found in the raw tables: rows, repairs, what is missing, what was refused.

In: counts. Out: :class:`QualityReport` (``frame``, ``to_dict``, HTML in which small counts are
withheld). Must never hold a value of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluation.display import Guarded
from evaluation.errors import Fault
from evaluation.wording import Language, message

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was repaired, dropped or left aside, and how often.

    Attributes
    ----------
    table, column : str
        Where; ``column`` is ``""`` for whole rows.
    kind : str
        Key of the sentences ``register.repair.<kind>``.
    count : int
        Values (or rows).
    file : str
        The file, ``""`` when it concerns the table as a whole.
    """

    table: str
    column: str
    kind: str
    count: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file: its table, its name, its rows and its form."""

    table: str
    file: str
    rows: int
    form: str


@dataclass(frozen=True, slots=True, repr=False)
class QualityReport(Guarded):
    """Everything that reading the register found.

    Attributes
    ----------
    files : tuple of FileRead
        What was read.
    repairs : tuple of Repair
        What was repaired or dropped, in the order of the tables.
    missing : dict
        ``{table: {column: number of missing values}}`` of the columns that may be missing;
        an absent optional column counts as missing throughout.
    kept : dict of str to int
        Rows of each table after repairs (empty while there are faults).
    facts : dict of str to int
        Counts of the register as a whole (``persons``, ``hires_linked``…).
    coverage : dict
        ``{region: {"persons", "with_hire"}}``: who is registered there, and has a hire at all.
    faults : tuple of Fault
        Refusals; the register is not read while there is one.
    notes : tuple of Fault
        What the reader must know but that refuses nothing.
    min_cell : int
        Counts under it are withheld in HTML.
    language : str
        Language of ``_repr_html_``.
    """

    files: tuple[FileRead, ...] = ()
    repairs: tuple[Repair, ...] = ()
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    coverage: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()
    min_cell: int = 11
    language: Language = "fr"

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return not self.faults

    def rows(self, table: str) -> int:
        """Return the number of rows read of a table, before any was dropped."""
        return sum(f.rows for f in self.files if f.table == table)

    def count(self, kind: str) -> int:
        """Return how often a kind of repair was made."""
        return sum(r.count for r in self.repairs if r.kind == kind)

    @property
    def frame(self) -> pd.DataFrame:
        """All counts, one a row: table, column, file, kind (``rows_read``, a repair…), count."""
        import pandas as pd

        rows: list[tuple[str, str, str, str, int]] = []
        rows += [(f.table, "", f.file, "rows_read", f.rows) for f in self.files]
        rows += [(t, "", "", "rows_kept", n) for t, n in self.kept.items()]
        rows += [(r.table, r.column, r.file, r.kind, r.count) for r in self.repairs]
        rows += [(t, c, "", "missing", n) for t, cs in self.missing.items() for c, n in cs.items()]
        rows += [("", "", "", key, n) for key, n in self.facts.items()]
        rows += [
            (f.data.get("table", ""), f.data.get("column", ""), f.data.get("file", ""), f.code,
             int(f.data.get("count", 0)))
            for f in self.faults
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["table", "column", "file", "kind", "count"])

    def summary(self, language: Language | None = None) -> str:
        """Return the report as plain sentences: faults, then notes, then repairs."""
        speak = language or self.language
        lines = [fault.text(speak) for fault in (*self.faults, *self.notes)]
        lines += [f"{describe(r, speak)} : {r.count}" for r in self.repairs]
        return "\n".join(lines) or message("register.page.nothing", speak)

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON types; :meth:`from_dict` reads it back."""
        return {
            "files": [_fields(f) for f in self.files],
            "repairs": [_fields(r) for r in self.repairs],
            "missing": self.missing,
            "kept": self.kept,
            "facts": self.facts,
            "coverage": self.coverage,
            "faults": [_fields(f) for f in self.faults],
            "notes": [_fields(f) for f in self.notes],
            "min_cell": self.min_cell,
            "language": self.language,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> QualityReport:
        """Rebuild a report from :meth:`to_dict`."""
        return cls(
            files=tuple(FileRead(**f) for f in stored["files"]),
            repairs=tuple(Repair(**r) for r in stored["repairs"]),
            missing=dict(stored["missing"]),
            kept=dict(stored["kept"]),
            facts=dict(stored["facts"]),
            coverage=dict(stored.get("coverage", {})),
            faults=tuple(Fault(**f) for f in stored["faults"]),
            notes=tuple(Fault(**f) for f in stored["notes"]),
            min_cell=stored["min_cell"],
            language=stored["language"],
        )

    def to_html(self, language: Language | None = None) -> str:
        """Return a self-contained, accessible page; counts under ``min_cell`` read "secret"."""
        from evaluation.register.page import page

        return page(self, language or self.language)

    def _repr_html_(self) -> str:
        from evaluation.register.page import body

        return body(self, self.language)


def describe(repair: Repair, language: Language) -> str:
    """Return one repair in words, with its place."""
    place = ".".join(part for part in (repair.table, repair.column) if part)
    return f"{place} – {message(f'register.repair.{repair.kind}', language)}"


def _fields(record: Any) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value := getattr(record, key), tuple) else value
        for key in record.__dataclass_fields__
    }
