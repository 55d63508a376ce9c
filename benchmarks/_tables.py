"""The study's tables, in Markdown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks._verdicts import Figures, Rows, Table, faults

MATRICES = (
    ("Coverage of the effect in points, %", "coverage", ".1f", 100.0),
    ("Coverage of the uplift, %", "uplift_coverage", ".1f", 100.0),
    ("Rejections of no effect, % (the size where the effect is null)", "rejection", ".1f", 100.0),
    ("Bias, points", "bias", "+.2f", 1.0),
    ("Root mean squared error, points", "rmse", ".2f", 1.0),
    ("Mean standard error over standard deviation", "se_ratio", ".2f", 1.0),
)
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def report(
    rows: Rows, table: Table, cells: list[str], null: list[str], chosen: str | None
) -> list[str]:
    """Return all tables, why each estimator can or can't be the headline, and the choice."""
    lines = [*overview(table, cells, null), "", "**What was drawn (means)**", ""]
    lines += [*drawn(rows, cells), ""]
    for title, key, form, factor in MATRICES:
        lines += [f"**{title}**", "", *matrix(table, cells, key, form, factor), ""]
    lines += ["**Inside the bands?**", ""]
    for name, mine in table.items():
        told = faults(mine, cells, null) if mine else ["not run"]
        reasons: Counter[str] = sum((each["reasons"] for each in mine.values()), Counter())
        told += [f"refused: {code} ({count} times)" for code, count in reasons.most_common(3)]
        lines.append(f"* `{name}`: {'; '.join(told) if told else 'yes'}")
    lines += ["", f"Chosen: {f'`{chosen}`' if chosen else 'none'}."]
    return lines


def fill(file: Path, lines: list[str]) -> None:
    """Put the report between the two markers of a page."""
    before, _, rest = file.read_text("utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{file.name}: no {BEGIN} and {END}")
    text = "\n".join([before + BEGIN, *lines, END + after])
    file.write_text(text, encoding="utf-8", newline="\n")


def overview(table: Table, cells: list[str], null: list[str]) -> list[str]:
    """Return the lines of the table over all cells, in Markdown."""
    head = (
        "estimator", "replications", "coverage: mean, least, most", "uplift: mean, least, most",
        "size: mean, least, most", "largest bias", "worst RMSE", "SE / SD: least, most",
        "refused", "matched",
    )  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, mine in table.items():
        if not mine:
            continue
        all_of = list(mine.values())
        made = [each for each in all_of if each["rmse"] is not None]
        counts = sorted({each["replications"] for each in all_of})
        sizes = [mine[cell]["rejection"] for cell in null if cell in mine]
        short = "" if len(mine) == len(cells) else f" ({len(mine)} of {len(cells)} cells)"
        parts = [
            f"`{name}`{short}",
            "–".join(dict.fromkeys(str(n) for n in (counts[0], counts[-1]))),
            _percents([each["coverage"] for each in all_of]),
            _percents([each["uplift_coverage"] for each in all_of]),
            _percents(sizes),
            f"{max((each['bias'] for each in made), key=abs):+.2f}" if made else "–",
            f"{max(each['rmse'] for each in made):.2f}" if made else "–",
            _range([each["se_ratio"] for each in made]),
            f"{100 * max(each['refused'] for each in all_of):.1f} %",
            _matched(made),
        ]
        lines.append("| " + " | ".join(parts) + " |")
    return lines


def drawn(rows: Rows, cells: list[str]) -> list[str]:
    """Return what the frames of each cell are like."""
    head = {"entrants": ".0f", "rows": ".0f", "base": ".1f", "effect": ".2f", "later": ".3f"}
    lines = [
        "| cell | frames | entrants | rows | base rate, % | effect, points | enter later |",
        "|---" + "|---:" * 6 + "|",
    ]
    for cell in cells:
        mine = {row["replication"]: row for row in rows if row["cell"] == cell}
        if mine:
            means = [
                format(round(float(np.mean([row[key] for row in mine.values()])), 6) + 0.0, form)
                for key, form in head.items()
            ]
            lines.append("| " + " | ".join([f"`{cell}`", str(len(mine)), *means]) + " |")
    return lines


def matrix(table: Table, cells: list[str], key: str, form: str, factor: float = 1.0) -> list[str]:
    """Return one figure by estimator (lines) and cell (columns), in Markdown."""
    lines = ["| estimator | " + " | ".join(cells) + " |", "|---" + "|---:" * len(cells) + "|"]
    for name, mine in table.items():
        if mine:
            values = [mine[cell][key] if cell in mine else None for cell in cells]
            shown = ["" if value is None else format(factor * value, form) for value in values]
            lines.append(f"| `{name}` | " + " | ".join(shown) + " |")
    return lines


def _percents(values: list[float]) -> str:
    if not values:
        return "–"
    return ", ".join(f"{100 * v:.1f}" for v in (np.mean(values), min(values), max(values)))


def _range(values: list[float]) -> str:
    return f"{min(values):.2f}, {max(values):.2f}" if values else "–"


def _matched(made: list[Figures]) -> str:
    return f"{min(each['matched'] for each in made):.0f}" if made else "–"
