"""Who the jobseekers are: traits of the register, and the rates that follow from them.

In: a region, a number of people, a generator. Out: arrays, one value a person. What drives entry
is in the tables; what drives hires beyond it is the frailty, which entry never reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evaluation.simulation import geography, parameters

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

SEX = ("1", "2")
NATIONALITY = ("french", "eu", "non_eu")
FAMILY = ("single", "couple", "separated", "widowed")
EDUCATION = ("NV1", "NV2", "NV3", "NV4", "INC", "NV5", "C3A", "C12", "CP4", "CFG", "AFS")
QUALIFICATION = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
DOMAINS = "ABCDEFGHIJKLMN"
SUPPORT = ("followed", "guided", "reinforced", "intensive", "other")
BARRIERS = ("mobility", "housing", "health", "childcare", "digital", "administrative")
AGE_CLASSES = ("under_25", "25_49", "50_plus")
LOW_EDUCATION = ("AFS", "CFG", "CP4", "C12", "C3A", "NV5")

_EDUCATION_SHARES = (0.05, 0.075, 0.115, 0.22, 0.01, 0.30, 0.055, 0.045, 0.06, 0.03, 0.04)
_BARRIER_SHARES = {
    "mobility": (0.33, 0.40), "housing": (0.11, 0.40), "health": (0.18, 0.35),
    "childcare": (0.20, 0.20), "digital": (0.20, 0.45), "administrative": (0.17, 0.45),
}  # fmt: skip
_QUALIFICATIONS_BY_EDUCATION = np.array(
    [
        [0.04, 0.00, 0.01, 0.02, 0.03, 0.02, 0.10, 0.08, 0.10, 0.60],
        [0.04, 0.01, 0.02, 0.03, 0.05, 0.05, 0.25, 0.15, 0.12, 0.28],
        [0.05, 0.03, 0.05, 0.07, 0.08, 0.10, 0.40, 0.12, 0.06, 0.04],
        [0.06, 0.06, 0.09, 0.13, 0.10, 0.20, 0.34, 0.01, 0.01, 0.00],
        [0.05, 0.13, 0.16, 0.16, 0.09, 0.23, 0.18, 0.00, 0.00, 0.00],
        [0.08, 0.20, 0.24, 0.08, 0.04, 0.26, 0.10, 0.00, 0.00, 0.00],
    ]
)
_QUALIFICATION_ROW = (0, 0, 1, 2, 3, 4, 3, 5, 5, 5, 5)


@dataclass(frozen=True, slots=True)
class People:
    """Traits that do not change, one value a person; codes index the tuples of this module.

    Attributes
    ----------
    size : int
        Number of people, n.
    codes : dict of str to (n,) int8
        ``sex``, ``nationality``, ``family_situation``, ``education``, ``diploma`` (1 = obtained,
        -1 = missing), ``qualification``, ``rsa``, ``disabled``, ``qpv``, ``rural``,
        ``driving_licence``, ``vehicle`` (-1 = missing), ``barrier_*`` (-1 = not diagnosed),
        ``previous_support``, ``children``, ``department``.
    birth_year : (n,) int64
        Year of birth.
    occupation : (n,) int64
        1000 × domain + number of the ROME code.
    mobility_km : (n,) int64
        -1 = missing.
    zone : (n,) int64
        Position in ``geography.zones``.
    entry, durable, short : (n,) float
        Daily rates without season, age, duration and history; the last two hold the frailty.
    first_registration : (n,) int64
        Day of the first registration (negative: in the lists before the simulation starts).
    streams : (n,) uint64
        Seed of each person's own stream of draws.
    """

    size: int
    codes: dict[str, Codes]
    birth_year: NDArray[np.int64]
    occupation: NDArray[np.int64]
    mobility_km: NDArray[np.int64]
    zone: NDArray[np.int64]
    entry: Floats
    durable: Floats
    short: Floats
    first_registration: NDArray[np.int64]
    streams: NDArray[np.uint64]


def draw_people(
    region: str, size: int, *, hidden_confounding: float, last_day: int, rng: np.random.Generator
) -> People:
    """Draw the jobseekers of a region.

    Parameters
    ----------
    region : str
        INSEE code.
    size : int
        Number of people.
    hidden_confounding : float
        Log-odds of the hidden trait on entry, its negative on hires.
    last_day : int
        Last day on which a first registration may fall.
    rng : Generator
        The region's own source of randomness.
    """
    distance = rng.standard_normal(size)  # from employment: makes the traits go together
    codes, birth_year = _identity(region, size, distance, rng)
    codes |= _situation(region, size, distance, rng)
    department = np.searchsorted(np.cumsum(geography.department_shares(region)), rng.random(size))
    zones = geography.zones(region)
    last = len(geography.department_shares(region)) - 1
    codes["department"] = np.minimum(department, last).astype(np.int8)
    entry, durable, short = _rates(region, codes, hidden_confounding, rng)
    mobility = np.where(rng.random(size) < 0.1, -1, 5 * rng.integers(0, 11, size))
    return People(
        size=size,
        codes=codes,
        birth_year=birth_year,
        occupation=1000 * rng.integers(0, len(DOMAINS), size) + _rome(rng, size),
        mobility_km=np.where(codes["vehicle"] == 1, mobility, np.minimum(mobility, 20)),
        zone=_zone(codes["department"], zones, rng),
        entry=entry,
        durable=durable,
        short=short,
        first_registration=_first_registration(size, last_day, rng),
        streams=rng.integers(0, 2**64, size, dtype=np.uint64),
    )


def levels(name: str) -> tuple[str, ...]:
    """Return the codes behind the integers of a trait, in order."""
    known = {
        "sex": SEX, "nationality": NATIONALITY, "family_situation": FAMILY,
        "education": EDUCATION, "diploma": ("N", "D"), "qualification": QUALIFICATION,
        "previous_support": SUPPORT,
    }  # fmt: skip
    return known.get(name, ("0", "1"))


def age_factors(table: dict[str, dict[str, float]]) -> Floats:
    """Return the three multipliers of the age classes in a table of coefficients."""
    factors: Floats = np.exp(np.array([table["age_class"].get(name, 0.0) for name in AGE_CLASSES]))
    return factors


def _identity(
    region: str, size: int, distance: Floats, rng: np.random.Generator
) -> tuple[dict[str, Codes], NDArray[np.int64]]:
    education = _ordered(_mix(distance, 0.40, rng), _EDUCATION_SHARES)
    rows = np.cumsum(_QUALIFICATIONS_BY_EDUCATION, axis=1)[np.array(_QUALIFICATION_ROW)[education]]
    foreign = geography.FOREIGN_SHARE.get(region, geography.DEFAULT_SHARES["foreign"])
    away = _binary(_mix(distance, 0.20, rng), foreign)
    eu = 0.1 if region in ("01", "02", "03", "04", "06") else 0.32
    codes = {
        "sex": _bernoulli(rng, size, 0.51),
        "education": education,
        "qualification": np.minimum((rng.random((size, 1)) > rows).sum(axis=1), 9).astype(np.int8),
        "nationality": np.where(away, np.where(rng.random(size) < eu, 1, 2), 0).astype(np.int8),
    }
    obtained = _bernoulli(rng, size, 0.72)
    codes["diploma"] = np.where(rng.random(size) < 0.03, -1, obtained).astype(np.int8)
    low, high = np.array([[16, 20], [20, 25], [25, 35], [35, 50], [50, 60], [60, 64]])[
        _ordered(rng.standard_normal(size), (0.04, 0.13, 0.28, 0.33, 0.19, 0.03))
    ].T
    return codes, 2022 - rng.integers(low, high)


def _situation(
    region: str, size: int, distance: Floats, rng: np.random.Generator
) -> dict[str, Codes]:
    qpv = geography.QPV_SHARE.get(region, geography.DEFAULT_SHARES["qpv"])
    rural = geography.RURAL_SHARE.get(region, geography.DEFAULT_SHARES["rural"])
    family = _ordered(rng.standard_normal(size), (0.50, 0.36, 0.12, 0.02))
    children = np.minimum(rng.poisson(np.array([0.3, 1.1, 1.2, 0.8])[family]), 10)
    vehicle = _binary(-_mix(distance, 0.35, rng), 0.62)
    codes = {
        "family_situation": family,
        "children": children.astype(np.int8),
        "rsa": _binary(_mix(distance, 0.50, rng), 0.29),
        "disabled": _binary(_mix(distance, 0.25, rng), 0.09),
        "qpv": _binary(_mix(distance, 0.25, rng), qpv),
        "rural": _bernoulli(rng, size, rural),
        "vehicle": np.where(rng.random(size) < 0.08, -1, vehicle).astype(np.int8),
        "driving_licence": np.where(
            rng.random(size) < 0.08, -1, vehicle | _bernoulli(rng, size, 0.3)
        ).astype(np.int8),
        "previous_support": _ordered(_mix(distance, 0.3, rng), (0.28, 0.47, 0.20, 0.02, 0.03)),
    }
    return codes | _barriers(size, codes, distance, rng)


def _barriers(
    size: int, codes: dict[str, Codes], distance: Floats, rng: np.random.Generator
) -> dict[str, Codes]:
    """Return diagnosed barriers; two people in five have had no diagnosis at all."""
    met = rng.random(size) < 0.62
    found = {}
    for name, (share, loading) in _BARRIER_SHARES.items():
        present = _binary(_mix(distance, loading, rng), share)
        if name == "childcare":
            present &= (codes["children"] > 0).astype(np.int8)
        known = met & (rng.random(size) > 0.04)
        found[f"barrier_{name}"] = np.where(known, present, -1).astype(np.int8)
    return found


def _rates(
    region: str, codes: dict[str, Codes], hidden_confounding: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    size = codes["sex"].size
    first, second = rng.standard_normal((2, size))
    hidden = rng.random(size) < parameters.HIDDEN_SHARE
    place = geography.tightness(region)
    durable_index = _index(codes, parameters.DURABLE)
    loading, own = parameters.FRAILTY_SHORT
    entry = _index(codes, parameters.ENTRY) + _hidden(hidden, hidden_confounding)
    against = _hidden(hidden, -hidden_confounding) + place
    durable = durable_index + parameters.FRAILTY_DURABLE * first + against
    short = parameters.SHORT_SHARE_OF_DURABLE * durable_index + loading * first + own * second
    return (
        parameters.ENTRY_RATE * np.exp(entry),
        parameters.DURABLE_RATE * np.exp(durable),
        parameters.SHORT_RATE * np.exp(short + against),
    )


def _hidden(hidden: NDArray[np.bool_], log_odds: float) -> Floats:
    """Return the hidden trait's term, centred so that the mean rate does not move."""
    share = parameters.HIDDEN_SHARE
    mean = 1 - share + share * math.exp(log_odds)
    term: Floats = log_odds * hidden.astype(np.float64) - math.log(mean)
    return term


