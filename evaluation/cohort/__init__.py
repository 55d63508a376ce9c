"""Who is compared with whom, from when: entrants, risk sets, history, outcomes, flow counts.

In: a register (its study, its DuckDB views) and a territory. Out: one :class:`Cohort`, a row per
person and month, every column dated. Must never know how rows are matched or reported, and no
covariate may look past its row's index date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.cohort.build import build_cohort as build_cohort
    from evaluation.cohort.types import Cohort as Cohort
    from evaluation.cohort.types import Flow as Flow
    from evaluation.cohort.types import FlowStep as FlowStep
    from evaluation.cohort.types import Variable as Variable
    from evaluation.cohort.variables import declared_variables as declared_variables

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "build": "build_cohort",
        "types": "Cohort Flow FlowStep Variable",
        "variables": "declared_variables",
    },
)
