"""What may be shown of a diagnostic: small levels, and what would give them away, left out.

In: a raw result. Out: rows and HTML for display. Numbers follow the language's decimal mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.display import below, table
from evaluation.matching.types import Bools
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from evaluation.diagnostics.balance import Balance

SHOWN = ("mean_treated", "mean_comparison_after", "smd_before", "smd_after",
         "variance_ratio_after", "ecdf_max_after")  # fmt: skip


def number(value: float, digits: int, language: Language = "fr") -> str:
    """Return a number in the language's notation, an em dash when there is none."""
    if not np.isfinite(value):
        return "—"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace(".", ",") if language == "fr" else text


def word(name: str, language: Language) -> str:
    """Return a word of the diagnostics' vocabulary."""
    return message(f"diagnostics.words.{name}", language)


def too_small(counts: Sequence[int], min_cell: int) -> bool:
    """Return whether an arm is too small for anything to be shown."""
    return any(below(count, min_cell) for count in counts)


def protected_rows(balance: Balance) -> tuple[pd.DataFrame, int]:
    """Return the rows that may be shown, and the number of levels left out.

    A level is left out when it, or its complement, counts fewer than ``min_cell`` rows in an arm.
    The levels left out of a factor are joined by the next smallest until they are at least two
    and together reach the threshold: one alone would be one minus the sum of the others.
    """
    frame = balance.frame
    if too_small((balance.n_treated, balance.n_comparison), balance.min_cell):
        return frame.iloc[:0], len(frame)
    hidden = np.zeros(len(frame), dtype=bool)
    for _, rows in frame[frame["level"].notna()].groupby("covariate", sort=False):
        hidden[rows.index] = _hidden(rows, balance)
    return frame[~hidden], int(hidden.sum())


def _hidden(rows: pd.DataFrame, balance: Balance) -> Bools:
    groups = {
        "count_treated_before": balance.n_treated_before,
        "count_treated": balance.n_treated,
        "count_comparison": balance.n_comparison,
    }
    least = np.full(len(rows), np.inf)
    hidden = np.zeros(len(rows), dtype=bool)
    for name, size in groups.items():
        counts = rows[name].to_numpy()
        least = np.minimum(least, counts)
        hidden |= np.minimum(counts, size - counts) < balance.min_cell
    order = np.argsort(least, kind="stable")
    while len(rows) > 1 and hidden.any() and not hidden.all():
        totals = [rows[name].to_numpy()[hidden].sum() for name in groups]
        if hidden.sum() > 1 and min(totals) >= balance.min_cell:
            break
        hidden[next(k for k in order if not hidden[k])] = True
    return hidden


def balance_html(balance: Balance, language: Language) -> str:
    """Return the balance table for a notebook."""
    rows, omitted = protected_rows(balance)
    caption = message("diagnostics.balance.caption", language)
    if rows.empty and omitted:
        text = message("diagnostics.balance.too_small", language, minimum=balance.min_cell)
        return f"<p>{caption} — {text}</p>"
    digits = {"mean_treated": 3, "mean_comparison_after": 3, "variance_ratio_after": 2}
    shown = pd.DataFrame(
        {
            word(name, language): [number(v, digits.get(name, 3), language) for v in rows[name]]
            for name in SHOWN
        },
        index=row_labels(rows),
    )
    html = table(shown, caption, index_label=word("covariate", language))
    if omitted:
        html += f"<p>{omission(omitted, balance.min_cell, language)}</p>"
    return html


def omission(count: int, minimum: int, language: Language) -> str:
    """Return the sentence that says how many levels are not shown."""
    return message("diagnostics.balance.omitted", language, count=count, minimum=minimum)


def row_labels(rows: pd.DataFrame) -> list[str]:
    """Return ``covariate`` or ``covariate = level`` for each row."""
    pairs = zip(rows["covariate"], rows["level"], strict=True)
    return [str(name) if level is None else f"{name} = {level}" for name, level in pairs]
