"""A last look at published files: no count of people may be under the threshold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Every key of results/<code>.json that holds a number of people or of person-months.
COUNTS = frozenset(
    {"entrants", "eligible", "matched", "comparators_available", "comparators_used",
     "comparators_enter_later", "removed_entrants", "removed_comparators"}
)  # fmt: skip


def small_counts(output: Path, min_cell: int) -> list[str]:
    """Return the places (``file:key``) of published counts in 1 … ``min_cell`` − 1."""
    found = []
    for file in sorted((output / "results").glob("*.json")):
        tree = json.loads(file.read_text("utf-8"))
        found += [f"{file.name}:{place}" for place in _small(tree, "", min_cell)]
    return found


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
