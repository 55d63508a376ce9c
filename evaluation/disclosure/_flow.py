"""Counts of who was kept: small removals are merged, and totals yield so that parts never do.

The chain entrants − steps − losses in matching = matched is published as far as no link of it is a
count of 1 … min_cell − 1. A small removal is merged with its neighbour (``age+category``); a small
loss in matching is merged with the last steps, and ``eligible`` (a total) is then not published; if
all removals together are small, ``entrants`` is not published either. ``matched`` stays: it is what
was evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.disclosure._rounding import to_step, whole
from evaluation.disclosure._support import small

LOST = "matching"
NATIONAL_BASE = 10
COUNTS = (
    "entrants", "eligible", "matched", "comparators_available", "comparators_used",
    "comparators_enter_later", "effective_comparators",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Link:
    names: tuple[str, ...]
    entrants: int
    comparators: int

    def safe(self, min_cell: int) -> bool:
        return not small(self.entrants, min_cell) and not small(self.comparators, min_cell)

    def __add__(self, other: _Link) -> _Link:
        return _Link(
            self.names + other.names,
            self.entrants + other.entrants,
            self.comparators + other.comparators,
        )

    def published(self, min_cell: int) -> dict[str, Any]:
        hidden = small(self.comparators, min_cell)
        return {
            "step": "+".join(self.names),
            "removed_entrants": self.entrants,
            "removed_comparators": None if hidden else self.comparators,
        }


def protect_flow(flow: Mapping[str, Any], *, min_cell: int) -> dict[str, Any]:
    """Return the flow with no count of 1 … min_cell − 1 in it, nor found by subtraction."""
    counts = {name: whole(flow.get(name)) for name in COUNTS}
    shown: dict[str, Any] = dict(counts)
    for name in ("entrants", "eligible", "matched", "comparators_used"):
        if small(counts[name], min_cell):
            shown[name] = None
    steps, hidden = _chain(flow, counts, min_cell)
    shown.update(dict.fromkeys(hidden))
    if _close(counts["comparators_available"], counts["comparators_used"], min_cell):
        shown["comparators_available"] = None
    if not _share_allowed(counts["comparators_enter_later"], counts["comparators_used"], min_cell):
        shown["comparators_enter_later"] = None
    if shown["matched"] is None:
        # At most `ratio` comparators an entrant: 30 of them at ratio 3 are exactly ten entrants.
        shown["comparators_used"] = None
    if shown["comparators_used"] is None:
        shown.update(dict.fromkeys(("comparators_enter_later", "effective_comparators")))
    known = shown["eligible"] is not None and shown["matched"] is not None
    shown["lost_share"] = to_step(flow.get("lost_share"), 0.0001) if known else None
    return {**shown, "steps": steps}


def _chain(
    flow: Mapping[str, Any], counts: Mapping[str, int | None], min_cell: int
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the published steps and the totals that must yield."""
    links = _merge([_link(step) for step in flow.get("steps") or []], min_cell)
    lost = (counts["eligible"] or 0) - (counts["matched"] or 0)
    if small(counts["matched"], min_cell):
        lost = 0
    tail = _Link((LOST,), lost, 0)
    if small(tail.entrants, min_cell) or any(small(link.entrants, min_cell) for link in links):
        while links and any(small(link.entrants, min_cell) for link in (*links, tail)):
            tail = links.pop() + tail
        if small(tail.entrants, min_cell):
            return [], ("eligible", "entrants")
        return [link.published(min_cell) for link in (*links, tail)], ("eligible",)
    return [link.published(min_cell) for link in links], ()


def _link(step: Mapping[str, Any]) -> _Link:
    removed = (whole(step.get("removed_entrants")), whole(step.get("removed_comparators")))
    return _Link((str(step["step"]),), removed[0] or 0, removed[1] or 0)


def _merge(links: Sequence[_Link], min_cell: int) -> list[_Link]:
    """Merge neighbours until each link is safe; one unsafe link is left when all are small."""
    merged: list[_Link] = []
    pending: _Link | None = None
    for link in links:
        pending = link if pending is None else pending + link
        if pending.safe(min_cell):
            merged.append(pending)
            pending = None
    while pending is not None and merged and not pending.safe(min_cell):
        pending = merged.pop() + pending
    return merged if pending is None else [*merged, pending]


def _close(total: int | None, part: int | None, min_cell: int) -> bool:
    return total is not None and part is not None and small(total - part, min_cell)


def _share_allowed(part: int | None, total: int | None, min_cell: int) -> bool:
    if part is None or total is None:
        return False
    return not small(part, min_cell) and not small(total - part, min_cell)


def protect_national_flow(
    flow: Mapping[str, Any], regions: Sequence[Mapping[str, Any]], *, min_cell: int
) -> dict[str, Any]:
    """Return the nation's flow; where a region keeps something back, the nation is coarser.

    A count that some region does not publish is rebuilt from what the regions do publish, so that
    it teaches nothing beyond them, and every national count is rounded to 10.
    """
    shown = protect_flow(flow, min_cell=min_cell)
    flows = [region["flow"] for region in regions]
    merged = any("+" in step["step"] for part in flows for step in part["steps"])
    holes = {name for name in COUNTS for part in flows if part.get(name) is None}
    if not holes and not merged and not any(_withheld(region) for region in regions):
        return shown
    for name in COUNTS:
        value = _from_parts(flows, name) if name in holes else whole(flow.get(name))
        shown[name] = whole(to_step(value, NATIONAL_BASE))
    # The sum of what each step removed would give back the step that a region had to merge.
    shown["steps"] = []
    shown["lost_share"] = None if {"eligible", "matched"} & holes else shown["lost_share"]
    return shown


_FALLBACK = {"entrants": ("eligible", "matched"), "eligible": ("matched",),
             "comparators_available": ("comparators_used",)}  # fmt: skip


def _from_parts(flows: Sequence[Mapping[str, Any]], name: str) -> int:
    total = 0
    for part in flows:
        candidates = [part.get(key) for key in (name, *_FALLBACK.get(name, ()))]
        total += next((int(value) for value in candidates if value is not None), 0)
    return total


def _withheld(region: Mapping[str, Any]) -> bool:
    return bool(region["headline"].get("withheld") == "disclosure")
