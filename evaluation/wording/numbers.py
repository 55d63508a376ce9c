"""Numbers and dates as a French or an English reader expects them.

In: a published (already rounded) value. Out: text with decimal comma or point, narrow no-break
spaces, a true minus sign, units in the right number. Must never round away more than its caller
asks for, nor know what the value means.
"""

from __future__ import annotations

import re
from datetime import date

from babel.dates import format_date
from babel.numbers import format_decimal

from evaluation.wording import Language, catalogue

NARROW = "\u202f"
NO_BREAK = "\u00a0"
MINUS = "\u2212"
ABSENT = "–"
_BEFORE = re.compile(r"[ \u00a0\u202f]+([;:!?%»])")
_AFTER = re.compile(r"«[ \u00a0\u202f]+")
_LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}


def typeset(sentence: str, language: Language) -> str:
    """Return a sentence of the catalogue with the language's spaces and apostrophes.

    Examples
    --------
    >>> typeset("L'effet : 3 %", "fr") == "L’effet\u202f: 3\u202f%"
    True
    """
    text = sentence.replace("'", "’")
    if language == "fr":
        text = _AFTER.sub("«" + NARROW, _BEFORE.sub(NARROW + r"\1", text))
    return text


def number(value: float | None, language: Language, *, digits: int = 0, sign: bool = False) -> str:
    """Return a number with exactly ``digits`` decimals; ``–`` for none.

    Examples
    --------
    >>> number(-2.84, "fr", digits=1)
    '−2,8'
    >>> number(14630, "fr") == "14\u202f630"
    True
    """
    if value is None:
        return ABSENT
    rounded = round(float(value), digits) + 0.0
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    text = str(format_decimal(abs(rounded), format=pattern, locale=_LOCALES[language]))
    text = text.replace(NO_BREAK, NARROW)
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if sign and rounded > 0 else text


def percent(value: float | None, language: Language, *, digits: int = 1, sign: bool = False) -> str:
    """Return a rate or a relative change (already in percent) with its sign ``%``."""
    if value is None:
        return ABSENT
    space = NARROW if language == "fr" else ""
    return f"{number(value, language, digits=digits, sign=sign)}{space}%"


def points(value: float | None, language: Language, *, sign: bool = False) -> str:
    """Return a difference of rates, in points, singular or plural."""
    if value is None:
        return ABSENT
    unit = catalogue(language)[f"report.unit.points_{plural(value, language)}"]
    return f"{number(value, language, digits=1, sign=sign)}{NO_BREAK}{unit}"


def plural(value: float, language: Language) -> str:
    """Return ``one`` or ``other``: French is singular below two, English for exactly one.

    Examples
    --------
    >>> plural(1.5, "fr"), plural(1.5, "en")
    ('one', 'other')
    """
    single = abs(value) < 2 if language == "fr" else abs(value) == 1
    return "one" if single else "other"


def interval(low: float | None, high: float | None, language: Language, *, digits: int = 1) -> str:
    """Return ``[1,0 ; 5,0]``, or ``[1.0, 5.0]`` in English; an open end is ``∞``.

    Examples
    --------
    >>> interval(1, 5, "en")
    '[1.0, 5.0]'
    """
    if low is None and high is None:
        return ABSENT
    ends = (
        f"{MINUS}∞" if low is None else number(low, language, digits=digits),
        "+∞" if high is None else number(high, language, digits=digits),
    )
    return (
        f"[{ends[0]}{NARROW};{NO_BREAK}{ends[1]}]"
        if language == "fr"
        else f"[{ends[0]}, {ends[1]}]"
    )


def p_value(value: float | None, language: Language) -> str:
    """Return a p value with two or three decimals, ``< 0,001`` below that."""
    if value is None:
        return ABSENT
    if value < 0.001:
        return f"<{NO_BREAK}{number(0.001, language, digits=3)}"
    return number(value, language, digits=3 if value < 0.1 else 2)


def day(value: str | date, language: Language) -> str:
    """Return a date in words: ``1er janvier 2023``, ``1 January 2023``."""
    moment = date.fromisoformat(value) if isinstance(value, str) else value
    text = str(format_date(moment, format="d MMMM y", locale=_LOCALES[language]))
    if language == "fr" and moment.day == 1:
        text = text.replace("1 ", f"1er{NO_BREAK}", 1)
    return text.replace(" ", NO_BREAK, 1) if moment.day != 1 or language == "en" else text
