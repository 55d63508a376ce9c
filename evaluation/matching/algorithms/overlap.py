"""Overlap weighting: each row weighted by the probability of the other arm.

In: a problem with a fitted score. Out: the weights of inverse probability weighting for the overlap
population, with their estimating equations. Must never see an outcome.
"""

from __future__ import annotations

from dataclasses import replace

from evaluation.matching.algorithms.ipw import score_weights
from evaluation.matching.registry import register_method
from evaluation.matching.types import Problem, Weighted


@register_method("overlap", family="score_weights", options={"trim": None}, estimand="ATO")
def overlap(problem: Problem) -> Weighted:
    """Weight treated rows by ``1 − e`` and comparators by ``e``, times their sampling weight.

    Parameters
    ----------
    problem : Problem
        Options: ``trim``, the quantile of each arm's weights at which they are capped (default
        None: they lie between 0 and 1 anyhow). The estimand is always the ATO, the effect on the
        people whose entry was most uncertain.

    Returns
    -------
    Weighted
        ``nuisance`` stacks the score's equations and the two totals.

    Raises
    ------
    EvaluationError
        EVAL-450 no stratum with both arms, EVAL-452 illegal ``trim``, EVAL-455 no fitted score,
        EVAL-456 probabilities of exactly 0 or 1.

    Notes
    -----
    With a logistic score fitted on the same rows the weighted means of its covariates are equal in
    both arms, exactly, whatever the sampling weights.

    References
    ----------
    Li, F., Morgan, K. L. and Zaslavsky, A. M. (2018). Balancing covariates via propensity score
    weighting. JASA 113(521), 390-400. https://doi.org/10.1080/01621459.2016.1260466
    """
    return score_weights(replace(problem, estimand="ATO"), method="overlap")
