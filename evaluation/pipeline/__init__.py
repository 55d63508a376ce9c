"""The pipeline: one parametrised notebook per territory, many at a time, one folder at the end.

In: a study, the territories asked for, the notebooks. Out: the files under ``reports/<study>`` and
a manifest that says how each was made. Calls the public verbs only through the notebooks it runs;
must never compute a statistic nor see a row of the register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.pipeline.annex import write_annex as write_annex
    from evaluation.pipeline.conductor import run as run
    from evaluation.pipeline.manifest import verify as verify
    from evaluation.pipeline.notebooks import notebook_path as notebook_path
    from evaluation.pipeline.notebooks import parameters_of as parameters_of
    from evaluation.pipeline.pages import render_folder as render_folder
    from evaluation.pipeline.report import Report as Report
    from evaluation.pipeline.request import Request as Request
    from evaluation.pipeline.runner import Ran as Ran
    from evaluation.pipeline.runner import run_notebook as run_notebook

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "runner": "Ran run_notebook",
        "request": "Request",
        "report": "Report",
        "notebooks": "notebook_path parameters_of",
        "pages": "render_folder",
        "conductor": "run",
        "manifest": "verify",
        "annex": "write_annex",
    },
)
