"""A profile corrected by the study: other names, codes, constants, recodes, and tables.

In: the ``[register]`` table of a study. Out: the :class:`Profile` that reads its extracts. Refuses
a word that it does not know; must never open a register file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from evaluation.errors import Fault, nearest, refuse
from evaluation.register.dates import ORDERS, DateOrder
from evaluation.register.profile import DETAILED, PARTS, Profile, load_profile, word, words
from evaluation.register.schema import TABLES, Column, tables
from evaluation.register.transforms import Derivation
from evaluation.study import RegisterFiles

ACTIVITY = "activity"
_ACTIVITY_COLUMNS = ("person", "month", "hours")
# what is made alike whatever the extract calls the column
_ANY_NAME = ("date", "category")


def profile_of(study_files: RegisterFiles, file: str = "study.toml") -> Profile:
    """Return the profile of a study: the named one, those of single tables, the study's own words.

    Parameters
    ----------
    study_files : RegisterFiles
        The ``[register]`` table.
    file : str
        Name of the study file, for messages.

    Raises
    ------
    EvaluationError
        EVAL-201 and EVAL-202 as above; EVAL-224 a table, column or code of the study file that does
        not exist; EVAL-225 an option or choice that the profile does not have.
    """
    refuse(_unknown_words(study_files, file))
    profile = load_profile(study_files.profile)
    for table, name in study_files.profiles.items():
        profile = _take_table(profile, load_profile(name), table)
    profile = _choose(profile, study_files.options, file)
    for table, named in study_files.columns.items():
        profile = _named_by_study(profile, table, named)
    for table, translations in study_files.codes.items():
        profile = _coded_by_study(profile, table, translations, named=study_files.columns)
    constants = {t: dict(c) for t, c in profile.constants.items()}
    for table, values in study_files.constants.items():
        constants.setdefault(table, {}).update({c: word(v) for c, v in values.items()})
    asked = {table: frozenset(named) for table, named in study_files.columns.items()}
    return replace(profile, constants=constants, asked=asked)


def _named_by_study(profile: Profile, table: str, named: Mapping[str, str]) -> Profile:
    """Return the profile with the extract's own column names in the place of the profile's."""
    if table == ACTIVITY:
        return replace(profile, activity={**profile.activity, **named})
    columns = {**profile.columns.get(table, {}), **{c: (name,) for c, name in named.items()}}
    old = {
        source: name
        for column, name in named.items()
        for source in profile.columns.get(table, {}).get(column, (column,))
    }
    derive: dict[str, tuple[Derivation, ...]] = {}
    for column, ways in profile.derive.get(table, {}).items():
        moved = [replace(w, columns=tuple(old.get(c, c) for c in w.columns)) for w in ways]
        if column in named:
            # a named column is taken as it is, but for dates, categories and the study's recodes
            kept = [w for w in moved if w.columns[:1] == (named[column],)
                    and (w.transform in _ANY_NAME or w.required)]  # fmt: skip
            moved = kept[:1] or [Derivation("copy", (named[column],))]
        derive[column] = tuple(moved)
    return replace(
        profile,
        columns={**profile.columns, table: columns},
        derive={**profile.derive, table: derive},
        keep={t: old.get(c, c) if t == table else c for t, c in profile.keep.items()},
    )


def _coded_by_study(
    profile: Profile,
    table: str,
    translations: Mapping[str, Mapping[str, Any]],
    *,
    named: Mapping[str, Mapping[str, str]],
) -> Profile:
    """Return the profile with the study's own translations before those of the profile."""
    derive = dict(profile.derive.get(table, {}))
    for column, codes in translations.items():
        sources = profile.columns.get(table, {}).get(column, (column,))
        ways = derive.get(column) or tuple(Derivation("copy", (name,)) for name in sources)
        coded = [_coded(way, codes) for way in ways]
        # a column that the study names is already one that must be there
        if column not in named.get(table, {}):
            coded[0] = replace(coded[0], required=True)
        derive[column] = tuple(coded)
    return replace(profile, derive={**profile.derive, table: derive})


