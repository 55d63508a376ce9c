"""A last look at published files: no count of people under the threshold, nothing like a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.disclosure import DEFAULT_MIN_CELL
from evaluation.errors import Fault
from evaluation.pipeline.manifest import NAME, published, read_manifest
from evaluation.pipeline.traces import in_file
from evaluation.territories import REGION_OF, REGIONS

# Every key of results/<code>.json that holds a number of people or of person-months.
COUNTS = frozenset(
    {"entrants", "eligible", "matched", "comparators_available", "comparators_used",
     "comparators_enter_later", "removed_entrants", "removed_comparators"}
)  # fmt: skip
_SUMS = ("entrants", "eligible", "matched")


def disclosure_faults(output: Path) -> list[Fault]:
    """Return why a report must not be circulated, none when nothing was found.

    The manifest's own threshold is not taken on trust: one that is absent or under the default
    is a fault (EVAL-128), and counts are then held to the default (EVAL-127).
    """
    rules = read_manifest(output).get("parameters", {}).get("disclosure", {})
    stated = rules.get("min_cell") if isinstance(rules, dict) else None
    least = max(stated, DEFAULT_MIN_CELL) if isinstance(stated, int) else DEFAULT_MIN_CELL
    faults = []
    if stated != least:
        shown = "–" if stated is None else stated
        faults.append(Fault("EVAL-128", {"file": NAME, "value": shown, "min_cell": least}))
    if small := small_counts(output, least):
        data = {"count": len(small), "min_cell": least, "examples": small[:3]}
        faults.append(Fault("EVAL-127", data))
    return faults


def small_counts(output: Path, min_cell: int) -> list[str]:
    """Return the places (``file:what``) of a report that must not be circulated.

    Counts in 1 … ``min_cell`` − 1; a region or the nation from which all but one of its parts can
    be taken off and leave such a count; identifiers and tables of rows (``pipeline.traces``).
    """
    trees = {
        file.stem: json.loads(file.read_text("utf-8"))
        for file in sorted((output / "results").glob("*.json"))
    }
    found = [
        f"{stem}.json:{place}"
        for stem, tree in trees.items()
        for place in _small(tree, "", min_cell)
    ]
    found += _by_subtraction(trees, min_cell)
    names = [*published(output), *([NAME] if (output / NAME).is_file() else [])]
    return found + [f"{name}:{kind}" for name in names for kind in in_file(output / name)]


def _small(tree: Any, place: str, min_cell: int) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            inner = f"{place}.{key}" if place else key
            if key in COUNTS and isinstance(value, (int, float)) and 0 < value < min_cell:
                yield inner
            yield from _small(value, inner, min_cell)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _small(value, f"{place}[{index}]", min_cell)


def _by_subtraction(trees: Mapping[str, Any], min_cell: int) -> list[str]:
    """Return the totals that leave one withheld part with a count under the threshold."""
    wholes = {code: [f"dep-{dep}" for dep, its in REGION_OF.items() if its == code]
              for code in REGIONS}  # fmt: skip
    wholes["national"] = [code for code in REGIONS if code in trees]
    found = []
    for whole, parts in wholes.items():
        if whole not in trees or not parts or not all(part in trees for part in parts):
            continue
        for name in _SUMS:
            total = trees[whole].get("flow", {}).get(name)
            known = [trees[part].get("flow", {}).get(name) for part in parts]
            rest = None if total is None else total - sum(count or 0 for count in known)
            # The nation rebuilds such a total from what the regions publish, rounded to 10.
            rebuilt = whole == "national" and total is not None and total % 10 == 0
            if rest is not None and not rebuilt and None in known and 0 < rest < min_cell:
                found.append(f"{whole}.json:flow.{name} - {', '.join(parts)}")
    return found
