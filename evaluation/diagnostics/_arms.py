"""The four groups a diagnostic compares: treated and comparators, before and after.

In: a matched problem. Out: row positions and normalised weights of each group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from evaluation.errors import fail
from evaluation.matching.types import Floats, Ints, Problem


class MatchedLike(Protocol):
    """What diagnostics need of a matched result."""

    @property
    def problem(self) -> Problem:
        """The problem that was solved."""

    @property
    def weights(self) -> Any:
        """Final weights (n,), row-aligned."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    Attributes
    ----------
    rows : (m,) int
        Positions of the rows with a positive weight.
    weights : (m,) float
        Sum to one.
    correction : float
        ``1 / (1 − Σ w²)``, which makes the weighted variance unbiased (MatchIt's formula).
    """

    rows: Ints
    weights: Floats
    correction: float


@dataclass(frozen=True, slots=True)
class Arms:
    """Treated and comparators, before matching (sampling weights) and after it."""

    treated_before: Group
    comparison_before: Group
    treated_after: Group
    comparison_after: Group


def arms_of(matched: MatchedLike) -> Arms:
    """Return the four groups.

    Raises
    ------
    EvaluationError
        EVAL-472 when the matching kept nobody in an arm.
    """
    problem = matched.problem
    after = final_weights(matched)
    kept = [int((after[arm] > 0).sum()) for arm in (problem.treated, ~problem.treated)]
    if min(kept) == 0:
        fail("EVAL-472", treated=kept[0], comparators=kept[1])
    treated, before = problem.treated, problem.sampling_weight
    return Arms(
        _group(before * treated),
        _group(before * ~treated),
        _group(after * treated),
        _group(after * ~treated),
    )


def final_weights(matched: MatchedLike) -> Floats:
    """Return the weights as a plain array."""
    return np.asarray(matched.weights, dtype=np.float64)


def _group(weights: Floats) -> Group:
    rows = np.flatnonzero(weights > 0)
    share = weights[rows] / weights[rows].sum()
    left = 1.0 - float(share @ share)
    return Group(rows, share, 1.0 / left if left > 1e-12 else np.nan)
