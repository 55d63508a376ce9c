"""Kernel matching: every comparator of the stratum counts, the less the further its score.

In: a problem with a scalar distance. Out: weights that fall with distance inside exact strata, and
the bootstrap of the whole pipeline. Must never choose anything by an outcome.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.errors import Fault, fail
from evaluation.matching.engines.smooth_match import Smoothed, Sorted, Window, layout
from evaluation.matching.engines.smooth_result import smooth_weighted
from evaluation.matching.engines.usable_strata import only_att, usable_strata
from evaluation.matching.registry import register_method
from evaluation.matching.types import Bools, Floats, Problem, Weighted

CANONICAL = {"gaussian": 1.0, "epanechnikov": 2.2138}
"""Bandwidths that smooth alike, relative to the Gaussian kernel (Marron and Nolan 1988)."""


@register_method(
    "kernel",
    family="smooth",
    options={"bandwidth": None, "kernel": "epanechnikov", "bias_adjust": False},
)
def kernel(problem: Problem) -> Weighted:
    r"""Compare each treated with a kernel-weighted mean of the comparators of its stratum.

    Parameters
    ----------
    problem : Problem
        Options: ``bandwidth``, in standard deviations of the distance over all rows (default None:
        by rule, see Notes); ``kernel``, ``epanechnikov`` (default) or ``gaussian``;
        ``bias_adjust``, as for radius matching (default False, the plain kernel mean).

    Returns
    -------
    Weighted
        ``weights`` (sampling weights honoured), ``adjusted`` for the estimate, ``replicate`` for
        its bootstrap, in which score, bandwidth and match are done again.

    Raises
    ------
    EvaluationError
        EVAL-403 an illegal option, EVAL-450 no stratum with both arms, EVAL-451 estimand other than
        ATT, EVAL-458 no scalar distance, EVAL-459 unknown covariates in ``bias_adjust``, EVAL-464
        nobody on the common support.

    Notes
    -----
    A comparator at distance d counts K(d/h) times its sampling weight, K(u) = 1 − u² inside h or
    exp(−u²/2); an entrant with nobody inside h (6 h for the Gaussian) takes its nearest comparator.
    Entrants whose score lies beyond the scores of all comparators are left out
    (``outside_support``), as are those whose stratum holds none (``stratum_empty``). The default
    bandwidth never sees an outcome: Silverman's rule on the comparators' scores,

    .. math:: h = 0.9 \min(s, IQR / 1.34)\, n_0^{-1/5},

    n0 being the mean number of comparators in the stratum of an entrant, times 2.2138 for the
    Epanechnikov kernel.

    References
    ----------
    Heckman, J. J., Ichimura, H. and Todd, P. (1998). Matching as an econometric evaluation
    estimator. Review of Economic Studies 65(2), 261-294. https://doi.org/10.1111/1467-937X.00044

    Silverman, B. W. (1986). Density Estimation for Statistics and Data Analysis, section 3.4.
    Chapman and Hall. https://doi.org/10.1201/9781315140919

    Marron, J. S. and Nolan, D. (1988). Canonical kernels for density estimation. Statistics and
    Probability Letters 7(3), 195-199. https://doi.org/10.1016/0167-7152(88)90050-8
    """
    only_att(problem, "kernel")
    options = _checked(problem.options)
    usable_strata(problem.treated, problem.strata, problem.sampling_weight)
    shape = options["kernel"]
    plan = layout(
        problem.treated,
        problem.strata,
        problem.sampling_weight.astype(np.float64),
        window=within_bandwidth(problem.treated, options["bandwidth"], shape),
    )

    def said(matched: Smoothed) -> list[Fault]:
        count = int((matched.treated > 0).sum())
        facts = {"bandwidth": float(f"{matched.width:.4g}"), "kernel": shape}
        return [Fault("EVAL-497", {**facts, "beyond": matched.beyond, "count": count})]

    return smooth_weighted(
        problem, plan, method="kernel", bias_adjust=options["bias_adjust"], said=said
    )


def within_bandwidth(treated: Bools, bandwidth: float | None, shape: str) -> Window:
    """Return the window of kernel matching.

    Parameters
    ----------
    treated : (n,) bool
    bandwidth : float or None
        In standard deviations of the distance over all rows; None: by rule.
    shape : str
        ``epanechnikov`` or ``gaussian``.
    """

    def window(rows: Sorted) -> tuple[float, Floats, int]:
        from evaluation.matching.engines.kernel_sums import spread_by_kernel
        from evaluation.matching.engines.smooth_kernels import spread

        if bandwidth is None:
            width = rule_of_thumb(rows, treated) * CANONICAL[shape]
        else:
            width = bandwidth * _deviation(rows.score, rows.multiplier)
        arms = (rows.c, rows.c_weight, rows.t_start, rows.c_start)
        given, alone = spread_by_kernel(rows.t, rows.t_weight, *arms, width, shape == "gaussian")
        # A radius of nil leaves each of them its nearest comparator.
        near, beyond = spread(rows.t, np.where(alone, rows.t_weight, 0.0), *arms, 0.0)
        return width, given + near, int(beyond)

    return window


def rule_of_thumb(rows: Sorted, treated: Bools) -> float:
    """Return the bandwidth of a Gaussian kernel by Silverman's rule, on the comparators' scores.

    Comparators of strata without treated rows do not count: no weight depends on them.
    """
    needed = np.repeat(np.diff(rows.t_start) > 0, np.diff(rows.c_start))
    counted = np.zeros(treated.size, np.bool_)
    counted[rows.c_rows[needed]] = True
    ordered = rows.by_score[counted[rows.by_score]]
    score, weight = rows.score[ordered], rows.weight[ordered]
    reached = np.cumsum(weight)
    quartiles = score[np.searchsorted(reached, np.array([0.25, 0.75]) * reached[-1])]
    deviation = _deviation(score, weight)
    narrow = float(quartiles[1] - quartiles[0]) / 1.34
    # More than half of the scores may be equal: the quartiles then say nothing.
    scale = min(deviation, narrow) if narrow > 0 else deviation
    return float(0.9 * scale * _available(rows) ** -0.2)


def _available(rows: Sorted) -> float:
    """Return the mean number of comparison rows, as often as drawn, in a treated row's stratum."""
    strata = np.arange(len(rows.c_start) - 1)
    own, others = (np.repeat(strata, np.diff(s)) for s in (rows.t_start, rows.c_start))
    count = np.bincount(others, rows.multiplier[rows.c_rows], minlength=strata.size)
    return max(float(np.average(count[own], weights=rows.t_weight)), 1.0)


