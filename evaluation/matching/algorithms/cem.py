"""Coarsened exact matching: rows that fall into the same bins of every covariate.

In: a problem; no distance is needed. Out: weights within cells, or one-to-one pairs inside them.
Must never see an outcome. Same cells as MatchIt 4.7 on the same rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.errors import Fault, fail, warn
from evaluation.matching.algorithms.nearest import nearest
from evaluation.matching.engines.bins import coarsened
from evaluation.matching.engines.cells import Part, combined, weighted_by_cells
from evaluation.matching.options import SPACE_ORDERS
from evaluation.matching.registry import register_method
from evaluation.matching.types import Problem, Weighted


@register_method(
    "cem",
    family="sets",
    options={"bins": "sturges", "k2k": False, "order": None},
    needs_distance=False,
)
def cem(problem: Problem) -> Weighted:
    """Compare rows whose coarsened covariates are all equal.

    Parameters
    ----------
    problem : Problem
        Options: ``bins``, how numbers are cut: ``"sturges"`` (default), ``"fd"``, ``"scott"``,
        quantiles (``"q4"``), a number of equal-width bins, or a dict that says it covariate by
        covariate (there also cut points ``[20, 40]``, and for a category groups of levels
        ``[["A", "B"], ["C"]]``; what it leaves out is cut by Sturges' rule). Categories stay as
        they are. ``k2k``, one comparator for each treated inside each cell, the nearest in
        Mahalanobis distance; ``order``, who then chooses first: ``data`` (default), ``random``,
        ``closest`` or ``farthest``.

    Returns
    -------
    Weighted
        Cells (with ``k2k``: pairs) are matched sets. Rows of cells without the other arm are lost
        (``stratum_empty``), with ``k2k`` also those whose comparators are taken
        (``no_comparator_left``). Without ``k2k`` sampling weights are honoured, and fewer than 40
        cells, if large, give the family ``moment_weights``, else ``sets``.

    Raises
    ------
    EvaluationError
        EVAL-429 an order that is unknown in several dimensions, EVAL-436 another effect than ATT
        and ATC with ``k2k``, EVAL-451 an estimand other than ATT, ATE and ATC, EVAL-490 no cell
        holds both arms, EVAL-491 an illegal rule, EVAL-492 a rule for a column that is no
        covariate.

    Notes
    -----
    Cut points are set on all rows, both arms together, each row counting once whatever its sampling
    weight; they only say who is alike. The covariance of ``k2k`` is the pooled within-group one of
    the covariates as they were.

    References
    ----------
    Iacus, S. M., King, G. and Porro, G. (2012). Causal inference without balance checking:
    coarsened exact matching. Political Analysis 20(1), 1-24. https://doi.org/10.1093/pan/mpr013
    """
    options = problem.options
    parts = coarsened(problem.covariates, options.get("bins", "sturges"))
    if options.get("k2k", False):
        return _pairs(problem, parts)
    notes = []
    if options.get("order") is not None:
        notes.append(warn("EVAL-418", option="order", cause="k2k=False", stacklevel=3))
    weighted = weighted_by_cells(problem, parts, method="cem")
    return replace(weighted, notes=[*notes, *weighted.notes])


def _pairs(problem: Problem, parts: list[Part]) -> Weighted:
    """Match one to one, without replacement, inside the cells."""
    if problem.estimand not in ("ATT", "ATC"):
        fail("EVAL-436", method="cem, k2k=True", estimand=problem.estimand, allowed="ATT, ATC")
    order = problem.options.get("order") or "data"
    if order not in SPACE_ORDERS:
        fail("EVAL-429", order=order, distance="mahalanobis", allowed=SPACE_ORDERS)
    notes: list[Fault] = []
    if np.ptp(problem.sampling_weight[~problem.treated]) > 0:
        notes.append(warn("EVAL-418", option="sampling_weight", cause="k2k=True", stacklevel=4))
    strata = Part("", problem.strata, int(problem.strata.max()) + 1)
    cells, _ = combined([strata, *parts], problem.treated.size)
    inside = replace(
        problem,
        strata=cells,
        distance=None,
        distance_name="mahalanobis",
        options={"order": order},
    )
    weighted = nearest(inside)
    assert isinstance(weighted, Weighted)
    return replace(weighted, notes=[*notes, *weighted.notes])
