"""Who the jobseekers of the study's frames are: traits as registers have them, and two indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Traits = dict[str, Floats]

LEVELS: dict[str, tuple[str, ...]] = {
    "sex": ("1", "2"),
    "education": ("NV1", "NV3", "NV4", "NV5", "CP4", "AFS"),
    "nationality": ("french", "eu", "non_eu"),
    "family_situation": ("single", "couple", "separated"),
    "registration_reason": ("dismissal", "end_of_contract", "resignation", "first", "return"),
    "benefit": ("are", "ass", "none"),
    "previous_support": ("followed", "guided", "reinforced"),
}
SHARES: dict[str, tuple[float, ...]] = {
    "education": (0.06, 0.12, 0.24, 0.36, 0.12, 0.10),
    "nationality": (0.82, 0.05, 0.13),
    "family_situation": (0.48, 0.38, 0.14),
    "registration_reason": (0.18, 0.42, 0.08, 0.12, 0.20),
    "benefit": (0.45, 0.10, 0.45),
    "previous_support": (0.35, 0.45, 0.20),
}
BY_DISTANCE = {"education": 0.9, "nationality": 0.4, "previous_support": 0.6}
"""How much a category goes with the distance from employment (shift of its normal score)."""
HIRES: dict[str, tuple[float, ...]] = {
    "sex": (0.0, -0.05), "rsa": (0.0, -0.40), "disabled": (0.0, -0.35), "qpv": (0.0, -0.15),
    "rural": (0.0, -0.05), "driving_licence": (0.0, 0.20),
    "education": (0.30, 0.15, 0.0, -0.10, -0.30, -0.45), "nationality": (0.0, 0.0, -0.12),
    "family_situation": (0.0, 0.10, -0.05), "registration_reason": (0.0, 0.20, 0.05, -0.10, 0.0),
    "benefit": (0.0, -0.25, -0.10), "previous_support": (0.10, 0.0, -0.20),
    "age": (-0.020,), "children": (-0.03,), "experience_months": (0.001,),
    "days_employed_q1": (0.006,), "days_employed_q2": (0.003,), "months_registered_24": (-0.010,),
    "hires_24": (0.06,), "months_since_last_job": (-0.004,), "barriers": (-0.16,),
    "mobility_km": (0.005,),
}  # fmt: skip
ENTRIES: dict[str, tuple[float, ...]] = {
    "sex": (0.0, 0.20), "rsa": (0.0, 0.80), "disabled": (0.0, 0.25), "qpv": (0.0, 0.30),
    "rural": (0.0, 0.15), "driving_licence": (0.0, -0.10),
    "education": (-0.30, -0.15, 0.0, 0.20, 0.35, 0.40), "nationality": (0.0, 0.20, 0.45),
    "family_situation": (0.0, -0.25, 0.25), "registration_reason": (0.0, 0.0, 0.1, 0.3, 0.2),
    "benefit": (0.0, 0.30, 0.20), "previous_support": (-0.4, 0.0, 0.5),
    "age": (0.004,), "children": (0.10,), "experience_months": (-0.001,),
    "days_employed_q1": (-0.004,), "days_employed_q2": (-0.004,), "months_registered_24": (0.03,),
    "hires_24": (-0.02,), "months_since_last_job": (0.003,), "barriers": (0.35,),
    "mobility_km": (-0.01,),
}  # fmt: skip


def expit(x: Floats) -> Floats:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def draw_people(size: int, rng: np.random.Generator) -> Traits:
    """Return the traits of people, one value each; categories as codes."""
    far = rng.standard_normal(size)  # distance from employment: makes the traits go together
    people = {"sex": (rng.random(size) < 0.5).astype(float)}
    for name, shares in SHARES.items():
        pull = BY_DISTANCE.get(name, 0.0)
        score = (pull * far + rng.standard_normal(size)) / np.hypot(1.0, pull)
        bounds = _normal_quantiles(np.cumsum(shares)[:-1])
        people[name] = np.searchsorted(bounds, score).astype(float)
    for name, level, pull in (("rsa", -0.6, 0.7), ("disabled", -2.3, 0.4), ("qpv", -1.8, 0.3),
                              ("rural", -1.6, 0.0), ("driving_licence", 0.8, -0.6)):  # fmt: skip
        people[name] = (rng.random(size) < expit(level + pull * far)).astype(float)
    people["age"] = np.clip(np.round(16 + rng.gamma(4.0, 5.5, size)), 16, 64)
    people["children"] = np.minimum(rng.poisson(0.8, size), 6).astype(float)
    people["experience_months"] = np.round(
        np.maximum(people["age"] - 18, 0) * 12 * rng.beta(2.0, 2.0 + np.exp(0.3 * far), size)
    )
    worked = expit(-0.6 - 0.6 * far + 0.8 * rng.standard_normal(size))
    for name in ("days_employed_q1", "days_employed_q2"):
        at_work = rng.random(size) < worked
        people[name] = np.where(at_work, np.round(rng.uniform(1, 91, size)), 0.0)
    people["months_registered_24"] = np.round(24 * rng.beta(1.2 * np.exp(0.3 * far), 1.5, size))
    people["hires_24"] = rng.poisson(4 * worked).astype(float)
    idle = np.minimum(np.round(rng.exponential(2 / worked)), 99)
    people["months_since_last_job"] = np.where(people["days_employed_q1"] > 0, 1.0, idle)
    people["barriers"] = np.minimum(rng.poisson(np.exp(-0.2 + 0.35 * far)), 6).astype(float)
    people["mobility_km"] = 5 * rng.integers(0, 11, size).astype(float)
    return people


def _normal_quantiles(shares: Floats) -> Floats:
    from scipy.special import ndtri

    quantiles: Floats = ndtri(shares)
    return quantiles


def index(people: Traits, coefficients: dict[str, tuple[float, ...]]) -> Floats:
    """Return the linear index of traits (n,)."""
    total = np.zeros(len(people["sex"]))
    for name, values in coefficients.items():
        column = people[name]
        total += values[0] * column if len(values) == 1 else np.array(values)[column.astype(int)]
    return total


def bend(people: Traits, hire: Floats) -> Floats:
    """Return what a score linear in the columns misses: a square and two products."""
    far = (people["barriers"] - 1.0) * (people["rsa"] - 0.4)
    old = (people["age"] - 38) / 11 * (people["education"] - 2.5) / 1.3
    return hire**2 + far + 0.5 * old
