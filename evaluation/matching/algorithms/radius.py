"""Radius matching with bias adjustment (Lechner, Miquel and Wunsch).

In: a problem with a scalar distance. Out: weights that fall with distance inside exact strata,
the regression-adjusted means and their bootstrap of the whole pipeline. Must never choose
anything by an outcome.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.errors import Fault, fail
from evaluation.matching.engines.smooth_match import Smoothed, Sorted, Window, layout
from evaluation.matching.engines.smooth_result import smooth_weighted
from evaluation.matching.engines.usable_strata import only_att, usable_strata
from evaluation.matching.registry import register_method
from evaluation.matching.types import Floats, Problem, Weighted


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
    usable_strata(problem.treated, problem.strata, problem.sampling_weight)
    plan = layout(
        problem.treated,
        problem.strata,
        problem.sampling_weight.astype(np.float64),
        window=within_radius(options["radius"], options["quantile"]),
        max_share=options["max_share"],
    )
    return smooth_weighted(
        problem, plan, method="radius", bias_adjust=options["bias_adjust"], said=_said
    )


def within_radius(multiple: float, quantile: float) -> Window:
    """Return the window of radius matching.

    Parameters
    ----------
    multiple : float
        The radius, in multiples of the reference distance.
    quantile : float
        Which quantile of the distances to the nearest comparator is the reference (1 = largest).
    """

    def window(rows: Sorted) -> tuple[float, Floats, int]:
        from evaluation.matching.engines import smooth_kernels as kernels

        near = kernels.nearest_distance(rows.t, rows.c, rows.t_start, rows.c_start)
        inside = rows.t_weight > 0
        reference = kernels.weighted_quantile(near[inside], rows.t_weight[inside], quantile)
        radius = multiple * float(reference)
        given, beyond = kernels.spread(
            rows.t, rows.t_weight, rows.c, rows.c_weight, rows.t_start, rows.c_start, radius
        )
        return radius, given, int(beyond)

    return window


def _said(matched: Smoothed) -> list[Fault]:
    """Return what the reader must know: radius, fall-backs, caps."""
    count = int((matched.treated > 0).sum())
    facts = {"radius": float(f"{matched.width:.4g}"), "beyond": matched.beyond, "count": count}
    notes = [Fault("EVAL-466", facts)]
    if matched.capped:
        notes.append(Fault("EVAL-467", {"count": matched.capped}))
    return notes


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
