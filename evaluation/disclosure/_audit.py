"""The list a disclosure officer reads: every figure, the counts behind it, what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evaluation.disclosure._support import Support

AUDIT_COLUMNS = (
    "territory", "place", "decision", "reason", "published", "entrants", "comparators",
    "events_entrants", "non_events_entrants", "events_comparators", "non_events_comparators",
)  # fmt: skip


def audit(record: Mapping[str, Any], protected: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per figure with its support, and one per count of the flow.

    Parameters
    ----------
    record, protected : mapping
        What went into :func:`evaluation.disclosure.protect` and what came out.

    Returns
    -------
    list of dict
        Columns :data:`AUDIT_COLUMNS`. Internal: it holds the counts that were withheld, and is
        written to ``work/audit/disclosure.csv``, never under the reports.
    """
    code = str(record["territory"]["code"])
    figures = [
        _figure_row(code, place, holder, _at(protected, place))
        for place, holder in _holders(record)
    ]
    return figures + _flow_rows(code, record["flow"], protected["flow"])


def _holders(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, Mapping):
        if "support" in tree:
            yield place, tree
        for key, value in tree.items():
            if key not in ("support", "covariance", "means"):
                yield from _holders(value, (*place, key))
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from _holders(item, (*place, _label(item)))


def _label(item: Any) -> Any:
    """Return what identifies a row of a list whatever its position."""
    names = ("month", "covariate", "variable", "name", "preset", "code", "level", "step")
    if not isinstance(item, Mapping):
        return item
    return tuple((name, str(item[name])) for name in names if item.get(name) is not None)


def _at(tree: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        if isinstance(tree, Mapping):
            tree = tree.get(key)
        elif isinstance(tree, list):
            tree = next((item for item in tree if _label(item) == key), None)
    return tree


def _figure_row(code: str, place: tuple[Any, ...], holder: Any, shown: Any) -> dict[str, Any]:
    support = Support.of(holder)
    cells = support.cells if support else (None,) * 4
    numbers = list(_numbers(shown))
    gone = "rare_level" if place[:1] == ("balance",) else "coarser_curve"
    reason = next(_reasons(shown), "") if shown is not None else gone
    decision = "published" if numbers and not reason else "withheld"
    counts = (support.entrants, support.comparators, *cells) if support else (None,) * 6
    values = (code, _place(place), decision, reason, " ".join(numbers), *counts)
    return dict(zip(AUDIT_COLUMNS, values, strict=True))


def _flow_rows(
    code: str, flow: Mapping[str, Any], shown: Mapping[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for name, value in flow.items():
        if name == "steps" or name not in shown:
            continue
        kept = shown[name]
        changed = "withheld" if kept is None else "published" if kept == value else "rounded"
        values = (code, f"flow.{name}", changed, "", "" if kept is None else str(kept), value)
        rows.append(dict(zip(AUDIT_COLUMNS, (*values, *(None,) * 5), strict=True)))
    names = {step["step"] for step in shown["steps"]}
    for step in flow.get("steps") or []:
        decision = "published" if step["step"] in names else "merged"
        counts = (step["removed_entrants"], step["removed_comparators"])
        head = (code, f"flow.steps.{step['step']}", decision, "", "")
        rows.append(dict(zip(AUDIT_COLUMNS, (*head, *counts, *(None,) * 4), strict=True)))
    return rows


def _place(place: tuple[Any, ...]) -> str:
    return ".".join(
        "/".join(str(value) for _, value in key) if isinstance(key, tuple) else str(key)
        for key in place
    )


def _numbers(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key not in ("month", "entrants"):
                yield from _numbers(value)
    elif isinstance(tree, (int, float)) and not isinstance(tree, bool):
        yield str(tree)


def _reasons(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        if isinstance(tree.get("withheld"), str):
            yield tree["withheld"]
        for value in tree.values():
            yield from _reasons(value)
