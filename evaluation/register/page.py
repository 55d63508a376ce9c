"""The quality report as HTML: one self-contained, accessible page, small counts withheld.

In: a :class:`~evaluation.register.quality.QualityReport`. Out: HTML without script, link or
network. Must never show a count that ``sections`` withholds, nor a value.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import Fault
from evaluation.register.sections import Section, protected, sections
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from evaluation.register.quality import QualityReport
    from evaluation.study import Study

FOLDER = "register"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;"
    "color:#161616;background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}"
    "caption{text-align:left;font-weight:700;padding:.5rem 0}"
    "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #929292;"
    "vertical-align:top}th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".fault{border-left:4px solid #b34000;padding:.2rem 1rem;margin:1rem 0}"
    ".note{border-left:4px solid #0063cb;padding:.2rem 1rem;margin:1rem 0}"
)


def page_path(study: Study) -> Path:
    """Return where the page of a study's register is saved."""
    return study.work / FOLDER / "check.html"


def save(report: QualityReport, study: Study) -> None:
    """Write the page, and beside it the exact counts, which stay in the work folder."""
    path = page_path(study)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.to_html(), "utf-8", newline="\n")
    counts = report.frame.to_csv(index=False, lineterminator="\n")
    path.with_suffix(".csv").write_text(counts, "utf-8", newline="\n")


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
    parts += _said("faults", report.faults, "fault", report, language)
    parts += _said("notes", report.notes, "note", report, language)
    parts += [_table(section) for section in sections(report, language)]
    return "\n".join(parts)


def _text(key: str, language: Language) -> str:
    return html.escape(message(key, language))


def _said(
    key: str, faults: tuple[Fault, ...], kind: str, report: QualityReport, language: Language
) -> list[str]:
    if not faults:
        return []
    parts = [f"<h2>{_text(f'register.page.{key}', language)}</h2>"]
    for fault in faults:
        shown = protected(fault, report, language, exact=kind == "fault")
        what, _, remedy = shown.text(language).partition("\n")
        parts.append(
            f'<div class="{kind}"><p><strong>{html.escape(what)}</strong></p>'
            f"<p>{html.escape(remedy.strip())}</p></div>"
        )
    return parts


def _table(section: Section) -> str:
    first = len(section.heads) - section.numbers
    kinds = ["" if i < first else ' class="n"' for i in range(len(section.heads))]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>'
        for name, kind in zip(section.heads, kinds, strict=True)
    )
    lines = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(
            f"<td{kind}>{html.escape(cell)}</td>"
            for cell, kind in zip(row[1:], kinds[1:], strict=True)
        )
        + "</tr>"
        for row in section.rows
    )
    return (
        f"<table><caption>{html.escape(section.caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )
