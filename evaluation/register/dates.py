"""Dates written as text in several orders: which order a column follows, decided by all its values.

In: SQL of texts. Out: SQL of dates, and the order that reads most values; an order that cannot be
known is refused. Must never guess between two readings that differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from evaluation.register.engine import quote

DateOrder = Literal["ymd", "dmy", "ydm", "sas"]
ORDERS: tuple[DateOrder, ...] = ("ymd", "dmy", "ydm", "sas")
_YEAR_FIRST = "([0-9]{4})[-/.]?([0-9]{2})[-/.]?([0-9]{2})([ T].*)?"
_DAY_FIRST = "([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})([ T].*)?"
_REWRITTEN = {
    "ymd": (_YEAR_FIRST, r"\1-\2-\3"),
    "ydm": (_YEAR_FIRST, r"\1-\3-\2"),
    "dmy": (_DAY_FIRST, r"\3-\2-\1"),
}


def parsed(text: str, order: DateOrder) -> str:
    """Return the SQL date of a text read in ``order``, NULL when it is none.

    ``sas`` reads the number of days since 1 January 1960, or of seconds (nine digits or more),
    ``01JAN2020`` and ``01JAN2020:08:30:00``.
    """
    if order == "sas":
        return (
            f"CASE WHEN regexp_full_match({text}, '-?[0-9]{{1,5}}([.]0+)?') "
            f"THEN DATE '1960-01-01' + CAST(CAST({text} AS DOUBLE) AS INTEGER) "
            f"WHEN regexp_full_match({text}, '[0-9]{{9,11}}([.][0-9]+)?') "
            f"THEN DATE '1960-01-01' + CAST(floor(CAST({text} AS DOUBLE) / 86400) AS INTEGER) "
            f"WHEN regexp_full_match({text}, '[0-9]{{2}}[A-Za-z]{{3}}[0-9]{{4}}(:.*)?') "
            f"THEN CAST(try_strptime(left({text}, 9), '%d%b%Y') AS DATE) END"
        )
    pattern, rewritten = _REWRITTEN[order]
    whole = f"regexp_replace({text}, {quote(f'^{pattern}$')}, {quote(rewritten)})"
    return (
        f"CASE WHEN regexp_full_match({text}, {quote(pattern)}) THEN TRY_CAST({whole} AS DATE) END"
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the values of a column say of their order.

    Attributes
    ----------
    orders : tuple of str
        Orders that read most values; several when the values cannot tell them apart.
    filled : int
        Number of values.
    """

    orders: tuple[DateOrder, ...]
    filled: int


def evidence(
    text: str,
    relation: str,
    orders: Sequence[DateOrder],
    connection: duckdb.DuckDBPyConnection,
) -> Evidence:
    """Return the orders that read most values of a column.

    Orders that read every value alike (a column of 1 January, of 5 May) count as one, the first.
    """
    terms = [f"count({parsed(text, order)})" for order in orders]
    counts = connection.execute(
        f"SELECT count({text}), {', '.join(terms)} FROM {relation}"
    ).fetchall()[0]
    filled, read = int(counts[0]), [int(n) for n in counts[1:]]
    best = [order for order, n in zip(orders, read, strict=True) if n == max(read)]
    if not filled or max(read) == 0:
        return Evidence(tuple(orders[:1]), filled)
    kept = best[:1]
    for order in best[1:]:
        differ = f"{parsed(text, best[0])} IS DISTINCT FROM {parsed(text, order)}"
        rows = connection.execute(f"SELECT count_if({differ}) FROM {relation}").fetchall()
        if rows[0][0]:
            kept.append(order)
    return Evidence(tuple(kept), filled)
