"""What must never enter: national numbers, names, e-mails, telephone numbers.

In: column names and SQL readings. Out: names that identify, and SQL counts of values that look
like an identity. Must never return a value.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from evaluation.register.engine import quote

# sex, year and month of birth, département (2A and 2B in Corsica), commune and order, key
NIR = "[123478][0-9]{4}([0-9]{2}|2[AB])[0-9]{6}([0-9]{2})?"
NIR_TRUE_MONTH = "[123478][0-9]{2}(0[1-9]|1[0-2])([0-9]{2}|2[AB])[0-9]{6}([0-9]{2})?"
_EMAIL = "[^@ ]+@[^@ ]+[.][A-Za-z]{2,}"
_PHONE = r"(\+33|0033)[ .-]?(\(0\))?[1-9]([ .-]?[0-9]{2}){4}|0[1-9]([ .-][0-9]{2}){4}"
_PHONE_DIGITS = "0[1-9][0-9]{8}"


@cache
def _vocabulary() -> dict[str, Any]:
    file = files("evaluation.register").joinpath("schemas", "identities.toml")
    return tomllib.loads(file.read_text("utf-8"))


def words(column: str) -> tuple[str, ...]:
    """Return the words of a column name, without accents, in lower case.

    Examples
    --------
    >>> words("Prénom_usage")
    ('prenom', 'usage')
    """
    plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return tuple(re.findall(r"[a-z]+", split.lower()))


def identifying(column: str) -> bool:
    """Return whether a column's name says that it holds an identity.

    Examples
    --------
    >>> [identifying(c) for c in ("prenom", "NOM_NAISSANCE", "nom_region", "nombre_enfants")]
    [True, True, False, False]
    """
    parts = words(column)
    vocabulary = _vocabulary()
    if set(vocabulary["of_a_thing"]) & set(parts):
        return False
    pairs = [list(pair) for pair in pairwise(parts)]
    single = bool(set(vocabulary["identifying"]) & set(parts))
    return single or any(pair in pairs for pair in vocabulary["pairs"])


def counts(r: str, *, person: bool, free: bool) -> dict[str, str]:
    """Return SQL counts of values that look like an identity, for the text reading ``r``.

    Parameters
    ----------
    r : str
        SQL of a text.
    person : bool
        Whether this is the pseudonym: every number of NIR form counts. Elsewhere a 13-digit
        serial number is common, so that only those with a month of birth count.
    free : bool
        Whether the column is not declared: its text is searched inside as well.

    Returns
    -------
    dict of str to str
        ``nir``, ``digits`` (values of NIR length), ``contact``, ``phone_digits``, ``first_name``
        and ``filled`` → SQL aggregate.
    """
    bare = f"replace(replace({r}, ' ', ''), '.', '')" if free else r
    pattern = NIR if person else NIR_TRUE_MONTH
    # lengths first: they cost nothing and leave few values to the regular expressions
    long = f"strlen({bare}) IN (13, 15)"
    nir = f"CASE WHEN {long} THEN regexp_full_match({bare}, {quote(pattern)}) ELSE false END"
    if free:
        inside = quote(f"(^|[^0-9])({NIR_TRUE_MONTH})([^0-9]|$)")
        nir = f"({nir}) OR (strlen({r}) > 15 AND regexp_matches({r}, {inside}))"
    digits = f"CASE WHEN {long} THEN regexp_full_match({bare}, '[0-9]+[AB]?[0-9]+') ELSE false END"
    match = "regexp_matches" if free else "regexp_full_match"
    email = f"CASE WHEN contains({r}, '@') THEN {match}({r}, {quote(_EMAIL)}) ELSE false END"
    dialled = f"strlen({r}) BETWEEN 10 AND 24 AND {r}[1] IN ('0', '+')"
    phone = f"CASE WHEN {dialled} THEN regexp_full_match({r}, {quote(_PHONE)}) ELSE false END"
    if free:
        # bare digits amid words are a telephone number; alone they may be a serial number
        within = quote(f"(^|[^0-9+])({_PHONE})([^0-9]|$)")
        amid = quote(f"(^|[^0-9]){_PHONE_DIGITS}[^0-9]|[^0-9]{_PHONE_DIGITS}([^0-9]|$)")
        said = f"regexp_matches({r}, {within}) OR regexp_matches({r}, {amid})"
        phone = f"({phone}) OR (CASE WHEN strlen({r}) > 10 THEN {said} ELSE false END)"
    ten = f"strlen({r}) = 10 AND {r}[1] = '0'"
    plain = f"CASE WHEN {ten} THEN regexp_full_match({r}, {quote(_PHONE_DIGITS)}) ELSE false END"
    found = {"nir": nir, "digits": digits, "contact": f"({email}) OR ({phone})",
             "phone_digits": plain, "filled": f"{r} IS NOT NULL"}  # fmt: skip
    if free:
        # one word of the value is enough: "Marie", "DUPONT Jean"
        parts = f"string_split_regex(strip_accents(lower({r})), '[ ,-]+')"
        names = ", ".join(quote(word) for word in _vocabulary()["names"])
        found["first_name"] = f"list_has_any({parts}, [{names}])"
    return {key: f"count_if({condition})" for key, condition in found.items()}


def verdicts(found: dict[str, int], *, person: bool) -> dict[str, int]:
    """Return ``{error code: count}`` for counts of :func:`counts` that make a column unfit.

    A single e-mail or formatted telephone number is enough. Bare digits are judged by their
    share: half of the values of that length, so that serial numbers pass.
    """
    unfit: dict[str, int] = {}
    nir, digits, filled = found["nir"], found["digits"], found["filled"]
    if nir and (person or 2 * nir >= digits):
        unfit["EVAL-230"] = nir
    contacts = found["contact"]
    if found["phone_digits"] and 2 * found["phone_digits"] >= filled:
        contacts += found["phone_digits"]
    if contacts:
        unfit["EVAL-232"] = contacts
    if found.get("first_name", 0) and 10 * found["first_name"] >= 3 * filled:
        unfit["EVAL-233"] = found["first_name"]
    return unfit
