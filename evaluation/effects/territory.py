"""`estimate_territory`: every estimate of one territory, gathered into its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluation.cohort.types import Cohort
from evaluation.effects.bands import bands_of
from evaluation.effects.describe import balance_part, flow_part, overlap_part, raw_part, study_part
from evaluation.effects.effect import Effect
from evaluation.effects.estimates import TerritoryEstimates, plain
from evaluation.effects.estimation import estimate_columns
from evaluation.effects.moments import arms_of
from evaluation.effects.placebo import Rematch, estimate_placebo
from evaluation.effects.power import minimum_detectable
from evaluation.effects.record import (
    curve_of,
    empty_method,
    headline_of,
    method_of,
    points_of,
    siblings,
    subgroup_of,
    warnings_of,
)
from evaluation.effects.robustness import sensitivity_part
from evaluation.effects.subgroups import estimate_subgroups
from evaluation.effects.types import MatchedSet
from evaluation.errors import EvaluationError, Fault, warn
from evaluation.verdict import grade

SCHEMA_VERSION = 1


def estimate_territory(
    cohort: Cohort,
    *,
    matched: MatchedSet,
    effect: Effect,
    rematch: Rematch,
    run_method: Callable[[str], MatchedSet],
) -> TerritoryEstimates:
    """Estimate everything that a territory's report holds.

    Parameters
    ----------
    cohort : Cohort
        Rows, frozen covariates and outcomes of the territory.
    matched : Matched
        The headline comparison on ``cohort.frame``.
    effect : Effect
        Its effect on the headline outcome.
    rematch : callable
        ``(frame, covariates) -> Matched``: the headline's matching on other rows, for the placebo.
    run_method : callable
        ``name -> Matched``: another method of ``effects.compare_methods`` on the cohort.

    Returns
    -------
    TerritoryEstimates
        ``.record`` holds the keys of the published results, unrounded and unprotected.

    Raises
    ------
    EvaluationError
        EVAL-5xx; a secondary method, placebo or sensitivity analysis that fails is a warning.
    """
    notes = [*cohort.notes, *matched.notes, *effect.notes]
    if censors(cohort):
        notes.append(warn("EVAL-532"))
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "territory": {
            "level": cohort.territory.level,
            "code": cohort.territory.code,
            "name": cohort.territory.name,
        },
        "study": study_part(cohort, matched),
        "flow": flow_part(cohort, matched),
        "headline": headline_of(effect, minimum_detectable=_detectable(effect)),
        "raw": raw_part(cohort, matched),
        "curve": _curve(cohort, matched),
        "balance": balance_part(cohort, matched, notes),
        "overlap": overlap_part(matched, notes),
        "placebo": _placebo(cohort, rematch, notes),
        "methods": _methods(cohort, effect, run_method, notes),
        "sensitivity": sensitivity_part(cohort, matched, effect, notes),
        "subgroups": _subgroups(cohort, matched, notes),
        "monitoring": {},
        "warnings": warnings_of(notes, cohort.study.language),
    }
    record = plain(record)
    record["verdict"] = grade(record).to_dict(cohort.study.language)
    return TerritoryEstimates(record, cohort.study, effect)


def censors(cohort: Cohort) -> bool:
    """Return whether the study asks for the effect of entering now rather than not at all."""
    return cohort.study.cohort.pool == "censored_at_entry"


def _detectable(effect: Effect) -> float | None:
    points = effect.points
    if points is None or points.se is None:
        return None
    return minimum_detectable(points.se, level=effect.level)


def _curve(cohort: Cohort, matched: MatchedSet) -> list[dict[str, Any]]:
    stem = cohort.outcome.rpartition("_")[0]
    last = min(cohort.study.outcome.curve_months, cohort.months_observed)
    names = {k: f"{stem}_{k}m" for k in range(1, last + 1) if f"{stem}_{k}m" in cohort.frame}
    if not names:
        return []
    rules = cohort.study.effects
    effects = estimate_columns(
        matched, list(names.values()), variance=rules.variance, level=rules.level,
        seed=cohort.study.run.seed, frame=cohort.frame, strict=False, censored=censors(cohort),
    )  # fmt: skip
    by_month = {month: effects[name] for month, name in names.items()}
    bands = bands_of(by_month, arms_of(matched), level=rules.level, seed=cohort.study.run.seed)
    return curve_of(by_month, bands)


def _placebo(cohort: Cohort, rematch: Rematch, notes: list[Fault]) -> dict[str, Any]:
    rules = cohort.study.effects
    effect, found = estimate_placebo(
        cohort, rematch, variance=rules.variance, seed=cohort.study.run.seed
    )
    notes += found
    if effect is None:
        nothing = dict.fromkeys(("estimate", "low", "high", "se", "p_value"))
        return {"effect_points": {**nothing, "withheld": "failed"}}
    return {"effect_points": points_of(effect, test=True), **siblings(effect)}


def _methods(
    cohort: Cohort, effect: Effect, run_method: Callable[[str], MatchedSet], notes: list[Fault]
) -> list[dict[str, Any]]:
    rows = [method_of(effect, headline=True)]
    for name in cohort.study.effects.compare_methods:
        if name == effect.method:
            continue
        try:
            # A variance named for the headline may be illegal for another family.
            other = estimate_columns(
                run_method(name), [effect.outcome], level=effect.level,
                seed=cohort.study.run.seed, frame=cohort.frame, strict=False,
                censored=censors(cohort),
            )[effect.outcome]  # fmt: skip
            rows.append(method_of(other, headline=False))
        except EvaluationError as error:
            notes.append(warn("EVAL-521", method=name, reason=error.code))
            rows.append(empty_method(name, "failed"))
    return rows


def _subgroups(cohort: Cohort, matched: MatchedSet, notes: list[Fault]) -> list[dict[str, Any]]:
    wanted = list(cohort.study.effects.subgroups)
    known = [name for name in wanted if name in cohort.frame]
    notes += [warn("EVAL-522", column=name) for name in wanted if name not in known]
    groups = estimate_subgroups(matched, cohort.outcome, known, frame=cohort.frame)
    return [subgroup_of(group, level=cohort.study.effects.level) for group in groups]
