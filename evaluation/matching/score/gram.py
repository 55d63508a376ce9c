"""Compiled products of a design held as numbers and codes; sums run in row order, one thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.compiled import kernel
from evaluation.matching.types import Floats


@kernel
def times(numbers: Floats, slots: NDArray[np.int32], vector: Floats) -> Floats:
    """Return X v, ``vector`` being (q + 1,) with a zero in the slot of the reference levels."""
    rows, a = numbers.shape
    result = np.empty(rows)
    for i in range(rows):
        total = vector[0]
        for j in range(a):
            total += numbers[i, j] * vector[1 + j]
        for k in range(slots.shape[1]):
            total += vector[slots[i, k]]
        result[i] = total
    return result


@kernel
def transpose_times(numbers: Floats, slots: NDArray[np.int32], vector: Floats, size: int) -> Floats:
    """Return X'r with the slot of the reference levels at the end: (q + 1,)."""
    rows, a = numbers.shape
    result = np.zeros(size + 1)
    for i in range(rows):
        value = vector[i]
        result[0] += value
        for j in range(a):
            result[1 + j] += numbers[i, j] * value
        for k in range(slots.shape[1]):
            result[slots[i, k]] += value
    return result


@kernel
def gram(numbers: Floats, slots: NDArray[np.int32], weights: Floats, size: int) -> Floats:
    """Return X' diag(w) X with the slot of the reference levels at the end: (q + 1, q + 1)."""
    rows, a = numbers.shape
    b = slots.shape[1]
    result = np.zeros((size + 1, size + 1))
    for i in range(rows):
        w = weights[i]
        result[0, 0] += w
        for j in range(a):
            wx = w * numbers[i, j]
            result[0, 1 + j] += wx
            for m in range(j, a):
                result[1 + j, 1 + m] += wx * numbers[i, m]
        for k in range(b):
            slot = slots[i, k]
            result[0, slot] += w
            for j in range(a):
                result[slot, 1 + j] += w * numbers[i, j]
            for m in range(k, b):
                result[slot, slots[i, m]] += w
    for j in range(size + 1):
        for m in range(j + 1, size + 1):
            if 1 <= j <= a < m:
                result[j, m] = result[m, j]
            else:
                result[m, j] = result[j, m]
    return result


@kernel
def cholesky_solve(matrix: Floats, right: Floats, smallest: float) -> tuple[Floats, bool]:
    """Solve A X = B for a positive definite A (q, q) and B (q, r), the same bits on any machine.

    LAPACK splits this over threads and its last bits with it. Returns X and whether every pivot
    exceeded ``smallest``.
    """
    size, columns = right.shape
    factor, solved = matrix.copy(), right.copy()
    for j in range(size):
        for k in range(j):
            factor[j, j] -= factor[j, k] * factor[j, k]
        if not factor[j, j] > smallest:
            return solved, False
        factor[j, j] = np.sqrt(factor[j, j])
        for i in range(j + 1, size):
            for k in range(j):
                factor[i, j] -= factor[i, k] * factor[j, k]
            factor[i, j] /= factor[j, j]
    for r in range(columns):
        for i in range(size):
            for k in range(i):
                solved[i, r] -= factor[i, k] * solved[k, r]
            solved[i, r] /= factor[i, i]
        for i in range(size - 1, -1, -1):
            for k in range(i + 1, size):
                solved[i, r] -= factor[k, i] * solved[k, r]
            solved[i, r] /= factor[i, i]
    return solved, True
