"""Effects: from a matched set and an outcome to rates, effects and how far they can be trusted.

In: a ``Matched`` of the matching room, a cohort, or the records of territories.
Out: ``Effect`` and ``TerritoryEstimates`` (the unprotected record of one territory or the nation).
Must never know reporting, read a register, publish a number or write under the reports folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.effects.effect import Effect as Effect
    from evaluation.effects.estimates import TerritoryEstimates as TerritoryEstimates
    from evaluation.effects.estimation import estimate as estimate
    from evaluation.effects.event_study import EventStudy as EventStudy
    from evaluation.effects.event_study import estimate_event_study as estimate_event_study
    from evaluation.effects.pooling import estimate_nation as estimate_nation
    from evaluation.effects.territory import estimate_territory as estimate_territory
    from evaluation.effects.types import Interval as Interval
    from evaluation.effects.types import Support as Support
    from evaluation.effects.types import Uplift as Uplift

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "effect": "Effect",
        "types": "Interval Support Uplift",
        "estimates": "TerritoryEstimates",
        "estimation": "estimate",
        "event_study": "EventStudy estimate_event_study",
        "pooling": "estimate_nation",
        "territory": "estimate_territory",
    },
)
