"""What the reader of a cohort must know: warnings and notes, each with its count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from evaluation.cohort._arrays import NEVER, UNKNOWN, date_of
from evaluation.cohort.extract import Extract, window_days
from evaluation.cohort.months import add_months
from evaluation.cohort.riskset import ELIGIBLE, Places, Strata
from evaluation.errors import Fault, warn
from evaluation.study import Study

_WARNED = ("EVAL-320", "EVAL-326")


def warn_pool(study: Study) -> list[Fault]:
    """Warn about the never-entered pool: it knows the future of the comparators."""
    if study.cohort.pool != "never_entered":
        return []
    return [warn("EVAL-320", stacklevel=4)]


def warn_programme(found: Mapping[str, tuple[int, int]]) -> list[Fault]:
    """Warn about definitions that count programme exits, which only entrants have at once."""
    return [
        warn("EVAL-326", stacklevel=4, preset=preset, entrants=entrants, comparators=others)
        for preset, (entrants, others) in found.items()
    ]


def rewarn(notes: Iterable[Fault]) -> None:
    """Emit again the warnings of a cohort that comes from the cache."""
    for note in notes:
        if note.code in _WARNED:
            warn(note.code, stacklevel=3, **note.data)


def imputation_note(filled: Iterable[Fault]) -> list[Fault]:
    """Return one note for all columns whose missing numbers were replaced (EVAL-323).

    Parameters
    ----------
    filled : iterable of Fault
        One a column, with ``column``, ``count`` and ``value``.

    Returns
    -------
    list of Fault
        None or one: columns and medians in the same order, ``count`` of all columns together.
    """
    faults = list(filled)
    if len(faults) < 2:
        return faults
    data = {
        "column": [fault.data["column"] for fault in faults],
        "count": sum(fault.data["count"] for fault in faults),
        "value": [f"{fault.data['value']:g}" for fault in faults],
    }
    return [Fault("EVAL-323", data)]


def build_notes(
    study: Study,
    extract: Extract,
    entrants: Places,
    comparators: Places,
    strata: Strata,
    observed: int,
) -> list[Fault]:
    """Return the notes of one cohort (several entries, empty strata, short curve or history)."""
    notes: list[Fault] = []
    several = int((extract.window_entries[entrants.person] > 1).sum())
    if several:
        later = int((extract.window_entries[entrants.person] - 1).sum())
        notes.append(Fault("EVAL-321", {"count": several, "entries": later}))
    notes += _empty_strata(entrants, comparators, strata, study)
    wanted = max(study.outcome.curve_months, study.outcome.horizon_months)
    if observed < wanted:
        notes.append(Fault("EVAL-324", {"observed": observed, "asked": wanted}))
    return notes + _short_history(study, extract)


def _empty_strata(
    entrants: Places, comparators: Places, strata: Strata, study: Study
) -> list[Fault]:  # fmt: skip
    classes = len(study.cohort.duration_classes)
    treated = entrants.pick(entrants.stage == ELIGIBLE)
    stratum = (treated.month - strata.months[0]) * classes + treated.group
    filled = np.unique((comparators.month - strata.months[0]) * classes + comparators.group)
    alone = ~np.isin(stratum, filled)
    if not alone.any():
        return []
    data = {"count": len(np.unique(stratum[alone])), "entrants": int(alone.sum())}
    return [Fault("EVAL-322", data)]


def _short_history(study: Study, extract: Extract) -> list[Fault]:
    """Note a register whose first hire comes after the history of the window's first day began."""
    first = int(extract.hires.start.min()) if len(extract.hires.start) else NEVER
    begin = window_days(study)[0] - study.cohort.anticipation_days
    needed = add_months(begin, -study.cohort.history_months)
    if UNKNOWN < first <= needed:
        return []
    shown = str(date_of(first)) if first < NEVER else "-"
    return [Fault("EVAL-325", {"first": shown, "needed": str(date_of(needed)),
                               "months": study.cohort.history_months})]  # fmt: skip
