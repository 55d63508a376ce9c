"""What the replications say of each estimator: coverage, size, bias, error; and which is chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

COVERAGE, MEAN_COVERAGE = (0.925, 0.975), (0.94, 0.965)
SIZE, MEAN_SIZE = (0.025, 0.075), (0.035, 0.06)
FEWEST = 200
"""Replications of every cell under which nothing is chosen."""
TIE = 0.02
"""Worst root mean squared errors this near (relative; their own Monte Carlo error) are equal."""

Rows = list[dict[str, Any]]
Figures = dict[str, Any]
Table = dict[str, dict[str, Figures]]


def figures(found: Rows) -> Figures:
    """Return the figures of one estimator in one cell.

    A refused interval is a failure: it covers nothing and, where there is no effect, counts as a
    wrong rejection. Bias and errors are those of the estimates that were made.
    """
    made = [each for each in found if "refused" not in each]
    count = len(found)
    told: Figures = {
        "replications": count,
        "refused": 1 - len(made) / count,
        "reasons": Counter(each["refused"] for each in found if "refused" in each),
        "coverage": sum(_covers(e["points"], e["true"]) for e in made) / count,
        "uplift_coverage": sum(_covers(e["uplift"], e["true_uplift"]) for e in made) / count,
        "rejection": (count - len(made) + sum(e["p"] < 0.05 for e in made)) / count,
    }
    if len(made) < 2:
        return told | dict.fromkeys(("bias", "rmse", "se_ratio", "matched", "true"))
    error = np.array([each["points"][0] - each["true"] for each in made])
    return told | {
        "bias": float(error.mean()),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "se_ratio": float(np.mean([each["se"] for each in made]) / error.std(ddof=1)),
        "matched": float(np.mean([each["matched"] for each in made])),
        "true": float(np.mean([each["true"] for each in made])),
        "estimand": made[0]["estimand"],
    }


def _covers(interval: list[float | None], true: float) -> bool:
    _, low, high = interval
    return low is not None and high is not None and low <= true <= high


def tabulate(rows: Rows, cells: Iterable[str], names: Iterable[str]) -> Table:
    """Return the figures by estimator and cell, of what has been run."""
    cells = list(cells)
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for row in rows:
        for name, each in row["found"].items():
            found.setdefault((name, row["cell"]), {})[row["replication"]] = each
    return {
        name: {
            cell: figures([each for _, each in sorted(found[name, cell].items())])
            for cell in cells
            if (name, cell) in found
        }
        for name in names
    }


def faults(mine: dict[str, Figures], cells: list[str], null: list[str]) -> list[str]:
    """Return why an estimator can't be the headline; nothing when it can."""
    absent = [cell for cell in cells if cell not in mine]
    if absent:
        return [f"not run in {len(absent)} cells"]
    few = min(each["replications"] for each in mine.values())
    if few < FEWEST:
        return [f"{few} replications"]
    if any(each.get("estimand", "ATT") != "ATT" for each in mine.values()):
        return ["another estimand"]
    return [
        *_outside("coverage", "coverage", mine, cells, COVERAGE, MEAN_COVERAGE),
        *_outside("uplift", "uplift_coverage", mine, cells, COVERAGE, MEAN_COVERAGE),
        *_outside("size", "rejection", mine, null, SIZE, MEAN_SIZE),
    ]


def _outside(
    label: str, key: str, mine: dict[str, Figures], cells: list[str],
    band: tuple[float, float], mean_band: tuple[float, float],
) -> list[str]:  # fmt: skip
    told = [
        f"{label} {100 * mine[cell][key]:.1f} % in {cell}"
        for cell in cells
        if not band[0] <= mine[cell][key] <= band[1]
    ]
    mean = float(np.mean([mine[cell][key] for cell in cells])) if cells else None
    if mean is not None and not mean_band[0] <= mean <= mean_band[1]:
        told.append(f"mean {label} {100 * mean:.1f} %")
    return told


def choose(table: Table, cells: list[str], null: list[str]) -> str | None:
    """Return the estimator inside all bands whose worst error is least; of equals the simplest."""
    worst = {
        name: max(mine[cell]["rmse"] for cell in cells)
        for name, mine in table.items()
        if mine and not faults(mine, cells, null)
    }
    if not worst:
        return None
    bound = min(worst.values()) * (1 + TIE)
    return next(name for name in table if worst.get(name, np.inf) <= bound)


def headline(mine: dict[str, Figures], null: list[str]) -> dict[str, float | None]:
    """Return mean coverage over cells, mean size over null cells, mean bias, overall error."""
    made = [each for each in mine.values() if each["rmse"] is not None]
    sizes = [mine[cell]["rejection"] for cell in null if cell in mine]
    return {
        "coverage": float(np.mean([each["coverage"] for each in mine.values()])) if mine else None,
        "rejection": float(np.mean(sizes)) if sizes else None,
        "bias": float(np.mean([each["bias"] for each in made])) if made else None,
        "rmse": float(np.sqrt(np.mean([each["rmse"] ** 2 for each in made]))) if made else None,
    }
