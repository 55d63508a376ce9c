"""Whole-pipeline bootstrap of persons, for smooth estimators only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaluation.effects.types import Floats, Ints

REPLICATIONS = 199
_CHUNK = 20


def person_counts(persons: Ints, *, replications: int, rng: np.random.Generator) -> Floats:
    """Return how often each row's person is drawn in each replication (n, R).

    Persons, not rows, are drawn with replacement: all rows of a person share one multinomial count.
    """
    found, codes = np.unique(persons, return_inverse=True)
    size = len(found)
    counts = np.empty((size, replications))
    for column in range(replications):
        counts[:, column] = np.bincount(rng.integers(size, size=size), minlength=size)
    return counts[codes]


def bootstrap_means(
    replicate: Callable[[Floats, Floats], Floats],
    outcomes: Floats,
    persons: Ints,
    *,
    seed: int,
    replications: int = REPLICATIONS,
) -> Floats:
    """Return the two means of outcomes (n, m) in each replication, (R, m, 2).

    Parameters
    ----------
    replicate : callable
        ``(outcomes (n, m), multiplier (n, R)) -> (R, m, 2)``: score, matching and bias adjustment
        again on the weighted rows.
    outcomes : (n, m) float
        Outcomes.
    persons : (n,) int
        Person behind each row.
    seed : int
        Of the draws.
    replications : int
        R.
    """
    rng = np.random.default_rng(seed)
    parts = []
    # In chunks, because (n, R) multipliers of a large region would fill the memory.
    for start in range(0, replications, _CHUNK):
        size = min(_CHUNK, replications - start)
        parts.append(replicate(outcomes, person_counts(persons, replications=size, rng=rng)))
    return np.concatenate(parts, axis=0)


def bootstrap_covariance(replications: Floats) -> Floats:
    """Return the covariance (2, 2) of two means over their replications (R, 2).

    Replications in which an arm had no row (not finite) are left out.
    """
    finite = replications[np.isfinite(replications).all(axis=1)]
    if len(finite) < 2:
        return np.full((2, 2), np.nan)
    centred = finite - finite.mean(axis=0)
    first, second = centred[:, 0], centred[:, 1]
    mixed = float(np.sum(first * second))
    total = np.array([[np.sum(first * first), mixed], [mixed, np.sum(second * second)]])
    return np.asarray(total / (len(finite) - 1), dtype=float)
