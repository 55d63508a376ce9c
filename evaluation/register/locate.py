"""Which files a table is made of: paths and patterns of the study file, resolved.

In: the study. Out: existing files by table, or a fault that names the pattern and what lies near.
Folders may hold brackets, quotes, spaces and accents. Must never open a file.
"""

from __future__ import annotations

import difflib
import glob
from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import Fault
from evaluation.register.schema import TABLES, TableName
from evaluation.study import Study


def locate(study: Study) -> tuple[dict[TableName, tuple[Path, ...]], list[Fault]]:
    """Return the files of each table, in the order of their names, and what is missing.

    Returns
    -------
    files : dict
        ``{table: paths}``; a table without file has an empty tuple.
    faults : list of Fault
        EVAL-203 a pattern that no file matches; EVAL-250 a history table is named.
    """
    _, absent = locate_activity(study)
    files: dict[TableName, tuple[Path, ...]] = {}
    faults: list[Fault] = []
    for table in TABLES:
        pattern: str = getattr(study.files, table)
        files[table] = matching(study.folder, pattern)
        if not files[table]:
            faults.append(_missing(study.folder, table, pattern))
    faults += absent
    if study.files.history:
        faults.append(Fault("EVAL-250", {"file": study.files.history}))
    return files, faults


def locate_activity(study: Study) -> tuple[tuple[Path, ...], list[Fault]]:
    """Return the files of monthly activity (none when the study names none), and EVAL-203."""
    pattern = study.files.activity
    found = matching(study.folder, pattern)
    if pattern and not found:
        return (), [_missing(study.folder, "activity", pattern)]
    return found, []


def matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Return the files that ``pattern`` names, seen from ``folder``, sorted by path.

    A pattern that is itself the name of a file is that file, whatever characters it holds.
    """
    if not pattern.strip():
        return ()
    literal = folder / pattern
    if literal.is_file():
        return (literal.resolve(),)
    found = glob.glob(_pattern(folder, pattern), recursive=True)
    return tuple(sorted({Path(f).resolve() for f in found if Path(f).is_file()}, key=str))


def shown_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return what messages call each file: its name, with its folders where two share the name.

    Examples
    --------
    >>> list(shown_names([Path("Reg22/de.csv"), Path("Reg24/de.csv"), Path("x/e0.csv")]).values())
    ['Reg22/de.csv', 'Reg24/de.csv', 'e0.csv']
    """
    shown = {path: path.name for path in paths}
    deepest = max((len(path.parts) for path in paths), default=1)
    for depth in range(2, deepest + 1):
        names = list(shown.values())
        shown = {
            path: "/".join(path.parts[-depth:]) if names.count(name) > 1 else name
            for path, name in shown.items()
        }
    return shown


def _pattern(folder: Path, pattern: str) -> str:
    if Path(pattern).is_absolute():
        return pattern
    return f"{glob.escape(str(folder))}/{pattern}"


def _missing(folder: Path, table: str, pattern: str) -> Fault:
    place = (folder / pattern).parent
    while any(character in str(place) for character in "*?") and not place.is_dir():
        place = place.parent
    present = sorted(f.name for f in place.iterdir() if f.is_file()) if place.is_dir() else []
    wanted = Path(pattern).name
    near = difflib.get_close_matches(wanted, present, n=5, cutoff=0.4)
    near += [f for f in present if table[:5] in f.lower() and f not in near]
    data = {"table": table, "pattern": pattern, "folder": place.name, "near": near or present[:5]}
    return Fault("EVAL-203", data)
