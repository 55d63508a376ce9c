"""Analysis frames with a known truth, drawn directly: entrants and comparators of twelve months.

A small town of jobseekers is followed month by month. Entry into the programme and durable hires
are logistic hazards of the register's covariates, of the duration class and of the season; who is
hired leaves the lists; who has not entered may enter later. A row is a person in a month, so that
people recur: as comparators of several months, and as comparators before they enter. Comparators
are kept by the shares that the cohort room uses, with their sampling weights. Everything that
drives both entry and hires is a column of the frame: what is left for an estimator is to use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks._people import (
    ENTRIES,
    HIRES,
    LEVELS,
    Floats,
    Traits,
    bend,
    draw_people,
    expit,
    index,
)

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
CALIBRATION = (50_000, 20_180_618)
"""People and seed of the draw that sets the scale of the indices and the intercepts."""

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
    """What makes the indices of a cell standard, and the intercepts.

    Attributes
    ----------
    hire, bent : (float, float)
        Mean and standard deviation of the index of hires, and of what a linear score misses.
    own : (float, float, float)
        Mean of the index of entries, standard deviation of what is left of it beside the hires',
        and its slope on those.
    entry, base, gain : float
        Log-odds at a zero index of a month's entry and hire; what the programme adds to the latter.
    """

    hire: tuple[float, float]
    own: tuple[float, float, float]
    bent: tuple[float, float]
    entry: float
    base: float
    gain: float


def _predictors(people: Traits, cell: Cell, scale: _Scale) -> tuple[Floats, Floats]:
    """Return the covariates' log-odds of entry and of a hire, without intercepts."""
    hire = (index(people, HIRES) - scale.hire[0]) / scale.hire[1]
    own = (index(people, ENTRIES) - scale.own[0] - scale.own[2] * hire) / scale.own[1]
    entry = -cell.confounding * hire + np.sqrt(1 - cell.confounding**2) * own
    if cell.nonlinear:
        entry = entry + cell.nonlinear * (bend(people, hire) - scale.bent[0]) / scale.bent[1]
    return cell.spread * entry, PROGNOSIS * hire


@lru_cache(maxsize=64)
def _scale(cell: Cell) -> _Scale:
    """Return the constants that give a cell its overlap, base rate and effect, on a fixed draw."""
    people = draw_people(CALIBRATION[0], np.random.default_rng(CALIBRATION[1]))
    raw = index(people, HIRES)
    hire = (raw - raw.mean()) / raw.std()
    other = index(people, ENTRIES)
    slope = float(np.cov(other, hire)[0, 1])
    rest = other - other.mean() - slope * hire
    bent = bend(people, hire)
    scale = _Scale(
        (float(raw.mean()), float(raw.std())), (float(other.mean()), float(rest.std()), slope),
        (float(bent.mean()), float(bent.std())), 0.0, 0.0, 0.0,
    )  # fmt: skip
    of_entry, of_hire = _predictors(people, cell, scale)
    entry = _root(lambda a: _entries(expit(a + of_entry)) - 1 / cell.stock)
    share = expit(entry + of_entry)
    share /= share.sum()

    def rate(at: float) -> float:
        return float(share @ (1 - (1 - expit(at + of_hire)) ** HORIZON))

    base = _root(lambda b: rate(b) - BASE_RATE)
    # Comparators who enter later gain as well: the gap to "not yet" is a little smaller.
    gain = _root(lambda g: rate(base + g) - BASE_RATE - cell.effect / 100) if cell.effect else 0.0
    return _Scale(scale.hire, scale.own, scale.bent, entry, base, gain)


def _entries(chance: Floats) -> float:
    """Return the entries of the twelve months per person of the stock, newcomers included.

    Parameters
    ----------
    chance : (n,) float
        Of entering in a month; hires are taken at the base rate.
    """
    stays = (1 - chance) * (1 - BASE_RATE) ** (1 / HORIZON)
    still, since, total = np.ones_like(chance), np.zeros_like(chance), 0.0
    for month in range(1, MONTHS + 1):
        since += still * chance
        still *= stays
        total += float(since.mean()) * (1 if month == MONTHS else INFLOW)
    return total


def _root(function: Callable[[float], float]) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, -12.0, 6.0, xtol=1e-10))


@dataclass(frozen=True, slots=True)
class _Town:
    """The jobseekers: traits, hazards and their life courses.

    Attributes
    ----------
    people : dict of str to (n,) float
        Traits, categories as codes.
    entry, hire : (n,) float
        Log-odds of a month's entry and hire, without season and duration.
    gain : float
        What the programme adds to the latter.
    begins, before : (n,) int
        Month of registration, and months already registered by then (the stock of month 0).
    entered, hired : (n,) int
        Month of the entry and of the first durable hire; beyond the last month: never.
    """

    people: Traits
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
        return expit(enter), expit(hire), expit(hire + self.gain)


def _live(cell: Cell, rng: np.random.Generator) -> _Town:
    """Follow the town until the horizon of the last month is over."""
    scale = _scale(cell)
    last = MONTHS + HORIZON
    stock = round(cell.entrants * cell.stock)
    size = stock + round(stock * INFLOW) * (last - 1)
    people = draw_people(size, rng)
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
