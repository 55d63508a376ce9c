"""Stable balancing weights: least variance, every mean within a tolerance of the target's.

In: a problem (its score is not used). Out: weights of comparators, some of them zero, and how they
depend on what was estimated. Must never see an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.errors import fail
from evaluation.matching.engines.all_levels import all_levels, spreads
from evaluation.matching.engines.quadratic_dual import Solution, solve_dual
from evaluation.matching.engines.stratified import finished, lost_rows
from evaluation.matching.engines.usable_strata import Strata, extreme, only_att, usable_strata
from evaluation.matching.registry import register_method
from evaluation.matching.score.design import Design, columns_of
from evaluation.matching.score.newton import solve
from evaluation.matching.types import Bools, Floats, Nuisance, Problem, Weighted

NAMED = 5
WIDEST = 1.0
"""Tolerance beyond which no wider one is tried."""


@dataclass(frozen=True, slots=True)
class _System:
    """What the weights must reach.

    Attributes
    ----------
    design : Design
        All levels of every factor, so that the tolerance holds for each of them.
    base : (n,) float
        Sampling weights of the arm to weight, 0 elsewhere.
    share : (n,) float
        Sampling weights of the other arm, summing to one.
    target, scale : (q,) float
        Means of the other arm and its standard deviations (0: the mean must be exact).
    """

    design: Design
    base: Floats
    share: Floats
    target: Floats
    scale: Floats


@register_method(
    "stable", family="moment_weights", options={"tolerance": 0.02}, needs_distance=False
)
def stable(problem: Problem) -> Weighted:
    """Weight comparators with the least variance that keeps means within a tolerance.

    Parameters
    ----------
    problem : Problem
        Options: ``tolerance``, the largest standardised difference of any number or level,
        standard deviations of the treated before weighting (default 0.02).

    Returns
    -------
    Weighted
        ATT (or ATC) weights; the shares of exact strata are those of the rows whose effect is
        asked, exactly.

    Raises
    ------
    EvaluationError
        EVAL-450 no stratum with both arms, EVAL-451 an estimand other than ATT and ATC, EVAL-452
        an illegal tolerance, EVAL-484 no weights within the tolerance: the columns, and the
        smallest tolerance tried that some weights keep.

    Notes
    -----
    With sampling weights b, minimises ``Σ w²/b``: Kish's effective size is the largest possible
    under the bounds. The standard deviations count as known.

    References
    ----------
    Zubizarreta, J. R. (2015). Stable weights that balance covariates for estimation with incomplete
    outcome data. JASA 110(511), 910-922. https://doi.org/10.1080/01621459.2015.1023805
    """
    only_att(problem, "stable", ("ATT", "ATC"))
    tolerance = _checked(problem.options.get("tolerance"))
    strata = usable_strata(problem.treated, problem.strata, problem.sampling_weight)
    system = _system(problem, strata)
    solution = solve_dual(system.design, system.base, system.target, tolerance * system.scale)
    if not solution.converged:
        _refused(system, solution, tolerance)
    focal = system.share > 0
    weights = np.where(focal, problem.sampling_weight, solution.weights * _mass(problem, focal))
    final, nuisance = finished(weights, _nuisance(problem, system, solution, tolerance), problem)
    lost = lost_rows(problem, strata)
    return Weighted(
        weights=final,
        subclass=np.full(len(final), -1, dtype=np.int64),
        reasons={"stratum_empty": lost} if len(lost) else {},
        nuisance=nuisance,
        notes=extreme(final, problem, "stable"),
    )


def _checked(tolerance: object) -> float:
    number = isinstance(tolerance, (int, float)) and not isinstance(tolerance, bool)
    if not number or not 0 <= float(tolerance) <= WIDEST:  # type: ignore[arg-type]
        fail("EVAL-452", option="tolerance", value=tolerance, allowed="[0 ; 1]")
    return float(tolerance)  # type: ignore[arg-type]


def _mass(problem: Problem, focal: Bools) -> float:
    return float(problem.sampling_weight[focal].sum())


def _system(problem: Problem, strata: Strata) -> _System:
    focal = problem.treated if problem.estimand == "ATT" else ~problem.treated
    share = np.where(focal & strata.usable, problem.sampling_weight, 0.0)
    share /= share.sum()
    base = np.where(~focal & strata.usable, problem.sampling_weight, 0.0)
    design = all_levels(problem.covariates, strata)
    target = design.transpose_times(share)
    treated = np.where(problem.treated, problem.sampling_weight, 0.0)
    scale = spreads(design, treated / treated.sum(), base / base.sum())
    exact = [j for j, source in enumerate(design.sources) if source in ("(Intercept)", "(strata)")]
    scale[exact] = 0.0
    return _System(design, base, share, target, scale)


def _refused(system: _System, solution: Solution, tolerance: float) -> None:
    """Name the columns out of bounds and the first doubled tolerance that has a solution."""
    worst = np.argsort(-solution.violation, kind="stable")[:NAMED]
    off = [j for j in worst if solution.violation[j] > 1e-6] or list(worst[:1])
    named = [name for name in columns_of(system.design.names[j] for j in off) if name[0] != "("]
    wider = 2 * max(tolerance, 0.005)
    while wider <= WIDEST:
        if solve_dual(system.design, system.base, system.target, wider * system.scale).converged:
            fail("EVAL-484", columns=named or ["exact"], tolerance=tolerance, wider=wider)
        wider *= 2
    fail("EVAL-485", columns=named or ["exact"], tolerance=tolerance)


def _nuisance(problem: Problem, system: _System, solution: Solution, tolerance: float) -> Nuisance:
    """Stack the equations of the multipliers that are not zero; the target is estimated too."""
    active = (solution.multipliers != 0) | (system.scale == 0)
    signed = np.sign(solution.multipliers) * tolerance * system.scale
    mass = _mass(problem, system.share > 0)
    hessian = solution.hessian[np.ix_(active, active)]

    def gradient(residual: Floats) -> Floats:
        return mass * system.design.transpose_times(solution.inside * residual)

    def project(direction: Floats) -> Floats:
        slope = np.zeros(len(active))
        slope[active] = solve(hessian, direction[active])
        own = system.design.times(slope)
        at_bound = float(signed @ slope)
        return system.share * (own - at_bound) - solution.weights * own

    return Nuisance(gradient, project)
