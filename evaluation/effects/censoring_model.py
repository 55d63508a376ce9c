"""When do comparators enter? A pooled logistic model of entry by month since the index date.

In: covariates of the comparators, the month in which each one entered or was hired. Out: the
probability of entry of each person-month and the influence of each person on the coefficients.
Works person by person, never on an expanded table; must never know an effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.effects.types import Bools, Floats, Ints
from evaluation.matching.score.design import Design, build_design, collinear
from evaluation.matching.score.newton import column_variances, solve

MAX_ITERATIONS = 40
TOLERANCE = 1e-10
EVENTS_PER_COLUMN = 2
"""Entries per coefficient under which the model is shrunk by :data:`RIDGE`."""
RIDGE = 1.0
FURTHEST = 30.0
"""Linear predictors are held inside ± this bound: beyond, a probability is 0 or 1 to 13 digits."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Comparators (n) followed over K months until a hire, their own entry or the end.

    Attributes
    ----------
    at_risk : (n, K) bool
        Neither hired nor entered before the month.
    enters, hired : (n, K) bool
        What ends the follow-up in the month; where both fall into it, the entry counts.
    calendar : (n, K) int
        Calendar month 0..11 of each month of follow-up.
    followed : (n, K) float
        Months of follow-up: 1, the share before the entry in the month of an entry, 0 afterwards.
    """

    at_risk: Bools
    enters: Bools
    hired: Bools
    calendar: Ints
    followed: Floats

    @property
    def exposure(self) -> Floats:
        """Months at risk of entry (n, K): half a month when a hire ends it (actuarial)."""
        return self.at_risk - 0.5 * self.hired


def follow_up(
    hire_month: Ints, entry_month: Ints, entry_share: Floats, index_month: Ints, months: int
) -> FollowUp:
    """Return the follow-up of comparators.

    Parameters
    ----------
    hire_month, entry_month : (n,) int
        1, 2, ... since the index date; 0 when it never happens in the months looked at.
    entry_share : (n,) float
        Share of the month of entry that has passed on the day of entry.
    index_month : (n,) int
        Calendar month 0..11 of the index date.
    months : int
        K.

    Examples
    --------
    >>> share = np.array([0.0, 0.25])
    >>> seen = follow_up(np.array([2, 0]), np.array([0, 1]), share, np.array([11, 0]), 3)
    >>> seen.at_risk.astype(int).tolist()
    [[1, 1, 0], [1, 0, 0]]
    >>> seen.followed.tolist()
    [[1.0, 1.0, 0.0], [0.25, 0.0, 0.0]]
    """
    month = np.arange(1, months + 1)
    hire = np.where(hire_month > 0, hire_month, months + 1)[:, None]
    entry = np.where(entry_month > 0, entry_month, months + 1)[:, None]
    at_risk = month <= np.minimum(hire, entry)
    enters = at_risk & (month == entry)
    return FollowUp(
        at_risk=at_risk,
        enters=enters,
        hired=at_risk & (month == hire) & ~enters,
        calendar=(index_month[:, None] + month - 1) % 12,
        followed=np.where(enters, entry_share[:, None], at_risk),
    )


@dataclass(frozen=True, slots=True)
class EntryModel:
    r"""A fitted pooled logistic model of entry.

    Attributes
    ----------
    probability : (n, K) float
        Of an entry in the month, for those at risk; 0 elsewhere.
    design : Design
        Covariates (n, q) at the index date.
    levels : (n, K, 2) int
        Coefficients, after the q first, of the month since the index date and of the calendar
        month; ``size`` (a coefficient that is always zero) for the reference.
    size : int
        Number of coefficients.
    residual : (n, K) float
        Weighted derivative of each person-month's log-likelihood.
    information : (size, size) float
        Expected information, penalty included.
    penalised : bool
        Whether the coefficients were shrunk.
    """

    probability: Floats
    design: Design
    levels: Ints
    size: int
    residual: Floats
    information: Floats
    penalised: bool

    def gather(self, values: Floats) -> Floats:
        """Return the sum over person-months of ``values`` (n, K) times their design: (size,)."""
        return _gather(self.design, self.levels, self.size, values)

    def influence(self, direction: Floats) -> Floats:
        """Return the influence (n,) of each row on ``direction``' theta."""
        step = solve(self.information, direction)
        linear = _linear(self.design, self.levels, step)
        total: Floats = np.sum(self.residual * linear, axis=1)
        return total


def fit_entry(covariates: pd.DataFrame, seen: FollowUp, weights: Floats) -> EntryModel | None:
    """Fit the probability of entry, pooled over months; None when nobody enters.

    Parameters
    ----------
    covariates : DataFrame (n, k)
        Known at the index date.
    seen : FollowUp
        Of the same rows.
    weights : (n,) float
        Sampling weights.

    Notes
    -----
    logit P(entry in month k | at risk) = x'beta + month since the index date + calendar month:
    entry follows the seasons, and those who stay longer differ. Levels with fewer than five
    comparators that enter are pooled. With few entries per coefficient, and where the fit does not
    converge, the coefficients of covariates are shrunk (ridge on standardised columns).

    References
    ----------
    Robins, J. M. and Finkelstein, D. M. (2000). Correcting for noncompliance and dependent
    censoring in an AIDS clinical trial with inverse probability of censoring weighted (IPCW)
    log-rank tests. Biometrics 56(3), 779-788. https://doi.org/10.1111/j.0006-341X.2000.00779.x

    D'Agostino, R. B. et al. (1990). Relation of pooled logistic regression to time dependent Cox
    regression analysis: the Framingham Heart Study. Statistics in Medicine 9(12), 1501-1515.
    https://doi.org/10.1002/sim.4780091214
    """
    ever: Bools = np.asarray(seen.enters.any(axis=1), dtype=np.bool_)
    if not ever.any():
        return None
    design, _ = build_design(covariates, ever, weights, pool_sparse=True)
    levels, size = _independent(design, *_time_levels(seen, design.shape[1]), seen, weights)
    few = int(seen.enters.sum()) < EVENTS_PER_COLUMN * size
    made, converged = _newton(design, levels, size, seen, weights, RIDGE if few else 0.0)
    if not converged and not few:
        made, _ = _newton(design, levels, size, seen, weights, RIDGE)
    return made


