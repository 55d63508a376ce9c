"""Analysis frames with a known truth, drawn directly: entrants and comparators of twelve months.

A small town of jobseekers is followed month by month. Entry into the programme and durable hires
are logistic hazards of the register's covariates, of the duration class and of the season; who is
hired leaves the lists; who has not entered may enter later. A row is a person in a month, so that
people recur: as comparators of several months, and as comparators before they enter. Comparators
are kept by the shares that the cohort room uses, with their sampling weights. Everything that
drives both entry and hires is a column of the frame: what is left for an estimator is to use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MONTHS, HORIZON = 12, 6
DURATION_BOUNDS = (0, 3, 6, 12, 24, 36)
ENTRY_BY_DURATION = np.array([-0.5, -0.15, 0.0, 0.2, 0.15, 0.0])
HIRE_BY_DURATION = np.array([0.50, 0.30, 0.15, -0.05, -0.25, -0.40])
ENTRY_BY_MONTH = np.log([1.15, 1.05, 1.1, 1.0, 0.95, 1.0, 0.8, 0.55, 1.2, 1.2, 1.1, 0.9])
HIRE_BY_MONTH = np.log([1.05, 0.95, 1.0, 1.0, 1.0, 1.05, 0.95, 0.85, 1.35, 1.05, 0.95, 0.8])
PROGNOSIS = 0.65
"""Standard deviation of the covariates' part of the log-odds of a monthly hire."""
BASE_RATE = 0.10
"""Entrants' chance of a durable hire in six months without the programme."""
INFLOW = 0.05
"""New registrations a month, share of the stock."""
CALIBRATION = (100_000, 20_180_618)
"""People and seed of the draw that sets the scale of the indices and the intercepts."""

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
EXACT = ("index_month", "duration_class", "sex", "rsa")
COVARIATES = (*HIRES, "elapsed_months", "duration_class")


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting of the study.

    Attributes
    ----------
    name : str
    entrants : int
        Expected in the twelve months.
    spread : float
        Standard deviation of the covariates' log-odds of entry: the larger, the poorer the overlap.
    confounding : float
        Correlation (absolute) of these log-odds with those of a hire; entrants are far from work.
    effect : float
        Aimed at, percentage points.
    nonlinear : float
        Weight of squares and products in the log-odds of entry, which no score of the columns has.
    stock : float
        Jobseekers per entrant: the fewer, the more comparators enter later.
    frailty : float
        Standard deviation of an unobserved part of the log-odds of a hire; entry never reads it.
    per_entrant : int
        Comparators kept per entrant and stratum.
    """

    name: str
    entrants: int = 2_000
    spread: float = 0.6
    confounding: float = 0.75
    effect: float = 2.8
    nonlinear: float = 0.0
    stock: float = 6.0
    frailty: float = 0.0
    per_entrant: int = 5


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame and what is true of it.

    Attributes
    ----------
    frame : DataFrame (n, ...)
        Keys, covariates, ``treated``, ``sampling_weight`` and the outcome ``durable_6m`` (int8).
    p1, p0 : (n,) float
        Of the entrants' rows: chance of a durable hire in six months when entering, and when not
        entering that month but with one's own chance of entering later; nan for comparators.
    later : float
        Share of the comparators' rows that enter within the horizon.
    """

    frame: pd.DataFrame
    p1: Floats
    p0: Floats
    later: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """What makes the indices of a cell standard, and the intercepts."""

    hire: tuple[float, float]
    own: tuple[float, float, float]
    bent: tuple[float, float]
    entry: float
    base: float
    gain: float


