"""Which variance belongs to which family of methods, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.effects.adjustment import Adjustment, adjusted_influence, target_weights
from evaluation.effects.bootstrap import bootstrap_covariance, bootstrap_means
from evaluation.effects.clusters import clustered, clusters_of, cross_products, two_way
from evaluation.effects.doubly_robust import doubly_robust_of
from evaluation.effects.moments import Arms, arms_of, mean_influence
from evaluation.effects.replacement import replacement_moments
from evaluation.effects.types import Floats, MatchedSet, Moments
from evaluation.errors import EvaluationError, fail, nearest
from evaluation.matching.types import Family

LEGAL: dict[Family, tuple[str, ...]] = {
    "sets": ("set_person", "CL_HC0", "CL_HC1", "HC0", "HC1"),
    "replacement": ("abadie_imbens", "abadie_imbens_homoscedastic"),
    "score_weights": ("sandwich", "HC0", "HC1"),
    "moment_weights": ("sandwich", "HC0", "HC1"),
    "smooth": ("bootstrap",),
}


def legal_variance(family: Family, method: str, variance: str) -> str:
    """Return the variance to compute: the family's own for ``auto``, else the one asked for.

    Raises
    ------
    EvaluationError
        EVAL-505 unknown name, EVAL-506 illegal for the family, EVAL-507 a bootstrap that would
        match nearest neighbours again.
    """
    legal = LEGAL[family]
    if variance in ("auto", *legal):
        return legal[0] if variance == "auto" else variance
    known = sorted({"auto", *(name for names in LEGAL.values() for name in names)})
    if variance not in known:
        fail("EVAL-505", variance=variance, nearest=nearest(variance, known), allowed=known)
    if variance == "bootstrap" and family in ("sets", "replacement"):
        fail("EVAL-507", method=method, legal=legal[0])
    raise EvaluationError(
        "EVAL-506", variance=variance, method=method, family=family, legal=list(legal)
    )


def moments_of(
    matched: MatchedSet,
    outcomes: Floats,
    *,
    variance: str = "auto",
    score_estimated: bool = True,
    seed: int = 0,
    adjustment: Adjustment | None = None,
) -> list[Moments]:
    """Return means, covariance and influence of outcomes (n, m), all with the same weights.

    Parameters
    ----------
    matched : Matched
        The matched set.
    outcomes : (n, m) float
        No missing values.
    variance : str
        ``auto`` or a legal name of the family.
    score_estimated : bool
        Account for the estimated score where matching is with replacement.
    seed : int
        Of the bootstrap.
    adjustment : Adjustment, optional
        Covariates of an outcome model, see :mod:`evaluation.effects.adjustment`.

    Raises
    ------
    EvaluationError
        EVAL-504 to EVAL-507, EVAL-513, EVAL-544 to EVAL-546.
    """
    chosen = legal_variance(matched.family, matched.method, variance)
    arms = arms_of(matched)
    if adjustment is not None:
        target = target_weights(arms, matched.estimand)
        return [_adjusted(outcome, arms, chosen, adjustment, target) for outcome in outcomes.T]
    if matched.weighted.folds is not None:
        return [_doubly_robust(matched, outcome, arms, chosen) for outcome in outcomes.T]
    plain = [_plain(outcome, arms, chosen) for outcome in outcomes.T]
    if chosen.startswith("abadie_imbens"):
        return replacement_moments(
            matched, outcomes, plain, homoscedastic=chosen.endswith("homoscedastic"),
            score_estimated=score_estimated,
        )  # fmt: skip
    if chosen == "bootstrap":
        return _smooth(matched, outcomes, plain, arms, seed)
    return plain


def influence_covariance(influence: Floats, arms: Arms, variance: str) -> tuple[Floats, int]:
    """Return the covariance (2, 2) of two means from their influence, and the cluster count.

    Every family but matching with replacement and the bootstrap ends here; contrasts of subgroups
    use it for all families.
    """
    rows = influence.any(axis=1) | arms.used
    psi = influence[rows]
    count = len(psi)
    if variance in ("HC0", "HC1"):
        factor = count / (count - 2) if variance == "HC1" else 1.0
        return cross_products(psi) * factor, count
    persons = clusters_of(arms.person[rows])
    if variance in ("set_person", "CL_HC0", "CL_HC1"):
        sets = clusters_of(arms.sets[rows])
        if min(sets.count, persons.count) < 2:
            return np.full((2, 2), np.nan), min(sets.count, persons.count)
        if variance == "set_person":
            return two_way(psi, sets, persons), sets.count
        factor = (count - 1) / (count - 2) if variance == "CL_HC1" else 1.0
        return clustered(psi, sets) * factor, sets.count
    return clustered(psi, persons, correct=False), persons.count


def _plain(outcome: Floats, arms: Arms, variance: str) -> Moments:
    fixed = replace(arms, nuisance=None) if variance in ("HC0", "HC1") else arms
    means, influence = mean_influence(outcome, fixed)
    covariance, clusters = influence_covariance(influence, fixed, variance)
    return Moments(means, covariance, influence, clusters)


def _adjusted(
    outcome: Floats, arms: Arms, variance: str, adjustment: Adjustment, target: Floats
) -> Moments:
    fixed = replace(arms, nuisance=None) if variance in ("HC0", "HC1") else arms
    means, influence = adjusted_influence(outcome, fixed, adjustment, target)
    covariance, clusters = influence_covariance(influence, fixed, variance)
    return Moments(means, covariance, influence, clusters)


def _doubly_robust(matched: MatchedSet, outcome: Floats, arms: Arms, variance: str) -> Moments:
    fixed = variance in ("HC0", "HC1")
    means, influence, notes = doubly_robust_of(matched, outcome, arms, fixed=fixed)
    covariance, clusters = influence_covariance(influence, arms, variance)
    return Moments(means, covariance, influence, clusters, notes)


def _smooth(
    matched: MatchedSet, outcomes: Floats, plain: list[Moments], arms: Arms, seed: int
) -> list[Moments]:
    replicate = matched.weighted.replicate
    if replicate is None:
        fail("EVAL-506", variance="bootstrap", method=matched.method, family="smooth", legal=[])
    draws = bootstrap_means(replicate, outcomes, arms.person, seed=seed)
    done = []
    for column, moments in enumerate(plain):
        adjusted = matched.weighted.adjusted
        means = moments.means if adjusted is None else np.array(adjusted(outcomes[:, column]))
        covariance = bootstrap_covariance(draws[:, column, :])
        done.append(replace(moments, means=means.astype(float), covariance=covariance))
    return done
