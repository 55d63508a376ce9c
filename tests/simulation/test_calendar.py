"""Months are moved as the outcome's definition moves them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation.simulation.calendar import add_months, calendar, day_number


@pytest.mark.property
def test_add_months_agrees_with_pandas_on_every_day() -> None:
    days = np.arange(day_number("2022-12-25"), day_number("2024-03-05"))
    start = pd.Timestamp("2020-01-01")
    for months in (1, 6, 12):
        wanted = pd.DatetimeIndex(
            [start + pd.Timedelta(days=int(d)) + pd.DateOffset(months=months) for d in days]
        )
        found = start + pd.to_timedelta(add_months(days, months), unit="D")
        assert (found == wanted).all()


def test_the_month_of_a_day_holds_it() -> None:
    cal = calendar()
    days = np.arange(-1500, cal.end)
    month = cal.month_of[days + cal.shift]
    assert (cal.month_start[month] <= days).all()
    assert (days < cal.month_start[month + 1]).all()
    assert cal.month_start[cal.first_month] == 0
