"""Weights of least variance under bounds on means: the dual, solved exactly.

In: a design of comparators, base weights, targets with a tolerance each. Out: the multipliers and
how far the means are from the bounds. The dual is piecewise quadratic with an absolute-value
penalty: proximal Newton steps reach its minimum in finitely many steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.compiled import kernel
from evaluation.matching.score.design import Design
from evaluation.matching.types import Floats

TOLERANCE = 1e-9
"""Largest violation of a bound, in the units of the columns."""
MAX_STEPS = 200
LARGE = 1e7
"""Multipliers beyond which the bounds are taken to exclude one another."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Solution of the dual.

    Attributes
    ----------
    multipliers : (q,) float
    weights : (n,) float
        ``base * max(0, x'multipliers)``.
    inside : (n,) float
        Base weight where the weight is positive: its derivative in the linear predictor.
    means : (q,) float
        Weighted sums of the columns.
    violation : (q,) float
        How far each mean lies beyond its bounds.
    hessian : (q, q) float
    converged : bool
    steps : int
    """

    multipliers: Floats
    weights: Floats
    inside: Floats
    means: Floats
    violation: Floats
    hessian: Floats
    converged: bool
    steps: int


@kernel
def _descend(
    gradient: Floats, hessian: Floats, at: Floats, bound: Floats, sweeps: int, small: float
) -> Floats:
    """Minimise g'd + d'Hd/2 + sum bound |at + d| by cyclic coordinate descent; return d (q,)."""
    size = len(at)
    step = np.zeros(size)
    slope = gradient.copy()
    for _ in range(sweeps):
        largest = 0.0
        for j in range(size):
            curve = hessian[j, j]
            if curve <= 0.0:
                continue
            now = at[j] + step[j]
            free = now - slope[j] / curve
            shrink = bound[j] / curve
            new = 0.0
            if free > shrink:
                new = free - shrink
            elif free < -shrink:
                new = free + shrink
            change = new - now
            if change != 0.0:
                step[j] += change
                for k in range(size):
                    slope[k] += change * hessian[k, j]
                largest = max(largest, abs(change) * curve)
        if largest <= small:
            break
    return step


def solve_dual(
    design: Design, base: Floats, target: Floats, bound: Floats, *, start: Floats | None = None
) -> Solution:
    r"""Find weights of least variance whose means lie within bounds of their targets.

    Parameters
    ----------
    design : Design
        Columns (n, q), intercept first.
    base : (n,) float
        Base (sampling) weights; zero for rows that may receive none.
    target, bound : (q,) float
        Wanted weighted sums of the columns and the largest departure of each (0: exact).
    start : (q,) float, optional
        Multipliers to start from.

    Notes
    -----
    Minimising :math:`\tfrac12 \sum_i w_i^2 / b_i` under :math:`|X'w - t| \le \delta, w \ge 0` has
    the dual :math:`\min_\theta \tfrac12 \sum_i b_i \max(0, x_i'\theta)^2 - t'\theta +
    \delta'|\theta|`, at whose minimum :math:`w_i = b_i \max(0, x_i'\theta)`. Bounds that exclude
    one another leave the dual without a minimum.

    References
    ----------
    Wang, Y. and Zubizarreta, J. R. (2020). Minimal dispersion approximately balancing weights.
    Biometrika 107(1), 93-105. https://doi.org/10.1093/biomet/asz050
    """
    theta = np.zeros(design.shape[1]) if start is None else start.copy()
    theta[0] = theta[0] if start is not None else 1.0 / base.sum()
    # columns of all levels add up to the intercept: a trace of curvature keeps each step unique
    trace = 1e-11 * float(base.sum())
    state = _at(design, base, theta)
    steps = 0
    while steps < MAX_STEPS:
        weights, inside, means = state
        violation = np.maximum(np.abs(means - target) - bound, 0.0)
        if _optimal(theta, means, target, bound) or np.abs(theta).max() > LARGE * theta.size:
            break
        steps += 1
        hessian = design.gram(inside) + trace * np.eye(theta.size)
        step = _descend(means - target, hessian, theta, bound, 2000, 1e-13)
        now = _dual(state, base, theta, target, bound)
        slope = float((means - target) @ step) + float(
            bound @ (np.abs(theta + step) - np.abs(theta))
        )
        for halving in range(30):
            trial = theta + 0.5**halving * step
            new = _at(design, base, trial)
            value = _dual(new, base, trial, target, bound)
            if value <= now + 1e-4 * 0.5**halving * slope + 1e-15 * abs(now):
                break
        else:
            break
        theta, state = trial, new
    weights, inside, means = state
    violation = np.maximum(np.abs(means - target) - bound, 0.0)
    return Solution(
        theta, weights, inside, means, violation, design.gram(inside),
        _optimal(theta, means, target, bound), steps,
    )  # fmt: skip


def _at(design: Design, base: Floats, theta: Floats) -> tuple[Floats, Floats, Floats]:
    linear = design.times(theta)
    inside = np.where(linear > 0, base, 0.0)
    weights = inside * linear
    return weights, inside, design.transpose_times(weights)


def _dual(
    state: tuple[Floats, Floats, Floats], base: Floats, theta: Floats, target: Floats, bound: Floats
) -> float:
    weights = state[0]
    some = base > 0
    square = float(np.sum(weights[some] ** 2 / base[some])) / 2
    return square - float(target @ theta) + float(bound @ np.abs(theta))


def _optimal(theta: Floats, means: Floats, target: Floats, bound: Floats) -> bool:
    """Whether the means lie within the bounds, and on them where a multiplier is not zero."""
    gap = means - target
    at_bound = np.where(theta != 0, np.abs(gap + np.sign(theta) * bound), 0.0)
    beyond = np.maximum(np.abs(gap) - bound, 0.0)
    return bool(max(at_bound.max(), beyond.max()) <= TOLERANCE)
