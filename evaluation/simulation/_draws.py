"""Compiled draws: a stream per person, lengths of contracts, dates of return to the lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.compiled import kernel
from evaluation.simulation import parameters as par

Stream = NDArray[np.uint64]

CDI, CDD, CTT, AIDE, APP, PRO, SAIS, OTHER = range(8)
CONTRACT_TYPES = ("CDI", "CDD", "CTT", "AIDE", "APP", "PRO", "SAIS", "OTHER")
SIX_MONTHS = 0
"""Stands for a length of exactly six calendar months: not durable by "more than", by "at least"."""

_UNIT = 1.0 / 9007199254740992.0


@kernel
def uniform(stream: Stream) -> float:
    """Draw from (0, 1].

    References
    ----------
    Steele, Lea & Flood (2014), splitmix64, https://doi.org/10.1145/2714064.2660195
    """
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    draw: float = (np.float64(z >> np.uint64(11)) + 1.0) * _UNIT
    return draw


@kernel
def exponential(stream: Stream, mean: float) -> float:
    """Draw a waiting time of the given mean."""
    wait: float = -mean * np.log(uniform(stream))
    return wait


@kernel
def days_up_to(stream: Stream, most: int) -> int:
    """Draw a whole number of days from 1 to ``most``."""
    return most - int(most * (1.0 - uniform(stream)))


@kernel
def durable_contract(stream: Stream, young: bool) -> tuple[int, int]:
    """Return type and length in days of a durable contract (187 days exceed any six months)."""
    u = uniform(stream)
    if u < 0.14:  # broken off during the trial period
        return CDI, 60 + days_up_to(stream, 60)
    if u < 0.55:
        return CDI, 60 + int(exponential(stream, 800.0))
    length = 187 + min(int(exponential(stream, 110.0)), 540)
    if u < 0.88:
        return CDD, length
    if u < 0.91:
        return CTT, length
    if u < 0.95:
        return AIDE, length
    if young:
        return APP, length + 120
    return PRO, length


@kernel
def short_contract(stream: Stream, leaves: bool) -> tuple[int, int]:
    """Return type and length in days of a contract that is not durable (175 days at most)."""
    if leaves:
        return CDD, min(61 + int(exponential(stream, 40.0)), 175)
    u = uniform(stream)
    if u < 0.36:
        return CTT, min(1 + int(exponential(stream, 12.0)), 120)
    if u < 0.76:
        return CDD, min(1 + int(exponential(stream, 42.0)), 170)
    if u < 0.785:
        return CDD, SIX_MONTHS
    if u < 0.87:
        return SAIS, 20 + days_up_to(stream, 130)
    if u < 0.90:
        return AIDE, 60 + days_up_to(stream, 115)
    if u < 0.915:
        return PRO, 60 + days_up_to(stream, 115)
    return OTHER, min(1 + int(exponential(stream, 25.0)), 150)


@kernel
def back_after(stream: Stream, free: int) -> int:
    """Return the day of the next registration after a durable job, ``free`` its first day off."""
    if uniform(stream) < 0.80:
        return free + days_up_to(stream, 25)
    return free + par.LONG_GAP_DAYS + int(exponential(stream, 400.0))
