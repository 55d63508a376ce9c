"""From matches to weights and matched sets (MatchIt's conventions)."""

from __future__ import annotations

import numpy as np

from evaluation.matching.types import Floats, Ints


def weights_without_replacement(focal: Ints, matches: Ints, rows: int) -> tuple[Floats, Ints]:
    """Return weights and sets when no comparator is shared.

    Parameters
    ----------
    focal : (f,) int
        Rows that look for comparators, in the order of the data.
    matches : (f, k) int
        Rows of their comparators, -1 where none.
    rows : int
        Rows in all.

    Returns
    -------
    weights : (n,) float
        1 for a matched focal row; 1 / (size of the set) for its comparators, then normalised.
    subclass : (n,) int
        Number of the set, in the order of the focal rows; -1 for unmatched rows.
    """
    weights, subclass = np.zeros(rows), np.full(rows, -1, np.int64)
    counts = (matches >= 0).sum(axis=1)
    matched = np.flatnonzero(counts)
    weights[focal[matched]] = 1.0
    subclass[focal[matched]] = np.arange(matched.size)
    number = np.full(focal.size, -1, np.int64)
    number[matched] = np.arange(matched.size)
    i, k = np.nonzero(matches >= 0)
    weights[matches[i, k]] = 1.0 / counts[i]
    subclass[matches[i, k]] = number[i]
    return normalised(weights, focal), subclass


def weights_with_replacement(focal: Ints, matches: Ints, rows: int) -> Floats:
    """Return weights when comparators are shared: the sum of 1 / (matches of each focal row).

    Parameters as :func:`weights_without_replacement`; returns (n,) float.
    """
    counts = (matches >= 0).sum(axis=1)
    i, k = np.nonzero(matches >= 0)
    weights = np.bincount(matches[i, k], weights=1.0 / counts[i], minlength=rows).astype(float)
    weights[focal[counts > 0]] = 1.0
    return normalised(weights, focal)


def normalised(weights: Floats, focal: Ints) -> Floats:
    """Scale the weights of each arm to sum to its number of rows with a positive weight."""
    scaled = np.array(weights)
    in_focal = np.zeros(weights.size, bool)
    in_focal[focal] = True
    for arm in (in_focal, ~in_focal):
        positive = int((weights[arm] > 0).sum())
        if positive:
            scaled[arm] *= positive / weights[arm].sum()
    return scaled


def extremal_ratios(
    distance: Floats, others: float, *, ratio: float, max_ratio: int, min_ratio: int = 1
) -> Ints:
    """Return how many comparators each focal row gets in variable-ratio matching.

    Parameters
    ----------
    distance : (f,) float
        Scores of the focal rows.
    others : float
        Mean score of the other arm: rows furthest from it get the fewest.
    ratio : float
        Comparators per focal row on average.
    max_ratio, min_ratio : int
        Bounds.

    Returns
    -------
    (f,) int

    References
    ----------
    Ming, K. and Rosenbaum, P. R. (2000). Substantial gains in bias reduction from matching with a
    variable number of controls. Biometrics 56, 118-124.
    https://doi.org/10.1111/j.0006-341X.2000.00118.x
    """
    n = distance.size
    wanted = round(ratio * n)
    most = int((wanted - min_ratio * (n - 1)) // (max_ratio - min_ratio))
    least = n - most - 1
    middle = wanted - (min_ratio * least + max_ratio * most)
    sizes = np.r_[np.full(least, min_ratio), middle, np.full(most, max_ratio)].astype(np.int64)
    empty = np.flatnonzero(sizes == 0)
    sizes[empty] = 1
    sizes[empty + 1] -= 1
    descending = distance.mean() > others
    order = np.argsort(-distance if descending else distance, kind="stable")
    quota = np.empty(n, np.int64)
    quota[order] = sizes
    return quota
