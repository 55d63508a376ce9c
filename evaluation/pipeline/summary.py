"""The table at the end of a run: effect, verdict, seconds and warnings of each territory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.wording import Language, catalogue, message

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.pipeline.report import Report


def print_summary(report: Report, console: Console, language: Language) -> None:
    """Print the table of territories, the seconds by stage, and where the page is."""
    from rich.table import Table

    words = catalogue(language)
    table = Table(box=None, pad_edge=False)
    for name in ("territory", "effect", "verdict", "seconds", "warnings"):
        right = name in ("effect", "seconds", "warnings")
        table.add_column(words[f"summary.{name}"], justify="right" if right else "left")
    for line in report.lines:
        verdict = words.get(f"summary.grade_{line.grade}", line.grade)
        table.add_row(line.title, _effect(line.effect, language), verdict,
                      f"{line.seconds:.1f}", str(line.warnings))  # fmt: skip
    console.print(table)
    stages = report.stage_seconds()
    if stages:
        shown = [f"{words.get(f'stage.{k}', k)} {v:.1f} s" for k, v in stages.items()]
        console.print(message("summary.stages", language, stages=shown), highlight=False)
    console.print(message("summary.total", language, seconds=f"{report.seconds:.1f}",
                          workers=report.workers), highlight=False)  # fmt: skip


def _effect(effect: dict[str, float | None] | None, language: Language) -> str:
    if effect is None:
        return ""
    if effect.get("estimate") is None:
        return catalogue(language)["summary.withheld"]
    low, high = (_signed(effect.get(side), language) for side in ("low", "high"))
    return f"{_signed(effect['estimate'], language)} [{low} ; {high}]"


def _signed(value: float | None, language: Language) -> str:
    if value is None:
        return "…"
    text = f"{value:+.1f}".replace("-", "−")
    return text.replace(".", ",") if language == "fr" else text
