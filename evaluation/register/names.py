"""Names of columns as people write them: case, accents, blanks and punctuation do not count.

In: a wanted name, the names of a file. Out: those that mean it. Must never know a value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def simple(name: str) -> str:
    """Return a name in lower case without accents, anything else than letters and digits as _.

    Examples
    --------
    >>> simple(" Date d'entrée AG "), simple("Département")
    ('date_d_entree_ag', 'departement')
    """
    folded = unicodedata.normalize("NFKD", name.casefold().replace("œ", "oe"))
    letters = "".join(c for c in folded if not unicodedata.combining(c))
    return re.sub(r"[^0-9a-z]+", "_", letters).strip("_")


def meaning(wanted: str, columns: Iterable[str]) -> list[str]:
    """Return the columns that bear a name: the very one, else all that are written alike.

    Examples
    --------
    >>> meaning("sexe", ["Sexe", "SEXE ", "sexe"]), meaning("naf", ["NAF", "Naf"])
    (['sexe'], ['NAF', 'Naf'])
    """
    present = list(columns)
    if wanted in present:
        return [wanted]
    return [column for column in present if simple(column) == simple(wanted)]