def _expit(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _people(size: int, rng: np.random.Generator) -> dict[str, Floats]:
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
        people[name] = (rng.random(size) < _expit(level + pull * far)).astype(float)
    people["age"] = np.clip(np.round(16 + rng.gamma(4.0, 5.5, size)), 16, 64)
    people["children"] = np.minimum(rng.poisson(0.8, size), 6).astype(float)
    people["experience_months"] = np.round(
        np.maximum(people["age"] - 18, 0) * 12 * rng.beta(2.0, 2.0 + np.exp(0.3 * far), size)
    )
    worked = _expit(-0.6 - 0.6 * far + 0.8 * rng.standard_normal(size))
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


def _index(people: dict[str, Floats], coefficients: dict[str, tuple[float, ...]]) -> Floats:
    total = np.zeros(len(people["sex"]))
    for name, values in coefficients.items():
        column = people[name]
        total += values[0] * column if len(values) == 1 else np.array(values)[column.astype(int)]
    return total


def _bend(people: dict[str, Floats], hire: Floats) -> Floats:
    """Return what a score linear in the columns misses: a square and two products."""
    far = (people["barriers"] - 1.0) * (people["rsa"] - 0.4)
    old = (people["age"] - 38) / 11 * (people["education"] - 2.5) / 1.3
    return hire**2 + far + 0.5 * old


def _predictors(people: dict[str, Floats], cell: Cell, scale: _Scale) -> tuple[Floats, Floats]:
    """Return the covariates' log-odds of entry and of a hire, without intercepts."""
    hire = (_index(people, HIRES) - scale.hire[0]) / scale.hire[1]
    own = (_index(people, ENTRIES) - scale.own[0] - scale.own[2] * hire) / scale.own[1]
    entry = -cell.confounding * hire + np.sqrt(1 - cell.confounding**2) * own
    if cell.nonlinear:
        entry = entry + cell.nonlinear * (_bend(people, hire) - scale.bent[0]) / scale.bent[1]
    return cell.spread * entry, PROGNOSIS * hire


@lru_cache(maxsize=64)
def _scale(cell: Cell) -> _Scale:
    """Return the constants that give a cell its overlap, base rate and effect, on a fixed draw."""
    people = _people(CALIBRATION[0], np.random.default_rng(CALIBRATION[1]))
    raw = _index(people, HIRES)
    hire = (raw - raw.mean()) / raw.std()
    other = _index(people, ENTRIES)
    slope = float(np.cov(other, hire)[0, 1])
    rest = other - other.mean() - slope * hire
    bend = _bend(people, hire)
    scale = _Scale(
        (float(raw.mean()), float(raw.std())), (float(other.mean()), float(rest.std()), slope),
        (float(bend.mean()), float(bend.std())), 0.0, 0.0, 0.0,
    )  # fmt: skip
    of_entry, of_hire = _predictors(people, cell, scale)
    wanted = 1 / (cell.stock * MONTHS)
    entry = _root(lambda a: float(_expit(a + of_entry).mean()) - wanted)
    share = _expit(entry + of_entry)
    share /= share.sum()

    def rate(at: float) -> float:
        return float(share @ (1 - (1 - _expit(at + of_hire)) ** HORIZON))

    base = _root(lambda b: rate(b) - BASE_RATE)
    # Comparators who enter later gain as well: the gap to "not yet" is a little smaller.
    gain = _root(lambda g: rate(base + g) - BASE_RATE - cell.effect / 100) if cell.effect else 0.0
    return _Scale(scale.hire, scale.own, scale.bent, entry, base, gain)


def _root(function: object) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, -12.0, 6.0, xtol=1e-10))


@dataclass(frozen=True, slots=True)
class _Town:
    """The jobseekers: traits, hazards and their life courses."""

    people: dict[str, Floats]
    entry: Floats
    hire: Floats
    gain: float
    begins: Ints
    before: Ints
    entered: Ints
    hired: Ints

    def elapsed(self, who: Ints, month: int | Ints) -> Ints:
        return np.asarray(self.before[who] + month - self.begins[who])

    def chances(self, who: Ints, month: int | Ints) -> tuple[Floats, Floats, Floats]:
        """Return the chances of entering at a month's start, and of a hire in it, out and in."""
        group = np.searchsorted(DURATION_BOUNDS, self.elapsed(who, month), side="right") - 1
        season = np.asarray(month) % 12
        enter = self.entry[who] + ENTRY_BY_DURATION[group] + ENTRY_BY_MONTH[season]
        hire = self.hire[who] + HIRE_BY_DURATION[group] + HIRE_BY_MONTH[season]
        return _expit(enter), _expit(hire), _expit(hire + self.gain)


def _live(cell: Cell, rng: np.random.Generator) -> _Town:
    """Follow the town until the horizon of the last month is over."""
    scale = _scale(cell)
    last = MONTHS + HORIZON
    stock = round(cell.entrants * cell.stock)
    size = stock + round(stock * INFLOW) * (last - 1)
    people = _people(size, rng)
    of_entry, of_hire = _predictors(people, cell, scale)
    begins = np.maximum(np.arange(size) - stock, -1) // max(round(stock * INFLOW), 1) + 1
    before = np.where(begins == 0, np.minimum(rng.exponential(16.0, size), 72), 0).astype(np.int64)
    never = np.full(size, 10 * last)
    town = _Town(
        people, scale.entry + of_entry,
        scale.base + of_hire + cell.frailty * rng.standard_normal(size),
        scale.gain, begins.astype(np.int64), before, never, never.copy(),
    )  # fmt: skip
    for month in range(last):
        who = np.flatnonzero((town.begins <= month) & (town.hired > month))
        enter, out, inside = town.chances(who, month)
        first = (town.entered[who] > month) & (rng.random(who.size) < enter)
        town.entered[who[first]] = month
        chance = np.where(town.entered[who] <= month, inside, out)
        town.hired[who[rng.random(who.size) < chance]] = month
    return town


