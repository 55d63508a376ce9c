"""Raw tables in: the extracts of a study, checked, repaired, typed and sorted.

In: a study whose ``[register]`` table names the files. Out: a :class:`Register` (typed Parquet
under the work folder, a DuckDB connection over it) and a :class:`QualityReport` of everything
refused, repaired or dropped. Must never know who is compared with whom, nor echo a person's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.register.quality import QualityReport as QualityReport
    from evaluation.register.reading import Register as Register
    from evaluation.register.reading import check_register as check_register
    from evaluation.register.reading import read_register as read_register

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "reading": "read_register check_register Register",
        "quality": "QualityReport",
    },
)
