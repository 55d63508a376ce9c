"""The placebo: an effect on hires that came before the programme, which must not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pandas as pd

from evaluation.cohort.types import Cohort
from evaluation.effects.effect import Effect
from evaluation.effects.estimation import estimate_columns
from evaluation.effects.intervals import quantile
from evaluation.effects.types import Interval, MatchedSet
from evaluation.errors import EvaluationError, Fault, refuse, warn

Rematch = Callable[[pd.DataFrame, list[str]], MatchedSet]
Outcome = Literal["passed", "failed", "inconclusive"]

HEADLINE = "placebo_6m"
FALLBACK = "placebo_any_6m"
MARGIN_POINTS = 1.4
FEWEST_EVENTS = 30


def placebo_outcome(interval: Interval, *, margin: float = MARGIN_POINTS) -> Outcome:
    """Return whether a placebo effect in points passed, failed or cannot say.

    Failed when the 95 % interval excludes zero; passed when the 90 % interval lies within
    ± ``margin`` (equivalence: two one-sided tests at 5 %); else inconclusive.

    References
    ----------
    Hartman & Hidalgo (2018), doi:10.1111/ajps.12387.
    """
    if interval.estimate is None or interval.se is None:
        return "inconclusive"
    if abs(interval.estimate) > quantile(0.95) * interval.se:
        return "failed"
    reach = quantile(0.90) * interval.se
    inside = -margin < interval.estimate - reach and interval.estimate + reach < margin
    return "passed" if inside else "inconclusive"


def check_covariates(covariates: Sequence[str]) -> None:
    """Refuse (EVAL-510) a placebo or outcome column among the covariates of the placebo."""
    stems = ("placebo_", "durable_", "any_job_", "month_durable", "presence_")
    history = ("durable_hires_24",)
    guilty = [c for c in covariates if c.startswith(stems) and c not in history]
    refuse([Fault("EVAL-510", {"column": column}) for column in guilty])


def placebo_frame(cohort: Cohort) -> pd.DataFrame:
    """Return the frozen covariates with the key columns and the placebo outcomes beside them."""
    wanted = [name for name, variable in cohort.variables.items()
              if variable.block in ("key", "placebo")]  # fmt: skip
    wanted += [*cohort.study.matching.exact, HEADLINE, FALLBACK, "treated", "person_id"]
    missing = [name for name in dict.fromkeys(wanted)
               if name in cohort.frame and name not in cohort.frozen]  # fmt: skip
    return pd.concat([cohort.frozen, cohort.frame[missing]], axis=1)


def estimate_placebo(
    cohort: Cohort, rematch: Rematch, *, variance: str = "auto", seed: int = 0
) -> tuple[Effect | None, list[Fault]]:
    """Match again on what was known six months earlier and estimate the effect on those months.

    Parameters
    ----------
    cohort : Cohort
        With ``frozen`` covariates and placebo outcomes.
    rematch : callable
        ``(frame, covariates) -> Matched``: the study's own matching, score fitted again.
    variance : str
        Of the study.
    seed : int
        Of the bootstrap.

    Returns
    -------
    effect : Effect or None
        None when no comparison could be made; the reason is among the notes.
    notes : list of Fault
        EVAL-523, EVAL-526.

    Raises
    ------
    EvaluationError
        EVAL-510 when a placebo outcome stands among the covariates: it would pass by construction.
    """
    covariates = cohort.covariates(cohort.study.matching.blocks, cohort.frozen)
    check_covariates(covariates)
    frame = placebo_frame(cohort)
    names = [name for name in (HEADLINE, FALLBACK) if name in frame]
    try:
        matched = rematch(frame, covariates)
        effects = estimate_columns(
            matched, names, variance=variance, level=cohort.study.effects.level, seed=seed,
            min_cell=cohort.study.disclosure.min_cell, frame=frame, strict=False,
        )  # fmt: skip
    except EvaluationError as error:
        if error.code == "EVAL-510":
            raise
        return None, [warn("EVAL-523", reason=error.code)]
    if not effects:
        return None, [warn("EVAL-523", reason="EVAL-501")]
    return _chosen(effects)


def _chosen(effects: dict[str, Effect]) -> tuple[Effect, list[Fault]]:
    first = next(iter(effects.values()))
    events = first.support.fewest_events or 0
    if events >= FEWEST_EVENTS or FALLBACK not in effects:
        return first, []
    data = {"column": HEADLINE, "count": events, "used": FALLBACK}
    return effects[FALLBACK], [Fault("EVAL-526", data)]