def _truth(town: _Town, who: Ints, month: Ints) -> tuple[Floats, Floats]:
    """Return the chances of a hire within the horizon: entering now, and not now but maybe later.

    ``waiting`` and ``inside`` are the chances of being without a hire outside and inside the
    programme; nobody enters in the very month of the comparison.
    """
    stays = np.ones(who.size)
    waiting, inside = np.ones(who.size), np.zeros(who.size)
    for k in range(HORIZON):
        enter, out, within = town.chances(who, month + k)
        if k:
            waiting, inside = waiting * (1 - enter), inside + waiting * enter
        waiting, inside = waiting * (1 - out), inside * (1 - within)
        stays = stays * (1 - within)
    return 1 - stays, 1 - waiting - inside


def _sampled(
    cell_of: Ints, wanted: Ints, per_entrant: int, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Return the comparators kept and their weights, as the cohort room shares out places."""
    from evaluation.cohort.sampling import PROFILES, allot

    available = np.bincount(cell_of, minlength=wanted.size)
    pairs = zip(available.reshape(-1, PROFILES), wanted.reshape(-1, PROFILES), strict=True)
    places = np.concatenate([allot(n, e, per_entrant * int(e.sum())) for n, e in pairs])
    order = np.lexsort((rng.random(cell_of.size), cell_of))
    rank = np.arange(cell_of.size) - (np.cumsum(available) - available)[cell_of[order]]
    kept = np.sort(order[rank < places[cell_of[order]]])
    return kept, available[cell_of[kept]] / places[cell_of[kept]]


def draw(cell: Cell, seed: int) -> Drawn:
    """Draw one frame.

    Parameters
    ----------
    cell : Cell
        The setting.
    seed : int
        Of every draw of this frame, with the cell's name: cells are independent.
    """
    rng = np.random.default_rng([seed, crc32(cell.name.encode())])
    town = _live(cell, rng)
    grid = [(np.flatnonzero((town.begins <= m) & (town.hired >= m) & (town.entered >= m)), m)
            for m in range(MONTHS)]  # fmt: skip
    who = np.concatenate([found for found, _ in grid])
    month = np.concatenate([np.full(found.size, m) for found, m in grid])
    treated = town.entered[who] == month
    group = np.searchsorted(DURATION_BOUNDS, town.elapsed(who, month), side="right") - 1
    profile = 2 * town.people["sex"][who].astype(int) + town.people["rsa"][who].astype(int)
    at = ((month * len(DURATION_BOUNDS) + group) * 4 + profile).astype(np.int64)
    wanted = np.bincount(at[treated], minlength=MONTHS * len(DURATION_BOUNDS) * 4)
    others = np.flatnonzero(~treated)
    kept, weight = _sampled(at[others], wanted, cell.per_entrant, rng)
    rows = np.concatenate([np.flatnonzero(treated), others[kept]])
    weights = np.concatenate([np.ones(int(treated.sum())), weight])
    order = np.lexsort((who[rows], ~treated[rows], month[rows]))
    rows, weights = rows[order], weights[order]
    return _drawn(town, who[rows], month[rows], treated[rows], weights)


def _drawn(town: _Town, who: Ints, month: Ints, treated: NDArray[np.bool_],
           weights: Floats) -> Drawn:  # fmt: skip
    p1, p0 = np.full(who.size, np.nan), np.full(who.size, np.nan)
    p1[treated], p0[treated] = _truth(town, who[treated], month[treated])
    elapsed = town.elapsed(who, month)
    group = np.searchsorted(DURATION_BOUNDS, elapsed, side="right") - 1
    columns: dict[str, object] = {
        "person_id": who,
        "index_month": pd.Categorical.from_codes(month, [f"m{m:02d}" for m in range(MONTHS)]),
        "treated": treated.astype(np.int8),
        "sampling_weight": weights,
        "elapsed_months": elapsed,
        "duration_class": pd.Categorical.from_codes(group, [f"{d:02d}" for d in DURATION_BOUNDS]),
    }
    for name, values in town.people.items():
        mine = values[who]
        if name in LEVELS:
            columns[name] = pd.Categorical.from_codes(mine.astype(int), list(LEVELS[name]))
        else:
            columns[name] = mine
    columns["durable_6m"] = (town.hired[who] < month + HORIZON).astype(np.int8)
    later = float((town.entered[who] < month + HORIZON)[~treated].mean())
    return Drawn(pd.DataFrame(columns), p1, p0, later)