def _index(codes: dict[str, Codes], table: dict[str, dict[str, float]]) -> Floats:
    total = np.zeros(codes["sex"].size)
    for name, coefficients in table.items():
        if name == "age_class":  # changes with the calendar: applied along the life course
            continue
        values = np.array([*(coefficients.get(level, 0.0) for level in levels(name)), 0.0])
        total += values[codes[name]]  # code -1 (missing) reads the last value, zero
    return total


def _mix(distance: Floats, loading: float, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal(distance.size)
    mixed: Floats = loading * distance + math.sqrt(1 - loading**2) * noise
    return mixed


def _binary(latent: Floats, share: float) -> Codes:
    if share <= 0:
        return np.zeros(latent.size, np.int8)
    return (latent > NormalDist().inv_cdf(1 - share)).astype(np.int8)


def _ordered(latent: Floats, shares: tuple[float, ...]) -> Codes:
    cuts = [NormalDist().inv_cdf(min(c, 1 - 1e-12)) for c in np.cumsum(shares)[:-1]]
    return np.searchsorted(np.array(cuts), latent).astype(np.int8)


def _bernoulli(rng: np.random.Generator, size: int, share: float) -> Codes:
    return (rng.random(size) < share).astype(np.int8)


def _rome(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    return np.asarray(100 + 100 * rng.integers(0, 6, size) + rng.integers(1, 12, size))


def _zone(
    department: Codes, zones: list[tuple[int, str]], rng: np.random.Generator
) -> NDArray[np.int64]:
    first = np.searchsorted([position for position, _ in zones], department)
    count = np.bincount([position for position, _ in zones])[department]
    return np.asarray(first + (rng.random(department.size) * count).astype(np.int64))


def _first_registration(size: int, last_day: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Two people in five are in the lists at the start, for up to four years."""
    stock = rng.random(size) < 0.40
    since = np.minimum(rng.exponential(450.0, size).astype(np.int64), 1460) + 1
    return np.where(stock, -since, rng.integers(0, last_day, size))
