"""The quality report as HTML: one self-contained, accessible page, small counts withheld.

In: a :class:`~evaluation.register.quality.QualityReport`. Out: HTML without script, link or
network. Must never show a count under the threshold, nor a value.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from evaluation.errors import Fault
from evaluation.register.schema import Column, tables
from evaluation.territories import REGIONS
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from evaluation.register.quality import QualityReport

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#161616;background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}"
    "caption{text-align:left;font-weight:700;padding:.5rem 0}"
    "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #929292;"
    "vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".fault{border-left:4px solid #b34000;padding:.2rem 1rem;margin:1rem 0}"
    ".note{border-left:4px solid #0063cb;padding:.2rem 1rem;margin:1rem 0}"
)


def page(report: QualityReport, language: Language) -> str:
    """Return the whole page."""
    title = html.escape(message("register.page.title", language))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n{body(report, language)}\n</main>\n</body>\n</html>\n"
    )


def body(report: QualityReport, language: Language) -> str:
    """Return the page's content, as a notebook shows it."""
    state = "refused" if report.faults else "accepted"
    parts = [f"<p><strong>{_text(f'register.page.{state}', language)}</strong></p>"]
    parts += _faults("faults", report.faults, "fault", report, language)
    parts += _faults("notes", report.notes, "note", report, language)
    parts += [_files(report, language), _repairs(report, language), _facts(report, language),
              _coverage(report, language), _missing(report, language)]  # fmt: skip
    return "\n".join(part for part in parts if part)


def number(count: int, report: QualityReport, language: Language) -> str:
    """Return a count as readers of the language write it, "secret" under the threshold."""
    if 0 < count < report.min_cell:
        return message("register.page.secret", language)
    return f"{count:,}".replace(",", "\u202f" if language == "fr" else ",")


def _text(key: str, language: Language) -> str:
    return html.escape(message(key, language))


def _faults(
    key: str, faults: tuple[Fault, ...], kind: str, report: QualityReport, language: Language
) -> list[str]:
    if not faults:
        return []
    parts = [f"<h2>{_text(f'register.page.{key}', language)}</h2>"]
    for fault in faults:
        what, _, remedy = _protected(fault, report, language).text(language).partition("\n")
        parts.append(
            f'<div class="{kind}"><p><strong>{html.escape(what)}</strong></p>'
            f"<p>{html.escape(remedy.strip())}</p></div>"
        )
    return parts


def _protected(fault: Fault, report: QualityReport, language: Language) -> Fault:
    """Return the fault with its counts written, small ones withheld, examples of few rows left."""
    shown: dict[str, Any] = dict(fault.data)
    for key in ("count", "total"):
        if isinstance(shown.get(key), int):
            shown[key] = number(shown[key], report, language)
    return Fault(fault.code, shown)


def _table(caption: str, heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    lines = [
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:-1])
        + f'<td class="n">{html.escape(row[-1])}</td></tr>'
        for row in rows
    ]
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _heads(language: Language, *keys: str) -> list[str]:
    return [message(f"register.page.{key}", language) for key in keys]


def _files(report: QualityReport, language: Language) -> str:
    rows = [
        [f.file, _label(f.table, language), f.form, number(f.rows, report, language)]
        for f in report.files
    ]
    heads = _heads(language, "file", "table", "form", "rows")
    return _table(message("register.page.files", language), heads, rows) if rows else ""


def _repairs(report: QualityReport, language: Language) -> str:
    rows = [
        [_label(r.table, language), r.column or "–",
         message(f"register.repair.{r.kind}", language), number(r.count, report, language)]
        for r in report.repairs
    ]  # fmt: skip
    heads = _heads(language, "table", "column", "repair", "count")
    return _table(message("register.page.repairs", language), heads, rows) if rows else ""


def _facts(report: QualityReport, language: Language) -> str:
    rows = [
        [message(f"register.fact.{key}", language), number(count, report, language)]
        for key, count in report.facts.items()
    ]
    heads = _heads(language, "fact", "count")
    return _table(message("register.page.facts", language), heads, rows) if rows else ""


def _coverage(report: QualityReport, language: Language) -> str:
    """Return who has a hire at all, by region: sources cover regions unequally."""
    rows = [
        [f"{code} {_region(code, language)}", number(counts["persons"], report, language),
         _share(counts["with_hire"], counts["persons"], report, language)]
        for code, counts in report.coverage.items()
    ]  # fmt: skip
    heads = _heads(language, "region", "persons", "with_hire")
    return _table(message("register.page.coverage", language), heads, rows) if rows else ""


def _region(code: str, language: Language) -> str:
    return REGIONS[code].name if language == "fr" else REGIONS[code].name_en


def _missing(report: QualityReport, language: Language) -> str:
    rows = []
    for table, columns in report.missing.items():
        total = report.rows(table)
        for name, count in columns.items():
            if count:
                column = tables()[table].columns[name]  # type: ignore[index]
                rows.append([
                    _label(table, language), name, _meaning(column, language),
                    _share(count, total, report, language),
                ])  # fmt: skip
    heads = _heads(language, "table", "column", "meaning", "missing_share")
    return _table(message("register.page.missing", language), heads, rows) if rows else ""


def _meaning(column: Column, language: Language) -> str:
    return column.labels[0 if language == "fr" else 1]


def _share(count: int, total: int, report: QualityReport, language: Language) -> str:
    """Return a share in percent; withheld when either side of it is a small count."""
    if any(0 < n < report.min_cell for n in (count, total - count)):
        return message("register.page.secret", language)
    percent = f"{100 * count / total:.1f}"
    return f"{percent.replace('.', ',')} %" if language == "fr" else f"{percent}%"


def _label(table: str, language: Language) -> str:
    labels = {name: declared.labels for name, declared in tables().items()}
    return labels[table][0 if language == "fr" else 1]  # type: ignore[index]
