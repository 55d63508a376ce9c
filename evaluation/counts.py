"""Small counts in sentences: what every room, and the errors themselves, may say of a number.

In: a sentence. Out: the same sentence, counts under the threshold replaced by words. Knows the
catalogue of words and nothing else.
"""

from __future__ import annotations

import re

from evaluation.wording import Language, message

DEFAULT_MIN_CELL = 11
"""Smallest count that may be shown where no study says otherwise."""

_MONTHS = r"(?:mois|months?|jours?|days?|ans?|years?|points?|trimestres?|quarters?)"
# A threshold ("moins de 3") is no count of people.
_LIMIT = "".join(f"(?<!{word} )" for word in ("moins de", "au moins", "fewer than", "at least"))
# Nor is the code of a territory ("01", "code 24").
_CODE = r"(?<!code )(?!0\d)"
_COUNT = re.compile(
    rf"{_LIMIT}(?<![\w.,\-/\[]){_CODE}(\d{{1,4}})(?![\w.,]*\d)(?!\s*(?:%|{_MONTHS}\b))"
)


def safe_text(text: str, *, min_cell: int, language: Language = "fr") -> str:
    """Return a sentence in which a count under the threshold reads "fewer than 11".

    Examples
    --------
    >>> safe_text("4 personnes suivies 6 mois", min_cell=11)
    'moins de 11 personnes suivies 6 mois'
    >>> safe_text("Guadeloupe (01) : 4 personnes", min_cell=11)
    'Guadeloupe (01) : moins de 11 personnes'
    """
    fewer = message("disclosure.fewer", language, count=min_cell)
    return _COUNT.sub(lambda found: fewer if 0 < int(found[1]) < min_cell else found[0], str(text))
