"""Pages and tables for directors: a pure function of published results.

In: ``Results`` (protected, rounded). Out: self-contained HTML pages in French or English, CSV and
Excel tables. Computes no statistic, opens no file but its own templates and no connection; must
never receive an unprotected record, a cohort or a register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.reporting.exports import write_exports as write_exports
    from evaluation.reporting.national import render_national as render_national
    from evaluation.reporting.paths import page_path as page_path
    from evaluation.reporting.region import render_region as render_region
    from evaluation.reporting.sentences import answer as answer

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "region": "render_region",
        "national": "render_national",
        "exports": "write_exports",
        "paths": "page_path",
        "sentences": "answer",
    },
)
