"""Rows of tables: methods, definitions, balance, subgroups, each with its own support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.disclosure._rounding import interval, nothing, significant, to_step, whole
from evaluation.disclosure._support import Support, small

Row = Mapping[str, Any]
# Reasons that tell a count: nobody, or everybody, in an arm had the outcome.
TELLING = ("no_events", "constant")
RARE = "rare"
_FLAGS = (None, "0", "1", "-1")
COARSE_SMD = 0.1


def effect_of(row: Row, key: str, reason: str | None, *, min_cell: int, step: float) -> Any:
    """Return one effect of a row rounded, or withheld for ``reason`` or for its own support."""
    own = reason or _own_reason(row, min_cell)
    told = (row.get(key) or {}).get("withheld")
    if told in TELLING:
        return nothing("disclosure")
    if own is not None and not told:
        return nothing(own)
    return interval(row.get(key), step)


def _own_reason(row: Row, min_cell: int) -> str | None:
    support = Support.of(row)
    return None if support is not None and support.allows(min_cell) else "disclosure"


def protect_methods(
    rows: Sequence[Row], reason: str | None, *, min_cell: int, step: float
) -> list[dict[str, Any]]:
    """Return every estimator's effect and uplift: a linked pair, withheld together."""
    return [
        {
            "name": str(row["name"]),
            "headline": bool(row.get("headline")),
            "effect_points": effect_of(row, "effect_points", reason, min_cell=min_cell, step=step),
            "uplift_percent": effect_of(row, "uplift_percent", reason, min_cell=min_cell, step=1),
        }
        for row in rows
    ]


def protect_sensitivity(
    section: Row | None, reason: str | None, *, min_cell: int, step: float
) -> dict[str, Any]:
    """Return bounds, hidden confounder and definitions."""
    source = section or {}
    hidden = source.get("hidden_confounder") or {}
    free = reason is None
    return {
        "rosenbaum_gamma": to_step(source.get("rosenbaum_gamma"), 0.01) if free else None,
        "e_value": to_step(source.get("e_value"), 0.01) if free else None,
        "hidden_confounder": {
            "benchmark": hidden.get("benchmark"),
            "effect_points": _hidden(hidden, reason, step),
        },
        "hidden_confounders": [
            {
                "benchmark": str(row["benchmark"]),
                "direction": str(row["direction"]),
                "effect_points": _hidden(row, reason, step),
            }
            for row in source.get("hidden_confounders") or []
            # Both directions of one confounder would give the effect between them, unrounded.
            if row["direction"] == "toward_zero"
        ],
        "definitions": [
            {
                "preset": str(row["preset"]),
                "effect_points": effect_of(
                    row, "effect_points", reason, min_cell=min_cell, step=step
                ),
                "near_cut_share": _near_cut(row, reason, min_cell),
            }
            for row in source.get("definitions") or []
        ],
    }


def _hidden(hidden: Row, reason: str | None, step: float) -> dict[str, Any]:
    """Return the effect under a hidden confounder: it rests on the headline's own people."""
    if reason is not None:
        return nothing(reason)
    return interval(hidden.get("effect_points"), step)


def _near_cut(row: Row, reason: str | None, min_cell: int) -> float | None:
    """Return the share of hires near the definition's cut, unless they are of too few people."""
    found, share = row.get("near_cut"), row.get("near_cut_share")
    if reason or share is None or found is None:
        return None
    return None if small(int(found["persons"]), min_cell) else to_step(share, 0.01)


def protect_balance(
    section: Row | None, whole_group: Support | None, *, min_cell: int
) -> dict[str, Any]:
    """Return the balance table; a row about too few people is withheld.

    The names of rare levels (one person's employment zone) are not published either: they become
    one row ``rare`` a covariate. The largest difference is coarser where it belongs to such a row,
    and no summary is given of a matched set that may not be described.
    """
    source = section or {}
    rows = [_balance_row(row, whole_group, min_cell) for row in source.get("rows") or []]
    described = whole_group is None or whole_group.allows_sizes(min_cell)
    step = COARSE_SMD if largest_is_withheld(section, rows) else 0.001
    summary = source if described else {}
    return {
        "max_abs_smd": to_step(summary.get("max_abs_smd"), step),
        "mean_abs_smd": to_step(summary.get("mean_abs_smd"), 0.001),
        "share_below_0_1": to_step(summary.get("share_below_0_1"), 0.001),
        "rows": _folded(rows),
    }


def largest_is_withheld(section: Row | None, rows: Sequence[Row]) -> bool:
    """Return whether no published row has the largest difference after matching."""
    largest = to_step((section or {}).get("max_abs_smd"), 0.001)
    known = [abs(row["smd_after"]) for row in rows if row["smd_after"] is not None]
    return largest is not None and max(known, default=0.0) < largest