def _coded(way: Derivation, codes: Mapping[str, Any]) -> Derivation:
    """Return a derivation that knows the study's codes: factors of units, else values."""
    if way.transform != "unit":
        return replace(way, codes=words(dict(codes)))
    factors = {**way.options["factors"], **{k: v for k, v in codes.items() if v != ""}}
    empty = [*way.options.get("empty", []), *(k for k, v in codes.items() if v == "")]
    factors = {k: v for k, v in factors.items() if k not in empty}
    return replace(way, options={**way.options, "factors": factors, "empty": empty})


def _unknown_words(study_files: RegisterFiles, file: str) -> list[Fault]:
    faults: list[Fault] = []
    for part in ("columns", "constants", "codes"):
        for table, named in getattr(study_files, part).items():
            place = f"register.{part}.{table}"
            if table == ACTIVITY and part == "columns":
                faults += [_misspelt(file, f"{place}.{c}", c, _ACTIVITY_COLUMNS) for c in named
                           if c not in _ACTIVITY_COLUMNS]  # fmt: skip
                continue
            if table not in TABLES:
                faults.append(_misspelt(file, place, table, TABLES))
                continue
            columns = tables()[table].columns
            faults += [_misspelt(file, f"{place}.{c}", c, columns) for c in named
                       if c not in columns]  # fmt: skip
            if part == "codes":
                faults += _unknown_targets(file, place, columns, named)
    faults += [
        _misspelt(file, f"register.profiles.{table}", table, TABLES)
        for table in study_files.profiles if table not in TABLES
    ]  # fmt: skip
    return faults


def _unknown_targets(
    file: str, place: str, columns: Mapping[str, Column], named: Mapping[str, Mapping[str, Any]]
) -> list[Fault]:
    """Refuse translations into a code that the column does not have."""
    allowed = {c: ("true", "false") if columns[c].kind == "flag" else columns[c].codes
               for c in named if c in columns}  # fmt: skip
    return [
        _misspelt(file, f'{place}.{column}."{code}" = "{word(value)}"', word(value), codes)
        for column, codes in allowed.items() if codes
        for code, value in named[column].items() if value != "" and word(value) not in codes
    ]  # fmt: skip


def _misspelt(file: str, key: str, word: str, allowed: Iterable[str]) -> Fault:
    return Fault("EVAL-224", {"file": file, "key": key, "nearest": nearest(word, allowed)})


def _take_table(profile: Profile, other: Profile, table: str) -> Profile:
    """Return ``profile`` with one table read as ``other`` says."""
    changed: dict[str, Any] = {}
    for part in PARTS:
        mine = {t: v for t, v in getattr(profile, part).items() if t != table}
        theirs = getattr(other, part)
        changed[part] = {**mine, **({table: theirs[table]} if table in theirs else {})}
    changed["options"] = {**profile.options, **other.options}
    if table == "registrations":
        changed["activity"] = other.activity
    return replace(profile, **changed)


def _choose(profile: Profile, options: Mapping[str, str], file: str) -> Profile:
    """Return the profile with the study's options applied; the recode takes the column's place."""
    derive = {t: dict(d) for t, d in profile.derive.items()}
    known = ["dates", *profile.options]
    order: DateOrder | None = None
    faults: list[Fault] = []
    for option, asked in options.items():
        choices = ORDERS if option == "dates" else (DETAILED, *profile.options.get(option, {}))
        if option not in known:
            faults.append(_option(file, profile.name, option, nearest(option, known)))
        elif asked not in choices:
            said = f"{option} = {asked}"
            faults.append(_option(file, profile.name, said, ", ".join(choices)))
        elif option == "dates":
            order = next(o for o in ORDERS if o == asked)
        elif asked != DETAILED:
            choice = profile.options[option][asked]
            way = replace(choice.derivation, required=True)
            derive.setdefault(choice.table, {})[choice.column] = (way,)
    refuse(faults)
    return replace(profile, derive=derive, date_order=order)


def _option(file: str, profile: str, key: str, allowed: str) -> Fault:
    data = {"file": file, "profile": profile, "key": key, "allowed": allowed}
    return Fault("EVAL-225", data)
