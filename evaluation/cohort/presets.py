"""The named outcomes: which hires, which exits from the lists and from the programme count.

A name never changes its meaning; a definition that has to change takes a new ``version``, which
the cohort's quality record carries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.cohort._arrays import Bools
from evaluation.cohort.durability import (
    ES47,
    MIDAS,
    SIX_MONTHS,
    THIRTY_DAYS,
    UNEDIC,
    Contracts,
    Cut,
    access_1_month,
    any_job,
    dares_midas,
    dares_sortants,
    es47,
    lolf_p102,
    near_length,
    no_hire,
    unedic_180,
)
from evaluation.cohort.levels import CREATION, JOB, TRAINING
from evaluation.study import Study


@dataclass(frozen=True, slots=True)
class Preset:
    """One definition of the outcome.

    Attributes
    ----------
    test : callable
        Which contracts count, ``Contracts -> (n,) bool``.
    cut : Cut or None
        The length that decides, None where none does.
    lists : tuple of int
        Reasons for leaving the lists that count (codes of :data:`levels.LEAVING`).
    programme : tuple of int
        Reasons of programme exits that count (:data:`levels.PROGRAMME_EXITS`). Only people in the
        programme have any: such an outcome is better observed for entrants.
    fixed_only : bool
        Whether the length decides for fixed terms alone (missions and ``OTHER`` never count).
    held : str
        The definition of a durable job already held, of one in the history and of presence:
        the preset's own when empty.
    version : int
    """

    test: Callable[[Contracts], Bools]
    cut: Cut | None
    lists: tuple[int, ...] = ()
    programme: tuple[int, ...] = ()
    fixed_only: bool = False
    held: str = ""
    version: int = 1


PRESETS: Final[dict[str, Preset]] = {
    "es47": Preset(es47, ES47),
    "lolf_p102": Preset(lolf_p102, SIX_MONTHS, lists=(CREATION,)),
    "dares_midas": Preset(dares_midas, MIDAS, fixed_only=True),
    "unedic_180": Preset(unedic_180, UNEDIC, fixed_only=True),
    "dares_sortants": Preset(dares_sortants, SIX_MONTHS, fixed_only=True),
    "access_1_month": Preset(access_1_month, THIRTY_DAYS),
    "any_job": Preset(any_job, None),
    "training": Preset(no_hire, None, (TRAINING,), (TRAINING,), held="es47"),
    "training_lists": Preset(no_hire, None, (TRAINING,), held="es47"),
    "business_creation": Preset(no_hire, None, (CREATION,), (CREATION,), held="es47"),
    "business_creation_lists": Preset(no_hire, None, (CREATION,), held="es47"),
    "positive_exit": Preset(
        access_1_month, THIRTY_DAYS, (TRAINING, CREATION), (TRAINING, CREATION, JOB), held="es47"
    ),
    "positive_exit_lists": Preset(
        access_1_month, THIRTY_DAYS, (TRAINING, CREATION), held="es47"
    ),
}  # fmt: skip
"""All definitions by name; ``…_lists`` are the same outcomes observed alike in both arms."""


def job_preset(name: str) -> str:
    """Return the definition of a durable job that goes with a preset.

    Examples
    --------
    >>> job_preset("lolf_p102"), job_preset("training")
    ('lolf_p102', 'es47')
    """
    return PRESETS[name].held or name


def sensitivity_presets(study: Study) -> list[str]:
    """Return the other definitions asked for, each once, without the headline's own."""
    return [p for p in dict.fromkeys(study.outcome.sensitivity) if p != study.outcome.preset]


def used_presets(study: Study) -> list[str]:
    """Return the headline's definition and the others asked for."""
    return [study.outcome.preset, *sensitivity_presets(study)]


def near_cut(contracts: Contracts, preset: Preset) -> Bools:
    """Return which contracts the length decides by five days or less: (n,) bool.

    Contracts that the definition takes or leaves whatever their length (permanent ones, missions
    where they never count) are not near any cut, nor are those without a known end.
    """
    if preset.cut is None:
        return np.zeros(len(contracts.start), dtype=np.bool_)
    near = near_length(contracts, preset.cut)
    return near & contracts.fixed_term if preset.fixed_only else near
