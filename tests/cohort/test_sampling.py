"""The places of a stratum go to profiles by its entrants, and every profile keeps some."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.cohort.sampling import BY_ENTRANTS, allot

counts = st.lists(st.integers(0, 200), min_size=4, max_size=4)


@pytest.mark.property
@given(available=counts, wanted=st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_places_fill_the_limit_and_never_exceed_what_is_there(
    available: list[int], wanted: list[int]
) -> None:
    there, entrants = np.array(available), np.array(wanted)
    limit = 20 * int(entrants.sum())
    places = allot(there, entrants, limit)
    assert (places <= there).all()
    assert places.sum() == min(limit, there.sum())
    if limit >= 4:
        assert ((places > 0) == (there > 0)).all()


def test_a_rare_profile_of_the_entrants_gets_its_share() -> None:
    there, entrants = np.array([900, 900, 60, 60]), np.array([0, 0, 0, 1])
    places = allot(there, entrants, 20)
    assert places[3] >= int(20 * BY_ENTRANTS) - 3
    proportional = 20 * there[3] / there.sum()
    assert places[3] > 10 * proportional
