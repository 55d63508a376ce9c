"""A whole study: checks first, territories at the same time, then what only the parent writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from evaluation.pipeline.executor import Perform
from evaluation.pipeline.jobs import perform
from evaluation.pipeline.lock import run_lock
from evaluation.pipeline.machine import one_thread_each
from evaluation.pipeline.pages import index_name
from evaluation.pipeline.report import Report, lines_of
from evaluation.pipeline.request import Request, check_request
from evaluation.pipeline.session import Session

if TYPE_CHECKING:
    from rich.console import Console


def run(request: Request, console: Console, work: Perform = perform) -> Report:
    """Run the territories of a request and write the report folder.

    Parameters
    ----------
    request : Request
        Study and territories.
    console : rich Console
        Where progress goes.
    work : callable
        What a worker does with a job (tests put something smaller in its place).

    Returns
    -------
    Report
        Failing territories are in it; they never take others down.

    Raises
    ------
    EvaluationError
        Faults found before a territory starts, all at once; nothing is written then.
    """
    began = time.perf_counter()
    one_thread_each()
    places = check_request(request)
    from evaluation.verbs import read_register

    study = request.study
    with run_lock(study.work):
        register = read_register(study)
        session = Session(request, places, register, console, work)
        outcomes = session.territories()
        outcomes += session.nation()
        faults = session.finish()
    return Report(
        index=study.output / index_name(study.language, study.language),
        lines=lines_of(outcomes, study.output),
        seconds=time.perf_counter() - began,
        workers=session.workers,
        outcomes=outcomes,
        faults=faults,
    )
