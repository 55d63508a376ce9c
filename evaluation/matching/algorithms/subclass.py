"""Subclassification on the score: a few groups of rows with similar scores.

In: a problem with a scalar distance. Out: weights within subclasses. Must never see an outcome.
Same subclasses as MatchIt 4.7 on the same rows.
"""

from __future__ import annotations

import numpy as np

from evaluation.errors import Fault, fail, warn
from evaluation.matching.engines.bins import quantiles
from evaluation.matching.engines.cells import ESTIMANDS, by_cells
from evaluation.matching.engines.stratified import focal_rows
from evaluation.matching.engines.usable_strata import only_att, usable_strata, with_both_arms
from evaluation.matching.registry import register_method
from evaluation.matching.result import shown
from evaluation.matching.types import Bools, Floats, Ints, Problem, Weighted


@register_method("subclass", family="sets", options={"subclasses": 6})
def subclass(problem: Problem) -> Weighted:
    """Cut the distance into subclasses and compare within them.

    Parameters
    ----------
    problem : Problem
        Options: ``subclasses``, how many (default 6).

    Returns
    -------
    Weighted
        Subclasses are matched sets, numbered from the lowest distances up, stratum by stratum.
        Sampling weights are honoured inside the subclasses. Fewer than 40 subclasses in all, if
        large, give the family ``moment_weights``, else ``sets``.

    Raises
    ------
    EvaluationError
        EVAL-403 an illegal number, EVAL-450 no exact stratum with both arms, EVAL-451 an estimand
        other than ATT, ATE and ATC, EVAL-458 no scalar distance, EVAL-495 more subclasses than
        rows of the smaller arm.

    Notes
    -----
    Cut points are the quantiles (type 7) of the distance among the rows whose effect is asked:
    treated for the ATT, comparators for the ATC, all for the ATE, each row counting once. A
    subclass without one of the arms receives the nearest row of that arm from its neighbours, until
    each has at least one of both. Inside exact strata each stratum is cut by itself, into no more
    subclasses than it has rows of its smaller arm (EVAL-493 says how many strata got fewer).

    References
    ----------
    Rosenbaum, P. R. and Rubin, D. B. (1984). Reducing bias in observational studies using
    subclassification on the propensity score. JASA 79(387), 516-524.
    https://doi.org/10.1080/01621459.1984.10478078
    """
    only_att(problem, "subclass", ESTIMANDS)
    if problem.distance is None:
        fail("EVAL-458", method="subclass", distance=problem.distance_name)
    strata = usable_strata(problem.treated, problem.strata, problem.sampling_weight)
    asked = _checked(problem.options.get("subclasses", 6))
    arms = (problem.treated, ~problem.treated)
    room = np.minimum(*(strata.total(arm.astype(np.float64)) for arm in arms)).astype(np.int64)
    if room.max() < asked:
        fail("EVAL-495", asked=asked, **shown(count=int(room.max())))
    wanted = np.minimum(room, asked)
    codes, size, coarse = _cut(problem, strata.usable, strata.code, wanted)
    cells = with_both_arms(problem.treated, codes, size, problem.sampling_weight)
    notes: list[Fault] = []
    facts = {"asked": asked, "total": strata.count}
    if (room < asked).any():
        notes.append(Fault("EVAL-493", {"count": int((room < asked).sum()), **facts}))
    if coarse:
        notes.append(warn("EVAL-494", count=coarse, made=cells.count, **facts, stacklevel=3))
    return by_cells(problem, cells, notes)


def _checked(asked: object) -> int:
    whole = isinstance(asked, (int, np.integer)) and not isinstance(asked, bool)
    if not isinstance(asked, (int, np.integer)) or not whole or asked < 2:
        fail("EVAL-403", option="subclasses", value=repr(asked), allowed="2, 3, 4, …")
    return int(asked)


def _cut(problem: Problem, usable: Bools, strata: Ints, wanted: Ints) -> tuple[Ints, int, int]:
    """Return a code for each subclass of each stratum, their number, and strata with fewer.

    Rows of unusable strata share one last code without the other arm's rows next to them.
    """
    assert problem.distance is not None
    focal = focal_rows(problem) > 0
    codes = np.zeros(problem.treated.size, np.int64)
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(strata[rows], kind="stable")]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(strata[rows], minlength=len(wanted)))])
    made, coarse = 0, 0
    for s, count in enumerate(wanted):
        inside = rows[bounds[s] : bounds[s + 1]]
        found = subclasses(
            problem.distance[inside],
            problem.treated[inside],
            focal[inside],
            count=int(count),
        )
        codes[inside] = made + found
        number = int(found.max()) + 1
        made += number
        coarse += number < count
    for arm in (problem.treated, ~problem.treated):
        # Rows without the other arm: one code for each arm, so that no cell can hold both.
        codes[~usable & arm] = made
        made += 1
    return codes, made, coarse


def subclasses(distance: Floats, treated: Bools, focal: Bools, *, count: int) -> Ints:
    """Return the subclass of each row, 0 .. at most count-1, each with both arms.

    Parameters
    ----------
    distance : (n,) float
    treated, focal : (n,) bool
        The arms, each with at least ``count`` rows; the rows whose quantiles are the cut points.
    count : int
        Subclasses wanted; equal distances may leave fewer.
    """
    cuts = quantiles(np.sort(distance[focal]), np.linspace(0, 1, count + 1))
    found = np.searchsorted(cuts, distance, side="right") - 1
    _, codes = np.unique(np.clip(found, 0, count - 1), return_inverse=True)
    codes = codes.astype(np.int64)
    for arm in (~treated, treated):
        _fill(codes, distance, arm)
    return codes


def _fill(codes: Ints, distance: Floats, arm: Bools) -> None:
    """Give every subclass a row of the arm, the nearest of the side with more to spare, in place.

    What a side can spare is counted over the rows beyond the one that each subclass keeps, by
    distance, so that a gap only ever moves towards them and the filling ends.
    """
    size = int(codes.max()) + 1
    counts = np.bincount(codes[arm], minlength=size)
    while (counts == 0).any():
        empty = int(np.argmin(counts))
        gaps = np.abs(np.arange(size) - empty)
        pull = np.divide(np.maximum(counts - 1, 0), gaps, out=np.zeros(size), where=gaps > 0)
        from_left = empty == size - 1 or (
            empty > 0 and pull[:empty].sum() >= pull[empty + 1 :].sum()
        )
        filled = np.flatnonzero(counts)
        giver = int(filled[filled < empty].max() if from_left else filled[filled > empty].min())
        rows = np.flatnonzero(arm & (codes == giver))
        at = distance[rows]
        moved = rows[np.argmax(at) if from_left else np.argmin(at)]
        codes[moved] = empty
        counts[[giver, empty]] += (-1, 1)
