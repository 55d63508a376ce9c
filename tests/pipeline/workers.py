"""What workers do in tests of the executor: importable from a fresh process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from evaluation.pipeline.jobs import Job, Outcome

OnStage = Callable[[str], None]


def quick(job: Job, on_stage: OnStage) -> Outcome:
    """End at once, telling which threads the worker may use."""
    on_stage("publish")
    note = os.environ["OMP_NUM_THREADS"] + os.environ["NUMBA_NUM_THREADS"]
    return Outcome(job.key, job.title, "done", 0.1, {"publish": 0.1}, notebook=note)


def mortal(job: Job, on_stage: OnStage) -> Outcome:
    """Die without a word on territory 24, as when memory runs out; end well elsewhere."""
    if job.key == "24":
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return quick(job, on_stage)


def stillborn(job: Job, on_stage: OnStage) -> Outcome:
    """Die before anything can be told."""
    os._exit(1)


def publishing(job: Job, on_stage: OnStage) -> Outcome:
    """Write what a notebook would, except where the territory is to fail."""
    from tests.pipeline.report import publish_small

    on_stage("publish")
    if job.parameters.get("region") == "94":
        return Outcome(job.key, job.title, "failed", 0.2, {"publish": 0.2}, error="[EVAL-399] x")
    publish_small(job)
    return Outcome(job.key, job.title, "done", 0.2, {"publish": 0.2})


def endless(job: Job, on_stage: OnStage) -> Outcome:
    """Never end."""
    on_stage("matching")
    while True:
        time.sleep(0.1)
