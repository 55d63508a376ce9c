"""The fixed levels of every categorical column, in their order, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from evaluation.territories import DEPARTMENTS, REGIONS

MISSING: Final = "missing"
NOT_REGISTERED: Final = "not_registered"
"""Level of the frozen frame: the person was not registered then, so nothing was known."""

REGISTRATION_LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "region": tuple(REGIONS),
    "department": tuple(DEPARTMENTS),
    "sex": ("1", "2"),
    "nationality": ("french", "eu", "non_eu", MISSING),
    "family_situation": ("single", "couple", "separated", "widowed", MISSING),
    "education": ("AFS", "CFG", "CP4", "C12", "C3A", "NV5", "NV4", "NV3", "NV2", "NV1", "INC"),
    "diploma": ("D", "N", MISSING),
    "qualification": tuple("0123456789"),
    "occupation_domain": tuple("ABCDEFGHIJKLMN"),
    "registration_reason": tuple("123456789ZABCDEFGIJK"),
    "category": tuple("ABCDE"),
    "benefit": ("are", "ass", "aref", "none"),
    "driving_licence": ("yes", "no", MISSING),
    "vehicle": ("yes", "no", MISSING),
    "previous_support": ("followed", "guided", "reinforced", "intensive", "other"),
}
"""Columns read as they stand in the registration (``occupation_domain``: first letter)."""

AGE_CLASSES: Final = ("under_25", "25_49", "50_plus")
QUARTERS: Final = ("Q1", "Q2", "Q3", "Q4")
BARRIERS: Final = tuple(
    f"barrier_{name}"
    for name in ("mobility", "housing", "health", "childcare", "digital", "administrative")
)
FLAGS: Final = ("rsa", "disabled", "qpv", "rural")
NUMBERS: Final = ("children", "experience_months", "benefit_days_left", "mobility_km")

CONTRACTS: Final = ("CDI", "CDD", "CTT", "AIDE", "APP", "PRO", "SAIS", "OTHER")
"""Contract types; a hire's ``kind`` is the position here."""
CDI, CTT, OTHER = 0, 2, 7
TRAINING, CREATION, JOB = 1, 2, 3
PROGRAMME_EXITS: Final = {"training": TRAINING, "business_creation": CREATION, "job": JOB}
"""Reasons of programme exits that can be an outcome."""
LEAVING: Final = {"02": TRAINING, "16": CREATION}
"""Reasons for leaving the lists that can be an outcome; no other one ever is."""
SEARCHING: Final = 3
"""Categories A, B and C are the first three: people obliged to search."""


def duration_labels(bounds: Sequence[int]) -> tuple[str, ...]:
    """Return the labels of duration classes from their lower bounds in months.

    Examples
    --------
    >>> duration_labels([0, 3, 36])
    ('00_02', '03_35', '36_plus')
    """
    closed = [f"{low:02d}_{high - 1:02d}" for low, high in pairwise(bounds)]
    return (*closed, f"{bounds[-1]:02d}_plus")
