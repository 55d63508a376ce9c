"""Doubly robust estimation (AIPW): odds weights from a score that never saw the row's own fold.

In: a problem with a fitted score. Out: the weights of ``ipw`` by cross-fitted scores, and the
folds, out of which the effects room fits the outcome model. Must never see an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from evaluation.errors import Fault, fail
from evaluation.matching.algorithms.ipw import score_weights
from evaluation.matching.engines.usable_strata import only_att
from evaluation.matching.registry import register_method
from evaluation.matching.score.newton import newton, solve
from evaluation.matching.score.propensity import RIDGE, PropensityModel
from evaluation.matching.types import Bools, Floats, Ints, Problem, Weighted

LARGEST = 30.0
"""Linear predictor beyond which a fold's score is taken to have no finite solution."""


@register_method("aipw", family="score_weights", options={"trim": None, "folds": 5, "fold_seed": 0})
def aipw(problem: Problem) -> Weighted:
    """Weight comparators by cross-fitted odds; the effect adds a cross-fitted outcome model.

    Parameters
    ----------
    problem : Problem
        Options: ``folds`` (default 5), parts into which persons are split; ``fold_seed`` (default
        0), of their draw; ``trim`` as in ``ipw``.

    Returns
    -------
    Weighted
        ``folds`` says which rows must be predicted by models fitted without them; the effect is
        computed by :func:`evaluation.effects.doubly_robust.doubly_robust`.

    Raises
    ------
    EvaluationError
        EVAL-451 estimand other than ATT, EVAL-452 an illegal option, EVAL-455 no fitted score,
        EVAL-549 fewer persons in an arm than folds, and those of ``ipw``.

    Notes
    -----
    Each fold's weights come from the score fitted on the other folds, on the same design; exact
    strata are respected as in ``ipw``.

    References
    ----------
    Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1994). Estimation of regression coefficients when
    some regressors are not always observed. JASA 89(427), 846-866.
    https://doi.org/10.1080/01621459.1994.10476818

    Chernozhukov, V. et al. (2018). Double/debiased machine learning for treatment and structural
    parameters. Econometrics Journal 21(1), C1-C68. https://doi.org/10.1111/ectj.12097
    """
    only_att(problem, "aipw")
    score = problem.score
    if score is None:
        fail("EVAL-455", method="aipw", distance=problem.distance_name)
    count, seed = _checked_folds(problem)
    folds = person_folds(
        problem.person, problem.treated, score.linear, count=count, rng=np.random.default_rng(seed)
    )
    fitted, notes = cross_fitted(score, folds)
    weighted = score_weights(replace(problem, score=fitted), method="aipw")
    return replace(weighted, folds=folds, notes=[*notes, *weighted.notes])


def _checked_folds(problem: Problem) -> tuple[int, int]:
    """Return the number of folds and the seed of their draw, the same whatever other draws."""
    count, seed = problem.options.get("folds", 5), problem.options.get("fold_seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        fail("EVAL-452", option="fold_seed", value=seed, allowed="0, 1, 2 …")
    if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= 50:
        fail("EVAL-452", option="folds", value=count, allowed="2 … 50")
    for arm in (problem.treated, ~problem.treated):
        persons = len(np.unique(problem.person[arm]))
        if persons < count:
            fail("EVAL-549", count=persons, folds=count)
    return count, seed


def person_folds(
    person: Ints, treated: Bools, linear: Floats, *, count: int, rng: np.random.Generator
) -> Ints:
    """Split persons into folds alike in score and in the share of treated.

    Parameters
    ----------
    person : (n,) int
        Person behind each row; all rows of a person share a fold.
    treated : (n,) bool
    linear : (n,) float
        Linear predictor of the score on all rows.
    count : int
        Number of folds.
    rng : Generator

    Returns
    -------
    (n,) int
        0 to ``count`` - 1, whatever the order of the rows (persons of the same score: their order).
    """
    _, code = np.unique(person, return_inverse=True)
    size = np.bincount(code)
    ever = np.bincount(code, treated) > 0
    # Rounded, because a sum over rows in another order differs in its last digits.
    level = np.round(np.bincount(code, linear) / size, 9)
    order = np.lexsort((np.arange(len(size)), level, ever))
    blocks = np.array([rng.permutation(count) for _ in range(-(-len(size) // count))])
    fold = np.empty(len(size), dtype=np.int64)
    fold[order] = blocks.ravel()[: len(size)]
    return fold[code]


@dataclass(frozen=True, slots=True)
class CrossFitted(PropensityModel):
    """A score whose every row is predicted by the model of the other folds.

    Attributes
    ----------
    parts : tuple of PropensityModel
        The model fitted without each fold.
    folds : (n,) int
        Fold of each row.
    """

    parts: tuple[PropensityModel, ...]
    folds: Ints

    def design_transpose_times(self, vector: Floats) -> Floats:
        """Return X'r by fold, stacked: (K q,)."""
        return np.concatenate(
            [
                part.design.transpose_times(np.where(self.folds == k, vector, 0.0))
                for k, part in enumerate(self.parts)
            ]
        )

    def score_influence(self, direction: Floats) -> Floats:
        """Return the influence (n,) on g'beta of the stacked coefficients (K q,)."""
        total = np.zeros(len(self.folds))
        for part, own in zip(self.parts, np.split(direction, len(self.parts)), strict=True):
            total += part.residual * part.design.times(solve(part.information, own))
        return total


def cross_fitted(score: PropensityModel, folds: Ints) -> tuple[CrossFitted, list[Fault]]:
    """Fit the score again without each fold, on the same design.

    A fold without finite solution takes a small ridge, and a note says so (EVAL-550).
    """
    parts, penalised = [], 0
    linear, probability = score.linear.copy(), score.probability.copy()
    for k in range(int(folds.max()) + 1):
        part = _without(score, folds == k, score.penalty)
        if not part.converged or np.abs(part.linear[folds != k]).max() > LARGEST:
            part = _without(score, folds == k, max(score.penalty, RIDGE))
            penalised += 1
        linear[folds == k] = part.linear[folds == k]
        probability[folds == k] = part.probability[folds == k]
        parts.append(part)
    kept = {field.name: getattr(score, field.name) for field in fields(score)}
    kept |= {"linear": linear, "probability": probability}
    notes = [Fault("EVAL-550", {"count": penalised, "penalty": RIDGE})] if penalised else []
    return CrossFitted(**kept, parts=tuple(parts), folds=folds), notes


def _without(score: PropensityModel, held: Bools, penalty: float) -> PropensityModel:
    weights = np.where(held, 0.0, score.weights)
    fit = newton(score.design, score.treated, weights, link=score.link, penalty=penalty)
    return replace(
        score, coefficients=fit.coefficients, linear=fit.linear, probability=fit.probability,
        converged=fit.converged, iterations=fit.iterations, penalty=penalty, weights=weights,
        residual=fit.residual, information=fit.information,
    )  # fmt: skip
