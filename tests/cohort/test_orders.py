"""Orders and choices made by linear kernels, held to plain sorting."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.cohort.extract import _sorted_hires
from evaluation.cohort.months import add_months, add_months_each, month_edges
from evaluation.cohort.sampling import _first_of_each


@pytest.mark.parametrize("seed", range(5))
def test_hires_are_sorted_by_every_column_in_turn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, people = 2_000, 150
    person = rng.integers(0, people, n)
    start, end = (rng.integers(0, 12, n).astype(np.int32) for _ in range(2))
    kind = rng.integers(0, 3, n).astype(np.int8)
    employer = rng.integers(0, 2**64, n, dtype=np.uint64) | np.uint64(1)
    order = _sorted_hires(person, start, end, kind, employer, people)
    assert (order == np.lexsort((employer, kind, end, start, person))).all()


def test_no_hire_has_an_order() -> None:
    days = np.empty(0, np.int32)
    order = _sorted_hires(
        np.empty(0, np.int64), days, days, np.empty(0, np.int8), np.empty(0, np.uint64), 3
    )
    assert len(order) == 0


@pytest.mark.parametrize("values", [5, 2**63])
def test_the_first_of_each_cell_are_those_of_a_sort(values: int) -> None:
    rng = np.random.default_rng(values % 97)
    n, cells = 3_000, 12
    cell = rng.integers(0, cells, n)
    bits = rng.integers(0, values, n, dtype=np.uint64)  # five values: many are equal
    size = np.bincount(cell, minlength=cells)
    places = np.minimum(rng.integers(0, 400, cells), size)
    places[0], places[1] = 0, size[1]
    kept = _first_of_each(cell, bits, size, places)
    for c in range(cells):
        rows = np.flatnonzero(cell == c)
        chosen = rows[np.argsort(bits[rows], kind="stable")[: places[c]]]
        assert set(np.flatnonzero(kept & (cell == c))) == set(chosen)


@pytest.mark.parametrize("months", [-24, -1, 0, 6, 12])
@pytest.mark.parametrize("rows", [3, 5_000])
def test_months_are_added_alike_to_few_and_to_many_days(months: int, rows: int) -> None:
    days = np.random.default_rng(rows).integers(18_000, 19_500, rows).astype(np.int32)
    expected = [add_months(int(day), months) for day in days]
    assert add_months_each(days, months).tolist() == expected


@pytest.mark.parametrize("months", [-24, 12])
def test_edges_hold_every_month_of_every_day(months: int) -> None:
    days = np.array([19_050, 19_000, 19_031], np.int32)  # clips at the ends of months
    low, edges = month_edges(days, months)
    assert low == 19_000
    assert edges.shape == (51, abs(months) + 1)
    step = 1 if months > 0 else -1
    for day in range(51):
        assert edges[day].tolist() == [add_months(low + day, step * j) for j in range(25)][
            : abs(months) + 1
        ]  # fmt: skip
