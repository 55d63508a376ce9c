"""The sensitivity part of the record: hidden confounders and other outcome definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.cohort.types import Cohort
from evaluation.effects.confounder import Strength, confounder_like, omitted_bias
from evaluation.effects.effect import Effect
from evaluation.effects.estimation import estimate_columns
from evaluation.effects.intervals import quantile
from evaluation.effects.moments import arms_of
from evaluation.effects.record import points_of, siblings
from evaluation.effects.sensitivity import e_value, rosenbaum_gamma
from evaluation.effects.types import MatchedSet
from evaluation.errors import Fault, warn

BENCHMARK = "rsa"
BENCHMARKS = ("rsa", "disabled", "durable_hires_24", "months_since_last_job")


def sensitivity_part(
    cohort: Cohort, matched: MatchedSet, effect: Effect, notes: list[Fault]
) -> dict[str, Any]:
    """Return Rosenbaum's gamma, the E-value, the hidden-confounder bound and other definitions."""
    return {
        "rosenbaum_gamma": _rosenbaum(cohort, matched, effect),
        "e_value": _e_value(effect),
        "hidden_confounder": _hidden(cohort, matched, effect, notes),
        "hidden_confounders": _hidden_grid(cohort, matched, effect),
        "definitions": _definitions(cohort, matched, effect),
    }


def _rosenbaum(cohort: Cohort, matched: MatchedSet, effect: Effect) -> float | None:
    if matched.family != "sets" or not effect.is_binary:
        return None
    outcome = cohort.frame[effect.outcome].to_numpy(dtype=float)
    return rosenbaum_gamma(outcome, arms_of(matched), level=effect.level)


def _e_value(effect: Effect) -> float | None:
    if effect.uplift.estimate is None or effect.uplift.estimate <= -100:
        return None
    return e_value(1 + effect.uplift.estimate / 100)


def _hidden(
    cohort: Cohort, matched: MatchedSet, effect: Effect, notes: list[Fault]
) -> dict[str, Any]:
    nothing = {"benchmark": BENCHMARK, "effect_points": dict.fromkeys(("estimate", "low", "high"))}
    points = effect.points
    if BENCHMARK not in cohort.frame or points is None or points.se is None:
        notes.append(warn("EVAL-525", analysis="hidden_confounder", reason=BENCHMARK))
        return nothing
    strength = benchmark_of(cohort, matched, effect.outcome)
    if strength is None:
        notes.append(warn("EVAL-525", analysis="hidden_confounder", reason=BENCHMARK))
        return nothing
    bias = hidden_bias(cohort, matched, effect, strength)
    return {"benchmark": BENCHMARK, "effect_points": shifted(effect, bias)}


def _hidden_grid(cohort: Cohort, matched: MatchedSet, effect: Effect) -> list[dict[str, Any]]:
    """Return the effect moved both ways by a confounder like each named covariate that varies."""
    if effect.points is None or effect.points.se is None:
        return []
    rows = []
    for name in BENCHMARKS:
        if name not in cohort.frame:
            continue
        strength = benchmark_of(cohort, matched, effect.outcome, name=name)
        if strength is None:
            continue
        bias = hidden_bias(cohort, matched, effect, strength)
        rows += [
            {"benchmark": name, "direction": direction, "effect_points": shifted(effect, move)}
            for direction, move in (("toward_zero", bias), ("away_from_zero", -bias))
        ]
    return rows


def benchmark_of(
    cohort: Cohort, matched: MatchedSet, outcome: str, *, name: str = BENCHMARK
) -> Strength | None:
    """Return the strength of a confounder like the covariate, measured before matching."""
    frame = cohort.frame
    return confounder_like(
        frame[name].to_numpy(dtype=float),
        frame[outcome].to_numpy(dtype=float),
        np.asarray(matched.problem.treated, dtype=float),
        matched.problem.covariates,
        frame["sampling_weight"].to_numpy(dtype=float),
        name=name,
    )


def hidden_bias(cohort: Cohort, matched: MatchedSet, effect: Effect, strength: Strength) -> float:
    """Return the largest bias, in points, on the matched weighted difference in means.

    Its regression is that of the outcome on the treatment in the matched set: the classical
    standard error times the root of the residual degrees of freedom is sd(y given d) / sd(d).
    """
    arms = arms_of(matched)
    outcome = cohort.frame[effect.outcome].to_numpy(dtype=float)
    weight = np.abs(arms.weights)
    total = float(weight.sum())
    means = (effect.rate_treated.estimate or 0.0, effect.rate_comparison.estimate or 0.0)
    residual = outcome - np.where(arms.treated, means[0], means[1])
    spread = float(np.sum(weight * residual**2)) / total
    share = float(weight[arms.treated].sum()) / total
    ratio = float(np.sqrt(spread / (share * (1 - share))))
    return 100 * omitted_bias(ratio, 1, strength)


def shifted(effect: Effect, bias: float) -> dict[str, float]:
    """Return the effect drawn to zero by ``bias`` points (away when negative), limits alike."""
    points = effect.points
    assert points is not None
    assert points.estimate is not None
    assert points.se is not None
    centre = points.estimate - bias * np.copysign(1.0, points.estimate)
    half = quantile(effect.level) * points.se
    return {"estimate": float(centre), "low": float(centre - half), "high": float(centre + half)}


def _definitions(cohort: Cohort, matched: MatchedSet, effect: Effect) -> list[dict[str, Any]]:
    stem = f"durable_{cohort.study.outcome.horizon_months}m"
    columns = {
        preset: f"{stem}__{preset}"
        for preset in cohort.study.outcome.sensitivity
        if f"{stem}__{preset}" in cohort.frame
    }
    if not columns:
        return []
    rules = cohort.study.effects
    effects = estimate_columns(
        matched, list(columns.values()), variance=rules.variance, level=rules.level,
        seed=cohort.study.run.seed, frame=cohort.frame, strict=False,
    )  # fmt: skip
    return [
        {
            "preset": preset,
            "effect_points": points_of(effects[column], test=True),
            "reclassed_share": _reclassed(cohort, matched, effect.outcome, column),
            **near_cut_of(cohort.quality, preset),
            **siblings(effects[column]),
        }
        for preset, column in columns.items()
    ]


def near_cut_of(quality: Mapping[str, Any], preset: str) -> dict[str, Any]:
    """Return how many hires a definition's length decides by five days or less, arms together.

    Parameters
    ----------
    quality : mapping
        ``Cohort.quality``: hires of the horizon and, by preset, those near its cut.
    preset : str

    Returns
    -------
    dict
        ``near_cut_share`` (of the hires of both arms, None when unknown or without hires) and
        ``near_cut`` (``hires``, ``count``, ``persons``, and by arm the same as ``arms``).
    """
    arms = {
        arm: {"hires": quality[arm]["hires"], **quality[arm]["near_cut"][preset]}
        for arm in ("entrants", "comparators")
        if preset in quality.get(arm, {}).get("near_cut", {})
    }
    total = {key: sum(arm[key] for arm in arms.values()) for key in ("hires", "count", "persons")}
    share = total["count"] / total["hires"] if total["hires"] else None
    return {"near_cut_share": share, "near_cut": {**total, "arms": arms}}


def _reclassed(cohort: Cohort, matched: MatchedSet, headline: str, column: str) -> float:
    """Return the weighted share of the matched set that the two definitions class differently."""
    weights = arms_of(matched).weights
    differ = (cohort.frame[headline] != cohort.frame[column]).to_numpy(dtype=float)
    return float(np.sum(weights * differ) / np.sum(weights))
