"""Raw tables in: the extracts of a study, checked, repaired, typed and sorted.

In: a study whose ``[register]`` table names the files. Out: a :class:`Register` (typed Parquet
under the work folder, a DuckDB connection over it) and a :class:`QualityReport` of everything
refused, repaired or dropped. Must never know who is compared with whom, nor echo a person's value.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.register.quality import QualityReport
    from evaluation.register.reading import Register, check_register, read_register

_HOMES = {
    "read_register": "evaluation.register.reading",
    "check_register": "evaluation.register.reading",
    "Register": "evaluation.register.reading",
    "QualityReport": "evaluation.register.quality",
}

__all__ = ["QualityReport", "Register", "check_register", "read_register"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation.register' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
