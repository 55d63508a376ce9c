"""From a smooth match to a result: adjusted means, bootstrap of the whole pipeline, notes.

In: a problem and how rows are matched. Out: a :class:`Weighted`. Shared by radius and kernel
matching. Must never choose anything by an outcome.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaluation.errors import Fault, fail
from evaluation.matching.engines.smooth_adjust import (
    adjusted_means,
    adjustment_columns,
    plain_means,
)
from evaluation.matching.engines.smooth_match import Layout, Smoothed, smooth_match
from evaluation.matching.engines.usable_strata import extreme, rescaled
from evaluation.matching.types import Floats, Problem, Weighted

CHUNK = 16
"""Replications whose scores are held in memory at once."""

Means = Callable[[Smoothed, Floats, Floats], Floats]


def smooth_weighted(
    problem: Problem,
    plan: Layout,
    *,
    method: str,
    bias_adjust: bool | list[str],
    said: Callable[[Smoothed], list[Fault]],
) -> Weighted:
    """Match, adjust and prepare the bootstrap.

    Parameters
    ----------
    problem : Problem
        With a scalar distance.
    plan : Layout
        Arms, strata and window.
    method : str
        Name of the method, for its messages.
    bias_adjust : bool or list of str
        Columns of the regression adjustment, see
        :func:`evaluation.matching.engines.smooth_adjust.adjustment_columns`.
    said : callable
        What the reader must know of the match.

    Raises
    ------
    EvaluationError
        EVAL-458 no scalar distance, EVAL-459 unknown covariates in ``bias_adjust``, EVAL-464 nobody
        on the common support.
    """
    if problem.distance is None:
        fail("EVAL-458", method=method, distance=problem.distance_name)
    score = _scale(problem)(problem.distance if problem.score is None else problem.score.linear)
    matched = smooth_match(plan, score, np.ones(len(score)))
    if not matched.treated.any():
        fail("EVAL-464", treated=int(problem.treated.sum()))
    means, notes = _means(problem, bias_adjust, matched)
    if problem.score is None:
        notes = [Fault("EVAL-468", {"distance": problem.distance_name}), *notes]
    notes = [*said(matched), *notes]
    return _weighted(problem, plan, score, matched, means, notes, method)


def _scale(problem: Problem) -> Callable[[Floats], Floats]:
    """Return what turns a linear predictor into the distance that was asked for."""
    if problem.distance_name == "probability" and problem.score is not None:
        return lambda linear: 1.0 / (1.0 + np.exp(-linear))
    return lambda linear: linear


def _means(
    problem: Problem, asked: bool | list[str], matched: Smoothed
) -> tuple[Means, list[Fault]]:
    """Return the estimator of the two means, its columns fixed once and for all."""
    if asked is False:
        return lambda again, score, outcomes: plain_means(again, outcomes), []
    columns, names, left_out = adjustment_columns(problem.covariates, asked, matched)
    note = Fault("EVAL-465", {"count": len(names), "columns": list(names), "left_out": left_out})
    return lambda again, score, y: adjusted_means(columns, score, again, y), [note]


def _weighted(
    problem: Problem,
    plan: Layout,
    score: Floats,
    matched: Smoothed,
    means: Means,
    notes: list[Fault],
    method: str,
) -> Weighted:
    weights, _ = rescaled(matched.treated + matched.comparison, ~problem.treated)
    reasons = {"stratum_empty": matched.stratum_empty, "outside_support": matched.outside_support}

    def adjusted(outcome: Floats) -> tuple[float, float]:
        pair = means(matched, score, outcome.astype(np.float64)[:, None])[0]
        return float(pair[0]), float(pair[1])

    return Weighted(
        weights=weights,
        subclass=np.full(len(weights), -1, dtype=np.int64),
        reasons={reason: rows for reason, rows in reasons.items() if len(rows)},
        replicate=lambda outcomes, multiplier: _replicate(
            problem, plan, means, outcomes, multiplier
        ),
        adjusted=adjusted,
        notes=[*notes, *extreme(weights, problem, method)],
    )


def _replicate(
    problem: Problem, plan: Layout, means: Means, outcomes: Floats, multiplier: Floats
) -> Floats:
    """Repeat score, match and adjustment under resampled weights.

    Parameters
    ----------
    outcomes : (n, m) float
    multiplier : (n, R) float
        Row weights of each replication, constant within a person.

    Returns
    -------
    (R, m, 2) float
        The two means; not a number where a replication leaves nobody to compare.

    References
    ----------
    Kline, P. and Santos, A. (2012). A score based approach to wild bootstrap inference. Journal of
    Econometric Methods 1(1), 23-41. https://doi.org/10.1515/2156-6674.1006
    """
    y = np.ascontiguousarray(outcomes, dtype=np.float64)
    scale = _scale(problem)
    result = np.full((multiplier.shape[1], y.shape[1], 2), np.nan)
    for start in range(0, multiplier.shape[1], CHUNK):
        part = multiplier[:, start : start + CHUNK].astype(np.float64)
        scores = _updated(problem, part)
        for k in range(part.shape[1]):
            score = scale(np.ascontiguousarray(scores[:, k]))
            again = smooth_match(plan, score, np.ascontiguousarray(part[:, k]))
            if again.treated.any():
                result[start + k] = means(again, score, y)
    return result


def _updated(problem: Problem, multiplier: Floats) -> Floats:
    if problem.score is not None:
        return problem.score.one_step(multiplier)
    assert problem.distance is not None
    return np.repeat(problem.distance[:, None], multiplier.shape[1], axis=1)
