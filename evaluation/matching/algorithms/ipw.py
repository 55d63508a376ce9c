"""Inverse probability weighting: comparators weighted by the odds of entering.

In: a problem with a fitted score. Out: weights, normalised within exact strata, and how they depend
on the score's coefficients, so that the variance counts the estimation of the score. Must never
see an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.errors import Fault, fail
from evaluation.matching.engines.stratified import finished, lost_rows, normalised_within, stacked
from evaluation.matching.engines.usable_strata import Strata, extreme, only_att, usable_strata
from evaluation.matching.registry import register_method
from evaluation.matching.types import Bools, Floats, Problem, Weighted

if TYPE_CHECKING:
    from evaluation.matching.score.propensity import PropensityModel

ESTIMANDS = ("ATT", "ATE", "ATC", "ATO")


@dataclass(frozen=True, slots=True)
class _Raw:
    """Weights before normalisation and their logarithmic derivative.

    Attributes
    ----------
    weights : (n,) float
        Sampling weight times the tilting function of the estimand.
    slope : (n,) float
        Derivative of log weight with respect to the linear predictor.
    """

    weights: Floats
    slope: Floats


@register_method("ipw", family="score_weights", options={"trim": None})
def ipw(problem: Problem) -> Weighted:
    """Weight rows by the inverse probability of their arm.

    Parameters
    ----------
    problem : Problem
        Options: ``trim``, the quantile of each arm's weights at which they are capped (default
        None: they stay as they are).

    Returns
    -------
    Weighted
        For the ATT, treated keep weight 1 and a comparator has the odds ``e / (1 − e)`` times its
        sampling weight. ``nuisance`` stacks the score's equations and the strata's totals.

    Raises
    ------
    EvaluationError
        EVAL-450 no stratum with both arms, EVAL-451 unknown estimand, EVAL-452 illegal ``trim``,
        EVAL-455 no fitted score, EVAL-456 probabilities of exactly 0 or 1.

    Notes
    -----
    Exact strata are respected by giving the comparators of each stratum the total weight of its
    entrants (for the ATE and the ATC: both arms the total of the target); without strata this is
    the normalised (Hájek) estimator. The overlap weights of the ATO are normalised over all strata
    at once. A cap is applied before normalisation and taken as fixed: capped rows do not move with
    the score. Rows whose effect is asked and whose stratum holds no row of the other arm are lost
    (``stratum_empty``): entrants for the ATT, comparators for the ATC, both for the ATE.

    References
    ----------
    Lunceford, J. K. and Davidian, M. (2004). Stratification and weighting via the propensity score
    in estimation of causal treatment effects. Statistics in Medicine 23(19), 2937-2960.
    https://doi.org/10.1002/sim.1903

    Li, F., Morgan, K. L. and Zaslavsky, A. M. (2018). Balancing covariates via propensity score
    weighting. JASA 113(521), 390-400. https://doi.org/10.1080/01621459.2016.1260466
    """
    return score_weights(problem, method="ipw")


def score_weights(problem: Problem, *, method: str) -> Weighted:
    """Weight by a fitted score for the problem's estimand, see :func:`ipw`."""
    only_att(problem, method, ESTIMANDS)
    trim = _checked_trim(problem.options.get("trim"))
    score = problem.score
    if score is None:
        fail("EVAL-455", method=method, distance=problem.distance_name)
    strata = usable_strata(problem.treated, problem.strata, problem.sampling_weight)
    raw = _raw(problem, score)
    raw, notes = _capped(raw, problem.treated, strata.usable, trim)
    groups = _pooled(strata) if problem.estimand == "ATO" else strata
    weights, target = normalised_within(raw.weights, problem, groups)
    nuisance = stacked(problem, groups, weights, target, score=score, slope=raw.slope)
    final, nuisance = finished(weights, nuisance, problem)
    lost = lost_rows(problem, strata)
    return Weighted(
        weights=final,
        subclass=np.full(len(final), -1, dtype=np.int64),
        reasons={"stratum_empty": lost} if len(lost) else {},
        nuisance=nuisance,
        notes=[*notes, *extreme(final, problem, method)],
    )


def _checked_trim(trim: object) -> float | None:
    if trim is None:
        return None
    if isinstance(trim, bool) or not isinstance(trim, (int, float)) or not 0.5 < trim <= 1:
        fail("EVAL-452", option="trim", value=trim, allowed="]0.5 ; 1] | None")
    return float(trim)


def _raw(problem: Problem, score: PropensityModel) -> _Raw:
    """Return tilting weights and their slopes; d e / d linear is e(1 − e) for a logistic score."""
    e, t, s = score.probability, problem.treated, problem.sampling_weight
    certain = int(((e <= 0) | (e >= 1)).sum())
    if certain:
        fail("EVAL-456", count=certain)
    density = _density(score)
    to_treated, to_others = density / e, density / (1 - e)
    if problem.estimand == "ATT":
        weights, slope = np.where(t, 1.0, e / (1 - e)), np.where(t, 0.0, to_treated + to_others)
    elif problem.estimand == "ATC":
        weights, slope = np.where(t, (1 - e) / e, 1.0), np.where(t, -to_treated - to_others, 0.0)
    elif problem.estimand == "ATE":
        weights, slope = np.where(t, 1 / e, 1 / (1 - e)), np.where(t, -to_treated, to_others)
    else:
        weights, slope = np.where(t, 1 - e, e), np.where(t, -to_others, to_treated)
    return _Raw(weights * s, slope)


def _density(score: PropensityModel) -> Floats:
    """Return the derivative of the probability with respect to the linear predictor."""
    if score.link == "probit":
        density: Floats = np.exp(-0.5 * score.linear**2) / np.sqrt(2 * np.pi)
        return density
    return score.probability * (1 - score.probability)


def _capped(
    raw: _Raw, treated: Bools, usable: Bools, trim: float | None
) -> tuple[_Raw, list[Fault]]:
    """Cap each arm's weights at their quantile; capped weights do not move with the score."""
    if trim is None or trim == 1.0:
        return raw, []
    weights, slope = raw.weights.copy(), raw.slope.copy()
    count = 0
    for arm in (treated & usable, ~treated & usable):
        cap = np.quantile(weights[arm], trim)
        above = arm & (weights > cap) & (slope != 0)
        weights[above] = cap
        slope[above] = 0.0
        count += int(above.sum())
    note = Fault("EVAL-457", {"count": count, "quantile": trim})
    return _Raw(weights, slope), [note] if count else []


def _pooled(strata: Strata) -> Strata:
    return Strata(strata.usable, np.zeros_like(strata.code), 1, strata.lost)
