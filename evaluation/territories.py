"""The 18 regions and 101 départements: codes, names, neighbours, places on the tile map.

In: nothing. Out: constants and look-ups on official INSEE codes (post-2016 regions), always
strings: region "01" and département "01" are different places. Must know nothing of the data.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from evaluation.errors import fail

Level = Literal["region", "department", "nation"]


@dataclass(frozen=True, slots=True)
class Region:
    """One region.

    Attributes
    ----------
    code : str
        INSEE code, two characters.
    name, name_en : str
        Name in French and in English.
    departments : tuple of str
        INSEE codes of its départements.
    neighbours : tuple of str
        Codes of the regions that share a land border.
    tile : tuple of int
        Column and row on the tile map, from the north-west.
    """

    code: str
    name: str
    name_en: str
    departments: tuple[str, ...]
    neighbours: tuple[str, ...]
    tile: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Territory:
    """A place that a study can be run for; ``key`` names its files (``24``, ``dep-52``)."""

    level: Level
    code: str
    name: str

    @property
    def key(self) -> str:
        """File stem: the region's code, ``dep-<code>`` or ``national``."""
        if self.level == "nation":
            return "national"
        return self.code if self.level == "region" else f"dep-{self.code}"

    @property
    def slug(self) -> str:
        """Lower-case ASCII name with hyphens."""
        return slugify(self.name)


def _region(
    code: str, name: str, name_en: str, deps: str, near: str, column: int, row: int
) -> Region:
    return Region(code, name, name_en, tuple(deps.split()), tuple(near.split()), (column, row))


REGIONS: dict[str, Region] = {
    region.code: region
    for region in (
        _region("01", "Guadeloupe", "Guadeloupe", "971", "", 0, 1),
        _region("02", "Martinique", "Martinique", "972", "", 0, 2),
        _region("03", "Guyane", "French Guiana", "973", "", 0, 3),
        _region("04", "La Réunion", "Réunion", "974", "", 0, 4),
        _region("06", "Mayotte", "Mayotte", "976", "", 0, 5),
        _region(
            "11", "Île-de-France", "Île-de-France", "75 77 78 91 92 93 94 95",
            "24 27 28 32 44", 4, 1,
        ),
        _region(
            "24", "Centre-Val de Loire", "Centre-Val de Loire", "18 28 36 37 41 45",
            "11 27 28 52 75 84", 4, 2,
        ),
        _region(
            "27", "Bourgogne-Franche-Comté", "Bourgogne-Franche-Comté",
            "21 25 39 58 70 71 89 90", "11 24 44 84", 5, 2,
        ),
        _region("28", "Normandie", "Normandy", "14 27 50 61 76", "11 24 32 52 53", 3, 1),
        _region("32", "Hauts-de-France", "Hauts-de-France", "02 59 60 62 80", "11 28 44", 4, 0),
        _region(
            "44", "Grand Est", "Grand Est", "08 10 51 52 54 55 57 67 68 88", "11 27 32", 5, 1,
        ),
        _region(
            "52", "Pays de la Loire", "Pays de la Loire", "44 49 53 72 85", "24 28 53 75", 3, 2,
        ),
        _region("53", "Bretagne", "Brittany", "22 29 35 56", "28 52", 2, 2),
        _region(
            "75", "Nouvelle-Aquitaine", "Nouvelle-Aquitaine",
            "16 17 19 23 24 33 40 47 64 79 86 87", "24 52 76 84", 3, 3,
        ),
        _region(
            "76", "Occitanie", "Occitania", "09 11 12 30 31 32 34 46 48 65 66 81 82",
            "75 84 93", 4, 4,
        ),
        _region(
            "84", "Auvergne-Rhône-Alpes", "Auvergne-Rhône-Alpes",
            "01 03 07 15 26 38 42 43 63 69 73 74", "24 27 75 76 93", 5, 3,
        ),
        _region(
            "93", "Provence-Alpes-Côte d’Azur", "Provence-Alpes-Côte d’Azur",
            "04 05 06 13 83 84", "76 84", 5, 4,
        ),
        _region("94", "Corse", "Corsica", "2A 2B", "", 6, 5),
    )
}  # fmt: skip

