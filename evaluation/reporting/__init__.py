"""Pages and tables for directors: a pure function of published results.

In: ``Results`` (protected, rounded). Out: self-contained HTML pages in French or English, CSV and
Excel tables. Computes no statistic, opens no file but its own templates and no connection; must
never receive an unprotected record, a cohort or a register.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.reporting.exports import write_exports
    from evaluation.reporting.national import render_national
    from evaluation.reporting.paths import page_path
    from evaluation.reporting.region import render_region
    from evaluation.reporting.sentences import answer

_HOMES = {
    "render_region": "region",
    "render_national": "national",
    "write_exports": "exports",
    "page_path": "paths",
    "answer": "sentences",
}

__all__ = ["answer", "page_path", "render_national", "render_region", "write_exports"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation.reporting' has no attribute {name!r}")
    return getattr(import_module(f"evaluation.reporting.{_HOMES[name]}"), name)
