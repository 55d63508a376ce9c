"""What an error may show of faulty values: codes, or the mere shape of a date or number.

In: SQL of faulty readings. Out: a few words that say what is wrong and never who it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import duckdb

_MOST = 5
_LOOKED_AT = 200
_SAFE = re.compile(r"[\w.+/ -]{1,24}")


def code_examples(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    condition: str,
    *,
    allowed: Sequence[str],
    min_cell: int = 11,
) -> list[str]:
    """Return the commonest unknown codes, those that could be a person's value as a shape.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the rows are.
    rows, condition : str
        SQL of distinct raw readings ``r`` with their number of rows ``n``, and of what makes them
        faulty.
    allowed : sequence of str
        The code list: a word that is short, close to a code or common is quoted as it is.
    min_cell : int
        How many rows make a longer word common.
    """
    found = connection.execute(
        f"SELECT CAST(r AS VARCHAR) AS word, sum(n) AS total FROM ({rows}) WHERE {condition} "
        f"GROUP BY word ORDER BY total DESC, word LIMIT {_LOOKED_AT}"
    ).fetchall()
    shown = [shown_code(word, n, allowed, min_cell) for word, n in found]
    return list(dict.fromkeys(shown))[:_MOST]


def shown_code(word: str, count: int, allowed: Sequence[str], min_cell: int) -> str:
    """Return ``word`` when it can only be a code, else its shape.

    A misplaced column could put names where codes belong: a word is quoted when it is no longer
    than three characters, close to a code, or held by ``min_cell`` rows or more.

    Examples
    --------
    >>> shown_code("99", 1, ["01", "02"], 11), shown_code("Dupont", 1, ["1", "2"], 11)
    ('99', 'Aaaaaa')
    """
    close = bool(difflib.get_close_matches(word.lower(), [a.lower() for a in allowed], 1, 0.7))
    digits = sum(character.isdigit() for character in word)
    quoted = len(word) <= 3 or close or (count >= min_cell and digits <= 4)
    return word if quoted and _SAFE.fullmatch(word) else shape(word)


def shape(word: str) -> str:
    """Return the word with its digits as 9 and its letters as A or a, at most 20 characters.

    Examples
    --------
    >>> shape("31.12.2020")
    '99.99.9999'
    """
    kinds = ("9" if c.isdigit() else ("A" if c.isupper() else "a") if c.isalpha() else c
             for c in word)  # fmt: skip
    text = "".join(kinds)
    return text if len(text) <= 20 else text[:19] + "…"


def shapes(connection: duckdb.DuckDBPyConnection, rows: str, condition: str) -> list[str]:
    """Return the commonest shapes of faulty readings, digits as 9 and letters as a."""
    digits = "regexp_replace(CAST(r AS VARCHAR), '[0-9]', '9', 'g')"
    masked = f"left(regexp_replace({digits}, '\\p{{L}}', 'a', 'g'), 20)"
    found = connection.execute(
        f"SELECT {masked} AS shape, sum(n) AS total FROM ({rows}) WHERE {condition} "
        f"GROUP BY shape ORDER BY total DESC, shape LIMIT {_MOST}"
    ).fetchall()
    return [str(row[0]) for row in found]
