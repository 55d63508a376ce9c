"""The codebook ``data/codebook.md``, in both languages, made from the schemas.

In: the declarations. Out: Markdown. Run ``python -m evaluation.register.codebook`` to print it;
a test holds the file to it. Must never know a register file.
"""

from __future__ import annotations

from evaluation.register.profile import Choice, Profile, load_profile, profiles
from evaluation.register.schema import TABLES, Column, Table, TableName, code_lists, tables

_TYPES = {
    "identifier": "identifiant / identifier",
    "text": "texte / text",
    "date": "date",
    "flag": "booléen / boolean",
}
_INTRODUCTION = """\
# Dictionnaire des données / Codebook

Les trois tables d'un registre, colonne par colonne, puis les listes de codes. Une colonne
facultative peut être absente du fichier ; « vide » dit si une valeur peut manquer. Les dates
s'écrivent AAAA-MM-JJ ou JJ/MM/AAAA ; les booléens true/false, 1/0, O/N, oui/non ou yes/no ; les
mots NA, N/A, NULL, NaN et « . » valent une case vide.

The three tables of a register, column by column, then the code lists. An optional column may be
absent from the file; "vide" (empty) says whether a value may be missing. Dates are written
YYYY-MM-DD or DD/MM/YYYY; booleans true/false, 1/0, O/N, oui/non or yes/no; the words NA, N/A,
NULL, NaN and "." count as an empty cell.

Ce fichier est produit par `python -m evaluation.register.codebook` ; un test le tient à jour.
/ This file is made by that command; a test keeps it true.
"""

_PROFILES = """\
## Profils / Profiles

Noms et codes attendus par `[register] profile`, table par table (ce qui n'y figure pas porte le nom
et les codes du toolkit) ; le premier nom présent l'emporte ; la casse, les accents et les blancs ne
comptent pas. Un fichier d'étude les corrige : voir [README.md](README.md). Ce qu'aucune liste
publique ne donne est marqué ASSUMED dans les fichiers `evaluation/register/profiles/*.toml`.

Names and codes that `[register] profile` expects, table by table (anything else has the toolkit's
own name and codes); the first name present is taken; case, accents and blanks do not count. A study
file corrects them: see [README.md](README.md). What no public list gives is marked ASSUMED in
`evaluation/register/profiles/*.toml`.
"""
_RECODES = """\
## Regroupements / Recodes

Sans option, chaque code est gardé. / Without an option every code is kept: `detailed`.

| [register.options] | groupe / group | codes |
|---|---|---|"""


def codebook() -> str:
    """Return the whole codebook as Markdown, lines ended by a line feed."""
    parts = [_INTRODUCTION, *(_table(tables()[name]) for name in TABLES)]
    parts += ["## Codes\n", *(_codes(name) for name in _used())]
    parts += [_PROFILES, *(_profile(name) for name in profiles() if name != "toolkit")]
    parts += [_RECODES, *(_recode(*each) for each in _options())]
    return "\n".join(parts) + "\n"


def _table(table: Table) -> str:
    head = (
        "| colonne / column | type | obligatoire / required | vide / empty | valeurs / values "
        "| français | English |"
    )
    rows = "\n".join(_row(column) for column in table.columns.values())
    return (
        f"## {table.name} : {table.labels[0]} / {table.labels[1]}\n\n"
        f"{table.rows[0].capitalize()}. / {table.rows[1].capitalize()}.\n\n"
        f"{head}\n|{'---|' * 7}\n{rows}\n"
    )


