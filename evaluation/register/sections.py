"""The quality report as tables of words: what the page and the terminal both show.

In: a :class:`~evaluation.register.quality.QualityReport`. Out: :class:`Section` records, small
counts withheld, by file and by arm. Must never show a count of people under the threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from evaluation.errors import Fault
from evaluation.register.schema import tables
from evaluation.territories import REGIONS
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from evaluation.register.quality import QualityReport, Tally

# faults and refused rows keep exact counts: they serve to mend a file and are no statistics
_EXACT: Final = frozenset({"end_before_hire", "EVAL-206", "EVAL-260"})


@dataclass(frozen=True, slots=True)
class Section:
    """One table: caption, heads, rows of words; the last ``numbers`` columns are figures."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 1


def sections(report: QualityReport, language: Language) -> list[Section]:
    """Return every table of the report that has a row."""
    made = (_files(report, language), _repairs(report, language), _facts(report, language),
            _coverage(report, language), _missing(report, language))  # fmt: skip
    return [section for section in made if section.rows]


def number(count: int, report: QualityReport, language: Language, *, exact: bool = False) -> str:
    """Return a count as readers of the language write it, "secret" under the threshold."""
    if not exact and 0 < count < report.min_cell:
        return message("register.page.secret", language)
    return f"{count:,}".replace(",", "\u202f" if language == "fr" else ",")


def protected(fault: Fault, report: QualityReport, language: Language, *, exact: bool) -> Fault:
    """Return a fault or note with its counts written, those of people withheld when small."""
    exact = report.mend and (exact or fault.code in _EXACT)
    fewer = message("disclosure.fewer", language, count=report.min_cell)

    def written(value: Any) -> Any:
        if not isinstance(value, int):
            return value
        small = not exact and 0 < value < report.min_cell
        return fewer if small else number(value, report, language, exact=True)

    return Fault(fault.code, {key: written(value) for key, value in fault.data.items()})


