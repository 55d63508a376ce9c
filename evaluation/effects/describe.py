"""The parts of the record that describe rather than estimate: study, flow, raw gap, balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.cohort.types import Cohort
from evaluation.effects.moments import arms_of, kish
from evaluation.effects.types import MatchedSet
from evaluation.errors import EvaluationError, Fault, warn


def study_part(cohort: Cohort, matched: MatchedSet) -> dict[str, Any]:
    """Return which study this is, with the territory's own parameters."""
    study = cohort.study
    deviations = study.deviations.get(cohort.territory.key, {})
    return {
        "name": study.name,
        "title": study.title,
        "contact": study.study.contact,
        "language": study.language,
        "entry_window": [day.isoformat() for day in study.cohort.entry_window],
        "extraction_date": study.files.extraction_date.isoformat(),
        "outcome": study.outcome.preset,
        "horizon_months": study.outcome.horizon_months,
        "method": matched.method,
        "estimand": matched.estimand,
        "deviations": [f"{key} = {value}" for key, value in sorted(deviations.items())],
        "parameters_sha256": study.sha256,
    }


def flow_part(cohort: Cohort, matched: MatchedSet) -> dict[str, Any]:
    """Return who was followed from the entries to the matched set; comparators are rows."""
    arms = arms_of(matched)
    used = arms.used & ~arms.treated
    entrants = int((arms.used & arms.treated).sum())
    later = 0
    if "enters_within_horizon" in cohort.frame:
        later = int(cohort.frame["enters_within_horizon"].to_numpy()[used].sum())
    flow = cohort.flow.to_dict()
    eligible = int(flow["eligible"])
    return {
        "entrants": int(flow["entrants"]),
        "eligible": eligible,
        "matched": entrants,
        "comparators_available": int(flow["comparators_available"]),
        "comparators_used": int(used.sum()),
        "comparators_enter_later": later,
        "effective_comparators": kish(arms.weights[used], arms.person[used]),
        "lost_share": 1 - entrants / eligible if eligible else 1.0,
        "steps": flow["steps"],
        "support": {"comparators_persons": len(np.unique(arms.person[used]))},
    }


def raw_part(cohort: Cohort, matched: MatchedSet) -> dict[str, Any]:
    """Return the gap before matching: entrants against everybody else of the cohort."""
    outcome = cohort.frame[cohort.outcome].to_numpy(dtype=float)
    treated = np.asarray(matched.problem.treated, dtype=bool)
    weight = cohort.frame["sampling_weight"].to_numpy(dtype=float)[~treated]
    entrants = 100 * float(outcome[treated].mean())
    others = 100 * float(np.sum(weight * outcome[~treated]) / np.sum(weight))
    return {
        "rate_entrants": entrants,
        "rate_others": others,
        "difference_points": entrants - others,
        "support": {
            "entrants": int(treated.sum()),
            "comparators": int((~treated).sum()),
            "events_entrants": int(outcome[treated].sum()),
            "events_comparators": int(outcome[~treated].sum()),
        },
    }


def balance_part(cohort: Cohort, matched: MatchedSet, notes: list[Fault]) -> dict[str, Any]:
    """Return the balance of every covariate of the study's blocks, or nulls with a note."""
    from evaluation.diagnostics import balance_of

    columns = cohort.covariates(cohort.study.matching.blocks)
    try:
        balance = balance_of(matched, frame=cohort.frame, columns=columns)
    except EvaluationError as error:
        notes.append(warn("EVAL-527", method=matched.method, reason=error.code))
        return {"max_abs_smd": None, "mean_abs_smd": None, "share_below_0_1": None, "rows": []}
    return {
        "max_abs_smd": float(balance.max_abs_smd),
        "mean_abs_smd": float(balance.mean_abs_smd),
        "share_below_0_1": float(balance.share_below(0.1)),
        "rows": [_balance_row(row, cohort) for row in balance.frame.to_dict("records")],
    }


def _balance_row(row: Mapping[Any, Any], cohort: Cohort) -> dict[str, Any]:
    variable = cohort.variables.get(str(row["covariate"]))
    level = row["level"]
    return {
        "covariate": str(row["covariate"]),
        "level": "" if level is None or level != level else str(level),
        "block": variable.block if variable else None,
        "smd_before": _number(row["smd_before"]),
        "smd_after": _number(row["smd_after"]),
        "variance_ratio": _number(row.get("variance_ratio_after")),
        "ecdf_max": _number(row.get("ecdf_max_after")),
        "support": {"entrants": _count(row.get("count_treated")),
                    "comparators": _count(row.get("count_comparison"))},
        "means": {
            "treated": _number(row["mean_treated"]),
            "comparison_before": _number(row["mean_comparison_before"]),
            "comparison_after": _number(row["mean_comparison_after"]),
            "sd_treated": _number(row["sd_treated"]),
        },
    }  # fmt: skip


def overlap_part(matched: MatchedSet, notes: list[Fault]) -> dict[str, Any]:
    """Return overlap of the scores and the share of entrants outside the common support."""
    from evaluation.diagnostics import overlap_of

    try:
        overlap = overlap_of(matched)
    except EvaluationError as error:
        notes.append(warn("EVAL-527", method=matched.method, reason=error.code))
        return {"coefficient": None, "share_outside": None}
    return {
        "coefficient": _number(overlap.coefficient),
        "share_outside": _number(overlap.share_outside),
    }


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _count(value: Any) -> int | None:
    return None if value is None or value != value else int(value)