DEPARTMENTS: dict[str, str] = {
    "01": "Ain", "02": "Aisne", "03": "Allier", "04": "Alpes-de-Haute-Provence",
    "05": "Hautes-Alpes", "06": "Alpes-Maritimes", "07": "Ardèche", "08": "Ardennes",
    "09": "Ariège", "10": "Aube", "11": "Aude", "12": "Aveyron", "13": "Bouches-du-Rhône",
    "14": "Calvados", "15": "Cantal", "16": "Charente", "17": "Charente-Maritime", "18": "Cher",
    "19": "Corrèze", "21": "Côte-d’Or", "22": "Côtes-d’Armor", "23": "Creuse", "24": "Dordogne",
    "25": "Doubs", "26": "Drôme", "27": "Eure", "28": "Eure-et-Loir", "29": "Finistère",
    "2A": "Corse-du-Sud", "2B": "Haute-Corse", "30": "Gard", "31": "Haute-Garonne", "32": "Gers",
    "33": "Gironde", "34": "Hérault", "35": "Ille-et-Vilaine", "36": "Indre",
    "37": "Indre-et-Loire", "38": "Isère", "39": "Jura", "40": "Landes", "41": "Loir-et-Cher",
    "42": "Loire", "43": "Haute-Loire", "44": "Loire-Atlantique", "45": "Loiret", "46": "Lot",
    "47": "Lot-et-Garonne", "48": "Lozère", "49": "Maine-et-Loire", "50": "Manche", "51": "Marne",
    "52": "Haute-Marne", "53": "Mayenne", "54": "Meurthe-et-Moselle", "55": "Meuse",
    "56": "Morbihan", "57": "Moselle", "58": "Nièvre", "59": "Nord", "60": "Oise", "61": "Orne",
    "62": "Pas-de-Calais", "63": "Puy-de-Dôme", "64": "Pyrénées-Atlantiques",
    "65": "Hautes-Pyrénées", "66": "Pyrénées-Orientales", "67": "Bas-Rhin", "68": "Haut-Rhin",
    "69": "Rhône", "70": "Haute-Saône", "71": "Saône-et-Loire", "72": "Sarthe", "73": "Savoie",
    "74": "Haute-Savoie", "75": "Paris", "76": "Seine-Maritime", "77": "Seine-et-Marne",
    "78": "Yvelines", "79": "Deux-Sèvres", "80": "Somme", "81": "Tarn", "82": "Tarn-et-Garonne",
    "83": "Var", "84": "Vaucluse", "85": "Vendée", "86": "Vienne", "87": "Haute-Vienne",
    "88": "Vosges", "89": "Yonne", "90": "Territoire de Belfort", "91": "Essonne",
    "92": "Hauts-de-Seine", "93": "Seine-Saint-Denis", "94": "Val-de-Marne", "95": "Val-d’Oise",
    "971": "Guadeloupe", "972": "Martinique", "973": "Guyane", "974": "La Réunion",
    "976": "Mayotte",
}  # fmt: skip

REGION_OF: dict[str, str] = {
    department: region.code for region in REGIONS.values() for department in region.departments
}

NATION = Territory("nation", "FR", "France")


def territory(*, region: object = "", department: object = "") -> Territory:
    """Return the territory of a code; exactly one of the two codes is given, as a string.

    Raises
    ------
    EvaluationError
        EVAL-110 when both or neither are given, EVAL-111 when the code is no string (papermill's
        ``-p region 01`` arrives as the integer 1), EVAL-112 when the code does not exist.
    """
    level: Level = "department" if department not in ("", None) else "region"
    if (region not in ("", None)) == (department not in ("", None)):
        fail("EVAL-110")
    code = department if level == "department" else region
    if not isinstance(code, str):
        fail("EVAL-111", parameter=level, value=repr(code))
    names = DEPARTMENTS if level == "department" else {r.code: r.name for r in REGIONS.values()}
    if code not in names:
        fail("EVAL-112", parameter=level, value=code, allowed=_near(code, names))
    return Territory(level, code, names[code])


def _near(code: str, codes: Iterable[str]) -> list[str]:
    """Return the zero-padded code if it exists, else those that start alike, else all."""
    known = list(codes)
    padded = code.zfill(2)
    alike = [other for other in known if code and other[0] == code[0]]
    return [padded] if padded in known else alike or known


def slugify(name: str) -> str:
    """Return ``name`` in lower-case ASCII letters, digits and hyphens.

    Examples
    --------
    >>> slugify("Provence-Alpes-Côte d’Azur")
    'provence-alpes-cote-d-azur'
    """
    spaced = unicodedata.normalize("NFKD", name.replace("’", " ").replace("'", " "))
    plain = spaced.encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())
