"""Protected display: what a notebook may show of a result.

In: a small table with its counts. Out: HTML in which every count under the threshold, and what
rests on it, reads "secret". Used by every ``_repr_html_`` and ``.plot()``; never shows rows.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL

SECRET = "secret"


class Guarded:
    """A result whose plain text names its type only: text/plain goes into notebooks as well."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def below(count: float | None, min_cell: int = DEFAULT_MIN_CELL) -> bool:
    """Return whether a count may not be shown (0 is a count of persons that do not exist)."""
    return count is not None and count < min_cell


def mask(value: Any, counts: Sequence[float | None], min_cell: int = DEFAULT_MIN_CELL) -> Any:
    """Return ``value``, or ``"secret"`` when one of the counts it rests on is under the threshold.

    Examples
    --------
    >>> mask(13.1, [480, 7])
    'secret'
    >>> mask(13.1, [480, 63])
    13.1
    """
    return SECRET if any(below(count, min_cell) for count in counts) else value


def table(frame: pd.DataFrame, caption: str, *, index_label: str = "") -> str:
    """Return an accessible HTML table (caption, scopes) of a small, already protected frame."""
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in frame.columns)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(str(label))}</th>'
        + "".join(f"<td>{html.escape(_shown(value))}</td>" for value in row)
        + "</tr>"
        for label, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    )
    corner = f'<th scope="col">{html.escape(index_label)}</th>' if index_label else "<td></td>"
    return (
        f"<table><caption>{html.escape(caption)}</caption>"
        f"<thead><tr>{corner}{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
