"""Sums of influence values by cluster: the one mechanism behind every analytic variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.effects.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which cluster each row belongs to.

    Attributes
    ----------
    codes : (n,) int
        From 0 to ``count`` - 1.
    count : int
        Number of clusters.
    """

    codes: Ints
    count: int


def clusters_of(labels: Ints) -> Clusters:
    """Return clusters numbered in the order of labels (n,); each -1 is a cluster of its own."""
    own = labels < 0
    shifted = labels.astype(np.int64, copy=True)
    if own.any():
        shifted[own] = labels.max(initial=-1) + 1 + np.arange(int(own.sum()))
    found, codes = np.unique(shifted, return_inverse=True)
    return Clusters(codes.astype(np.int64), len(found))


def cluster_sums(influence: Floats, groups: Clusters) -> Floats:
    """Return the sums (G, k) of influence values (n, k) by cluster."""
    return np.column_stack(
        [np.bincount(groups.codes, column, minlength=groups.count) for column in influence.T]
    )


def cross_products(values: Floats) -> Floats:
    """Return the (2, 2) sum of outer products of rows (G, 2), in a fixed order of summation."""
    first, second = values[:, 0], values[:, 1]
    mixed = float(np.sum(first * second))
    return np.array(
        [[float(np.sum(first * first)), mixed], [mixed, float(np.sum(second * second))]]
    )


def clustered(influence: Floats, groups: Clusters, *, correct: bool = True) -> Floats:
    """Return the cluster-robust covariance (2, 2) of two means.

    Parameters
    ----------
    influence : (n, 2) float
        Influence values of the two means.
    groups : Clusters
        Cluster of each row.
    correct : bool
        Multiply by G / (G - 1).
    """
    total = cross_products(cluster_sums(influence, groups))
    return total * (groups.count / (groups.count - 1)) if correct else total


def two_way(influence: Floats, sets: Clusters, persons: Clusters) -> Floats:
    """Return V_set + V_person - V_row, never below the larger one-way variance.

    When no person stands in two sets, persons are nested in sets and V_set alone is right.

    References
    ----------
    Cameron, Gelbach & Miller (2011), doi:10.1198/jbes.2010.07136.
    Abadie & Spiess (2022), doi:10.1080/01621459.2020.1840383.
    """
    by_set = clustered(influence, sets)
    crossed = np.unique(sets.codes * np.int64(persons.count) + persons.codes)
    if len(crossed) == persons.count:
        return by_set
    rows = len(influence)
    by_person = clustered(influence, persons)
    by_row = cross_products(influence) * (rows / (rows - 1))
    return floored(by_set + by_person - by_row, by_set, by_person)


def floored(total: Floats, *lower: Floats) -> Floats:
    """Return a positive semi-definite covariance not below ``lower`` in its three variances.

    The three are those of the first mean, the second and their difference; with them all kept,
    their covariance follows.
    """
    first = max(v[0, 0] for v in (total, *lower))
    second = max(v[1, 1] for v in (total, *lower))
    difference = max(v[0, 0] + v[1, 1] - 2 * v[0, 1] for v in (total, *lower))
    mixed = (first + second - difference) / 2
    return semi_definite(np.array([[first, mixed], [mixed, second]]))


def semi_definite(matrix: Floats) -> Floats:
    """Return ``matrix`` (2, 2) with negative eigenvalues set to zero, which only raises it."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= 0:
        return matrix
    raised: Floats = matrix - values[0] * np.outer(vectors[:, 0], vectors[:, 0])
    return raised
