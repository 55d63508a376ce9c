"""What a person sees while territories run: one bar, or plain lines where there is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from evaluation.pipeline.executor import Event
from evaluation.wording import Language, catalogue, message

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_SHOWN = 4


class Board:
    """Follows the events of a run (context manager).

    Parameters
    ----------
    console : rich Console
        Where to write (standard error).
    total : int
        Number of territories.
    language : str
        Language of the lines.
    """

    def __init__(self, console: Console, total: int, language: Language) -> None:
        self.console = console
        self.total = total
        self.language: Language = language
        self.stages: dict[str, str] = {}
        self.ended = 0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Board:
        if self.console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
            from rich.progress import TimeElapsedColumn as Elapsed

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                Elapsed(),
                TextColumn("{task.description}"),
            )
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=self.total)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def tell(self, event: Event) -> None:
        """Take note of one event and show it."""
        if event.outcome is None:
            self.stages[event.key] = event.stage
        else:
            self.stages.pop(event.key, None)
            self.ended += 1
            outcome = event.outcome
            line = message(
                f"progress.{outcome.status}",
                self.language,
                territory=outcome.title,
                done=self.ended,
                total=self.total,
                seconds=f"{outcome.seconds:.1f}",
            )
            self.console.print(line, highlight=False, markup=False)
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self.ended, description=self._running())

    def _running(self) -> str:
        words = catalogue(self.language)
        shown = [
            f"{key} {words.get(f'stage.{stage}', stage)}" for key, stage in self.stages.items()
        ]
        more = " …" if len(shown) > _SHOWN else ""
        return " · ".join(shown[:_SHOWN]) + more
