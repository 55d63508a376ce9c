"""What came of a run: one line per territory, read from what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.errors import Fault
from evaluation.pipeline.jobs import Outcome
from evaluation.pipeline.pages import read_results


@dataclass(frozen=True, slots=True)
class Line:
    """One territory in the summary at the end."""

    key: str
    title: str
    status: str
    effect: dict[str, float | None] | None
    grade: str
    seconds: float
    warnings: int
    error: str = ""
    notebook: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run.

    Attributes
    ----------
    index : Path
        The national page.
    lines : list of Line
        One per territory asked for, the nation last.
    seconds : float
        Wall time.
    workers : int
        Processes at a time.
    outcomes : list of Outcome
        As the workers returned them.
    faults : list of Fault
        What could not be written, and territories left out of the index.
    """

    index: Path
    lines: list[Line]
    seconds: float
    workers: int
    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def failed(self) -> list[Line]:
        """The territories that failed."""
        return [line for line in self.lines if line.status == "failed"]

    def stage_seconds(self) -> dict[str, float]:
        """Return the seconds spent in each stage, summed over territories."""
        total: dict[str, float] = {}
        for outcome in self.outcomes:
            for stage, seconds in outcome.stages.items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total


def lines_of(outcomes: Sequence[Outcome], output: Path) -> list[Line]:
    """Return the summary of a run."""
    found = read_results(output)
    lines = []
    for outcome in outcomes:
        results = None if outcome.status == "failed" else found.get(outcome.key)
        published: dict[str, Any] = results.model_dump(mode="json") if results else {}
        lines.append(_line(outcome, published))
    return lines


def _line(outcome: Outcome, published: dict[str, Any]) -> Line:
    return Line(
        key=outcome.key,
        title=outcome.title,
        status=outcome.status,
        effect=published["headline"]["effect_points"] if published else None,
        grade=published["verdict"]["grade"] if published else "failed",
        seconds=outcome.seconds,
        warnings=len(published.get("warnings", [])),
        error=outcome.error,
        notebook=outcome.notebook,
    )
