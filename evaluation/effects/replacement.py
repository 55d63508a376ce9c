"""Variance of matching with replacement: Abadie and Imbens, persons recurring across months."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaluation.effects.clusters import (
    Clusters,
    cluster_sums,
    clusters_of,
    cross_products,
    floored,
    semi_definite,
)
from evaluation.effects.counterfactuals import counterfactuals
from evaluation.effects.neighbours import (
    neighbour_difference,
    same_arm_neighbour,
    same_arm_neighbour_in_space,
)
from evaluation.effects.types import Bools, Floats, Ints, MatchedSet, Moments
from evaluation.errors import fail
from evaluation.matching.engines.plan import coordinates
from evaluation.matching.score.propensity import PropensityModel
from evaluation.matching.types import Problem


@dataclass(frozen=True, slots=True)
class Reuse:
    """Who is compared with whom when comparators serve several times.

    Attributes
    ----------
    focal, other : (q,) int
        Rows of each pair; ``focal`` is the arm that is kept whole (the treated for the ATT).
    share : (q,) float
        Weight of the pair in the mean of its focal row's matches.
    used, squares : (n,) float
        K and K', the sums of shares and of squared shares by matched row.
    size : int
        Focal rows with a match.
    """

    focal: Ints
    other: Ints
    share: Floats
    used: Floats
    squares: Floats
    size: int


def reuse_of(focal: Ints, other: Ints, *, rows: int, share: Floats | None = None) -> Reuse:
    """Return the reuse counts of pairs (q,) among ``rows`` rows; equal shares unless given."""
    counts = np.bincount(focal, minlength=rows)
    share = 1.0 / counts[focal] if share is None else share
    used = np.bincount(other, share, minlength=rows).astype(float)
    squares = np.bincount(other, share**2, minlength=rows).astype(float)
    return Reuse(focal, other, share, used, squares, int(np.count_nonzero(counts)))


def conditional_variance(
    outcome: Floats, reuse: Reuse, *, neighbour: Ints | None, treated: Bools,
    values: Floats | None = None,
) -> Floats:  # fmt: skip
    """Return the variance (n,) of the outcome given the score and the arm.

    With a neighbour, (y_i - y_l(i))^2 / 2 of the nearest row of the same arm (J = 1), rows without
    one taking their arm's mean; without, the homoscedastic half mean square of the paired
    differences, ``values`` (q,) being the adjusted outcomes of the comparators if they were.
    """
    if neighbour is None:
        gaps = outcome[reuse.focal] - (outcome[reuse.other] if values is None else values)
        centre = float(np.sum(reuse.share * gaps)) / reuse.size
        common = float(np.sum(reuse.share * (gaps - centre) ** 2)) / (2 * reuse.size)
        return np.full(len(outcome), common)
    known = neighbour >= 0
    local = neighbour_difference(outcome, neighbour) ** 2 / 2
    for arm in (True, False):
        rows = treated == arm
        if (rows & known).any():
            local[rows & ~known] = local[rows & known].mean()
    return local


def abadie_imbens(
    outcome: Floats, reuse: Reuse, sigma2: Floats, *, focal_is_treated: bool = True,
    values: Floats | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    r"""Return the two means and their covariance for matching with replacement, rows independent.

    .. math:: V = \frac1{N_1^2}\sum_{focal} (y_i - \hat y_i - \hat\tau)^2
        + \frac1{N_1^2}\sum_{other} (K_i^2 - K'_i)\,\hat\sigma_i^2

    Parameters
    ----------
    outcome : (n,) float
        Outcome of each row.
    reuse : Reuse
        Pairs and reuse counts.
    sigma2 : (n,) float
        Conditional variances.
    focal_is_treated : bool
        False for the ATC.
    values : (q,) float, optional
        Adjusted outcomes of the comparators, pair by pair.

    Returns
    -------
    means : (2,) float
        Treated, comparison.
    covariance : (2, 2) float
        Of the means.

    References
    ----------
    Abadie & Imbens (2006), theorem 7, doi:10.1111/j.1468-0262.2006.00655.x.
    """
    values = outcome[reuse.other] if values is None else values
    imputed = np.bincount(reuse.focal, reuse.share * values, minlength=len(outcome))
    rows = np.unique(reuse.focal)
    pair = np.column_stack([outcome[rows], imputed[rows]])
    means = pair.mean(axis=0)
    covariance = cross_products((pair - means) / reuse.size)
    extra = float(np.sum((reuse.used**2 - reuse.squares) * sigma2)) / reuse.size**2
    covariance[1, 1] += extra
    if focal_is_treated:
        return means, covariance
    return means[::-1].copy(), covariance[::-1, ::-1].copy()


def person_terms(
    outcome: Floats, reuse: Reuse, *, neighbour: Ints | None, persons: Clusters, means: Floats,
    treated: Bools,
) -> Floats:  # fmt: skip
    """Return what the rows of one person in several months add to the covariance (2, 2).

    The noise of a row is its difference to its same-arm neighbour (to its arm's mean without one);
    a person's cross products over different rows estimate their covariance.
    """
    arm_mean = np.where(treated, means[0], means[1])
    noise = outcome - arm_mean
    if neighbour is not None:
        noise = np.where(neighbour >= 0, neighbour_difference(outcome, neighbour), noise)
    focal = np.zeros(len(outcome))
    focal[reuse.focal] = 1.0
    weight = (focal + reuse.used) / reuse.size
    terms = np.column_stack([noise * weight * treated, noise * weight * ~treated])
    return cross_products(cluster_sums(terms, persons)) - cross_products(terms)


def score_correction(
    outcome: Floats, reuse: Reuse, *, score: PropensityModel, neighbour: Ints, treated: Bools,
    sampling_weight: Floats, effect: float,
) -> float:  # fmt: skip
    r"""Return what estimating the score adds to the variance of the ATT (often negative).

    .. math:: -c' I^{-1} c + (\partial\tau/\partial\theta)' I^{-1} (\partial\tau/\partial\theta)

    with :math:`c = a + b_1 + b_0 F/(1-F)` and
    :math:`\partial\tau/\partial\theta = a + b_1 - b_0`, where :math:`a` weighs the covariates by
    the local effect, and :math:`b_w` by their local covariance with the outcome in arm w; all are
    taken from neighbours of the same arm, within exact strata.

    References
    ----------
    Abadie & Imbens (2016), theorem 2, doi:10.3982/ECTA11293.
    """
    probability = np.asarray(score.probability, dtype=float)
    imputed = np.bincount(reuse.focal, reuse.share * outcome[reuse.other], minlength=len(outcome))
    known = neighbour >= 0
    matched = np.zeros(len(outcome), dtype=bool)
    matched[reuse.focal] = True
    rows = matched & known
    # The neighbour's outcome is independent of the row's covariates given the score.
    local = np.where(rows, outcome[neighbour] - imputed - effect, 0.0) * (1 - probability)
    own = rows * (1 - probability)
    base = ~treated & known
    down = base * sampling_weight * probability
    up = down * probability / (1 - probability)
    spread = neighbour_difference(outcome, neighbour) / 2
    first = local + _paired(own * spread, neighbour)
    c = score.design_transpose_times(first + _paired(up * spread, neighbour)) / reuse.size
    slope = score.design_transpose_times(first - _paired(down * spread, neighbour)) / reuse.size
    gain = float(np.sum(score.score_influence(slope) ** 2))
    return gain - float(np.sum(score.score_influence(c) ** 2))


def _paired(values: Floats, neighbour: Ints) -> Floats:
    """Return v such that X'v = sum of values_i (X_i - X_l(i))."""
    known = neighbour >= 0
    return np.where(known, values, 0.0) - np.bincount(
        neighbour[known], values[known], minlength=len(values)
    )


def replacement_moments(
    matched: MatchedSet, outcomes: Floats, moments: list[Moments], *, homoscedastic: bool,
    score_estimated: bool,
) -> list[Moments]:  # fmt: skip
    """Put the Abadie-Imbens covariance into the moments of outcomes (n, m).

    Raises
    ------
    EvaluationError
        EVAL-508 when the variance is not positive, EVAL-513 when the correction for an estimated
        score is asked for another estimand than the ATT, EVAL-548 when it is asked together with
        a bias adjustment.
    """
    problem = matched.problem
    treated = np.asarray(problem.treated, dtype=bool)
    focal_is_treated = matched.estimand != "ATC"
    reuse = _reuse(matched, focal_is_treated)
    points = coordinates(problem)
    neighbour = _neighbours(problem, points, np.union1d(reuse.focal, reuse.other))
    # The correction is for pairs sought on the score, not for a score that only bounds them.
    score = problem.score if score_estimated and points is None else None
    if score is not None and not focal_is_treated:
        fail("EVAL-513", estimand=matched.estimand, method=matched.method)
    if score is not None and problem.options.get("bias_adjust"):
        fail("EVAL-548", method=matched.method)
    values = counterfactuals(outcomes, reuse.focal, reuse.other, problem)
    persons = clusters_of(np.asarray(problem.person, dtype=np.int64))
    recurring = persons.count < len(treated)
    chosen = None if homoscedastic else neighbour
    done: list[Moments] = []
    for outcome, moved, given in zip(outcomes.T, values.T, moments, strict=True):
        sigma2 = conditional_variance(
            outcome, reuse, neighbour=chosen, treated=treated, values=moved
        )
        means, covariance = abadie_imbens(
            outcome, reuse, sigma2, focal_is_treated=focal_is_treated, values=moved
        )
        if recurring:
            extra = person_terms(
                outcome, reuse, neighbour=chosen, persons=persons, means=means, treated=treated
            )
            covariance = floored(covariance + extra, covariance)
        if score is not None and neighbour is not None and covariance.any():
            covariance = covariance.copy()
            covariance[1, 1] += score_correction(
                outcome, reuse, score=score, neighbour=neighbour, treated=treated,
                sampling_weight=problem.sampling_weight, effect=float(means[0] - means[1]),
            )  # fmt: skip
            left = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
            covariance = semi_definite(covariance) if left > 0 else np.full((2, 2), np.nan)
        done.append(replace(given, means=means, covariance=covariance))
    return done


def _neighbours(problem: Problem, points: Floats | None, rows: Ints) -> Ints | None:
    """Return the nearest row of the same arm on the distance by which pairs were sought, (n,).

    None for a plug-in that has no distance.
    """
    treated = np.asarray(problem.treated, dtype=bool)
    if points is None:
        if problem.distance is None:
            return None
        return same_arm_neighbour(problem.distance, problem.strata, treated)
    person = np.unique(problem.person, return_inverse=True)[1].astype(np.int64)
    return same_arm_neighbour_in_space(points, problem.strata, treated, person=person, rows=rows)


def _reuse(matched: MatchedSet, focal_is_treated: bool) -> Reuse:
    pairs = matched.weighted.pairs
    rows = len(matched.problem.treated)
    if pairs is None or len(pairs) == 0:
        fail("EVAL-504", arm="treated", method=matched.method, count=0)
    first, second = np.asarray(pairs[:, 0]), np.asarray(pairs[:, 1])
    focal, other = (first, second) if focal_is_treated else (second, first)
    return reuse_of(focal, other, rows=rows)
