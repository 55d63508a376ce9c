"""A synthetic register of jobseekers whose true effect is known, for tests and demonstrations.

In: a scale, a seed, the size of the effect, of hidden confounding and of regional differences.
Out: the raw tables of the contract, the study file to evaluate them, and the truth.
Entry depends on what the tables hold; hires depend on more. It must never know how the effect is
estimated, and nothing that estimates may read the truth.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.simulation.generate import Simulated, simulate

__all__ = ["Simulated", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("evaluation.simulation.generate"), name)
