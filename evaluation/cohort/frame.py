"""The cohort's columns, put together from registrations, history and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.cohort._arrays import NEVER, Days
from evaluation.cohort.attributes import Attributes
from evaluation.cohort.history import History
from evaluation.cohort.levels import (
    AGE_CLASSES,
    BARRIERS,
    FLAGS,
    NUMBERS,
    QUARTERS,
    REGISTRATION_LEVELS,
    duration_labels,
)
from evaluation.cohort.months import elapsed_each
from evaluation.cohort.riskset import Places
from evaluation.errors import Fault
from evaluation.study import Study

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows (n) of the frame in their final order.

    Attributes
    ----------
    places : Places
        Person, index date and registration of each row.
    treated : (n,) int8
    weight : (n,) float64
    entry : (n,) int32
        First entry on or after the index date, NEVER when none.
    """

    places: Places
    treated: NDArray[np.int8]
    weight: NDArray[np.float64]
    entry: Days


def key_columns(rows: Rows, who: Attributes, at: NDArray[np.int64], horizon: Days) -> Columns:
    """Return the key block; ``horizon`` is the last day of each row's outcome window."""
    later = (rows.treated == 0) & (rows.entry <= horizon)
    return {
        "person_id": pd.Series(who.person_id[at], dtype="str"),
        "region": _levels(who, "region", at),
        "department": _levels(who, "department", at),
        "index_month": (rows.places.month - 12 * 1970).astype("M8[M]").astype("M8[s]"),
        "index_date": as_dates(rows.places.day),
        "treated": rows.treated,
        "sampling_weight": rows.weight,
        "entry_date": as_dates(rows.entry),
        "enters_within_horizon": later.astype(np.int8),
    }


def registration_columns(
    who: Attributes, at: NDArray[np.int64], year: NDArray[np.int64]
) -> Columns:
    """Return what the registration at ``at`` declares; ``year`` dates the age."""
    age = (year - who.birth_year[at]).astype(np.int16)
    columns: Columns = {"age": age, "age_class": _cut(age, (25, 50), AGE_CLASSES)}
    for name in REGISTRATION_LEVELS:
        if name not in ("region", "department"):
            columns[name] = _levels(who, name, at)
    for name in (*FLAGS, *BARRIERS):
        columns[name] = who.codes[name][at].astype(np.int8)
    columns["barriers"] = sum((columns[b] == 1).astype(np.int8) for b in BARRIERS)
    for name in NUMBERS:
        columns[name] = who.numbers[name][at]
    nothing = who.codes["benefit"][at] == REGISTRATION_LEVELS["benefit"].index("none")
    left = columns["benefit_days_left"]
    columns["benefit_days_left"] = np.where(nothing & np.isnan(left), np.float32(0), left)
    zones = who.employment_zone[at]
    columns["employment_zone"] = pd.Categorical(zones, categories=sorted(set(zones)))
    return columns


def clock_columns(rows: Rows, start: Days, study: Study) -> Columns:
    """Return what the index date itself gives; ``start`` is each row's merged start."""
    labels = duration_labels(study.cohort.duration_classes)
    return {
        "spell_start": as_dates(start),
        "elapsed_months": elapsed_each(start, rows.places.day).astype(np.int16),
        "duration_class": categorical(rows.places.group, labels),
        "quarter": categorical(rows.places.month % 12 // 3, QUARTERS),
    }


def history_columns(history: History, months: int, skipped: int = 0) -> Columns:
    """Return blocks B3 and B4 that rest on the past; quarters inside ``skipped`` are left out."""
    columns: Columns = {
        f"months_registered_{months}": history.months_registered,
        "months_category_a_15": history.months_category_a_15,
        f"months_category_a_{months}": history.months_category_a,
        f"spells_{months}": history.spells,
        f"days_cdi_{months}": history.days_cdi,
        f"days_temp_agency_{months}": history.days_temp_agency,
        f"hires_{months}": history.hires,
        f"durable_hires_{months}": history.durable_hires,
        "months_since_last_job": history.months_since_last_job,
    }
    for quarter in range(skipped // 3, months // 3):
        columns[f"days_employed_q{quarter + 1}"] = np.ascontiguousarray(
            history.days_employed[:, quarter]
        )
    return columns


def fill_numbers(columns: Columns) -> list[Fault]:
    """Replace missing numbers by the median of the rows, in place; return one note a column."""
    notes: list[Fault] = []
    for name in NUMBERS:
        values = columns[name]
        missing = np.isnan(values)
        if missing.any():
            centre = 0.0 if missing.all() else float(np.floor(np.median(values[~missing])))
            columns[name] = np.where(missing, np.float32(centre), values).astype(np.float32)
            notes.append(
                Fault("EVAL-323", {"column": name, "count": int(missing.sum()), "value": centre})
            )
    columns["children"] = columns["children"].astype(np.int8)
    return notes


def as_dates(days: Days) -> NDArray[np.datetime64]:
    """Return day numbers as ``datetime64[s]``, NEVER as NaT."""
    dates = days.astype("M8[D]")
    dates[days >= NEVER] = np.datetime64("NaT")
    return dates.astype("M8[s]")


def assemble(columns: Columns, order: list[str]) -> pd.DataFrame:
    """Return the frame with the declared columns in the declared order."""
    return pd.DataFrame({name: columns[name] for name in order if name in columns})


def categorical(codes: NDArray[np.integer], levels: Sequence[str]) -> Any:
    """Return a categorical with fixed levels from positions in ``levels``."""
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(levels)))


def _levels(who: Attributes, name: str, at: NDArray[np.int64]) -> Any:
    return categorical(who.codes[name][at], REGISTRATION_LEVELS[name])


def _cut(values: NDArray[np.int16], bounds: tuple[int, ...], labels: tuple[str, ...]) -> Any:
    return categorical(np.searchsorted(bounds, values, side="right"), labels)
