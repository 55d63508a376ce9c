"""`estimate`: one outcome, one matched set, one effect with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.effects.adjustment import read_adjustment
from evaluation.effects.censoring import censored_outcomes
from evaluation.effects.effect import Effect
from evaluation.effects.intervals import ratio_interval, wald, wilson
from evaluation.effects.moments import Arms, arms_of, kish
from evaluation.effects.outcomes import is_binary, read_outcomes, support_of
from evaluation.effects.types import Floats, Interval, MatchedSet, Moments
from evaluation.effects.variance import legal_variance, moments_of
from evaluation.errors import Fault, fail, warn


def estimate(
    matched: MatchedSet,
    outcome: str,
    *,
    variance: str = "auto",
    level: float = 0.95,
    adjust: bool | str | Sequence[str] | None = None,
    adjust_model: str = "auto",
    interacted: bool = True,
    score_estimated: bool = True,
    seed: int = 0,
    min_cell: int = DEFAULT_MIN_CELL,
    censored: bool = False,
) -> Effect:
    """Estimate the effect on one outcome.

    Parameters
    ----------
    matched : Matched
        Result of a matching or weighting method.
    outcome : str
        Numeric or boolean column of ``matched.frame`` (n rows), without missing values.
    variance : str
        ``auto`` takes the variance of the method's family: ``set_person`` (two-way by matched set
        and person), ``abadie_imbens``, ``sandwich`` (stacked estimating equations) or
        ``bootstrap`` (persons, whole pipeline). Named choices for sets: ``CL_HC0``, ``CL_HC1``
        (clusters are sets), ``HC0``, ``HC1``; for weights ``HC0``, ``HC1`` (weights as fixed); for
        replacement ``abadie_imbens_homoscedastic``.
    level : float
        Confidence level.
    adjust : True or list of str, optional
        Regress the outcome on covariates after matching and average the fitted means over the
        target (g-computation): True takes the covariates of the matching, else columns of the
        frame. For sets and weights; methods with a bias adjustment bring their own.
    adjust_model : str
        ``auto`` (logistic for 0/1 outcomes, else linear), ``linear`` or ``logit``.
    interacted : bool
        Whether each arm has slopes of its own in the adjustment.
    score_estimated : bool
        Correct the Abadie-Imbens variance for an estimated score.
    seed : int
        Of the bootstrap.
    min_cell : int
        Smallest count that the displays of the result may show.
    censored : bool
        Estimate the effect of entering now rather than not within the horizon: comparators are
        censored at their own entry (:mod:`evaluation.effects.censoring`). For outcomes
        ``<stem>_<k>m`` of a cohort.

    Returns
    -------
    Effect
        With ``withheld`` set and no interval when all outcomes are equal in one arm, or when
        fewer than two independent units remain.

    Raises
    ------
    EvaluationError
        EVAL-501 to EVAL-513, EVAL-516, EVAL-530, EVAL-540 to EVAL-547.
    """
    effects = estimate_columns(
        matched, [outcome], variance=variance, level=level, score_estimated=score_estimated,
        seed=seed, min_cell=min_cell, censored=censored, adjust=adjust, adjust_model=adjust_model,
        interacted=interacted,
    )  # fmt: skip
    return effects[outcome]


def estimate_columns(
    matched: MatchedSet,
    outcomes: list[str],
    *,
    variance: str = "auto",
    level: float = 0.95,
    score_estimated: bool = True,
    seed: int = 0,
    min_cell: int = DEFAULT_MIN_CELL,
    frame: pd.DataFrame | None = None,
    strict: bool = True,
    censored: bool = False,
    adjust: bool | str | Sequence[str] | None = None,
    adjust_model: str = "auto",
    interacted: bool = True,
) -> dict[str, Effect]:
    """Estimate the effects on several outcomes with the same weights (and the same draws).

    ``frame`` gives the outcome columns when they do not stand in ``matched.frame``. With ``strict``
    off, an outcome without a variance is returned without interval instead of refused, and nothing
    is warned: for curves, whose early months may hold no event. See :func:`estimate` for the rest.
    """
    if not 0.5 < level < 1:
        fail("EVAL-512", level=level)
    chosen = legal_variance(matched.family, matched.method, variance)
    values = read_outcomes(matched, outcomes, frame=frame)
    adjustment = None
    if adjust is not None and adjust is not False:
        if censored:
            fail("EVAL-547")
        adjustment = read_adjustment(
            matched, arms_of(matched), adjust, adjust_model, interacted=interacted
        )
    if censored:
        found = censored_outcomes(
            matched, outcomes, frame=frame, variance=chosen, score_estimated=score_estimated,
            seed=seed,
        )  # fmt: skip
        values = found.observed
        moments = [replace(each, notes=(*each.notes, found.note)) for each in found.moments]
    else:
        moments = moments_of(
            matched, values, variance=chosen, score_estimated=score_estimated, seed=seed,
            adjustment=adjustment,
        )  # fmt: skip
    arms = arms_of(matched)
    return {
        name: effect_of(
            name, values[:, k], moments[k], arms, method=matched.method,
            estimand=matched.estimand, variance=chosen, level=level, min_cell=min_cell,
            strict=strict,
        )
        for k, name in enumerate(outcomes)
    }  # fmt: skip


def effect_of(
    name: str, outcome: Floats, moments: Moments, arms: Arms, *, method: str, estimand: str,
    variance: str, level: float, min_cell: int = DEFAULT_MIN_CELL, strict: bool = True,
) -> Effect:  # fmt: skip
    """Turn the moments of one outcome (n,) into an effect.

    Raises
    ------
    EvaluationError
        EVAL-508 when the variance is not a positive number although the outcome varies.
    """
    support = support_of(outcome, arms)
    withheld = "one_cluster" if moments.clusters < 2 else _withheld(outcome, arms)
    if withheld is None and not moments.variance_of_difference > 0:
        if strict:
            fail("EVAL-508", column=name, variance=variance, method=method)
        withheld = "not_positive"
    notes = moments.notes
    if withheld is not None and strict:
        notes = (*notes, _said(name, withheld, method, moments.clusters))
    binary = is_binary(outcome)
    covariance = np.nan_to_num(moments.covariance)
    rates = _rates(moments.means, covariance, arms, binary=binary, level=level)
    gap = float(moments.means[0] - moments.means[1])
    shown = 0.0 if withheld else moments.variance_of_difference
    difference = wald(gap, shown, level=level)
    uplift = ratio_interval(moments.means, covariance, level=level, p_value=difference.p_value)
    if withheld:
        uplift = type(uplift)(uplift.estimate, unbounded=True, fieller_unbounded=True)
    return Effect(
        outcome=name, method=method, estimand=estimand, variance=variance, level=level,
        rate_treated=rates[0], rate_comparison=rates[1], difference=difference,
        points=difference.scaled(100) if binary else None, uplift=uplift,
        additional=difference.scaled(support.entrants), influence=moments.influence,
        covariance=covariance, support=support, clusters=moments.clusters, withheld=withheld,
        min_cell=min_cell, notes=notes,
    )  # fmt: skip


def _said(column: str, withheld: str, method: str, clusters: int) -> Fault:
    if withheld == "one_cluster":
        return warn("EVAL-509", method=method, count=clusters)
    return warn("EVAL-520", column=column, reason=withheld, method=method)


def _withheld(outcome: Floats, arms: Arms) -> str | None:
    constant = []
    for rows in (arms.treated, ~arms.treated):
        values = outcome[rows & arms.used]
        constant.append(bool((values == values[0]).all()))
    if all(constant):
        return "constant"
    # An arm without variation would lend its zero variance to the difference.
    return "no_events" if any(constant) else None


def _rates(
    means: Floats, covariance: Floats, arms: Arms, *, binary: bool, level: float
) -> tuple[Interval, Interval]:
    intervals = []
    for column, rows in enumerate((arms.treated, ~arms.treated)):
        mean, variance = float(means[column]), float(covariance[column, column])
        if binary and 0 <= mean <= 1:
            size = kish(arms.weights[rows], arms.person[rows])
            intervals.append(wilson(mean, variance, size, level=level))
        else:
            intervals.append(wald(mean, variance, level=level))
    return intervals[0], intervals[1]
