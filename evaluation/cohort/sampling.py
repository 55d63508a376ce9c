"""Which eligible comparators are kept: at most so many per entrant and stratum, those alike first.

A stratum's places go to profiles (sex × minimum income) in the proportions of its entrants, so
that entrants of a profile that is rare among jobseekers still find comparators; each kept row
stands for ``sampling_weight`` eligible ones of its profile. Every profile keeps at least one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import Bools, Hashes
from evaluation.cohort.hashing import SAMPLE_DRAW, draw_each
from evaluation.cohort.riskset import Places, Strata
from evaluation.compiled import kernel

PROFILES = 4
BY_ENTRANTS = 0.8
"""Share of a stratum's places given by its entrants' profiles, the rest by the jobseekers'."""


def sample(
    comparators: Places,
    entrants: Places,
    *,
    profile: NDArray[np.int8],
    key: Hashes,
    strata: Strata,
    per_entrant: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Keep at most ``per_entrant`` comparators for each entrant of a stratum.

    Parameters
    ----------
    comparators, entrants : Places
        Eligible rows (n) and (e).
    profile : (n_registrations,) int8
        Profile 0..3 of each registration; a row has that of its registration in force.
    key : (P,) uint64
        Seeded hash of the person.
    strata : Strata
    per_entrant : int
        0 keeps everybody.

    Returns
    -------
    kept : (m,) int64
        Positions, ascending.
    weight : (m,) float64
        Eligible rows of the stratum and profile over rows kept.
    """
    rows = len(comparators.person)
    if not per_entrant:
        return np.arange(rows), np.ones(rows)
    classes = (len(strata.ptr) - 1) // len(strata.months)
    cell = _cells(comparators, profile, strata, classes)
    size = (len(strata.ptr) - 1) * PROFILES
    available = np.bincount(cell, minlength=size).reshape(-1, PROFILES)
    wanted = np.bincount(
        _cells(entrants, profile, strata, classes), minlength=size
    ).reshape(-1, PROFILES)  # fmt: skip
    places = np.array(
        [allot(n, e, per_entrant * int(e.sum())) for n, e in zip(available, wanted, strict=True)]
    ).reshape(-1)
    bits = draw_each(key[comparators.person], comparators.month, SAMPLE_DRAW)
    kept = np.flatnonzero(_first_of_each(cell, bits, available.reshape(-1), places))
    return kept, available.reshape(-1)[cell[kept]] / places[cell[kept]]


@kernel
def _first_of_each(
    cell: NDArray[np.int64], bits: Hashes, size: NDArray[np.int64], places: NDArray[np.int64]
) -> Bools:
    """Mark the rows with the smallest ``bits`` of each cell; of equal ones the first."""
    begin = np.cumsum(size) - size
    fill = begin.copy()
    grouped = np.empty(len(bits), np.uint64)
    for row in range(len(cell)):
        grouped[fill[cell[row]]] = bits[row]
        fill[cell[row]] += 1
    bound = np.zeros(len(size), np.uint64)
    open_ = np.zeros(len(size), np.int64)
    for c in range(len(size)):
        if places[c] > 0:
            mine = grouped[begin[c] : begin[c] + size[c]]
            bound[c] = np.partition(mine, places[c] - 1)[places[c] - 1]
            open_[c] = places[c] - np.sum(mine < bound[c])
    kept = np.zeros(len(cell), np.bool_)
    for row in range(len(cell)):
        c = cell[row]
        if places[c] == 0 or bits[row] > bound[c]:
            continue
        if bits[row] < bound[c]:
            kept[row] = True
        elif open_[c] > 0:
            kept[row] = True
            open_[c] -= 1
    return kept


def _cells(
    rows: Places, profile: NDArray[np.int8], strata: Strata, classes: int
) -> NDArray[np.int64]:
    stratum = (rows.month - strata.months[0]) * classes + rows.group
    cells: NDArray[np.int64] = stratum * PROFILES + profile[rows.row]
    return cells


def allot(available: NDArray[np.int64], wanted: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Share ``limit`` places among profiles by their entrants, never more than are available.

    Parameters
    ----------
    available, wanted : (4,) int
        Eligible comparators and entrants of each profile.
    limit : int
        Places of the stratum.

    Returns
    -------
    (4,) int
        Places; they sum to ``min(limit, available.sum())``.

    Examples
    --------
    >>> allot(np.array([90, 60, 40, 10]), np.array([0, 1, 0, 3]), 80).tolist()
    [9, 57, 4, 10]
    """
    if available.sum() <= limit:
        return available
    places = _first(np.minimum(available, 1), limit)
    for shares, reach in ((wanted, int(limit * BY_ENTRANTS)), (available, limit)):
        places = _fill(places, available, shares, reach)
    return places


def _fill(
    places: NDArray[np.int64],
    available: NDArray[np.int64],
    shares: NDArray[np.int64],
    limit: int,
) -> NDArray[np.int64]:
    """Give the places left to the profiles with a share, in proportion, as far as they reach."""
    while (left := limit - int(places.sum())) > 0:
        open_ = (places < available) & (shares > 0)
        if not open_.any():
            break
        portion = np.where(open_, shares, 0)
        more = np.minimum(left * portion // portion.sum(), available - places)
        if not more.any():
            more = _first((open_).astype(np.int64), left)
        places = places + more
    return places


def _first(places: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Keep the first ``limit`` single places."""
    return np.where(np.cumsum(places) <= limit, places, 0)
