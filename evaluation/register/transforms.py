"""Generic transforms: how a profile makes a toolkit column out of an extract's columns.

In: SQL of trimmed texts (NULL when missing) and the options a profile declares. Out: SQL of a
text, which the schema then checks like any other: what a transform cannot translate is left as it
is, so that it is refused by name. Must never know one extract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.register.engine import quote
from evaluation.register.expressions import listed, number
from evaluation.territories import REGION_OF

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Derivation:
    """One declared way to make a column.

    Attributes
    ----------
    transform : str
        Name in :data:`TRANSFORMS`, or ``date``, ``year``, ``path``, ``category``.
    columns : tuple of str
        Columns of the extract that it needs; ``@name`` is a column derived before it.
    options : dict
        What the transform is told.
    required : bool
        Whether its columns may not be absent (the study asked for it).
    codes : dict of str to str
        The study's own translation of values of the first column; it comes before the transform.
    """

    transform: str
    columns: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    required: bool = False
    codes: dict[str, str] = field(default_factory=dict)


def plain(text: str) -> str:
    """Return a text without the ``.0`` that a spreadsheet or pandas adds to a code."""
    return f"regexp_replace({text}, '\\.0+$', '')"


def _copy(texts: Sequence[str], _options: Options) -> str:
    return texts[0]


def _join(texts: Sequence[str], options: Options) -> str:
    separator = quote(str(options.get("separator", "-")))
    return f" || {separator} || ".join(plain(text) for text in texts)


def _cases(text: str, pairs: Mapping[str, str], otherwise: str) -> str:
    """Return a look-up; the text stands once, as a CASE would repeat it for every pair."""
    if not pairs:
        return otherwise
    keys, values = (", ".join(quote(word) for word in side) for side in (pairs, pairs.values()))
    return f"coalesce(MAP([{keys}], [{values}])[{text}], {otherwise})"


def _recode(texts: Sequence[str], options: Options) -> str:
    """Map ``"A B"`` (all columns), then ``"A"`` (the first); ``otherwise`` or the value itself."""
    codes = {str(k).upper(): str(v) for k, v in options["codes"].items()}
    alone = {k: v for k, v in codes.items() if " " not in k}
    words = [f"upper({plain(text)})" for text in texts]
    rest = f"NULLIF({quote(str(options['otherwise']))}, '')" if "otherwise" in options else texts[0]
    rest = f"CASE WHEN {texts[0]} IS NULL THEN NULL ELSE {rest} END"
    if len(texts) == 1:
        return _cases(words[0], codes, rest)
    first = _cases(words[0], alone, rest)
    both = " || ' ' || ".join(f"coalesce({word}, '')" for word in words)
    return _cases(f"({both})", {k: v for k, v in codes.items() if " " in k}, first)


def _among(texts: Sequence[str], options: Options) -> str:
    """Return true or false for listed words, whatever their case; an empty cell is ``missing``."""
    word = f"lower({plain(texts[0])})"
    true, false = (listed(str(v).lower() for v in options[k]) for k in ("true", "false"))
    missing = quote(str(options.get("missing", "")))
    return (
        f"CASE WHEN {texts[0]} IS NULL THEN NULLIF({missing}, '') WHEN {word} IN {true} "
        f"THEN 'true' WHEN {word} IN {false} THEN 'false' ELSE {texts[0]} END"
    )


def _positive(texts: Sequence[str], options: Options) -> str:
    """Return whether an amount is above zero; those of ``unknown`` are left, to be refused."""
    amount = number(texts[0])
    unknown = ", ".join(str(float(n)) for n in options.get("unknown", [])) or "NULL"
    missing = f"NULLIF({quote(str(options.get('missing', '')))}, '')"
    return (
        f"CASE WHEN {texts[0]} IS NULL THEN {missing} WHEN {amount} IN ({unknown}) THEN {texts[0]} "
        f"WHEN {amount} > 0 THEN 'true' WHEN {amount} <= 0 THEN 'false' ELSE {texts[0]} END"
    )


def _unit(texts: Sequence[str], options: Options) -> str:
    """Multiply by the factor of the unit; empty for units in ``empty`` and for unknown ones."""
    amount = number(texts[0])
    sides = [str(u).upper() for u in options["factors"]], map(str, options["factors"].values())
    keys, values = (listed(side)[1:-1] for side in sides)
    factor = f"CAST(MAP([{keys}], [{values}])[{unit_of(texts[1])}] AS DOUBLE)"
    # nought is nought in any unit
    product = f"{amount} * coalesce({factor}, CASE WHEN {amount} = 0 THEN 0 END)"
    return (
        f"CASE WHEN {amount} IS NULL THEN {texts[0]} "
        f"ELSE CAST(CAST(round({product}) AS BIGINT) AS VARCHAR) END"
    )


def unit_of(text: str) -> str:
    """Return the SQL of a unit as it is compared: upper case, "" when missing."""
    return f"upper(coalesce({plain(text)}, ''))"


def unknown_unit(texts: Sequence[str], options: Options) -> str:
    """Return the SQL condition that a number other than zero has a unit nobody declared."""
    declared = [str(u).upper() for u in (*options["factors"], *options.get("empty", []))]
    return f"{number(texts[0])} <> 0 AND {unit_of(texts[1])} NOT IN {listed(declared)}"


def translated(text: str, codes: Mapping[str, str], otherwise: str) -> str:
    """Return the study's own translation of a text (key ``""``: of a missing one), else another.

    Parameters
    ----------
    text, otherwise : str
        SQL of the extract's value, and of what the profile makes of it.
    codes : mapping of str to str
        Value of the extract → toolkit value, ``""`` for missing.
    """
    pairs = {str(k).upper(): str(v) for k, v in codes.items()}
    if not pairs:
        return otherwise
    keys, values = (listed(side)[1:-1] for side in (pairs, pairs.values()))
    said = f"MAP([{keys}], [{values}])[{unit_of(text)}]"
    return f"CASE WHEN {said} IS NULL THEN {otherwise} ELSE NULLIF({said}, '') END"


def _padded(text: str, width: int) -> str:
    """Return a code with the zero put back that a spreadsheet took from its front."""
    return f"regexp_replace(upper({plain(text)}), '^([0-9]{{{width - 1}}})$', '0\\1')"


def _department(texts: Sequence[str], _options: Options) -> str:
    """Return the département of a commune code (2A004, 75101, 97105; 1053 for 01053)."""
    code = _padded(texts[0], 5)
    metropolitan = f"regexp_replace({code}, '^(0[1-9]|[1-8][0-9AB]|9[0-5])[0-9]{{3}}$', '\\1')"
    return f"regexp_replace({metropolitan}, '^(9[78][0-9])[0-9]{{2}}$', '\\1')"


def _region(texts: Sequence[str], options: Options) -> str:
    """Return the region of a commune, or of a département with ``of = "department"``."""
    given = options.get("of", "commune") == "department"
    code = _padded(texts[0], 2) if given else _department(texts, options)
    return _cases(f"({code})", REGION_OF, texts[0])


Transform = Callable[[Sequence[str], Options], str]
TRANSFORMS: dict[str, Transform] = {
    "copy": _copy, "join": _join, "recode": _recode, "among": _among, "positive": _positive,
    "unit": _unit, "department_of_commune": _department, "region_of": _region,
}  # fmt: skip
KNOWN = (*TRANSFORMS, "date", "year", "path", "category")
