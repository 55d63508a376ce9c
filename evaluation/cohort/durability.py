"""What a durable hire is: the tests of contracts that the named definitions are made of.

A definition fixes what its authors fixed (days or months, missing ends, which contracts); only
what it leaves open follows the study (``duration_unit``, ``missing_end``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from evaluation.cohort._arrays import UNKNOWN, Bools, Codes, Days
from evaluation.cohort.levels import CDI, CTT, OTHER
from evaluation.cohort.months import add_months_each

Unit = Literal["calendar_months", "days"]
MissingEnd = Literal["not_durable", "durable", "until_extraction"]
DAYS_OF_A_MONTH: Final = 30
"""Under ``duration_unit = "days"`` six months are 180 days."""
NEAR_DAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Contracts:
    """Contracts, or chains of contracts, to be judged.

    Attributes
    ----------
    start, end : (n,) int32
        First and last day, as day numbers; ``end`` is UNKNOWN when the register gives none.
    kind : (n,) int8
        Position in :data:`evaluation.cohort.levels.CONTRACTS`.
    unit, missing_end : str
        The study's conventions.
    extraction : int
        Day of extraction.
    """

    start: Days
    end: Days
    kind: Codes
    unit: Unit = "calendar_months"
    missing_end: MissingEnd = "not_durable"
    extraction: int = 0

    @property
    def unknown(self) -> Bools:
        """(n,) bool: the end is unknown."""
        return np.asarray(self.end == UNKNOWN)

    @property
    def permanent(self) -> Bools:
        """(n,) bool: open-ended contracts (CDI)."""
        return np.asarray(self.kind == CDI)

    @property
    def fixed_term(self) -> Bools:
        """(n,) bool: signed with the employer for a time; no temporary mission, no ``OTHER``."""
        return np.asarray((self.kind != CDI) & (self.kind != CTT) & (self.kind != OTHER))


@dataclass(frozen=True, slots=True)
class Cut:
    """A length to reach: ``months``, or 30 days a month when the unit is days.

    ``beyond`` asks for more than the length. ``unit`` and ``missing_end`` replace the study's.
    """

    months: int
    beyond: bool
    unit: Unit | None = None
    missing_end: MissingEnd | None = None


ES47: Final = Cut(6, beyond=True)
SIX_MONTHS: Final = Cut(6, beyond=False)
MIDAS: Final = Cut(6, beyond=True, unit="days", missing_end="durable")
UNEDIC: Final = Cut(6, beyond=False, unit="days", missing_end="until_extraction")
THIRTY_DAYS: Final = Cut(1, beyond=False, unit="days")


def es47(contracts: Contracts) -> Bools:
    """CDI, or any other contract of more than six months (1 March to 31 August is not more)."""
    return contracts.permanent | lasts(contracts, ES47)


def lolf_p102(contracts: Contracts) -> Bools:
    """CDI, or any other contract of six months or more; business creations count as well."""
    return contracts.permanent | lasts(contracts, SIX_MONTHS)


def dares_midas(contracts: Contracts) -> Bools:
    """CDI, or a fixed term of more than 180 days or without end; temporary missions never."""
    return contracts.permanent | (contracts.fixed_term & lasts(contracts, MIDAS))


def unedic_180(contracts: Contracts) -> Bools:
    """CDI, or a fixed term of 180 days or more, unknown ends at extraction; missions never."""
    return contracts.permanent | (contracts.fixed_term & lasts(contracts, UNEDIC))


def dares_sortants(contracts: Contracts) -> Bools:
    """CDI, or a fixed term of six months or more; temporary missions never."""
    return contracts.permanent | (contracts.fixed_term & lasts(contracts, SIX_MONTHS))


def access_1_month(contracts: Contracts) -> Bools:
    """CDI, or any contract of thirty days or more."""
    return contracts.permanent | lasts(contracts, THIRTY_DAYS)


def any_job(contracts: Contracts) -> Bools:
    """Any hire that was not cancelled."""
    return np.ones(len(contracts.start), dtype=np.bool_)


def no_hire(contracts: Contracts) -> Bools:
    """No hire at all: the definition is about exits."""
    return np.zeros(len(contracts.start), dtype=np.bool_)


def lasts(contracts: Contracts, cut: Cut) -> Bools:
    """Return which contracts reach a length, both days included.

    Parameters
    ----------
    contracts : Contracts
    cut : Cut

    Returns
    -------
    (n,) bool
        ``end + 1 day`` beyond (or at least at) ``start`` + the length.
    """
    missing = cut.missing_end or contracts.missing_end
    end = contracts.end
    if missing == "until_extraction":
        end = np.where(contracts.unknown, contracts.extraction, end).astype(np.int32)
    reached = (
        end + 1 > _target(contracts, cut) if cut.beyond else end + 1 >= _target(contracts, cut)
    )
    if missing == "durable":
        reached = reached | contracts.unknown
    return np.asarray(reached)


def near_length(contracts: Contracts, cut: Cut) -> Bools:
    """Return which contracts end within five days of a length: (n,) bool; open ends never."""
    distance = np.abs(contracts.end + 1 - _target(contracts, cut))
    return np.asarray((distance <= NEAR_DAYS) & ~contracts.permanent & ~contracts.unknown)


def _target(contracts: Contracts, cut: Cut) -> Days:
    if (cut.unit or contracts.unit) == "days":
        return (contracts.start + DAYS_OF_A_MONTH * cut.months).astype(np.int32)
    return add_months_each(contracts.start, cut.months)
