"""The truth is what repeated draws would give, and obeys its identities."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import EvaluationError
from evaluation.simulation import Simulated, simulate
from evaluation.simulation.calendar import add_months, calendar
from evaluation.simulation.life_courses import Events, effect_of, live
from evaluation.simulation.people import People, draw_people
from evaluation.simulation.truth import Chances, Truth, chances, probabilities, solve

N = 60_000


@pytest.fixture(scope="module")
def people() -> People:
    rng = np.random.default_rng(11)
    return draw_people("75", N, hidden_confounding=0.0, last_day=1800, rng=rng)


@pytest.fixture(scope="module")
def hazards(people: People) -> Chances:
    cal = calendar()
    return chances(people, live(people, cal, effect_of(0.0), rows=(0, 0, N // 3)), cal)


@pytest.fixture(scope="module")
def truth(hazards: Chances) -> Truth:
    return solve(hazards, 5.0)


def durable_within(events: Events, months: int = 6) -> np.ndarray:
    """Return, for each entrant, whether a durable hire was drawn in the window."""
    person, day = events.entrants[:, 0], events.entrants[:, 1]
    first, last = np.full((2, N), -(10**6))
    first[person], last[person] = day, add_months(day, months)
    hires = events.hires[events.hires[:, 4] == 1]
    inside = (hires[:, 1] > first[hires[:, 0]]) & (hires[:, 1] <= last[hires[:, 0]])
    return np.isin(person, hires[inside, 0])


def test_drawn_outcomes_have_the_frequency_of_p1(people: People, truth: Truth) -> None:
    events = live(people, calendar(), effect_of(truth.size), rows=(N * 3, N * 8, N // 3))
    drawn = durable_within(events).mean()
    error = np.sqrt((truth.p1 * (1 - truth.p1)).sum()) / truth.p1.size
    assert truth.p1.size > 2000
    assert abs(drawn - truth.p1.mean()) < 3.5 * error


def test_without_effect_drawn_outcomes_have_the_frequency_of_p0(
    people: People, truth: Truth
) -> None:
    events = live(people, calendar(), effect_of(0.0), rows=(N * 3, N * 8, N // 3))
    drawn = durable_within(events).mean()
    error = np.sqrt((truth.p0_never * (1 - truth.p0_never)).sum()) / truth.p1.size
    assert abs(drawn - truth.p0_never.mean()) < 3.5 * error
    assert truth.p1.mean() - drawn > 5 * error  # so that the check above could have failed


def replay(people: People, events: Events, times: int) -> tuple[People, np.ndarray]:
    """Return entrants as newcomers with fresh streams, and the day on which each starts."""
    keep = np.repeat(np.arange(events.entrants.shape[0]), times)
    person, day = events.entrants[keep, 0], events.entrants[keep, 1]
    rng = np.random.default_rng(5)
    again = People(
        size=keep.size, codes={}, birth_year=people.birth_year[person],
        occupation=person, mobility_km=person, zone=person, entry=people.entry[person],
        durable=people.durable[person], short=people.short[person], first_registration=day + 1,
        streams=rng.integers(0, 2**64, keep.size, dtype=np.uint64),
    )  # fmt: skip
    return again, day


def test_later_entries_and_p0_not_yet_agree_with_a_replay(people: People) -> None:
    """Start everybody anew on the day after entry: same hazards, no past, entry still open."""
    cal = calendar()
    events = live(people, cal, effect_of(0.0), rows=(0, 0, N // 3))
    again, day = replay(people, events, 40)
    month = cal.month_of[day + 1 + cal.shift]
    keep = np.column_stack([np.arange(day.size), day, month, day + 1 - cal.month_start[month]])
    newcomers = Events(
        events.registrations, events.hires, events.entries, keep, np.zeros((day.size, 7))
    )
    expected = probabilities(chances(again, newcomers, cal), 0.5)
    drawn = live(again, cal, effect_of(0.5), rows=(day.size * 4, day.size * 8, day.size))
    last = add_months(day, 6)
    hires = drawn.hires[drawn.hires[:, 4] == 1]
    hired = np.full(day.size, 10**6)
    fresh = hires[hires[:, 1] > day[hires[:, 0]]]
    np.minimum.at(hired, fresh[:, 0], fresh[:, 1])
    entered = np.full(day.size, 10**6)
    entries = drawn.entries[drawn.entries[:, 2] == 1]
    entered[entries[:, 0]] = entries[:, 1]
    free = without_past(drawn, day)
    later = (entered <= last) & (entered < hired)
    assert free.sum() > 5_000
    for drawn_share, p in [(later, expected.enters_later), (hired <= last, expected.p0_not_yet)]:
        error = np.sqrt((p * (1 - p))[free].sum()) / free.sum()
        assert abs(drawn_share[free].mean() - p[free].mean()) < 3.5 * error
    assert 0.03 < later[free].mean() < 0.3


def without_past(events: Events, day: np.ndarray) -> np.ndarray:
    """Return who was never hired before the replay begins, so that history is nil in both."""
    early = events.hires[events.hires[:, 1] <= day[events.hires[:, 0]], 0]
    return ~np.isin(np.arange(day.size), early)


def test_solved_effect_is_the_wanted_one(hazards: Chances) -> None:
    for wanted in (2.8, -2.0, 10.0):
        assert solve(hazards, wanted).effect_points == pytest.approx(wanted, abs=0.001)
    with pytest.raises(EvaluationError, match="EVAL-804"):
        solve(hazards, 99.0)


@pytest.mark.property
def test_a_programme_that_does_nothing_changes_nothing(hazards: Chances) -> None:
    nothing = solve(hazards, 0.0)
    assert np.array_equal(nothing.p1, nothing.p0_not_yet)
    assert np.array_equal(nothing.p1, nothing.p0_never)
    tiny = probabilities(hazards, 1e-9)  # the integral itself, without the shortcut
    assert np.allclose(tiny.p1, nothing.p1, atol=1e-9)
    assert np.allclose(tiny.p0_not_yet, nothing.p0_never, atol=1e-9)


@pytest.mark.property
def test_waiting_lies_between_entering_and_never(truth: Truth) -> None:
    assert ((truth.p0_never <= truth.p0_not_yet + 1e-3) & (truth.p0_not_yet < truth.p1)).all()
    assert truth.p0_not_yet.mean() > truth.p0_never.mean()
    assert ((truth.enters_later > 0) & (truth.enters_later < 0.9)).all()


def test_truth_file_is_the_mean_of_truth_people(small: Simulated) -> None:
    people = pd.read_parquet(small.folder / "truth_people.parquet")
    truth = json.loads((small.folder / "truth.json").read_text("utf-8"))
    assert list(people.columns) == [
        "person_id", "region", "index_month", "p1", "p0_not_yet", "p0_never",
    ]  # fmt: skip
    for record, chosen in [
        (truth["national"], people),
        *((truth["regions"][code], people[people.region == code]) for code in ("24", "94")),
    ]:
        assert record["n"] == len(chosen)
        effect = 100 * (chosen.p1 - chosen.p0_not_yet).mean()
        assert record["effect_points"] == pytest.approx(effect)
        assert record["effect_points_never"] == pytest.approx(
            100 * (chosen.p1 - chosen.p0_never).mean()
        )
        assert record["uplift_percent"] == pytest.approx(
            100 * (chosen.p1.mean() / chosen.p0_not_yet.mean() - 1)
        )
        assert record["effect_points"] == pytest.approx(2.8, abs=0.01)
    assert small.truth == truth["national"]


def test_regions_differ_by_the_wanted_spread(tmp_path) -> None:  # type: ignore[no-untyped-def]
    simulated = simulate(tmp_path / "spread", scale=0.02, seed=3, region_sd=1.0)
    truth = json.loads((simulated.folder / "truth.json").read_text("utf-8"))
    effects = np.array([r["effect_points"] for r in truth["regions"].values() if r["n"] > 0])
    assert effects.size >= 16
    assert 0.6 < effects.std() < 1.4
    assert truth["national"]["effect_points"] == pytest.approx(2.8, abs=0.15)
