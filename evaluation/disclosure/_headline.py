"""The headline and everything that would give it back: one linked group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.disclosure._rounding import interval, nothing, tested, to_step, whole
from evaluation.disclosure._support import Support, small
from evaluation.errors import fail

STEP = 0.1
_COARSER = (0.1, 0.5, 1.0)


def reason_to_withhold(record: Mapping[str, Any], *, min_cell: int) -> str | None:
    """Return ``disclosure``, ``not_publishable`` or None for the headline group.

    Raises
    ------
    EvaluationError
        EVAL-601 when the headline comes without its supporting counts.
    """
    headline = record["headline"]
    support = Support.of(headline)
    empty = _estimate(headline.get("effect_points")) is None
    if support is None and not empty:
        fail("EVAL-601", territory=record["territory"]["code"], figure="headline")
    if support is not None and not support.allows(min_cell):
        return "disclosure"
    if record["verdict"]["grade"] == "unusable" or empty:
        return "not_publishable"
    return None


def national_step(
    record: Mapping[str, Any], regions: Sequence[Mapping[str, Any]], *, min_cell: int
) -> float | None:
    """Return the step of published rates, coarser where a withheld region could be found.

    The nation minus the published regions leaves the withheld ones; their events are known up to
    ``step`` times the nation's entrants and 0.1 times the regions' entrants. None: no step is
    coarse enough.
    """
    withheld = [region for region in regions if region["headline"].get("withheld") == "disclosure"]
    support = Support.of(record["headline"])
    if not withheld or support is None:
        return STEP
    others = sum(region["flow"]["matched"] or 0 for region in regions if region not in withheld)
    for step in _COARSER:
        if (step * support.entrants + STEP * others) / 100 >= min_cell:
            return step
    return None


def published_headline(record: Mapping[str, Any], *, min_cell: int) -> dict[str, Any]:
    """Return the headline of a record as it is published: what a notebook may show of it.

    For a national record, which regions are withheld follows from their own support.
    """
    reason = reason_to_withhold(record, min_cell=min_cell)
    rows = (record.get("nation") or {}).get("regions") or []
    step = national_step(record, [_told(row, min_cell) for row in rows], min_cell=min_cell)
    if step is None:
        reason = reason or "disclosure"
    return protect_headline(record["headline"], reason, step=step or STEP)


def _told(row: Mapping[str, Any], min_cell: int) -> dict[str, Any]:
    support, matched = Support.of(row), row.get("matched")
    open_ = support is not None and support.allows(min_cell)
    return {
        "headline": {} if open_ else {"withheld": "disclosure"},
        "flow": {"matched": None if small(matched, min_cell) else matched},
    }


def protect_headline(
    headline: Mapping[str, Any], reason: str | None, *, step: float
) -> dict[str, Any]:
    """Round the headline, or return it empty with the reason."""
    if reason is not None:
        return {
            "rate_entrants": nothing(reason),
            "rate_comparison": nothing(reason),
            "effect_points": nothing(reason, "se", "p_value"),
            "uplift_percent": nothing(reason, "fieller_low", "fieller_high"),
            "additional_returns": nothing(reason, "entrants_per_return"),
            "minimum_detectable_points": None,
            "withheld": reason,
        }
    uplift = headline["uplift_percent"]
    return {
        "rate_entrants": interval(headline["rate_entrants"], step),
        "rate_comparison": interval(headline["rate_comparison"], step),
        "effect_points": tested(headline["effect_points"], step),
        "uplift_percent": {
            **interval(uplift, 1),
            "fieller_low": whole(uplift.get("fieller_low")),
            "fieller_high": whole(uplift.get("fieller_high")),
        },
        "additional_returns": {
            **interval(headline["additional_returns"], 1),
            "entrants_per_return": _per_return(headline["effect_points"]),
        },
        "minimum_detectable_points": to_step(headline.get("minimum_detectable_points"), 0.1),
    }


def _per_return(effect: Mapping[str, Any]) -> int | None:
    """Return entrants per additional return; not determined when the interval holds zero."""
    low, high = effect.get("low"), effect.get("high")
    if low is None or high is None or low <= 0 <= high:
        return None
    return whole(100 / abs(effect["estimate"]))


def protect_raw(
    raw: Mapping[str, Any] | None,
    headline: Mapping[str, Any],
    reason: str | None,
    *,
    min_cell: int,
    step: float,
) -> dict[str, Any]:
    """Return the rates before matching.

    The entrants' raw rate minus their matched rate is the outcome of the few who were lost; when
    those are too few, the rate of the matched entrants stands in its place (``basis``).
    """
    source = raw or {}
    support = Support.of(source)
    names = ("rate_entrants", "rate_others", "difference_points")
    if reason is not None or support is None or not support.allows(min_cell):
        return {**dict.fromkeys(names), "basis": "eligible", "withheld": reason or "disclosure"}
    entrants, others = source.get("rate_entrants"), source.get("rate_others")
    basis = "eligible" if _lost_are_many(support, headline, min_cell, step) else "matched"
    if basis == "matched":
        entrants = _estimate(headline["rate_entrants"])
    difference = None if entrants is None or others is None else entrants - others
    return {
        "rate_entrants": to_step(entrants, step),
        "rate_others": to_step(others, step),
        "difference_points": to_step(difference, step),
        "basis": basis,
    }


def _lost_are_many(
    support: Support, headline: Mapping[str, Any], min_cell: int, step: float
) -> bool:
    matched = Support.of(headline)
    if matched is None:
        return True
    lost = support.entrants - matched.entrants
    if lost == 0 or (support.entrants + matched.entrants) * step / 100 >= min_cell:
        return True
    events = (support.events_entrants or 0) - (matched.events_entrants or 0)
    return events >= min_cell and lost - events >= min_cell


def _estimate(figure: Any) -> Any:
    return figure.get("estimate") if isinstance(figure, Mapping) else figure
