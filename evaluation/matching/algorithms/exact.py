"""Exact matching: rows that agree on every covariate.

In: a problem; no distance is needed. Out: weights within cells of identical covariates. Must never
see an outcome.
"""

from __future__ import annotations

from evaluation.matching.engines.bins import as_they_are
from evaluation.matching.engines.cells import weighted_by_cells
from evaluation.matching.registry import register_method
from evaluation.matching.types import Problem, Weighted


@register_method("exact", family="sets", needs_distance=False)
def exact(problem: Problem) -> Weighted:
    """Compare rows whose covariates are all equal.

    Parameters
    ----------
    problem : Problem
        No options. Columns of ``exact`` count as further covariates.

    Returns
    -------
    Weighted
        Cells are matched sets, numbered in the order of their values; rows of cells without the
        other arm are lost (``stratum_empty``). Sampling weights are honoured. Fewer than 40 cells,
        if large, give the family ``moment_weights``, else ``sets``.

    Raises
    ------
    EvaluationError
        EVAL-451 an estimand other than ATT, ATE and ATC, EVAL-490 no cell holds both arms.

    References
    ----------
    Ho, D., Imai, K., King, G. and Stuart, E. (2007). Matching as nonparametric preprocessing for
    reducing model dependence in parametric causal inference. Political Analysis 15(3), 199-236.
    https://doi.org/10.1093/pan/mpl013
    """
    return weighted_by_cells(problem, as_they_are(problem.covariates), method="exact")
