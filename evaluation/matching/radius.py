"""Radius matching with bias adjustment (Lechner, Miquel and Wunsch).

In: a problem with a scalar distance. Out: weights that fall with distance inside exact strata,
the regression-adjusted means and their bootstrap of the whole pipeline. Must never choose
anything by an outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluation.errors import Fault, fail
from evaluation.matching._moments_strata import extreme, only_att, rescaled, usable_strata
from evaluation.matching._smooth_adjust import adjusted_means, adjustment_columns, plain_means
from evaluation.matching._smooth_match import Layout, Smoothed, layout, radius_match
from evaluation.matching.registry import register_method
from evaluation.matching.types import Floats, Problem, Weighted

CHUNK = 16
"""Replications whose scores are held in memory at once."""

Means = Callable[[Smoothed, Floats, Floats], Floats]


@register_method(
    "radius",
    family="smooth",
    options={"radius": 3.0, "bias_adjust": True, "quantile": 0.9, "max_share": 0.04},
)
def radius(problem: Problem) -> Weighted:
    """Match each treated with all comparators inside a radius, then adjust by regression.

    Parameters
    ----------
    problem : Problem
        Options: ``radius``, multiple of the reference distance (default 3); ``quantile``, which
        quantile of the treated's distances to their nearest comparator is the reference (default
        0.9; 1 is the largest distance, which one isolated entrant in a small stratum can make as
        wide as the data, and balance then suffers);
        ``max_share``, largest share of all comparison weight on one row (default 0.04);
        ``bias_adjust``, True, False or a list of covariates.

    Returns
    -------
    Weighted
        ``weights`` before adjustment, ``adjusted`` for the estimate, ``replicate`` for its
        bootstrap.

    Raises
    ------
    EvaluationError
        EVAL-450 no stratum with both arms, EVAL-451 estimand other than ATT, EVAL-452 an illegal
        option, EVAL-458 no scalar distance, EVAL-459 unknown covariates in ``bias_adjust``,
        EVAL-464 nobody on the common support.

    Notes
    -----
    Entrants whose score lies beyond the scores of all comparators are left out
    (``outside_support``), as are those whose stratum holds none (``stratum_empty``). A comparator
    at distance d inside the radius r counts ``(1 − d/r)`` times its sampling weight; an entrant
    with nobody inside takes its nearest comparator. The outcome of the comparators is regressed,
    with these weights, on score, its square and the columns of ``bias_adjust``; the adjusted mean
    is the mean prediction at the matched entrants. A replication updates the score by one Newton
    step on the resampled weights, matches again and adjusts again.

    References
    ----------
    Lechner, M., Miquel, R. and Wunsch, C. (2011). Long-run effects of public sector sponsored
    training in West Germany. JEEA 9(4), 742-784.
    https://doi.org/10.1111/j.1542-4774.2011.01029.x

    Huber, M., Lechner, M. and Wunsch, C. (2013). The performance of estimators based on the
    propensity score. Journal of Econometrics 175(1), 1-21.
    https://doi.org/10.1016/j.jeconom.2012.11.006
    """
    only_att(problem, "radius")
    options = _checked(problem.options)
    if problem.distance is None:
        fail("EVAL-458", method="radius", distance=problem.distance_name)
    usable_strata(problem.treated, problem.strata, problem.sampling_weight)
    plan = layout(
        problem.treated,
        problem.strata,
        problem.sampling_weight.astype(np.float64),
        multiple=options["radius"],
        quantile=options["quantile"],
        max_share=options["max_share"],
    )
    score = _scale(problem)(problem.distance if problem.score is None else problem.score.linear)
    matched = radius_match(plan, score, np.ones(len(score)))
    if not matched.treated.any():
        fail("EVAL-464", treated=int(problem.treated.sum()))
    means, notes = _means(problem, options["bias_adjust"], matched)
    return _weighted(problem, plan, score, matched, means, notes)


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    legal: dict[str, tuple[float, float, float, str]] = {
        "radius": (3.0, 0.0, np.inf, "> 0"),
        "quantile": (0.9, 0.0, 1.0, "]0 ; 1]"),
        "max_share": (0.04, 0.0, 1.0, "]0 ; 1]"),
    }
    checked: dict[str, Any] = {}
    for name, (default, low, high, allowed) in legal.items():
        value = options.get(name, default)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not low < value <= high or not np.isfinite(value):
            fail("EVAL-452", option=name, value=value, allowed=allowed)
        checked[name] = float(value)
    asked = options.get("bias_adjust", True)
    if not isinstance(asked, (bool, list, tuple)):
        fail("EVAL-452", option="bias_adjust", value=asked, allowed="True, False, [covariates]")
    checked["bias_adjust"] = asked if isinstance(asked, bool) else [str(name) for name in asked]
    return checked


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
        notes=[*_said(problem, matched), *notes, *extreme(weights, problem, "radius")],
    )


def _said(problem: Problem, matched: Smoothed) -> list[Fault]:
    """Return what the reader must know: radius, fall-backs, caps, a score taken as known."""
    count = int((matched.treated > 0).sum())
    notes = [
        Fault(
            "EVAL-466",
            {"radius": float(f"{matched.radius:.4g}"), "beyond": matched.beyond, "count": count},
        )
    ]
    if matched.capped:
        notes.append(Fault("EVAL-467", {"count": matched.capped}))
    if problem.score is None:
        notes.append(Fault("EVAL-468", {"distance": problem.distance_name}))
    return notes


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
            again = radius_match(plan, score, np.ascontiguousarray(part[:, k]))
            if again.treated.any():
                result[start + k] = means(again, score, y)
    return result


def _updated(problem: Problem, multiplier: Floats) -> Floats:
    if problem.score is not None:
        return problem.score.one_step(multiplier)
    assert problem.distance is not None
    return np.repeat(problem.distance[:, None], multiplier.shape[1], axis=1)
