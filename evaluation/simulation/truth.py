"""The truth, by integrating hazards: what each entrant's chances were, with and without entry.

In: the state of each entrant on the entry day, and the rates. Out: three probabilities a person
(enters now; not now but perhaps later; never within the horizon) and the size of the effect that
gives a wanted mean. Never looks at an outcome that was drawn.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.compiled import kernel
from evaluation.errors import fail
from evaluation.simulation import parameters as par
from evaluation.simulation._kernel import age_group, class_on
from evaluation.simulation.calendar import FIRST_YEAR, Calendar, add_months
from evaluation.simulation.life_courses import (
    FUTURE_MONTHS,
    Effect,
    Events,
    age_multipliers,
    clocks,
    effect_of,
    profile_days,
)
from evaluation.simulation.people import People

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_WINDOW = 186
_SEARCH = (-6.0, 6.0)


@dataclass(frozen=True, slots=True)
class Chances:
    """The hazards of each entrant over the six months after entry, before any effect.

    Attributes
    ----------
    cumulative : (n, 187) float
        Integrated hazard of a durable hire from the day after entry to each following day.
    later : (n, 187) float
        Had the person not entered in that calendar month: probability of a first entry on each
        later day, no durable hire yet.
    length : (n,) int
        Days in the window (entry day, entry day + 6 calendar months].
    """

    cumulative: Floats
    later: Floats
    length: Ints


@dataclass(frozen=True, slots=True)
class Truth:
    """Probabilities of a durable hire within the horizon, one value an entrant.

    Attributes
    ----------
    p1, p0_not_yet, p0_never : (n,) float
        If the person enters; does not enter in that calendar month but may later; never enters in
        the horizon.
    enters_later : (n,) float
        Probability of a later entry within the horizon, had the person not entered.
    size : float
        The solved size of the effect.
    """

    p1: Floats
    p0_not_yet: Floats
    p0_never: Floats
    enters_later: Floats
    size: float

    @property
    def effect_points(self) -> float:
        """Mean effect in percentage points (0 without entrants)."""
        return float(100 * (self.p1 - self.p0_not_yet).mean()) if self.p1.size else 0.0


def chances(people: People, events: Events, cal: Calendar) -> Chances:
    """Return the hazards each entrant would have met.

    Parameters
    ----------
    people : People
        Rates.
    events : Events
        Only the states at entry are read.
    cal : Calendar
        Days and months.
    """
    n = events.entrants.shape[0]
    person, day = events.entrants[:, 0], events.entrants[:, 1]
    cumulative = np.zeros((n, LONGEST_WINDOW + 1))
    later = np.zeros((n, LONGEST_WINDOW + 1))
    length = add_months(day, par.HORIZON_MONTHS) - day
    _chances(
        people.durable[person], people.short[person], people.entry[person],
        people.birth_year[person], events.entrants, events.employed, length,
        cal.month_start, cal.month_of, cal.shift, age_multipliers(), clocks(cal),
        np.array(par.ENTRY_BY_DURATION), cumulative, later,
    )  # fmt: skip
    return Chances(cumulative, later, length)


def probabilities(hazards: Chances, size: float) -> Truth:
    """Return the three probabilities of each entrant for one size of the effect.

    Notes
    -----
    A durable hire does not depend on being in the lists, so with Λ the integrated hazard
    p0_never = 1 − exp(−Λ(T)) and p1 = 1 − exp(−Λ¹(T)), Λ¹ weighted by the profile. With f(s) the
    density of a later entry at s before any durable hire,
    p0_not_yet = p0_never + Σ f(s) [exp(−(Λ(T) − Λ(s))) − exp(−Λ¹(s, T))],
    exactly p0_never when the programme does nothing.
    """
    n = hazards.length.size
    p1, shift = np.empty(n), np.empty(n)
    never = -np.expm1(-hazards.cumulative[np.arange(n), hazards.length])
    if size == 0.0:
        return Truth(never, never.copy(), never.copy(), hazards.later.sum(axis=1), 0.0)
    effect: Effect = effect_of(size)
    _integrate(
        hazards.cumulative, hazards.later, hazards.length, effect.durable, profile_days(), p1, shift
    )
    return Truth(p1, never + shift, never, hazards.later.sum(axis=1), size)


def solve(hazards: Chances, wanted: float) -> Truth:
    """Return the truth whose mean effect is ``wanted`` percentage points, within 0.0005.

    Raises
    ------
    EvaluationError
        EVAL-804 when no size of the effect gives it.
    """
    if wanted == 0.0 or hazards.length.size == 0:
        return probabilities(hazards, 0.0)
    low, high = (probabilities(hazards, bound).effect_points - wanted for bound in _SEARCH)
    if low > 0 or high < 0:
        fail("EVAL-804", value=wanted, low=round(low + wanted, 1), high=round(high + wanted, 1))
    left, right = _SEARCH
    side = 0
    for _ in range(60):  # Illinois variant of the false position
        middle = (left * high - right * low) / (high - low)
        truth = probabilities(hazards, middle)
        gap = truth.effect_points - wanted
        if abs(gap) < 5e-4:
            break
        if gap < 0:
            left, low = middle, gap
            high = high / 2 if side < 0 else high
            side = -1
        else:
            right, high = middle, gap
            low = low / 2 if side > 0 else low
            side = 1
    return truth


@kernel
def _chances(  # type: ignore[no-untyped-def]
    durable_rate, short_rate, entry_rate, birth_year, entrants, employed, length,
    month_start, month_of, shift, ages, by_month, by_class, cumulative, later,
):  # fmt: skip
    """Fill the integrated hazards and the density of a later entry, day by day.

    Chances are those of a person still without durable hire: the common factor exp(−Λ) is applied
    at the end. A person who left the lists for more than 31 days and is back within the horizon
    is not followed (a few in a thousand, whose later entries move no probability by 0.001 point).
    """
    gap = par.SHORT_GAP_DAYS
    for row in range(length.size):
        first = entrants[row, 1]
        entry_month = month_of[first + shift]
        listed = 1.0
        back = np.zeros(LONGEST_WINDOW + gap + 2)
        for t in range(1, length[row] + 1):
            day = first + t
            month = month_of[day + shift]
            group = age_group(FIRST_YEAR + month // 12, birth_year[row])
            hazard = durable_rate[row] * ages[0, group] * by_month[0, month]
            cumulative[row, t] = cumulative[row, t - 1] + hazard
            position, _ = class_on(day, month, entrants[row, 2], entrants[row, 3], month_start)
            worked = employed[row, min(month - entry_month, FUTURE_MONTHS - 1)]
            # "not yet" means not in the month of the entry: its other days hold no entry
            may_enter = 1.0 if month > entry_month else 0.0
            enters = may_enter * entry_rate[row] * ages[2, group] * by_month[2, month]
            enters *= by_class[position]
            enters *= np.exp(par.ENTRY_EMPLOYED_PER_100_DAYS * worked / 100.0)
            leaves = short_rate[row] * ages[1, group] * by_month[1, month]
            leaves = leaves * par.LEAVES_ON_SHORT_HIRE + par.OTHER_EXIT_RATE
            listed += back[t]
            gone = listed * -np.expm1(-(enters + leaves))
            listed -= gone
            share = enters / (enters + leaves)
            reached = np.exp(-0.5 * (cumulative[row, t - 1] + cumulative[row, t]))
            later[row, t] = gone * share * reached
            briefly = gone * (1.0 - share) * par.OTHER_EXIT_RATE / leaves * par.SHORT_GAP / gap
            for wait in range(1, gap + 1):
                back[t + wait] += briefly
        for t in range(length[row] + 1, cumulative.shape[1]):
            cumulative[row, t] = cumulative[row, length[row]]


@kernel
def _treated_hazard(cumulative, start, length, multiplier, profile):  # type: ignore[no-untyped-def]
    """Return the integrated hazard of somebody who entered on day ``start`` of the window."""
    total = 0.0
    for k in range(profile.size):
        begin = start + profile[k]
        if begin >= length:
            break
        stop = length
        if k + 1 < profile.size:
            stop = min(length, start + profile[k + 1])
        total += multiplier[k] * (cumulative[stop] - cumulative[begin])
    return total


@kernel
def _integrate(cumulative, later, length, multiplier, profile, p1, shift):  # type: ignore[no-untyped-def]
    """Fill p1 and the difference that later entries make."""
    for row in range(length.size):
        own = cumulative[row]
        n = length[row]
        p1[row] = -np.expm1(-_treated_hazard(own, 0, n, multiplier, profile))
        moved = 0.0
        for t in range(1, n + 1):
            if later[row, t] > 0.0:
                treated = _treated_hazard(own, t, n, multiplier, profile)
                moved += later[row, t] * (np.exp(-(own[n] - own[t])) - np.exp(-treated))
        shift[row] = moved