def _row(column: Column) -> str:
    kind = "code" if column.kind == "code" else _TYPES.get(column.kind, column.kind)
    cells = [
        f"`{column.name}`", kind, _yes(column.required), _yes(column.nullable), _values(column),
        _with_unit(column, 0), _with_unit(column, 1),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _yes(answer: bool) -> str:
    return "oui / yes" if answer else "non / no"


def _with_unit(column: Column, language: int) -> str:
    unit = column.units[language]
    return f"{column.labels[language]} ({unit})" if unit else column.labels[language]


def _values(column: Column) -> str:
    if column.codes:
        name = next(n for n, codes in code_lists().items() if codes == column.codes)
        return f"[{name}](#{name})"
    if column.pattern:
        return f"`{column.pattern}`"
    if column.low or column.high:
        return f"{_bound(column.low)} … {_bound(column.high)}"
    return ""


def _bound(text: str) -> str:
    if text.startswith("extraction_year"):
        return f"`{text}`"
    return "`extraction_date`" if text == "extraction" else text


def _used() -> list[str]:
    used = [c.codes for table in tables().values() for c in table.columns.values() if c.codes]
    return [name for name, codes in code_lists().items() if codes in used]


def _codes(name: str) -> str:
    rows = "\n".join(f"| `{c}` | {fr} | {en} |" for c, (fr, en) in code_lists()[name].items())
    return f"### {name}\n\n| code | français | English |\n|---|---|---|\n{rows}\n{_mapped(name)}"


def _mapped(name: str) -> str:
    """Say which other codes the toolkit's own profile accepts."""
    profile = load_profile("toolkit")
    lines = [
        f"\nTraduits et comptés / mapped and counted: "
        f"{', '.join(f'`{k}` → `{v}`' for k, v in codes.items())}.\n"
        for columns in profile.codes.values()
        for column, codes in columns.items()
        if column == name
    ]
    return "".join(lines)


def _profile(name: str) -> str:
    profile = load_profile(name)
    head = "| table | colonne / column | extrait / extract | codes |\n|---|---|---|---|"
    rows = [
        f"| {table} | `{column}` | {' / '.join(f'`{n}`' for n in _sources(profile, table, column))}"
        f" | {_translations(profile, table, column)} |"
        for table in TABLES
        for column in tables()[table].columns
        if column in profile.columns.get(table, {}) or column in profile.derive.get(table, {})
    ]
    french, english = profile.labels
    return f"### {name}\n\n{french}. / {english}.\n\n{head}\n" + "\n".join(rows) + "\n"


def _sources(profile: Profile, table: TableName, column: str) -> list[str]:
    """Return the names that a column may have in the extract, those it is derived from first."""
    ways = profile.derive.get(table, {}).get(column, ())
    derived = [" + ".join(c for c in way.columns if c[0] != "@") for way in ways]
    direct = profile.columns.get(table, {}).get(column, ())
    return [n for n in dict.fromkeys([*derived, *direct]) if n]


def _translations(profile: Profile, table: TableName, column: str) -> str:
    """Return what codes and units become, as declared."""
    pairs = dict(profile.code_map(table, column))
    for way in profile.derive.get(table, {}).get(column, ()):
        pairs |= {str(k): str(v) for k, v in way.options.get("codes", {}).items()}
        pairs |= {str(k): f"× {v}" for k, v in way.options.get("factors", {}).items()}
        pairs |= {str(k): "∅" for k in way.options.get("empty", [])}
        pairs |= {
            str(k): str(word) for word in ("true", "false") for k in way.options.get(word, [])
        }
    return ", ".join(f"`{k}` → {v}" for k, v in pairs.items())


def _options() -> list[tuple[str, str, Choice]]:
    found = load_profile("fhs").options
    return [(option, c, choice) for option, cs in found.items() for c, choice in cs.items()]


def _recode(option: str, name: str, choice: Choice) -> str:
    groups: dict[str, list[str]] = {}
    for code, group in choice.derivation.options["codes"].items():
        words = str(code).split(" ")
        shown = " + ".join(f"`{w}`" if w else "∅" for w in words)
        groups.setdefault(str(group), []).append(shown)
    cells = "; ".join(f"`{group}`: {', '.join(codes)}" for group, codes in groups.items())
    return f'| `{option} = "{name}"` | {choice.labels[0]} / {choice.labels[1]} | {cells} |'


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write(codebook().encode())
