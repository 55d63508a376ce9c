"""Draws that depend on the person and the month alone: no row order, no other person."""

from __future__ import annotations

import numpy as np

from evaluation.cohort._arrays import Hashes
from evaluation.compiled import kernel

DATE_DRAW = np.uint64(1)
SAMPLE_DRAW = np.uint64(2)

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


@kernel
def mix(value: np.uint64) -> np.uint64:
    """Return the SplitMix64 finaliser of a 64-bit number.

    References
    ----------
    Steele, G. L., Lea, D. & Flood, C. H. (2014). Fast splittable pseudorandom number generators.
    OOPSLA. doi:10.1145/2660193.2660195
    """
    state = value + _GAMMA
    state = (state ^ (state >> _30)) * _FIRST
    state = (state ^ (state >> _27)) * _SECOND
    return state ^ (state >> _31)


@kernel
def draw(key: np.uint64, month: int, group: int, purpose: np.uint64) -> np.uint64:
    """Return 64 random bits of a person (seeded MD5), a month, a group and a purpose."""
    bits = mix(key ^ mix(np.uint64(month)))
    return mix(bits ^ mix((np.uint64(group) << _30) ^ purpose))


@kernel
def draw_each(keys: Hashes, months: np.ndarray, purpose: np.uint64) -> Hashes:
    """Return :func:`draw` of every pair of person and month: (n,) uint64."""
    bits = np.empty(len(keys), np.uint64)
    for i in range(len(keys)):
        bits[i] = draw(keys[i], months[i], 0, purpose)
    return bits
