"""What in a text or a published file looks like a person: identifiers and tables of rows.

A last look, after disclosure: it can only recognise shapes (a French social security number, a
key column, a pseudonym, a table that pandas printed), so that finding nothing proves nothing.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

KEYS = frozenset(
    {"person_id", "registration_id", "contract_id", "employer_id", "user_employer_id"}
)  # fmt: skip
FEWEST = 3
"""Different pseudonyms that one file may hold before it is reported: one may be a product code."""
ROWS = 11

_NIR = re.compile(
    r"(?<![\w.\-])[12]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d\d|2[AB])\d{6}(?:\d\d)?(?![\w.\-])"
)
_PSEUDONYM = re.compile(r"(?=[A-Za-z0-9-]*\d)(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9-]{8,64}")
_OURS = re.compile(r"EVAL-\d{3}|[0-9a-f]{64}")
_CELL = re.compile(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", re.DOTALL)
_HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_UNREAD = re.compile(r"<(style|script)\b.*?</\1>|data:[^\"')]+", re.DOTALL)
_PRINTED = re.compile(r"<table\b[^>]*class=\"[^\"]*\bdataframe\b.*?</table>", re.DOTALL)
_DIGESTS = re.compile(r"sha256|digest|_key$|^code$|^files$|^estimates$|^versions$")


def in_text(text: str, *, fewest: int = FEWEST) -> list[str]:
    """Return what a plain text seems to hold: ``nir``, ``key_column``, ``pseudonyms``.

    Examples
    --------
    >>> in_text("  person_id  age")
    ['key_column']
    >>> in_text("13,1 % contre 10,3 %")
    []
    """
    words = re.split(r"[\s,;:'\"()\[\]{}=|<>]+", text)
    found = ["nir"] if _NIR.search(text) else []
    found += ["key_column"] if KEYS.intersection(words) else []
    return found + _pseudonyms(words, fewest)


def in_html(page: str, *, fewest: int = FEWEST) -> list[str]:
    """Return what the tables of a page seem to hold, ``rows`` for one that pandas printed."""
    read = _UNREAD.sub("", page)
    cells = [_words(cell) for cell in _CELL.findall(read)]
    found = ["nir"] if _NIR.search(_TAG.sub(" ", read)) else []
    found += ["key_column"] if KEYS & {_words(head) for head in _HEAD.findall(read)} else []
    found += ["rows"] if any(_long(table) for table in _PRINTED.findall(read)) else []
    return found + _pseudonyms(cells, fewest)


def in_file(path: Path) -> list[str]:
    """Return what a published file seems to hold, ``[]`` for a kind of file that is not read."""
    if path.suffix == ".html":
        return in_html(path.read_text("utf-8"))
    if path.suffix == ".ipynb":
        return _in_notebook(json.loads(path.read_text("utf-8")))
    if path.suffix == ".json":
        words = list(_strings(json.loads(path.read_text("utf-8"))))
    elif path.suffix == ".csv":
        words = [cell for row in csv.reader(io.StringIO(path.read_text("utf-8"))) for cell in row]
    elif path.suffix == ".xlsx":
        words = list(_sheets(path))
    else:
        return []
    found = ["nir"] if any(_NIR.fullmatch(word) for word in words) else []
    found += ["key_column"] if KEYS.intersection(words) else []
    return found + _pseudonyms(words, FEWEST)


def _pseudonyms(words: Iterable[str], fewest: int) -> list[str]:
    seen = {word for word in words if _PSEUDONYM.fullmatch(word) and not _OURS.fullmatch(word)}
    return ["pseudonyms"] if len(seen) >= fewest else []


def _words(cell: str) -> str:
    return html.unescape(_TAG.sub("", cell)).strip()


def _long(table: str) -> bool:
    """Return whether a printed table is long, or says that it was cut."""
    return table.count("<tr") > ROWS or "<td>...</td>" in table


def _in_notebook(book: Any) -> list[str]:
    found: list[str] = []
    for cell in book.get("cells", []):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            plain = [output.get("text", ""), data.get("text/plain", ""), output.get("evalue", "")]
            found += in_html("".join(data.get("text/html", "")))
            found += [kind for text in plain for kind in in_text("".join(text))]
    return list(dict.fromkeys(found))


def _strings(tree: Any, key: str = "") -> Iterator[str]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if not _DIGESTS.search(str(name)):
                yield str(name)
                yield from _strings(value, str(name))
    elif isinstance(tree, list):
        for value in tree:
            yield from _strings(value, key)
    elif isinstance(tree, (str, int)) and not isinstance(tree, bool):
        yield str(tree)


def _sheets(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as book:
        for name in book.namelist():
            if name.startswith("xl/") and name.endswith(".xml"):
                text = book.read(name).decode("utf-8")
                yield from (_words(part) for part in re.findall(r"<(?:t|v)\b[^>]*>([^<]*)<", text))
