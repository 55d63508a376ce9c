"""One notebook to run, as plain data that crosses to another process, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.disclosure import DEFAULT_MIN_CELL
from evaluation.errors import EvaluationError
from evaluation.pipeline.scrub import safe_message
from evaluation.wording import Language, message


@dataclass(frozen=True, slots=True)
class Job:
    """One territory's notebook.

    Attributes
    ----------
    key, title : str
        File stem (``24``, ``dep-52``, ``national``) and name of the territory.
    notebook : Path
        Notebook to execute.
    parameters : dict
        Its parameters.
    output : Path
        Folder that holds ``index.html``.
    study_title : str
        Printed in the annex.
    page : str
        The territory's page, relative to ``output``; the annex links back to it.
    language : str
        Language of the annex and of messages.
    min_cell : int
        Disclosure threshold of messages.
    """

    key: str
    title: str
    notebook: Path
    parameters: dict[str, Any]
    output: Path
    study_title: str
    page: str
    language: Language = "fr"
    min_cell: int = DEFAULT_MIN_CELL

    @property
    def results(self) -> Path:
        """The results that the notebook's last cell publishes."""
        return self.output / "results" / f"{self.key}.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    Attributes
    ----------
    key, title : str
        As in the job.
    status : str
        ``done``, ``kept`` (nothing had changed) or ``failed``.
    seconds : float
        Wall time.
    stages : dict of str to float
        Seconds by stage.
    error : str
        Code and message, empty unless failed.
    notebook : str
        Executed notebook, relative to the output folder ("" when there is none).
    """

    key: str
    title: str
    status: str
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    error: str = ""
    notebook: str = ""


def perform(job: Job, on_stage: Callable[[str], None] | None = None) -> Outcome:
    """Run one job to its end; whatever goes wrong is in the outcome, never raised."""
    began = time.perf_counter()
    stages: dict[str, float] = {}
    error, notebook = "", ""
    try:
        error, notebook, stages = _run(job, on_stage)
    except EvaluationError as fault:
        error = safe_message(fault.text(job.language), job.min_cell, job.language)
    except Exception as other:
        # The text of an unforeseen exception may quote a value: only its kind leaves the worker.
        error = _unforeseen(type(other).__name__, job.language)
    failed = job.output / "notebooks" / f"{job.key}.failed.ipynb"
    if error and failed.exists():
        notebook = failed.relative_to(job.output).as_posix()
    status = "failed" if error else "done"
    seconds = time.perf_counter() - began
    return Outcome(job.key, job.title, status, seconds, stages, error, notebook)


def _run(job: Job, on_stage: Callable[[str], None] | None) -> tuple[str, str, dict[str, float]]:
    from evaluation.pipeline.annex import write_annex
    from evaluation.pipeline.runner import run_notebook

    target = job.output / "notebooks" / f"{job.key}.ipynb"
    # Results of an earlier run must not pass for those of a notebook that published nothing.
    stale = job.results.stat().st_mtime_ns if job.results.exists() else 0
    ran = run_notebook(
        job.notebook,
        target,
        job.parameters,
        language=job.language,
        on_stage=on_stage,
        min_cell=job.min_cell,
    )
    if ran.error:
        return ran.error, "", ran.stages
    if not job.results.exists() or job.results.stat().st_mtime_ns == stale:
        raise EvaluationError("EVAL-710", file=job.results.name, notebook=job.notebook.name)
    if on_stage:
        on_stage("annex")
    began = time.perf_counter()
    write_annex(
        target,
        job.output / "annex" / f"{job.key}.html",
        title=job.title,
        study=job.study_title,
        language=job.language,
        back=f"../{job.page}",
    )
    stages = {**ran.stages, "annex": time.perf_counter() - began}
    return "", target.relative_to(job.output).as_posix(), stages


def _unforeseen(kind: str, language: Language) -> str:
    what = message("EVAL-714.what", language, kind=kind)
    return f"[EVAL-714] {what}\n  → {message('EVAL-714.remedy', language, kind=kind)}"