def _newton(
    design: Design, levels: Ints, size: int, seen: FollowUp, weights: Floats, penalty: float
) -> tuple[EntryModel, bool]:
    exposure = seen.exposure * weights[:, None]
    events = seen.enters * weights[:, None]
    ridge = np.zeros(size)
    q = design.shape[1]
    ridge[:q] = penalty * column_variances(design, weights)
    if penalty:
        # A month without an entry would push its own coefficient to minus infinity.
        ridge[q:] = penalty
    theta = np.zeros(size)
    theta[0] = np.log(events.sum() / exposure.sum())
    loss, converged = np.inf, False
    for _ in range(MAX_ITERATIONS):
        linear = np.clip(_linear(design, levels, theta), -FURTHEST, FURTHEST)
        chance = 1 / (1 + np.exp(-linear))
        residual = events - exposure * chance
        curvature = exposure * chance * (1 - chance)
        information = _information(design, levels, size, curvature) + np.diag(ridge)
        previous, loss = loss, _loss(linear, events, exposure) + float(ridge @ theta**2) / 2
        converged = abs(previous - loss) <= TOLERANCE * (abs(loss) + 0.1)
        if converged:
            break
        theta = theta + solve(
            information, _gather(design, levels, size, residual) - ridge * theta
        )  # fmt: skip
    made = EntryModel(
        chance * seen.at_risk, design, levels, size, residual, information, penalty > 0
    )
    return made, converged


def _loss(linear: Floats, events: Floats, exposure: Floats) -> float:
    return float(np.sum(exposure * np.logaddexp(0.0, linear) - events * linear))


def _time_levels(seen: FollowUp, columns: int) -> tuple[Ints, int]:
    """Return the coefficient of the month and of the calendar month of each person-month.

    Both have the first level with an entry as reference; a level without entries shares it.
    """
    n, months = seen.at_risk.shape
    month = np.broadcast_to(np.arange(months), (n, months))
    size, codes = columns, []
    for code in (month, seen.calendar):
        counts = np.bincount(code[seen.enters])
        busy = np.flatnonzero(counts)[1:]
        table = np.full(max(months, 12), -1)
        table[busy] = size + np.arange(len(busy))
        codes.append(table[code])
        size += len(busy)
    levels = np.stack(codes, axis=-1).astype(np.int64)
    levels[levels < 0] = size
    return levels, size


def _independent(
    design: Design, levels: Ints, size: int, seen: FollowUp, weights: Floats
) -> tuple[Ints, int]:
    """Leave out the months that others determine: with one index month, the calendar is time."""
    products = _information(design, levels, size, seen.exposure * weights[:, None])
    dropped = [j for j in collinear(products) if j >= design.shape[1]]
    kept = [j for j in range(size) if j not in dropped]
    renumbered = np.full(size + 1, len(kept))
    renumbered[kept] = np.arange(len(kept))
    return renumbered[levels].astype(np.int64), len(kept)


def _linear(design: Design, levels: Ints, theta: Floats) -> Floats:
    padded = np.append(theta, 0.0)
    own = design.times(np.ascontiguousarray(theta[: design.shape[1]]))
    total: Floats = own[:, None] + padded[levels[:, :, 0]] + padded[levels[:, :, 1]]
    return total


def _gather(design: Design, levels: Ints, size: int, values: Floats) -> Floats:
    summed = np.zeros(size + 1)
    for kind in range(2):
        summed += np.bincount(levels[:, :, kind].ravel(), values.ravel(), minlength=size + 1)
    summed[: design.shape[1]] = design.transpose_times(np.ascontiguousarray(values.sum(axis=1)))
    return summed[:-1]


def _information(design: Design, levels: Ints, size: int, curvature: Floats) -> Floats:
    """Return the expected information (size, size) without a row per person-month."""
    q = design.shape[1]
    whole = np.zeros((size + 1, size + 1))
    whole[:q, :q] = design.gram(np.ascontiguousarray(curvature.sum(axis=1)))
    for level in range(q, size):
        mine = (levels == level).any(axis=2)
        part = np.where(mine, curvature, 0.0)
        whole[level, :q] = design.transpose_times(np.ascontiguousarray(part.sum(axis=1)))
        whole[:q, level] = whole[level, :q]
        for kind in range(2):
            rows = np.bincount(levels[:, :, kind].ravel(), part.ravel(), minlength=size + 1)
            whole[level, q:] += rows[q:]
    return whole[:-1, :-1]
