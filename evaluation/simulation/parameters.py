"""Every constant of the data-generating process, and the choices of one simulation.

Coefficients are log-odds (entry) or log-hazards (hires); rates are per day unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.errors import Fault, nearest, refuse
from evaluation.territories import REGIONS

FileFormat = Literal["parquet", "csv"]

PEOPLE = 1_500_000
"""Jobseekers at scale 1."""

FIRST_DAY = "2020-01-01"
EXTRACTION_DATE = "2025-01-31"
WINDOW = ("2023-01-01", "2023-12-31")
FIRST_ENTRY = "2021-01-01"
HORIZON_MONTHS = 6

DURATION_CLASSES = (0, 3, 6, 12, 24, 36)
MERGE_GAP_DAYS = 31

ENTRY_RATE = 1.27e-4
"""Entries per day of a person at reference in every covariate, class of 3 to 5 months."""
ENTRY_BY_DURATION = (0.60, 0.85, 1.0, 1.2, 1.15, 1.0)
ENTRY_BY_MONTH = (1.15, 1.05, 1.10, 1.0, 0.95, 1.0, 0.80, 0.55, 1.20, 1.20, 1.10, 0.90)
ENTRY_BY_YEAR = {2021: 0.45, 2022: 0.70}
"""The programme grows: rates of earlier years against those of 2023 and later."""
ENTRY_EMPLOYED_PER_100_DAYS = -0.30
"""Log-odds per 100 days employed in the 18 calendar months that end six months earlier."""

DURABLE_RATE = 1.205e-3
DURABLE_BY_MONTH = (1.05, 0.95, 1.0, 1.0, 1.0, 1.05, 0.95, 0.85, 1.35, 1.05, 0.95, 0.80)
SHORT_RATE = 2.70e-3
SHORT_BY_MONTH = (0.85, 0.85, 0.95, 1.05, 1.1, 1.25, 1.25, 1.0, 1.1, 1.0, 0.9, 0.7)
OTHER_EXIT_RATE = 7.0e-4

FRAILTY_DURABLE = 0.55
"""Loading of the unobserved propensity to be hired, log-hazard per standard deviation."""
FRAILTY_SHORT = (0.45, 0.60)
"""Loadings of the same and of a second unobserved trait on short hires."""

LEAVES_ON_SHORT_HIRE = 0.08
STAYS_ON_DURABLE_HIRE = 0.08
ENTERS_WITH_DURABLE_JOB = 0.04
SHORT_GAP = 0.30
SHORT_GAP_DAYS = 28
LONG_GAP_DAYS = 45
MISSING_END = 0.14

PROFILE_DURABLE = (-0.50, -0.15, 1.0, 1.25, 1.25, 1.25, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3)
"""Effect on the log-hazard of durable hires by month since entry, in units of the solved effect:
two months of lock-in, then gains that fade; the last value holds for ever."""
PROFILE_SHORT = (-0.40, -0.20, 0.1, 0.3, 0.3, 0.3, 0.25, 0.25, 0.2, 0.2, 0.1, 0.1, 0.0)
PROFILE_MONTH_DAYS = 30.4375

HIDDEN_SHARE = 0.30

ENTRY: dict[str, dict[str, float]] = {
    "rsa": {"1": 1.22},
    "education": {
        "AFS": 0.62, "CFG": 0.57, "CP4": 0.57, "C12": 0.52, "C3A": 0.47, "NV5": 0.33,
        "NV4": 0.0, "NV3": -0.20, "NV2": -0.35, "NV1": -0.45, "INC": 0.0,
    },
    "diploma": {"D": -0.10},
    "qualification": {"1": 0.15, "2": 0.15, "5": 0.15, "9": -0.30},
    "age_class": {"under_25": -0.25, "50_plus": -0.15},
    "sex": {"2": 0.08},
    "nationality": {"eu": 0.20, "non_eu": 0.46},
    "disabled": {"1": 0.25},
    "qpv": {"1": 0.23},
    "rural": {"1": 0.05},
    "vehicle": {"1": -0.15},
    "barrier_mobility": {"1": 0.35},
    "barrier_housing": {"1": 0.55},
    "barrier_health": {"1": 0.35},
    "barrier_childcare": {"1": 0.25},
    "barrier_digital": {"1": 0.20},
    "barrier_administrative": {"1": 0.30},
}  # fmt: skip

DURABLE: dict[str, dict[str, float]] = {
    "rsa": {"1": -0.40},
    "education": {
        "AFS": -0.45, "CFG": -0.40, "CP4": -0.40, "C12": -0.30, "C3A": -0.25, "NV5": -0.10,
        "NV4": 0.0, "NV3": 0.15, "NV2": 0.25, "NV1": 0.30, "INC": -0.20,
    },
    "diploma": {"D": 0.10},
    "qualification": {"1": -0.15, "2": -0.15, "5": -0.10, "9": 0.20},
    "age_class": {"under_25": 0.10, "50_plus": -0.50},
    "sex": {"2": -0.05},
    "nationality": {"eu": 0.0, "non_eu": -0.12},
    "disabled": {"1": -0.35},
    "qpv": {"1": -0.15},
    "rural": {"1": -0.05},
    "vehicle": {"1": 0.15},
    "barrier_mobility": {"1": -0.15},
    "barrier_housing": {"1": -0.20},
    "barrier_health": {"1": -0.30},
    "barrier_childcare": {"1": -0.20},
    "barrier_digital": {"1": -0.12},
    "barrier_administrative": {"1": -0.12},
}  # fmt: skip

SHORT_SHARE_OF_DURABLE = 0.6
"""Short hires have this share of the durable log-hazard coefficients, age excepted."""
SHORT_BY_AGE = (0.25, 0.0, -0.45)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller of :func:`evaluation.simulation.simulate` decides.

    Attributes
    ----------
    scale : float
        Share of the national volumes (1 = 1.5 million jobseekers).
    regions : tuple of str
        INSEE codes, sorted.
    seed : int
        Root of every draw.
    effect_points : float
        Mean true effect, percentage points.
    hidden_confounding : float
        Log-odds of the hidden trait on entry; its negative on the log-hazards of hires.
    region_sd : float
        Standard deviation of the regions' true effects, percentage points.
    file_format : str
        ``parquet`` or ``csv``.
    """

    scale: float
    regions: tuple[str, ...]
    seed: int
    effect_points: float
    hidden_confounding: float
    region_sd: float
    file_format: FileFormat