def _deviation(score: Floats, weight: Floats) -> float:
    centre = float(np.average(score, weights=weight))
    total = float(np.sum(weight * (score - centre) ** 2))
    size = float(weight.sum())
    return float(np.sqrt(total / max(size - size / len(score), 1e-300)))


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options, defaults filled in, for a problem that no door has checked."""
    chosen = {"bandwidth": None, "kernel": "epanechnikov", "bias_adjust": False} | {
        name: options[name] for name in ("bandwidth", "kernel", "bias_adjust") if name in options
    }
    width, asked = chosen["bandwidth"], chosen["bias_adjust"]
    number = isinstance(width, (int, float)) and not isinstance(width, bool)
    if width is not None and not (number and 0 < float(width) < np.inf):
        fail("EVAL-403", option="bandwidth", value=repr(width), allowed="> 0")
    if chosen["kernel"] not in CANONICAL:
        fail("EVAL-403", option="kernel", value=repr(chosen["kernel"]), allowed=list(CANONICAL))
    if not isinstance(asked, (bool, list, tuple)):
        fail("EVAL-403", option="bias_adjust", value=repr(asked), allowed="True, False, [...]")
    chosen["bias_adjust"] = asked if isinstance(asked, bool) else [str(name) for name in asked]
    return chosen
