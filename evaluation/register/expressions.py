"""SQL that turns one raw column into its declared type: the repairs, generated from the schema.

In: a :class:`~evaluation.register.schema.Column`, the type found in the file, a profile's code
map. Out: two SQL expressions, the raw reading and the typed value (NULL when missing or not
readable). Must never count or refuse; that is ``checks``.
"""

from __future__ import annotations

from collections.abc import Iterable

from evaluation.register.engine import name, quote
from evaluation.register.schema import Column

MARKERS = ("NA", "N/A", "#N/A", "NULL", "NAN", ".")
TRUE = ("true", "1", "o", "oui", "yes", "y", "t", "vrai")
FALSE = ("false", "0", "n", "non", "no", "f", "faux")
_INTEGERS = frozenset(
    sign + size for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
) | {"HUGEINT"}
_DATES = frozenset(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"))
_BLANKS = "' ' || chr(9) || chr(160) || chr(8201) || chr(8239)"


def family(sql_type: str) -> str:
    """Return what a type of the file can be read as.

    Returns
    -------
    str
        ``text``, ``integer``, ``number``, ``date``, ``flag``, ``null`` or ``""`` (unusable:
        lists, structures, binary, times with a zone).
    """
    if sql_type == "VARCHAR" or sql_type.startswith("ENUM"):
        return "text"
    if sql_type in _INTEGERS:
        return "integer"
    if sql_type in ("FLOAT", "DOUBLE") or sql_type.startswith("DECIMAL"):
        return "number"
    if sql_type in _DATES:
        return "date"
    return {"BOOLEAN": "flag", '"NULL"': "null", "NULL": "null"}.get(sql_type, "")


def usable(column: Column, sql_type: str) -> bool:
    """Return whether a column of this type can hold the declared kind."""
    found = family(sql_type)
    if found in ("text", "null"):
        return True
    if column.kind == "date":
        return found == "date"
    if column.kind == "flag":
        return found in ("flag", "integer", "number")
    return found in ("integer", "number")


def listed(words: Iterable[str]) -> str:
    """Return ``('a', 'b')``."""
    return "(" + ", ".join(quote(word) for word in words) + ")"


def raw(source_column: str, sql_type: str, kind: str = "text") -> str:
    """Return the raw reading: trimmed text (NULL when empty or a missing marker), or the value.

    Dates, flags and integers that the file already types are left as they are where ``kind``
    wants them so; everything else becomes text.
    """
    column, found = name(source_column), family(sql_type)
    if found == "date":
        return f"CAST({column} AS DATE)"
    if found == "flag" and kind == "flag":
        return column
    if found == "integer" and kind.startswith("int"):
        return column
    if found == "number":
        # pandas turns a column of integers with a missing value into decimals
        whole = f"abs({column}) < 1e18 AND {column} = trunc({column})"
        return (
            f"CASE WHEN isnan(CAST({column} AS DOUBLE)) THEN NULL "
            f"WHEN {whole} THEN CAST(CAST({column} AS HUGEINT) AS VARCHAR) "
            f"ELSE CAST({column} AS VARCHAR) END"
        )
    if found == "text":
        text = trimmed(column)
        return f"CASE WHEN {marker(column)} THEN NULL ELSE {text} END"
    return f"CAST({column} AS VARCHAR)"


def trimmed(expression: str) -> str:
    """Return text without blanks at both ends, NULL when nothing is left."""
    return f"nullif(trim(CAST({expression} AS VARCHAR), {_BLANKS}), '')"


def marker(expression: str) -> str:
    """Return the SQL condition that a text is one of the words for "missing"."""
    text = f"CAST({expression} AS VARCHAR)"
    longest = max(map(len, MARKERS)) + 2
    word = f"upper(trim({text})) IN {listed(MARKERS)}"
    return f"(CASE WHEN strlen({text}) <= {longest} THEN {word} ELSE false END)"


def typed(column: Column, r: str, sql_type: str, code_map: dict[str, str]) -> str:
    """Return the typed value of the raw reading ``r``; NULL when missing or not readable.

    Integers come back as INTEGER whatever their declared width, so that bounds can be checked
    before the value is narrowed.
    """
    found = family(sql_type)
    if column.kind == "code":
        return _code(column, r, code_map)
    if column.kind == "text":
        return _text(column, r)
    if column.kind == "date":
        return r if found == "date" else _date(r)
    if column.kind == "flag":
        return r if found == "flag" else _flag(r)
    if column.kind.startswith("int"):
        return f"TRY_CAST({r} AS INTEGER)" if found == "integer" else _integer(r)
    return r


def respellings(column: Column, code_map: dict[str, str]) -> dict[str, str]:
    """Return ``{another spelling: code}``: lost zeros, other case, a trailing ``.0``, the map.

    A spelling that is itself a code, or that could mean two codes, is left out.
    """
    meant: dict[str, set[str]] = {}
    for code in column.codes:
        spellings = {code.lower(), code.upper(), code.capitalize()}
        if column.pad:
            spellings |= {s.lstrip("0") for s in spellings}
        spellings |= {f"{s}.0" for s in spellings if s.isdigit()}
        for spelling in spellings - set(column.codes) - {""}:
            meant.setdefault(spelling, set()).add(code)
    single = {spelling: min(codes) for spelling, codes in meant.items() if len(codes) == 1}
    for foreign, code in code_map.items():
        if foreign not in column.codes:
            single[foreign] = code
            if foreign.isdigit():
                single[f"{foreign}.0"] = code
    return single


def _code(column: Column, r: str, code_map: dict[str, str]) -> str:
    by_code: dict[str, list[str]] = {}
    for spelling, code in respellings(column, code_map).items():
        by_code.setdefault(code, []).append(spelling)
    cases = "".join(
        f" WHEN {r} IN {listed(spellings)} THEN {quote(code)}"
        for code, spellings in by_code.items()
    )
    return f"CASE WHEN {r} IN {listed(column.codes)} THEN {r}{cases} END"


def _text(column: Column, r: str) -> str:
    value = f"upper({r})" if column.upper else r
    if column.pad and column.width:
        short = f"length({r}) < {column.width} AND regexp_full_match({r}, '[0-9]+')"
        value = f"CASE WHEN {short} THEN lpad({r}, {column.width}, '0') ELSE {value} END"
    return value


def _date(r: str) -> str:
    """ISO, day/month/year (also with - or .) or 31JAN2020, each with or without a time."""
    stamp = f"CAST(TRY_CAST({r} AS TIMESTAMP) AS DATE)"
    clock = "([ T:][0-9]{1,2}(:[0-9]{2}){1,2}([.,][0-9]*)?)?"
    day_first = f"([0-9]{{1,2}})[/.-]([0-9]{{1,2}})[/.-]([0-9]{{4}}){clock}"
    sas = f"([0-9]{{1,2}}[A-Za-z]{{3}}[0-9]{{4}}){clock}"
    turned = f"regexp_replace({r}, '^{day_first}$', '\\3-\\2-\\1')"
    return (
        f"CASE WHEN length({r}) = 10 AND {r}[5] = '-' THEN TRY_CAST({r} AS DATE) "
        f"WHEN length({r}) > 10 AND {r}[5] = '-' AND {r}[11] IN (' ', 'T') THEN {stamp} "
        f"WHEN regexp_full_match({r}, '{day_first}') THEN TRY_CAST({turned} AS DATE) "
        f"WHEN regexp_full_match({r}, '{sas}') "
        f"THEN CAST(try_strptime(regexp_extract({r}, '^{sas}$', 1), '%d%b%Y') AS DATE) END"
    )


def number(r: str) -> str:
    """Return the SQL of a number written with a comma or a point, thousands apart or not."""
    group = "[ \u00a0\u2009\u202f]([0-9]{3})"
    apart = f"^([-+]?[0-9]{{1,3}}){group}(?:{group})?(?:{group})?([.,][0-9]*)?$"
    together = f"regexp_replace({r}, '{apart}', '\\1\\2\\3\\4\\5')"
    return f"TRY_CAST(replace({together}, ',', '.') AS DOUBLE)"


def _integer(r: str) -> str:
    value = number(r)
    # the engine would round 12.7 to 13: only whole numbers pass
    return (
        f"CASE WHEN abs({value}) < 2e9 AND {value} = trunc({value}) "
        f"THEN CAST({value} AS INTEGER) END"
    )


def _flag(r: str) -> str:
    text = f"lower(CAST({r} AS VARCHAR))"
    true, false = (listed((*words, f"{i}.0")) for words, i in ((TRUE, 1), (FALSE, 0)))
    return f"CASE WHEN {text} IN {true} THEN true WHEN {text} IN {false} THEN false END"
