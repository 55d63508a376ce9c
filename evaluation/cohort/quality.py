"""How many hires of the outcome window each cleaning rule and each definition's cut touches."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.cohort._arrays import UNKNOWN, Bools
from evaluation.cohort.contracts import Ledger
from evaluation.cohort.durability import PRESETS, near_cut
from evaluation.cohort.extract import Extract, Hires
from evaluation.cohort.frame import Rows
from evaluation.cohort.levels import CDI
from evaluation.cohort.months import add_months_each
from evaluation.cohort.outcomes import count_flagged
from evaluation.cohort.variables import sensitivity_presets
from evaluation.study import Study


def hire_quality(study: Study, extract: Extract, ledger: Ledger, rows: Rows) -> dict[str, Any]:
    """Return counts and shares of the hires between index date and horizon, by arm.

    Returns
    -------
    dict
        ``{"entrants" | "comparators": {"hires": n, "cancelled": {"count", "share"},
        "missing_end": …, "chained": …, "near_cut": {preset: {"count", "share"}}}}``; rows of the
        frame, unweighted; shares of the declared hires (cancelled ones included for
        ``cancelled`` alone), 0 where there is none.
    """
    until = add_months_each(rows.places.day, study.outcome.horizon_months)
    presets = [study.outcome.preset, *sensitivity_presets(study)]
    hires = extract.hires
    every = np.ones(len(hires.start), dtype=np.bool_)
    missing = (hires.end == UNKNOWN) & (hires.kind != CDI)
    near = {p: near_cut(ledger.judged, PRESETS[p]) for p in presets}

    def counts(source: Hires, flag: Bools) -> tuple[int, int]:
        found = count_flagged(
            rows.places.person, rows.places.day, until, source.ptr, source.start, flag
        )
        return int(found[rows.treated == 1].sum()), int(found[rows.treated == 0].sum())

    declared = counts(hires, every)
    lost = counts(extract.cancelled, np.ones(len(extract.cancelled.start), dtype=np.bool_))
    touched = {"missing_end": counts(hires, missing), "chained": counts(hires, ledger.chained)}
    close = {p: counts(hires, flag) for p, flag in near.items()}
    return {
        arm: {
            "hires": declared[a],
            "cancelled": _share(lost[a], declared[a] + lost[a]),
            **{name: _share(found[a], declared[a]) for name, found in touched.items()},
            "near_cut": {p: _share(found[a], declared[a]) for p, found in close.items()},
        }
        for a, arm in enumerate(("entrants", "comparators"))
    }


def _share(count: int, total: int) -> dict[str, float]:
    return {"count": count, "share": count / total if total else 0.0}
