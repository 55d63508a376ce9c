"""Many jobs at a time in processes of their own; a dying process never takes another job down."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from evaluation.errors import Fault
from evaluation.pipeline.jobs import Job, Outcome, perform
from evaluation.pipeline.machine import one_thread_each

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5.0

Perform = Callable[[Job, Callable[[str], None]], Outcome]


@dataclass(frozen=True, slots=True)
class Event:
    """A job has reached a stage, or has ended when ``outcome`` is given."""

    key: str
    stage: str = ""
    outcome: Outcome | None = None


_events: SimpleQueue[Event] | None = None


def _initialise(events: SimpleQueue[Event]) -> None:
    """Prepare a worker: one thread, and Ctrl-C left to the parent."""
    global _events
    _events = events
    one_thread_each()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(job: Job, work: Perform) -> Outcome:
    def tell(stage: str) -> None:
        if _events is not None:
            _events.put(Event(job.key, stage))

    tell("start")
    return work(job, tell)


def run_jobs(jobs: list[Job], workers: int, work: Perform = perform) -> Iterator[Event]:
    """Yield events until every job has ended.

    Parameters
    ----------
    jobs : list of Job
        What to run; order of submission.
    workers : int
        Processes at a time.
    work : callable
        ``work(job, on_stage) -> Outcome``, importable from a fresh process.

    Yields
    ------
    Event
        Stages as they begin and one outcome per job, in the order in which they end. A job whose
        process died twice is a failed outcome (EVAL-713).
    """
    waiting = list(jobs)
    while waiting:
        ended: set[str] = set()
        started: set[str] = set()
        for event in _one_pool(waiting, max(1, min(workers, len(waiting))), work):
            (started if event.outcome is None else ended).add(event.key)
            yield event
        left = [job for job in waiting if job.key not in ended]
        # A process died: those it may have been at run again one by one, so that one is named.
        suspects = [job for job in left if job.key in started] or left
        for job in suspects:
            outcome = None
            for event in _one_pool([job], 1, work):
                outcome = event.outcome or outcome
                yield event
            if outcome is None:
                yield Event(job.key, outcome=_died(job))
        waiting = [job for job in left if job not in suspects]


def _one_pool(jobs: list[Job], workers: int, work: Perform) -> Iterator[Event]:
    """Run jobs in one pool, until all have ended or the pool is broken."""
    context = get_context("spawn")
    # Written through before a result is: no stage arrives after its job has ended.
    events: SimpleQueue[Event] = context.SimpleQueue()
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_initialise, initargs=(events,)
    )
    try:
        waiting: set[Future[Outcome]] = {pool.submit(_work, job, work) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            yield from _told(events)
            for future in done:
                with contextlib.suppress(BrokenProcessPool):
                    outcome = future.result()
                    yield Event(outcome.key, outcome=outcome)
    except BaseException:
        _stop(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        events.close()


def _told(events: SimpleQueue[Event]) -> Iterator[Event]:
    while not events.empty():
        yield events.get()


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers; each ends its kernel, which also ends by itself when its worker is gone."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE_SECONDS)
        if process.is_alive():
            process.kill()


def _died(job: Job) -> Outcome:
    fault = Fault("EVAL-713", {"territory": job.title})
    return Outcome(job.key, job.title, "failed", error=fault.text(job.language))
