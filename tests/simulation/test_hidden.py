"""The hidden trait moves entry and hires in opposite directions, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.simulation import geography
from evaluation.simulation.people import People, draw_people
from evaluation.territories import REGIONS


def drawn(hidden: float) -> People:
    rng = np.random.default_rng(1)
    return draw_people("76", 40_000, hidden_confounding=hidden, last_day=1800, rng=rng)


def test_hidden_confounding_is_in_no_table_and_keeps_the_mean() -> None:
    without, with_trait = drawn(0.0), drawn(1.0)
    for name, codes in without.codes.items():
        assert np.array_equal(codes, with_trait.codes[name])
    entry = np.log(with_trait.entry / without.entry)
    hires = np.log(with_trait.durable / without.durable)
    high = entry > entry.mean()
    assert high.mean() == pytest.approx(0.30, abs=0.01)
    assert entry[high].mean() - entry[~high].mean() == pytest.approx(1.0)
    assert hires[high].mean() - hires[~high].mean() == pytest.approx(-1.0)
    assert np.allclose(hires, np.log(with_trait.short / without.short))
    assert np.exp(entry).mean() == pytest.approx(1.0, abs=0.02)
    assert np.exp(hires).mean() == pytest.approx(1.0, abs=0.02)


def test_frailty_moves_hires_and_never_entry() -> None:
    """Entry is a function of what the tables hold: equal traits, equal rates."""
    people = drawn(0.0)
    names = sorted(people.codes)
    table = np.column_stack([people.codes[name] for name in names])
    keep = [
        names.index(n)
        for n in names
        if n
        not in ("department", "family_situation", "children", "previous_support", "driving_licence")
    ]
    _, group = np.unique(table[:, keep], axis=0, return_inverse=True)
    pairs = np.bincount(group)[group] > 1
    first = np.full(group.max() + 1, np.nan)
    first[group[::-1]] = people.entry[::-1]
    assert pairs.sum() > 100
    assert np.allclose(people.entry[pairs], first[group[pairs]])
    other = np.full(group.max() + 1, np.nan)
    other[group[::-1]] = people.durable[::-1]
    assert not np.allclose(people.durable[pairs], other[group[pairs]])


def test_regions_have_their_published_sizes() -> None:
    shares = {code: geography.region_share(code) for code in REGIONS}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=shares.__getitem__) == "11"
    assert min(shares, key=shares.__getitem__) == "06"
    assert 0.002 < shares["06"] < shares["94"] < 0.01
    for code, region in REGIONS.items():
        assert sum(geography.department_shares(code)) == pytest.approx(1.0)
        positions = [position for position, _ in geography.zones(code)]
        assert positions == sorted(positions)
        assert set(positions) == set(range(len(region.departments)))
