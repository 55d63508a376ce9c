"""Exponential tilting: the weights nearest to base weights that have given means.

In: base weights, columns, targets, strata. Out: the tilted weights and how far they got. Solves
the convex dual of maximum entropy by Newton's method; strata are profiled out, so that hundreds of
strata cost no more than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.matching.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Tilt:
    """Solution of the dual.

    Attributes
    ----------
    weights : (m,) float
        Sum to one; the share of each stratum is as asked.
    multipliers : (q,) float
        Dual solution (the paper's lambda).
    imbalance : (q,) float
        Weighted mean minus target.
    hessian : (q, q) float
        Weighted covariance within strata, plus the ridge.
    centre : (S, q) float
        Weighted mean of each stratum, minus target.
    converged : bool
        Whether the largest imbalance (less the ridge's) is below the tolerance.
    iterations : int
        Newton steps taken.
    """

    weights: Floats
    multipliers: Floats
    imbalance: Floats
    hessian: Floats
    centre: Floats
    converged: bool
    iterations: int


@dataclass(frozen=True, slots=True)
class _State:
    value: float
    weights: Floats
    gradient: Floats


@dataclass(frozen=True, slots=True)
class _Dual:
    X: Floats
    log_base: Floats
    starts: Ints
    sizes: Ints
    shares: Floats
    ridge: float

    def at(self, lam: Floats) -> _State:
        """Return the dual, its weights and its gradient."""
        exponent = self.log_base + self.X @ lam
        top = np.maximum.reduceat(exponent, self.starts)
        raw = np.exp(exponent - np.repeat(top, self.sizes))
        total = np.add.reduceat(raw, self.starts)
        weights = raw * np.repeat(self.shares / total, self.sizes)
        value = float(np.dot(self.shares, np.log(total) + top))
        penalty = 0.5 * self.ridge * float(lam @ lam)
        return _State(value + penalty, weights, weights @ self.X + self.ridge * lam)

    def floor(self) -> float:
        """Return what the dual cannot fall below when weights with these means exist."""
        if self.ridge > 0:
            return -np.inf
        lightest = np.minimum.reduceat(self.log_base, self.starts)
        bound = float(np.dot(self.shares, lightest))
        return bound - 1e-9 * (1.0 + abs(bound))


def tilt(
    X: Floats,
    *,
    base: Floats,
    starts: Ints,
    shares: Floats,
    ridge: float = 0.0,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> Tilt:
    """Tilt base weights until the columns of ``X`` have mean zero.

    Parameters
    ----------
    X : (m, q) float
        Columns minus their targets, of order one; rows sorted by stratum.
    base : (m,) float
        Positive base weights.
    starts : (S,) int
        First row of each stratum.
    shares : (S,) float
        Share of the total weight that each stratum must have (sums to one).
    ridge : float
        Penalty ``ridge/2 |lambda|²``; zero asks for exact means.
    tolerance : float
        Largest mean left, relative to the scale of the columns.

    Notes
    -----
    Minimises ``Σ_s π_s log Σ_{j in s} q_j exp(λ'x_j) + ridge/2 |λ|²``. Where weights with these
    means exist, the minimum without ridge is at least ``Σ_s π_s min_{j in s} log q_j``: a value
    under it proves that there are none, and the search ends.

    References
    ----------
    Hainmueller, J. (2012). Entropy Balancing for Causal Effects. Political Analysis 20(1), 25-46.
    https://doi.org/10.1093/pan/mpr025
    """
    dual = _Dual(X, np.log(base), starts, np.diff(np.append(starts, len(base))), shares, ridge)
    floor = dual.floor()
    lam = np.zeros(X.shape[1])
    state = dual.at(lam)
    iteration = 0
    while not _small(state, tolerance) and state.value >= floor and iteration < max_iterations:
        iteration += 1
        hessian, _ = curvature(X, state.weights, starts, shares)
        moved = _search(dual, lam, _newton(hessian, state.gradient, ridge), state)
        if moved is None:
            break
        lam, state = moved
    hessian, centre = curvature(X, state.weights, starts, shares)
    return Tilt(
        weights=state.weights,
        multipliers=lam,
        imbalance=state.gradient - ridge * lam,
        hessian=hessian + ridge * np.eye(len(lam)),
        centre=centre,
        converged=_small(state, tolerance) and state.value >= floor,
        iterations=iteration,
    )


def _small(state: _State, tolerance: float) -> bool:
    return bool(np.abs(state.gradient).max(initial=0.0) <= tolerance)


def curvature(X: Floats, weights: Floats, starts: Ints, shares: Floats) -> tuple[Floats, Floats]:
    """Return the weighted covariance within strata (q, q) and the strata's means (S, q)."""
    weighted = X * weights[:, None]
    centre = np.add.reduceat(weighted, starts, axis=0) / shares[:, None]
    return X.T @ weighted - centre.T @ (centre * shares[:, None]), centre


def _newton(hessian: Floats, gradient: Floats, ridge: float) -> Floats:
    identity = np.eye(len(gradient))
    for jitter in (0.0, 1e-12, 1e-9, 1e-6):
        try:
            factor = np.linalg.cholesky(hessian + (ridge + jitter) * identity)
        except np.linalg.LinAlgError:
            continue
        step: Floats = -np.linalg.solve(factor.T, np.linalg.solve(factor, gradient))
        return step
    return -gradient


def _search(dual: _Dual, lam: Floats, step: Floats, state: _State) -> tuple[Floats, _State] | None:
    """Halve the step until the dual falls enough, or the gradient does where rounding hides it."""
    slope = float(state.gradient @ step)
    size = float(np.abs(state.gradient).max())
    length = 1.0
    for _ in range(40):
        candidate = lam + length * step
        new = dual.at(candidate)
        falls = new.value <= state.value + 1e-4 * length * slope
        if np.isfinite(new.value) and (falls or np.abs(new.gradient).max() < 0.5 * size):
            return candidate, new
        length *= 0.5
    return None
