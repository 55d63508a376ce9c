"""What was found in the raw tables: rows, repairs, what is missing, what was refused.

In: counts. Out: :class:`QualityReport` (``frame``, ``to_dict``, HTML in which small counts are
withheld). Must never hold a value of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from evaluation.display import Guarded
from evaluation.errors import Fault
from evaluation.wording import Language, message

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Tally:
    """One thing that was found, and how often.

    Attributes
    ----------
    table, column : str
        Where; ``column`` is ``""`` for whole rows.
    kind : str
        Key of the sentences ``register.repair.<kind>`` or ``register.fact.<kind>``.
    count : int
        Values (or rows, or people).
    file : str
        The file, ``""`` when it concerns the table as a whole.
    entrants : int or None
        Those of ``count`` that belong to people with a programme entry; None where no person is
        concerned, or nothing could be linked.
    where : str
        While reading: SQL of the rows of the file that are counted. Never stored.
    """

    table: str
    column: str
    kind: str
    count: int
    file: str = ""
    entrants: int | None = None
    where: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Repair(Tally):
    """One thing that was repaired, dropped or left aside."""


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
    details : tuple of Tally
        The same by file and arm; kinds ``rows`` and ``missing`` beside the facts.
    coverage : dict
        ``{region: {"persons", "with_hire", "entrants", "entrants_with_hire"}}``: who is
        registered there, and has a hire at all.
    faults : tuple of Fault
        Refusals; the register is not read while there is one.
    notes : tuple of Fault
        What the reader must know but that refuses nothing.
    min_cell : int
        Counts under it are withheld in HTML.
    language : str
        Language of ``_repr_html_``.
    mend : bool
        Whether faults and refused rows keep exact counts; a notebook, which travels, has none.
    """

    files: tuple[FileRead, ...] = ()
    repairs: tuple[Repair, ...] = ()
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    details: tuple[Tally, ...] = ()
    coverage: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()
    min_cell: int = 11
    language: Language = "fr"
    mend: bool = True

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
        """All counts, exact, one a row: table, column, file, kind, count, entrants among them."""
        import pandas as pd

        detailed = {t.kind for t in self.details}
        tallies: list[Tally] = [Tally(f.table, "", "rows_read", f.rows, f.file) for f in self.files]
        tallies += [Tally(t, "", "rows_kept", n) for t, n in self.kept.items()]
        tallies += [*self.repairs, *self.details]
        if not self.details:
            tallies += [
                Tally(t, c, "missing", n) for t, cs in self.missing.items() for c, n in cs.items()
            ]
        tallies += [Tally("", "", key, n) for key, n in self.facts.items() if key not in detailed]
        tallies += [
            Tally(f.data.get("table", ""), f.data.get("column", ""), f.code,
                  int(f.data.get("count", 0)), f.data.get("file", ""))
            for f in self.faults
        ]  # fmt: skip
        rows = [(t.table, t.column, t.file, t.kind, t.count, t.entrants) for t in tallies]
        columns = ["table", "column", "file", "kind", "count", "entrants"]
        return pd.DataFrame(rows, columns=columns).astype({"entrants": "Int64"})

    def summary(self, language: Language | None = None, *, faults: bool = True) -> str:
        """Return tables, notes and faults as text, counts of people withheld when small.

        Parameters
        ----------
        language : str, optional
            Default: the study's.
        faults : bool
            False where the faults are printed elsewhere.
        """
        from evaluation.register.sections import plain, protected, sections

        speak = language or self.language
        said = [protected(note, self, speak, exact=False).text(speak) for note in self.notes]
        said += [fault.text(speak) for fault in self.faults if faults]
        parts = [*(plain(section) for section in sections(self, speak)), *said]
        nothing = message("register.page.nothing", speak) if self.ok else ""
        return "\n\n".join(parts) or nothing

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON types; :meth:`from_dict` reads it back."""
        return {
            "files": [_fields(f) for f in self.files],
            "repairs": [_fields(r) for r in self.repairs],
            "missing": self.missing,
            "kept": self.kept,
            "facts": self.facts,
            "details": [_fields(t) for t in self.details],
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
            details=tuple(Tally(**t) for t in stored.get("details", ())),
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

        return body(replace(self, mend=False), self.language)


def _fields(record: Any) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value := getattr(record, key), tuple) else value
        for key in record.__dataclass_fields__
        if key != "where"
    }
