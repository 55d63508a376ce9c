"""Month arithmetic clips to the month's end, as pandas and DuckDB do."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from evaluation.cohort._arrays import date_of, day_of
from evaluation.cohort.months import (
    add_months,
    add_months_each,
    civil,
    elapsed_months,
    month_number,
)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2022, 8, 31), 6, date(2023, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2023, 3, 31), -1, date(2023, 2, 28)),
        (date(2023, 1, 31), -11, date(2022, 2, 28)),
        (date(2023, 12, 15), 1, date(2024, 1, 15)),
    ],
)
def test_months_clip_to_the_end_of_the_month(day: date, months: int, expected: date) -> None:
    assert date_of(add_months(day_of(day), months)) == expected


@pytest.mark.parametrize("months", [-24, -7, -6, -1, 1, 2, 6, 12, 13])
def test_every_day_of_twenty_years_agrees_with_pandas_and_duckdb(months: int) -> None:
    days = np.arange(day_of(date(2008, 1, 1)), day_of(date(2028, 12, 31)), dtype=np.int32)
    moved = add_months_each(days, months)
    dates = pd.Series(days.astype("M8[D]").astype("M8[s]"))
    expected = (dates + pd.DateOffset(months=months)).to_numpy().astype("M8[D]").astype(np.int32)
    np.testing.assert_array_equal(moved, expected)
    query = f"SELECT (DATE '2024-08-31' + INTERVAL ({months}) MONTH)::DATE"
    ((shifted,),) = duckdb.connect().execute(query).fetchall()
    assert date_of(add_months(day_of(date(2024, 8, 31)), months)) == shifted


def test_civil_gives_back_the_date() -> None:
    for day in range(day_of(date(1899, 12, 30)), day_of(date(2101, 3, 2)), 17):
        shown = date_of(day)
        assert civil(day) == (shown.year, shown.month, shown.day)
        assert month_number(day) == 12 * shown.year + shown.month - 1


@pytest.mark.parametrize(
    ("start", "day", "months"),
    [
        (date(2022, 8, 31), date(2023, 2, 27), 5),
        (date(2022, 8, 31), date(2023, 2, 28), 6),
        (date(2023, 1, 15), date(2023, 4, 14), 2),
        (date(2023, 1, 15), date(2023, 4, 15), 3),
        (date(2023, 1, 15), date(2023, 1, 15), 0),
    ],
)
def test_elapsed_months_are_complete_months(start: date, day: date, months: int) -> None:
    assert elapsed_months(day_of(start), day_of(day)) == months
