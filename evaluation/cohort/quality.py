"""How many hires of the outcome window each cleaning rule and each definition's cut touches."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import UNKNOWN, Bools, owners
from evaluation.cohort.contracts import Ledger
from evaluation.cohort.extract import Extract, Hires
from evaluation.cohort.frame import Rows
from evaluation.cohort.levels import CDI
from evaluation.cohort.months import add_months_each
from evaluation.cohort.outcomes import count_flagged, first_month
from evaluation.cohort.presets import PRESETS, near_cut, used_presets
from evaluation.study import Study

ARMS: Final = ("entrants", "comparators")


def hire_quality(study: Study, extract: Extract, ledger: Ledger, rows: Rows) -> dict[str, Any]:
    """Return counts and shares of the hires between index date and horizon, by arm.

    Parameters
    ----------
    study : Study
        Gives the horizon and the definitions.
    extract : Extract
    ledger : Ledger
    rows : Rows
        Of the frame; a hire counts once for each row whose horizon holds it, unweighted.

    Returns
    -------
    dict
        ``{"entrants" | "comparators": {"hires": n, "cancelled": touched, "missing_end": …,
        "chained": …, "duplicates": …, "near_cut": {preset: touched}},
        "definitions": {preset: version}}`` where ``touched`` is ``{"count", "share",
        "persons"}``: hires, share of the declared hires (for ``cancelled`` the cancelled ones
        included; 0 where there is none), persons they belong to. ``duplicates`` repeat another
        hire in person, day, type, end and employer under another contract number; rows that repeat
        the number itself are dropped with the register and counted in its own quality report.
    """
    hires, off = extract.hires, extract.cancelled
    flags = {
        "missing_end": (hires.end == UNKNOWN) & (hires.kind != CDI),
        "chained": ledger.chained,
        "duplicates": repeated(hires),
    }
    near = {p: near_cut(ledger.judged, PRESETS[p]) for p in used_presets(study)}
    count = _Counter(study, rows)
    declared, _ = count(hires, np.ones(len(hires.start), dtype=np.bool_))
    lost = count(off, np.ones(len(off.start), dtype=np.bool_))
    touched = {name: count(hires, flag) for name, flag in flags.items()}
    close = {name: count(hires, flag) for name, flag in near.items()}
    found: dict[str, Any] = {
        arm: {
            "hires": declared[a],
            "cancelled": _touched(lost, a, declared[a] + lost[0][a]),
            **{name: _touched(counts, a, declared[a]) for name, counts in touched.items()},
            "near_cut": {p: _touched(counts, a, declared[a]) for p, counts in close.items()},
        }
        for a, arm in enumerate(ARMS)
    }
    return {**found, "definitions": {p: PRESETS[p].version for p in used_presets(study)}}


def repeated(hires: Hires) -> Bools:
    """Return which hires (n) repeat the one before them in everything a definition looks at.

    Hires are sorted by person, day, end, type and employer, so that repetitions are neighbours.
    """
    same = np.zeros(len(hires.start), dtype=np.bool_)
    person = owners(hires.ptr)
    same[1:] = person[1:] == person[:-1]
    for column in (hires.start, hires.end, hires.kind, hires.employer):
        same[1:] &= column[1:] == column[:-1]
    return same


def programme_only(study: Study, ledger: Ledger, rows: Rows) -> dict[str, tuple[int, int]]:
    """Return, for each definition that counts programme exits, the rows that rest on them alone.

    Returns
    -------
    dict
        ``{preset: (entrants, comparators)}``: rows with the outcome at the horizon that would not
        have it without programme exits.
    """
    found: dict[str, tuple[int, int]] = {}
    horizon = study.outcome.horizon_months
    for preset in used_presets(study):
        if PRESETS[preset].programme:
            reached, without = (
                first_month(rows.places.person, rows.places.day, events, horizon) > 0
                for events in (ledger.events(preset), ledger.events(preset, programme=False))
            )
            only = reached & ~without
            own = int((only & (rows.treated == 1)).sum())
            found[preset] = (own, int(only.sum()) - own)
    return found


_Counts = tuple[tuple[int, int], tuple[int, int]]


class _Counter:
    """Counts flagged hires in each row's horizon: hires and persons, entrants and comparators."""

    def __init__(self, study: Study, rows: Rows) -> None:
        self.rows = rows
        self.until = add_months_each(rows.places.day, study.outcome.horizon_months)

    def __call__(self, hires: Hires, flag: Bools) -> _Counts:
        rows = self.rows
        if not flag.any():
            return (0, 0), (0, 0)
        found: NDArray[np.int64] = count_flagged(
            rows.places.person, rows.places.day, self.until, hires.ptr, hires.start, flag
        )
        arms = [rows.treated == 1, rows.treated == 0]
        counts = [int(found[arm].sum()) for arm in arms]
        people = [len(np.unique(rows.places.person[arm & (found > 0)])) for arm in arms]
        return (counts[0], counts[1]), (people[0], people[1])


def _touched(counts: _Counts, arm: int, total: int) -> dict[str, float]:
    count, persons = counts[0][arm], counts[1][arm]
    return {"count": count, "share": count / total if total else 0.0, "persons": persons}
