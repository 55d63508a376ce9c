"""Nearest rows of the same arm: what the conditional variance of an outcome is estimated from."""

from __future__ import annotations

import numpy as np

from evaluation.effects.types import Bools, Floats, Ints


def same_arm_neighbour_in_space(
    points: Floats, strata: Ints, treated: Bools, *, person: Ints, rows: Ints
) -> Ints:
    """Return the position (n,) of the nearest row of the same arm, of another person.

    Parameters
    ----------
    points : (n, d) float
        Coordinates in which pairs were sought.
    strata : (n,) int
        Exact stratum.
    treated : (n,) bool
        Arm.
    person : (n,) int
        Who stands behind each row, 0 … p − 1.
    rows : (r,) int
        Rows whose neighbour is wanted.

    Returns
    -------
    (n,) int
        -1 for other rows, and where the person is alone in the arm and stratum.
    """
    from evaluation.matching.engines.kernels import with_replacement
    from evaluation.matching.engines.line import lay_out

    found = np.full(len(treated), -1, dtype=np.int64)
    for arm in (True, False):
        wanted = rows[treated[rows] == arm]
        if wanted.size == 0:
            continue
        line, at, positions = lay_out(
            points[:, 0], strata, treated == arm, points=points, units=person
        )
        places = with_replacement(line, positions[wanted], np.ones(wanted.size, np.int64))[:, 0]
        found[wanted] = np.where(places >= 0, at[places], -1)
    return found


def same_arm_neighbour(distance: Floats, strata: Ints, treated: Bools) -> Ints:
    """Return the position (n,) of the nearest other row of the same arm and exact stratum.

    Parameters
    ----------
    distance : (n,) float
        Scalar distance (score).
    strata : (n,) int
        Exact stratum.
    treated : (n,) bool
        Arm.

    Returns
    -------
    (n,) int
        -1 where the row is alone in its arm and stratum; the left neighbour on a tie.
    """
    order = np.lexsort((distance, treated, strata))
    value, block, arm = distance[order], strata[order], treated[order]
    together = (block[1:] == block[:-1]) & (arm[1:] == arm[:-1])
    step = np.where(together, value[1:] - value[:-1], np.inf)
    left, right = np.append(np.inf, step), np.append(step, np.inf)
    place = np.arange(len(order))
    nearest = np.where(left <= right, place - 1, place + 1)
    alone = np.isinf(left) & np.isinf(right)
    found = np.full(len(order), -1, dtype=np.int64)
    found[order] = np.where(alone, -1, order[np.clip(nearest, 0, len(order) - 1)])
    return found


def neighbour_difference(outcome: Floats, neighbour: Ints) -> Floats:
    """Return outcome minus that of the neighbour (n,); zero where there is none."""
    return np.where(neighbour >= 0, outcome - outcome[neighbour], 0.0)
