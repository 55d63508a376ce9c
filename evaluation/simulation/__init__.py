"""A synthetic register of jobseekers whose true effect is known, for tests and demonstrations.

In: a scale, a seed, the size of the effect, of hidden confounding and of regional differences.
Out: the raw tables of the contract, the study file to evaluate them, and the truth.
Entry depends on what the tables hold; hires depend on more. It must never know how the effect is
estimated, and nothing that estimates may read the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.simulation.generate import Simulated as Simulated
    from evaluation.simulation.generate import simulate as simulate

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "generate": "Simulated simulate",
    },
)