def _folded(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the withheld levels of each factor as one row without their names."""
    folded: dict[tuple[str, Any], dict[str, Any]] = {}
    for row in rows:
        hidden = row.get("withheld") and row["level"] not in _FLAGS
        level = RARE if hidden else row["level"]
        folded.setdefault((row["covariate"], level), {**row, "level": level})
    return list(folded.values())


def _balance_row(row: Row, whole_group: Support | None, min_cell: int) -> dict[str, Any]:
    head = {"covariate": str(row["covariate"]), "level": _level_of(row), "block": row.get("block")}
    if _too_few(row, whole_group, min_cell):
        names = ("smd_before", "smd_after", "variance_ratio", "ecdf_max")
        return {**head, **dict.fromkeys(names), "withheld": "disclosure"}
    return {
        **head,
        "smd_before": to_step(row.get("smd_before"), 0.001),
        "smd_after": to_step(row.get("smd_after"), 0.001),
        "variance_ratio": significant(row.get("variance_ratio"), 3),
        "ecdf_max": to_step(row.get("ecdf_max"), 0.001),
    }


def _level_of(row: Row) -> str | None:
    """Return the level of a row, None for a number (written as an empty text or null)."""
    level = row.get("level")
    return None if level is None or str(level) == "" else str(level)


def _too_few(row: Row, whole_group: Support | None, min_cell: int) -> bool:
    """Return whether a level is held, or not held, by too few people of an arm."""
    held = _holders(row)
    if held is None:
        return _level_of(row) is not None
    if _level_of(row) is None and not _is_share(row):
        return min(held) < min_cell
    totals = _totals(row, whole_group)
    rest = [total - count for total, count in zip(totals, held, strict=True)] if totals else []
    return min(*held, *rest, *([] if rest else [0])) < min_cell


def _is_share(row: Row) -> bool:
    """Return whether a row without level is about a 0/1 variable."""
    mean = (row.get("means") or {}).get("treated")
    return row.get("variance_ratio") is None and mean is not None and 0 <= mean <= 1


def _holders(row: Row) -> tuple[int, int] | None:
    """Return how many hold the level in each arm (for a number: how many are described)."""
    support = Support.of(row)
    if support is None:
        return None
    means = row.get("means") or {}
    if _level_of(row) is None and _is_share(row):
        after = means.get("comparison_after")
        shares = (means["treated"], means["treated"] if after is None else after)
        return round(shares[0] * support.entrants), round(shares[1] * support.comparators)
    return support.entrants, support.comparators


def _totals(row: Row, whole_group: Support | None) -> tuple[int, int] | None:
    support = Support.of(row) if _level_of(row) is None else whole_group
    return None if support is None else (support.entrants, support.comparators)


def protect_subgroups(
    rows: Sequence[Row],
    whole_group: Support | None,
    reason: str | None,
    *,
    min_cell: int,
    step: float,
) -> list[dict[str, Any]]:
    """Return subgroup effects; a withheld level takes at least one other with it.

    The whole minus the published levels of a variable must itself be a group that could be
    published, otherwise the next smallest level is withheld too. Where the levels leave out a few
    entrants (a missing code), the smallest level's count is not published.
    """
    hidden: set[int] = set()
    uncounted: set[int] = set()
    for variable in dict.fromkeys(str(row["variable"]) for row in rows):
        places = [i for i, row in enumerate(rows) if str(row["variable"]) == variable]
        gone = _complement(rows, places, whole_group, min_cell)
        hidden |= gone
        left = [i for i in places if i not in gone]
        if left and not gone and small(_remainder(rows, left, whole_group), min_cell):
            uncounted.add(min(left, key=lambda i: _size(rows[i])))
    return [
        _subgroup(
            row,
            reason or ("disclosure" if i in hidden else None),
            counted=i not in uncounted and i not in hidden,
            min_cell=min_cell,
            step=step,
        )
        for i, row in enumerate(rows)
    ]


def _complement(
    rows: Sequence[Row], places: Sequence[int], whole_group: Support | None, min_cell: int
) -> set[int]:
    """Return the levels to withhold: the unsafe ones, and enough others to hide them."""
    hidden = {i for i in places if _own_reason(rows[i], min_cell) is not None}
    left = sorted((i for i in places if i not in hidden), key=lambda i: _size(rows[i]))
    while hidden and left and not _hidden_enough(rows, hidden, left, whole_group, min_cell):
        hidden.add(left.pop(0))
    return hidden


def _hidden_enough(
    rows: Sequence[Row],
    hidden: set[int],
    left: Sequence[int],
    whole_group: Support | None,
    min_cell: int,
) -> bool:
    """Return whether the whole minus the published levels tells nothing about one of the others.

    Only the entrants' arm adds up over levels: comparators are matched anew in each.
    """
    if len(hidden) < 2 or whole_group is None:
        return False
    people = _remainder(rows, left, whole_group)
    events = whole_group.events_entrants
    for i in left:
        level = Support.of(rows[i])
        if events is None or level is None or level.events_entrants is None:
            return False
        events -= level.events_entrants
    return events is not None and min(people, events, people - events) >= min_cell


def _remainder(rows: Sequence[Row], left: Sequence[int], whole_group: Support | None) -> int:
    """Return how many entrants belong to none of the levels in ``left``."""
    if whole_group is None:
        return 0
    return whole_group.entrants - sum(_size(rows[i]) for i in left)


def _size(row: Row) -> int:
    support = Support.of(row)
    return 0 if support is None else support.entrants


def _subgroup(
    row: Row, reason: str | None, *, counted: bool, min_cell: int, step: float
) -> dict[str, Any]:
    entrants = whole(row.get("entrants"))
    shown = counted and reason != "disclosure" and not small(entrants, min_cell)
    free = reason is None and not (row.get("effect_points") or {}).get("withheld")
    return {
        "variable": str(row["variable"]),
        "level": str(row["level"]),
        "entrants": entrants if shown else None,
        "effect_points": effect_of(row, "effect_points", reason, min_cell=min_cell, step=step),
        "contrast_p_holm": significant(row.get("contrast_p_holm")) if free else None,
        "contrast_p_bh": significant(row.get("contrast_p_bh")) if free else None,
    }
