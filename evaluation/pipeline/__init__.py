"""The pipeline: one parametrised notebook per territory, many at a time, one folder at the end.

In: a study, the territories asked for, the notebooks. Out: the files under ``reports/<study>`` and
a manifest that says how each was made. Calls the public verbs only through the notebooks it runs;
must never compute a statistic nor see a row of the register.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Ran": "evaluation.pipeline.runner",
    "Request": "evaluation.pipeline.request",
    "Report": "evaluation.pipeline.report",
    "notebook_path": "evaluation.pipeline.notebooks",
    "parameters_of": "evaluation.pipeline.notebooks",
    "render_folder": "evaluation.pipeline.pages",
    "run": "evaluation.pipeline.conductor",
    "run_notebook": "evaluation.pipeline.runner",
    "verify": "evaluation.pipeline.manifest",
    "write_annex": "evaluation.pipeline.annex",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evaluation.pipeline' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
