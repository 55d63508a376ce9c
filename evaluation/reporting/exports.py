"""The tables beside the pages: results.csv for machines, results.xlsx for people."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import Fault, fail, warn
from evaluation.reporting.speech import Speech
from evaluation.results import COLUMNS, write_text

if TYPE_CHECKING:
    import pandas as pd

    from evaluation.results import Results

_FLOW = ("entrants", "eligible", "matched", "comparators_available", "comparators_used",
         "comparators_enter_later", "effective_comparators")  # fmt: skip


def write_exports(folder: str | Path, all_results: Sequence[Results]) -> list[Fault]:
    """Write ``results.csv`` and ``results.xlsx`` with every published number.

    Parameters
    ----------
    folder : path
        The folder that holds ``index.html``.
    all_results : sequence of Results
        Nation, regions and départements, in any order.

    Returns
    -------
    list of Fault
        EVAL-621 when a workbook is held open by another program (the rest is written).

    Raises
    ------
    EvaluationError
        EVAL-620 when there is no result at all.
    """
    if not all_results:
        fail("EVAL-620")
    target = Path(folder)
    ordered = sorted(all_results, key=_order)
    table = frame(ordered)
    notes: list[Fault] = []
    for name in ("results.csv", "results.xlsx"):
        try:
            if name.endswith(".csv"):
                write_text(target / name, _csv(table))
            else:
                _write_workbook(target / name, ordered, table)
        except PermissionError:
            (target / f"{name}.partial").unlink(missing_ok=True)
            notes.append(warn("EVAL-621", file=name))
    return notes


def frame(all_results: Sequence[Results]) -> pd.DataFrame:
    """Return the tidy rows of all territories."""
    import pandas as pd

    rows = [row for item in all_results for row in item.rows()]
    # Counts beside empty cells stay whole numbers: no column may become float.
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _order(results: Results) -> tuple[int, str]:
    levels = ("nation", "region", "department")
    return levels.index(results.territory.level), results.territory.code


def _csv(table: pd.DataFrame) -> str:
    buffer = io.StringIO()
    table.map(_cell).to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """Return a cell without NaN; a text that a spreadsheet would run as a formula is quoted."""
    if value is None or value != value:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return value


def _write_workbook(path: Path, ordered: Sequence[Results], table: pd.DataFrame) -> None:
    from xlsxwriter import Workbook

    say = Speech(ordered[0].study.language)
    partial = path.with_name(path.name + ".partial")
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(str(partial), options) as book:
        notes = [[say(f"sheet.note_{name}")] for name in ("units", "withheld", "source")]
        _sheet(book, say("sheet.notes"), [say("sheet.notes")], notes)
        _sheet(book, say("sheet.results"), list(table.columns), table.values.tolist())
        _sheet(book, say("sheet.curves"), *_curves(ordered))
        _sheet(book, say("sheet.flow"), *_flows(ordered))
        _sheet(book, say("sheet.balance"), *_balances(ordered))
    partial.replace(path)


def _sheet(book: Any, name: str, head: list[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write one table on one sheet: bold header, frozen, filter, readable widths."""
    sheet = book.add_worksheet(name)
    sheet.write_row(0, 0, head, book.add_format({"bold": True, "text_wrap": True}))
    for i, row in enumerate(rows, start=1):
        for j, value in enumerate(row):
            if value is not None and value == value:
                sheet.write(i, j, value)
    sheet.freeze_panes(1, 0)
    if rows and len(head) > 1:
        sheet.autofilter(0, 0, len(rows), len(head) - 1)
    for j, title in enumerate(head):
        longest = max([len(title), *(len(str(row[j])) for row in rows)])
        sheet.set_column(j, j, min(longest + 2, 90))


def _curves(ordered: Sequence[Results]) -> tuple[list[str], list[list[Any]]]:
    head = ["territory_level", "territory_code", "month", "rate_entrants", "rate_comparison",
            "effect_points", "effect_low", "effect_high"]  # fmt: skip
    rows = [
        [r.territory.level, r.territory.code, p.month, p.rate_entrants, p.rate_comparison,
         p.effect_points.estimate, p.effect_points.low, p.effect_points.high]
        for r in ordered for p in r.curve
    ]  # fmt: skip
    return head, rows


def _flows(ordered: Sequence[Results]) -> tuple[list[str], list[list[Any]]]:
    head = ["territory_level", "territory_code", "territory_name", *_FLOW, "lost_share"]
    rows = [
        [r.territory.level, r.territory.code, r.territory.name,
         *(getattr(r.flow, name) for name in _FLOW), r.flow.lost_share]
        for r in ordered
    ]  # fmt: skip
    return head, rows


def _balances(ordered: Sequence[Results]) -> tuple[list[str], list[list[Any]]]:
    names = ["covariate", "level", "block", "smd_before", "smd_after", "variance_ratio",
             "ecdf_max", "withheld"]  # fmt: skip
    rows = [
        [r.territory.level, r.territory.code, *(getattr(row, name) for name in names)]
        for r in ordered
        for row in r.balance.rows
    ]
    return ["territory_level", "territory_code", *names], rows
