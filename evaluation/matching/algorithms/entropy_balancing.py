"""Entropy balancing: the weights nearest to the sampling weights that make the means equal.

In: a problem (the score is not used). Out: comparators weighted so that every covariate mean, and
the share of every exact stratum, is that of the entrants. What could not be balanced is dropped or
relaxed, and said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.errors import Fault, fail, warn
from evaluation.matching.engines.moments import Moments, independent, moment_matrix
from evaluation.matching.engines.tilt import Tilt, curvature, tilt
from evaluation.matching.engines.usable_strata import (
    Strata,
    extreme,
    only_att,
    rescaled,
    usable_strata,
)
from evaluation.matching.registry import register_method
from evaluation.matching.score.design import columns_of
from evaluation.matching.types import Bools, Floats, Ints, Nuisance, Problem, Weighted

SPARSE = 5
"""Rows of either arm under which a level is joined to the base when exact balance fails."""
RIDGE = 0.01
"""Penalty of the relaxed solution, in squared standard deviations."""


@dataclass(frozen=True, slots=True)
class _System:
    """The comparators' side, sorted by stratum, and what they must reach.

    Attributes
    ----------
    rows : (m,) int
        Positions of the comparators that may receive weight.
    X : (m, q) float
        Moments minus the treated mean.
    base : (m,) float
    starts : (S,) int
    shares : (S,) float
    offset : (q,) float
        Treated means, in the units of the moments.
    kept : (q_all,) bool
        Which of the moments are in ``X``.
    """

    rows: Ints
    X: Floats
    base: Floats
    starts: Ints
    shares: Floats
    offset: Floats
    kept: Bools


@register_method(
    "entropy_balancing", family="moment_weights", options={"moments": 1}, needs_distance=False
)
def entropy_balancing(problem: Problem) -> Weighted:
    """Weight comparators so that covariate means equal those of the treated.

    Parameters
    ----------
    problem : Problem
        Options: ``moments`` (highest power of the numbers whose mean is balanced, default 1).

    Returns
    -------
    Weighted
        ATT weights; ``nuisance`` carries the multipliers, the strata's shares and the treated
        means, all three of them estimated.

    Raises
    ------
    EvaluationError
        EVAL-450 no stratum with both arms, EVAL-451 estimand other than ATT, EVAL-452 an illegal
        number of moments, EVAL-453 missing values.

    Notes
    -----
    Minimises ``Σ w log(w / q)`` with q the sampling weights, under equal means of all levels but
    one of each factor and of the powers of each number, within strata that each receive the weight
    of their entrants. Comparators at a level that no entrant has receive no weight; a level that
    no comparator has is left out. When no weights satisfy all equations, levels with fewer than 5
    rows in an arm are joined to the base; when that is not enough, the equations are relaxed by a
    ridge on the multipliers and the imbalance left is stated.

    References
    ----------
    Hainmueller, J. (2012). Entropy Balancing for Causal Effects. Political Analysis 20(1), 25-46.
    https://doi.org/10.1093/pan/mpr025

    Zhao, Q. and Percival, D. (2017). Entropy Balancing is Doubly Robust. Journal of Causal
    Inference 5(1). https://doi.org/10.1515/jci-2016-0010
    """
    only_att(problem, "entropy_balancing")
    powers = problem.options.get("moments", 1)
    if isinstance(powers, bool) or powers not in (1, 2, 3):
        fail("EVAL-452", option="moments", value=powers, allowed="1, 2, 3")
    moments = moment_matrix(problem.covariates, moments=powers)
    base, notes = _without_empty_levels(problem, moments)
    strata = usable_strata(problem.treated, problem.strata, base)
    system, solution, more = _solve(problem, moments, strata, base)
    weights = np.where(problem.treated & strata.usable, problem.sampling_weight, 0.0)
    weights[system.rows] = solution.weights
    weights, factor = rescaled(weights, ~problem.treated)
    return Weighted(
        weights=weights,
        subclass=np.full(len(weights), -1, dtype=np.int64),
        reasons={"stratum_empty": strata.lost} if len(strata.lost) else {},
        nuisance=_nuisance(problem, moments, strata, system, solution, factor),
        notes=[*notes, *more, *extreme(weights, problem, "entropy_balancing")],
    )


def _without_empty_levels(problem: Problem, moments: Moments) -> tuple[Floats, list[Fault]]:
    """Return base weights, zero for comparators at levels where no entrant stands."""
    base = problem.sampling_weight.astype(np.float64, copy=True)
    binary = moments.matrix[:, moments.indicator]
    mean = binary[problem.treated].mean(axis=0)
    alone = ((mean == 0) & (binary == 1)) | ((mean == 1) & (binary == 0))
    outside = alone.any(axis=1) & ~problem.treated & (base > 0)
    if not outside.any() or (outside | problem.treated).all():
        return base, []
    names = np.array(moments.names, dtype=object)[moments.indicator]
    levels = [str(n) for n in names[alone[outside].any(axis=0)]]
    base[outside] = 0.0
    note = Fault("EVAL-460", {"count": int(outside.sum()), "columns": levels})
    return base, [note]


def _solve(
    problem: Problem, moments: Moments, strata: Strata, base: Floats
) -> tuple[_System, Tilt, list[Fault]]:
    """Balance exactly; failing that without sparse levels; failing that with a ridge."""
    everything = np.ones(len(moments.names), dtype=bool)
    system = _system(problem, moments, strata, base, everything)
    solution = _tilted(system)
    if solution.converged:
        return system, solution, _left_over(problem, moments, strata, system, solution)
    dense = ~_sparse(problem, moments, strata)
    notes: list[Fault] = []
    if not dense.all():
        dropped = [n for n, kept in zip(moments.names, dense, strict=True) if not kept]
        notes.append(
            warn("EVAL-461", count=len(dropped), columns=columns_of(dropped), minimum=SPARSE)
        )
        system = _system(problem, moments, strata, base, dense)
        solution = _tilted(system)
    if not solution.converged:
        solution = _tilted(system, ridge=RIDGE)
        worst = int(np.argmax(np.abs(solution.imbalance)))
        name = np.array(moments.names, dtype=object)[system.kept][worst]
        left = float(abs(solution.imbalance[worst]))
        notes.append(
            warn(
                "EVAL-462",
                column=columns_of([str(name)])[0],
                imbalance=round(float(left), 3),
                ridge=RIDGE,
            )
        )
    return system, solution, notes + _left_over(problem, moments, strata, system, solution)


def _tilted(system: _System, ridge: float = 0.0) -> Tilt:
    return tilt(system.X, base=system.base, starts=system.starts, shares=system.shares, ridge=ridge)


def _sparse(problem: Problem, moments: Moments, strata: Strata) -> Bools:
    """Return the indicators with fewer than ``SPARSE`` rows, or complement, in an arm."""
    sparse = np.zeros(len(moments.names), dtype=bool)
    for arm in (problem.treated, ~problem.treated):
        rows = moments.matrix[arm & strata.usable]
        ones = (rows == 1).sum(axis=0)
        sparse |= moments.indicator & (np.minimum(ones, len(rows) - ones) < SPARSE)
    return sparse


def _system(
    problem: Problem, moments: Moments, strata: Strata, base: Floats, columns: Bools
) -> _System:
    treated = problem.treated & strata.usable
    target = problem.sampling_weight[treated]
    offset = target @ moments.matrix[treated] / target.sum()
    comparators = np.flatnonzero(~problem.treated & strata.usable)
    rows = comparators[np.argsort(strata.code[comparators], kind="stable")]
    starts = np.searchsorted(strata.code[rows], np.arange(strata.count))
    shares = np.bincount(strata.code[treated], target, minlength=strata.count) / target.sum()
    X = moments.matrix[rows] - offset
    kept = columns & _independent(X, base[rows], starts, shares, moments, columns)
    return _System(rows, X[:, kept], base[rows], starts, shares, offset[kept], kept)


def _independent(
    X: Floats, base: Floats, starts: Ints, shares: Floats, moments: Moments, columns: Bools
) -> Bools:
    sizes = np.diff(np.append(starts, len(base)))
    weights = base * np.repeat(shares / np.add.reduceat(base, starts), sizes)
    gram, _ = curvature(X, weights, starts, shares)
    kept = np.zeros(len(columns), dtype=bool)
    asked = np.flatnonzero(columns)
    total = np.maximum(moments.matrix[:, asked].var(axis=0), 1e-300)
    kept[asked] = independent(gram[np.ix_(asked, asked)], total)
    return kept


def _left_over(
    problem: Problem, moments: Moments, strata: Strata, system: _System, solution: Tilt
) -> list[Fault]:
    """Say which moments no weights could balance (levels without any comparator)."""
    treated = problem.treated & strata.usable
    target = problem.sampling_weight[treated]
    aim = target @ moments.matrix[treated] / target.sum()
    gap = np.abs(solution.weights @ moments.matrix[system.rows] - aim)
    off = (gap > 1e-6) & ~system.kept
    if not off.any():
        return []
    names = [n for n, out in zip(moments.names, off, strict=True) if out]
    return [
        warn(
            "EVAL-463", count=len(names), columns=columns_of(names),
            imbalance=round(float(gap[off].max()), 3),
        )
    ]  # fmt: skip


def _nuisance(
    problem: Problem,
    moments: Moments,
    strata: Strata,
    system: _System,
    solution: Tilt,
    factor: float,
) -> Nuisance:
    """Stack the equations of multipliers and strata: each row's influence on a weighted sum.

    With c the strata's indicators and the moments, the equations are
    ``Σ_treated c_i − Σ_comparators w_i c_i = 0``; the treated half is the influence of the means.
    """
    S, n = strata.count, len(problem.treated)
    treated = np.flatnonzero(problem.treated & strata.usable)
    mass = float(problem.sampling_weight[treated].sum())
    code = strata.code[system.rows]

    def gradient(residual: Floats) -> Floats:
        weighted = residual[system.rows] * solution.weights * mass
        by_stratum = np.bincount(code, weighted, minlength=S)
        return np.concatenate([by_stratum, weighted @ system.X]) * (factor / mass)

    def project(direction: Floats) -> Floats:
        """Return rows times the inverse Hessian, by blocks (strata first)."""
        first, second = direction[:S], direction[S:]
        slope = np.linalg.solve(solution.hessian, second - first @ solution.centre) / mass
        level = first / (system.shares * mass) - solution.centre @ slope
        influence = np.zeros(n)
        own = system.X @ slope + level[code]
        influence[system.rows] = -own * solution.weights * mass
        # one arm at a time: the full matrix of moments is not kept alive twice
        inside = moments.matrix[treated][:, system.kept] - system.offset
        fitted = inside @ slope + level[strata.code[treated]]
        influence[treated] = fitted * problem.sampling_weight[treated]
        return influence

    return Nuisance(gradient, project)
