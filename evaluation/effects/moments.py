"""Weighted means of the two arms and the influence of each row on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.effects.types import Bools, Floats, Ints, MatchedSet
from evaluation.errors import fail
from evaluation.matching.types import Nuisance


@dataclass(frozen=True, slots=True)
class Arms:
    """What the means need of a matched set, as arrays.

    Attributes
    ----------
    treated : (n,) bool
        Who received the programme.
    weights : (n,) float
        Zero for rows that are not used.
    person, sets : (n,) int
        Person behind each row; matched set, -1 when none.
    nuisance : Nuisance or None
        How the weights depend on estimated parameters.
    """

    treated: Bools
    weights: Floats
    person: Ints
    sets: Ints
    nuisance: Nuisance | None

    @property
    def used(self) -> Bools:
        """Rows with a weight (n,)."""
        rows: Bools = self.weights != 0
        return rows


def arms_of(matched: MatchedSet) -> Arms:
    """Return the arrays of a matched set.

    Raises
    ------
    EvaluationError
        EVAL-504 when an arm has no row with a weight.
    """
    weights = np.asarray(matched.weights, dtype=float)
    treated = np.asarray(matched.problem.treated, dtype=bool)
    for arm, rows in (("treated", treated), ("comparison", ~treated)):
        if not weights[rows].sum() > 0:
            fail("EVAL-504", arm=arm, method=matched.method, count=int(rows.sum()))
    sets = matched.subclass
    labels = np.full(len(weights), -1) if sets is None else _labels(sets)
    person = np.asarray(matched.problem.person, dtype=np.int64)
    return Arms(treated, weights, person, labels, matched.weighted.nuisance)


def _labels(sets: object) -> Ints:
    values = np.asarray(sets)
    if values.dtype == object or values.dtype.kind == "f":
        import pandas as pd

        values = pd.Series(sets).fillna(-1).to_numpy()
    return values.astype(np.int64)


def mean_influence(
    outcome: Floats, arms: Arms, *, inside: Bools | None = None
) -> tuple[Floats, Floats]:
    r"""Return the two weighted means and the influence of each row on them.

    .. math:: \psi_i = w_i (y_i - \bar y) / \sum w
        + \text{project}(\text{gradient}(y - \bar y))_i / \sum w

    Parameters
    ----------
    outcome : (n,) float
        Outcome of each row.
    arms : Arms
        Weights and what they depend on.
    inside : (n,) bool, optional
        Rows of a subgroup; the means are then those of the subgroup.

    Returns
    -------
    means : (2,) float
        Treated, comparison.
    influence : (n, 2) float
        Their influence values, which sum to zero within an arm when weights are fixed.

    References
    ----------
    Lunceford & Davidian (2004), doi:10.1002/sim.1903; Newey & McFadden (1994),
    doi:10.1016/S1573-4412(05)80005-4.
    """
    weights = arms.weights if inside is None else arms.weights * inside
    means, influence = np.empty(2), np.zeros((len(outcome), 2))
    for column, rows in enumerate((arms.treated, ~arms.treated)):
        own = np.where(rows, weights, 0.0)
        total = float(own.sum())
        means[column] = float(np.sum(own * outcome)) / total
        residual = np.where(rows, outcome - means[column], 0.0)
        influence[:, column] = own * residual / total
        if arms.nuisance is not None:
            kept = residual if inside is None else residual * inside
            step = arms.nuisance.gradient(kept)
            influence[:, column] += arms.nuisance.project(step) / total
    return means, influence


def kish(weights: Floats, groups: Ints) -> float:
    """Return Kish's effective number of groups (persons), weights summed by group first.

    References
    ----------
    Kish (1965), Survey Sampling, Wiley.
    """
    _, codes = np.unique(groups, return_inverse=True)
    sums = np.bincount(codes, weights)
    squares = float(np.sum(sums * sums))
    return float(sums.sum()) ** 2 / squares if squares > 0 else 0.0