def checked(
    *,
    scale: float,
    regions: Sequence[str],
    seed: int,
    effect_points: float,
    hidden_confounding: float,
    region_sd: float,
    file_format: str,
) -> Choices:
    """Return the choices when all are legal.

    Raises
    ------
    EvaluationError
        EVAL-801 a number out of bounds, EVAL-802 an unknown region, EVAL-803 an unknown file
        format; all faults at once.
    """
    bounds = {
        "scale": (scale, 0.0005, 5.0),
        "seed": (seed, 0, 2**63 - 1),
        "effect_points": (effect_points, -20.0, 40.0),
        "hidden_confounding": (hidden_confounding, -3.0, 3.0),
        "region_sd": (region_sd, 0.0, 10.0),
    }
    faults = [
        Fault("EVAL-801", {"parameter": name, "value": value, "low": low, "high": high})
        for name, (value, low, high) in bounds.items()
        if not low <= value <= high
    ]
    if isinstance(regions, str):
        regions = (regions,)
    faults += [
        Fault("EVAL-802", {"value": str(code), "nearest": _near(code)})
        for code in regions
        if code not in REGIONS
    ]
    if file_format not in ("parquet", "csv"):
        hint = nearest(str(file_format), ("parquet", "csv"))
        faults.append(Fault("EVAL-803", {"value": str(file_format), "nearest": hint}))
    refuse(faults)
    codes = tuple(sorted(set(regions))) or tuple(sorted(REGIONS))
    layout: FileFormat = "csv" if file_format == "csv" else "parquet"
    return Choices(
        float(scale), codes, int(seed), float(effect_points), float(hidden_confounding),
        float(region_sd), layout,
    )  # fmt: skip


def _near(code: object) -> str:
    """Return the region meant by a code without its zero or by a name, else the nearest code."""
    text = str(code)
    if text.zfill(2) in REGIONS:
        return text.zfill(2)
    names = {region.name.casefold(): region.code for region in REGIONS.values()}
    close = nearest(text.casefold(), names)
    return names.get(close) or nearest(text, REGIONS)


def as_dict(choices: Choices) -> dict[str, Any]:
    """Return every parameter behind a register, for ``truth.json``."""
    return {
        "scale": choices.scale,
        "regions": list(choices.regions),
        "seed": choices.seed,
        "effect_points": choices.effect_points,
        "hidden_confounding": choices.hidden_confounding,
        "region_sd": choices.region_sd,
        "outcome": "es47",
        "horizon_months": HORIZON_MONTHS,
        "entry_window": list(WINDOW),
        "extraction_date": EXTRACTION_DATE,
        "entry_log_odds": ENTRY,
        "entry_per_100_days_employed": ENTRY_EMPLOYED_PER_100_DAYS,
        "entry_by_year": {str(year): factor for year, factor in ENTRY_BY_YEAR.items()},
        "entry_by_duration_class": list(ENTRY_BY_DURATION),
        "durable_log_hazard": DURABLE,
        "frailty_durable": FRAILTY_DURABLE,
        "frailty_short": list(FRAILTY_SHORT),
        "effect_profile_by_month": list(PROFILE_DURABLE),
    }
