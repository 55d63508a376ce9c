"""Run one notebook through papermill, in the process that calls; every failure becomes ours.

papermill and nbclient raise five unrelated families of exceptions, log unknown parameters without
refusing them, and write tracebacks to disk. Here parameters are checked first, nothing is written
before it is cleaned, and a file appears under its name only when it is whole.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.disclosure import DEFAULT_MIN_CELL
from evaluation.errors import fail
from evaluation.pipeline.files import write_whole
from evaluation.pipeline.notebooks import check_values, parameters_of, read_notebook
from evaluation.pipeline.scrub import plain_error, scrub
from evaluation.wording import Language

if TYPE_CHECKING:
    from nbformat import NotebookNode

KERNEL = "python3"
_ENGINE = "evaluation-stages"
# Each kernel would announce its transport and its own shutdown on the user's console.
_QUIET = ["--IPKernelApp.log_level=50"]
_NOISY = ("papermill", "traitlets", "nbclient")

OnStage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a notebook ended.

    Attributes
    ----------
    notebook : Path
        The executed notebook; ``<name>.failed.ipynb`` when a cell failed.
    stages : dict of str to float
        Seconds by stage (``stage`` in the metadata of cells), in order; ``start`` is the kernel.
    error : str
        Code and message of the failure, empty when there was none.
    """

    notebook: Path
    stages: dict[str, float] = field(default_factory=dict)
    error: str = ""


def run_notebook(
    source: Path,
    target: Path,
    parameters: Mapping[str, Any],
    *,
    language: Language = "fr",
    on_stage: OnStage | None = None,
    cell_timeout: int | None = None,
    min_cell: int = DEFAULT_MIN_CELL,
) -> Ran:
    """Execute ``source`` with ``parameters`` and write it, cleaned, to ``target``.

    Parameters
    ----------
    source, target : Path
        The notebook, and where the executed copy goes.
    parameters : mapping
        Values of the parameters cell; each must be declared there.
    language : str
        Language of the messages.
    on_stage : callable, optional
        Called with the name of each stage as it begins.
    cell_timeout : int, optional
        Seconds that one cell may take (default: no limit).
    min_cell : int
        Counts under it are replaced in messages.

    Returns
    -------
    Ran
        A failing cell is a result (``error``), not an exception.

    Raises
    ------
    EvaluationError
        EVAL-701 … 705, 720 before anything runs; EVAL-707 the kernel died, EVAL-708 a cell took
        too long, EVAL-709 no kernel: there is nothing to keep then but the failed notebook.
    """
    notebook = read_notebook(source)
    check_values(dict(parameters), parameters_of(notebook, source.name), source.name)
    clock = _Clock(on_stage)
    failed = target.with_name(f"{target.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    held: list[NotebookNode] = [notebook]
    try:
        stopped = _execute(notebook, dict(parameters), clock, held, cell_timeout)
    finally:
        # Whatever happened: what is on disk is the cleaned notebook, under the name of a failure.
        clock.stop()
        scrub(held[0], parameters, language, min_cell)
        _write(held[0], failed)
    if stopped:
        return Ran(failed, clock.stages, plain_error(*stopped, language, min_cell))
    failed.replace(target)
    return Ran(target, clock.stages)


def _execute(
    notebook: NotebookNode,
    parameters: dict[str, Any],
    clock: _Clock,
    held: list[NotebookNode],
    cell_timeout: int | None,
) -> tuple[str, str] | None:
    """Run the cells; return name and text of a failing cell's exception, raise for all else."""
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    _register_engine()
    try:
        papermill.execute_notebook(
            notebook,
            None,
            parameters,
            engine_name=_ENGINE,
            kernel_name=KERNEL,
            progress_bar=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            execution_timeout=cell_timeout,
            extra_arguments=_QUIET,
            clock=clock,
            held=held,
        )
    except PapermillExecutionError as error:
        return error.ename, error.evalue
    except DeadKernelError:
        fail("EVAL-707", stage=clock.stage)
    except CellTimeoutError:
        fail("EVAL-708", stage=clock.stage, seconds=cell_timeout)
    except NoSuchKernel:
        fail("EVAL-709", kernel=KERNEL)
    return None


class _Clock:
    """Seconds by stage; tells ``on_stage`` when a new one begins."""

    def __init__(self, on_stage: OnStage | None) -> None:
        self.on_stage = on_stage
        self.stage = "start"
        self.stages: dict[str, float] = {}
        self._since = time.perf_counter()

    def begin(self, stage: str) -> None:
        if stage and stage != self.stage:
            self.stop()
            self.stage = stage
            if self.on_stage:
                self.on_stage(stage)

    def stop(self) -> None:
        now = time.perf_counter()
        self.stages[self.stage] = self.stages.get(self.stage, 0.0) + now - self._since
        self._since = now


def _register_engine() -> None:
    """Teach papermill an engine that tells which stage runs and hands over a failing notebook."""
    from papermill.engines import NBClientEngine, papermill_engines

    if _ENGINE in papermill_engines._engines:
        return

    class StageEngine(NBClientEngine):  # type: ignore[misc]
        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, clock: _Clock, held: list[Any], **kwargs: Any
        ) -> None:
            held[0] = nb_man.nb
            begin = nb_man.cell_start

            def cell_start(cell: Any, cell_index: int | None = None, **more: Any) -> None:
                clock.begin(cell.metadata.get("stage", ""))
                begin(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    papermill_engines.register(_ENGINE, StageEngine)


def _write(notebook: NotebookNode, target: Path) -> None:
    import nbformat

    try:
        text: str = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
        write_whole(target, f"{text}\n")
    except OSError as error:
        fail("EVAL-711", folder=target.parent.name, reason=error.strerror or type(error).__name__)