def plain(section: Section) -> str:
    """Return a section as aligned text, figures to the right."""
    lines = [section.heads, *section.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(section.heads))]
    first = len(section.heads) - section.numbers
    aligned = [
        "  ".join(cell.ljust(width) if i < first else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    ]  # fmt: skip
    return "\n".join((section.caption, *(f"  {line}" for line in aligned)))


def _heads(language: Language, *keys: str) -> tuple[str, ...]:
    return tuple(message(f"register.page.{key}", language) for key in keys)


def _caption(key: str, language: Language) -> str:
    return message(f"register.page.{key}", language)


def _files(report: QualityReport, language: Language) -> Section:
    rows = tuple(
        (
            f.file,
            _label(f.table, language),
            f.form,
            number(f.rows, report, language, exact=report.mend),
        )
        for f in report.files
    )
    heads = _heads(language, "file", "table", "form", "rows")
    return Section(_caption("files", language), heads, rows)


def _repairs(report: QualityReport, language: Language) -> Section:
    rows = tuple(
        (_label(t.table, language), t.column or "–", _file(t, language),
         message(f"register.repair.{t.kind}", language), *_counts(group, t, report, language))
        for group in _groups(report.repairs, report)
        for t in group
    )  # fmt: skip
    heads = _heads(language, "table", "column", "file", "repair", "count", "entrants", "others")
    return Section(_caption("repairs", language), heads, rows, numbers=3)


def _facts(report: QualityReport, language: Language) -> Section:
    rows: list[tuple[str, ...]] = []
    for kind, count in report.facts.items():
        words = message(f"register.fact.{kind}", language)
        details = [tally for tally in report.details if tally.kind == kind]
        if not details:
            rows.append((words, "–", number(count, report, language), "–", "–"))
        rows += [
            (words, _file(t, language), *_counts(group, t, report, language))
            for group in _groups(details, report)
            for t in group
        ]
    heads = _heads(language, "fact", "file", "count", "entrants", "others")
    return Section(_caption("facts", language), heads, tuple(rows), numbers=3)


def _coverage(report: QualityReport, language: Language) -> Section:
    """Return who has a hire at all, by region and arm: sources cover regions unequally."""
    rows = []
    for code, found in report.coverage.items():
        name = REGIONS[code].name if language == "fr" else REGIONS[code].name_en
        arms = _arm_shares(
            (found["entrants_with_hire"], found["entrants"]),
            (found["with_hire"] - found["entrants_with_hire"],
             found["persons"] - found["entrants"]), report, language,
        )  # fmt: skip
        share = _share(found["with_hire"], found["persons"], report, language)
        persons = number(found["persons"], report, language)
        rows.append((f"{code} {name}", persons, share, *arms))
    heads = _heads(language, "region", "persons", "with_hire", "entrants", "others")
    return Section(_caption("coverage", language), heads, tuple(rows), numbers=4)


def _missing(report: QualityReport, language: Language) -> Section:
    rows: list[tuple[str, ...]] = []
    bases = {(t.table, t.file): t for t in report.details if t.kind == "rows"}
    for table, columns in report.missing.items():
        files = [tally for (name, _), tally in bases.items() if name == table]
        for column, count in columns.items():
            if not count:
                continue
            labels = tables()[table].columns[column].labels  # type: ignore[index]
            head = (_label(table, language), column, labels[0 if language == "fr" else 1])
            if not files:
                share = _share(count, report.rows(table), report, language)
                rows.append((*head, "–", share, "–", "–"))
                continue
            rows += [
                (*head, _file(base, language), *_missing_shares(found, base, report, language))
                for found, base in _missing_of(report, column, files)
            ]
    heads = _heads(language, "table", "column", "meaning", "file", "missing_share", "entrants",
                   "others")  # fmt: skip
    return Section(_caption("missing", language), heads, tuple(rows), numbers=3)


def _missing_of(
    report: QualityReport, column: str, bases: Sequence[Tally]
) -> list[tuple[Tally, Tally]]:
    """Return (missing values, rows) of each file; of all files together when one is small."""
    found = {t.file: t for t in report.details if t.kind == "missing" and t.column == column
             and t.table == bases[0].table}  # fmt: skip
    none = replace(bases[0], column=column, kind="missing", count=0, entrants=0)
    pairs = [(found.get(base.file, none), base) for base in bases]
    small = any(0 < n < report.min_cell for t, base in pairs for n in (t.count,
                base.count - t.count))  # fmt: skip
    return [(_sum(t for t, _ in pairs), _sum(bases))] if small and len(pairs) > 1 else pairs


def _missing_shares(
    found: Tally, base: Tally, report: QualityReport, language: Language
) -> tuple[str, ...]:
    entrants = (found.entrants or 0, base.entrants or 0)
    others = (found.count - entrants[0], base.count - entrants[1])
    return (
        _share(found.count, base.count, report, language),
        *_arm_shares(entrants, others, report, language),
    )


def _arm_shares(
    entrants: tuple[int, int], others: tuple[int, int], report: QualityReport, language: Language
) -> tuple[str, ...]:
    """Return the share in each arm; both are withheld with either, as one gives the other."""
    secret = message("register.page.secret", language)
    shares = tuple(_share(*arm, report, language) for arm in (entrants, others))
    return (secret, secret) if secret in shares else shares


def _groups(tallies: Iterable[Tally], report: QualityReport) -> list[list[Tally]]:
    """Return the tallies of one thing together; its files are summed when one is small."""

    def key(tally: Tally) -> tuple[str, str, str]:
        return tally.table, tally.column, tally.kind

    groups = [list(group) for _, group in groupby(sorted(tallies, key=key), key)]
    return [
        [_sum(group)] if len(group) > 1 and _small(group, report) else group for group in groups
    ]


def _small(group: Sequence[Tally], report: QualityReport) -> bool:
    return not _exact(group[0], report) and any(0 < t.count < report.min_cell for t in group)


def _exact(tally: Tally, report: QualityReport) -> bool:
    return report.mend and tally.kind in _EXACT


def _sum(tallies: Iterable[Tally]) -> Tally:
    """Return one tally for several files, which are named by their number alone."""
    parts = list(tallies)
    arms = [t.entrants for t in parts if t.entrants is not None]
    entrants = sum(arms) if len(arms) == len(parts) else None
    file = str(len(parts)) if len(parts) > 1 else parts[0].file
    return replace(parts[0], count=sum(t.count for t in parts), entrants=entrants, file=file)


def _counts(
    group: Sequence[Tally], tally: Tally, report: QualityReport, language: Language
) -> tuple[str, str, str]:
    """Return the count and its two arms, which are withheld together over all files."""
    shown = number(tally.count, report, language, exact=_exact(tally, report))
    if tally.entrants is None:
        return shown, "–", "–"
    parts = [n for t in group for n in (t.entrants or 0, t.count - (t.entrants or 0))]
    if any(0 < n < report.min_cell for n in parts):
        secret = message("register.page.secret", language)
        return shown, secret, secret
    arms = (tally.entrants, tally.count - tally.entrants)
    return shown, *(number(n, report, language) for n in arms)  # type: ignore[return-value]


def _file(tally: Tally, language: Language) -> str:
    if tally.file.isdigit():
        return message("register.page.all_files", language, count=tally.file)
    return tally.file or "–"


def _share(count: int, total: int, report: QualityReport, language: Language) -> str:
    """Return a share in percent; withheld when either side of it is a small count."""
    if any(0 < n < report.min_cell for n in (count, total - count)):
        return message("register.page.secret", language)
    if not total:
        return "–"
    percent = f"{100 * count / total:.1f}"
    return f"{percent.replace('.', ',')} %" if language == "fr" else f"{percent}%"


def _label(table: str, language: Language) -> str:
    labels = {name: declared.labels for name, declared in tables().items()}
    return labels[table][0 if language == "fr" else 1]  # type: ignore[index]
