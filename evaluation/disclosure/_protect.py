"""Turn the unprotected record of a territory into what may be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.disclosure._curve import protect_curve
from evaluation.disclosure._flow import protect_flow, protect_national_flow
from evaluation.disclosure._headline import (
    national_step,
    protect_headline,
    protect_raw,
    reason_to_withhold,
)
from evaluation.disclosure._nation import protect_nation, rebuilt_subgroups
from evaluation.disclosure._rounding import nothing, tested, to_step
from evaluation.disclosure._rows import (
    TELLING,
    largest_is_withheld,
    protect_balance,
    protect_methods,
    protect_sensitivity,
    protect_subgroups,
)
from evaluation.disclosure._support import Support, small
from evaluation.disclosure._texts import masked_codes, safe_notices

_STUDY = (
    "name", "entry_window", "extraction_date", "outcome", "horizon_months", "method", "estimand",
    "deviations", "parameters_sha256", "title", "contact", "language", "sources",
)  # fmt: skip


def protect(
    record: Mapping[str, Any],
    *,
    min_cell: int = DEFAULT_MIN_CELL,
    regions: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the publishable form of a record (pure; the record is not changed).

    Parameters
    ----------
    record : mapping
        Keys of ``results/<code>.json`` with siblings ``support``, ``covariance``, ``means``;
        percent and percentage points, unrounded.
    min_cell : int
        Smallest count of people, events or non-events that may be known, in each arm.
    regions : sequence of mapping
        For a national record only: the protected records of its regions, so that a count or a rate
        that a region keeps back is not found by subtraction.

    Returns
    -------
    dict
        Keys of the published schema, every number rounded, finite or null.

    Raises
    ------
    EvaluationError
        EVAL-601 when the headline has no supporting counts.

    Notes
    -----
    Rates, effect, uplift, returns, standard error, p value, detectable effect, curve, other
    estimators and definitions are one linked group: any two of them give back a third. An
    ``unusable`` verdict empties the same group with the reason ``not_publishable``.
    """
    reason = reason_to_withhold(record, min_cell=min_cell)
    step = national_step(record, regions, min_cell=min_cell)
    placebo = _placebo(record.get("placebo") or {}, min_cell, regions, step)
    if step is None:
        reason, step = reason or "disclosure", 0.1
    shown = {"flow": _flow(record, regions, min_cell), "overlap": _overlap(record, min_cell)}
    balance = protect_balance(record.get("balance"), _matched(record), min_cell=min_cell)
    known = not largest_is_withheld(record.get("balance"), balance["rows"])
    masked = masked_codes(reason, shown, balance=known)
    told = partial(safe_notices, min_cell=min_cell, masked=masked)
    return {
        "schema_version": int(record.get("schema_version", 1)),
        "territory": {key: str(record["territory"][key]) for key in ("level", "code", "name")},
        "study": {key: record["study"][key] for key in _STUDY if key in record["study"]},
        **shown,
        "balance": balance,
        "placebo": placebo,
        **_linked(record, reason, regions, min_cell=min_cell, step=step),
        "nation": protect_nation(record.get("nation"), regions, min_cell=min_cell, reason=reason),
        "monitoring": {},
        "warnings": told(record.get("warnings")),
        "verdict": {
            "grade": str(record["verdict"]["grade"]),
            "reasons": told(record["verdict"].get("reasons")),
        },
    }


def _linked(
    record: Mapping[str, Any],
    reason: str | None,
    regions: Sequence[Mapping[str, Any]] = (),
    *,
    min_cell: int,
    step: float,
) -> dict[str, Any]:
    """Return every section that rests on the outcome of the headline's people."""
    headline = record["headline"]
    horizon = int(record["study"]["horizon_months"])
    curve = [] if reason else record.get("curve") or []
    rows = record.get("subgroups") or []
    whole_group = Support.of(headline)
    return {
        "headline": protect_headline(headline, reason, step=step),
        "raw": protect_raw(record.get("raw"), headline, reason, min_cell=min_cell, step=step),
        "curve": protect_curve(curve, horizon, min_cell=min_cell, step=step),
        "methods": protect_methods(
            record.get("methods") or [], reason, min_cell=min_cell, step=step
        ),
        "sensitivity": protect_sensitivity(
            record.get("sensitivity"), reason, min_cell=min_cell, step=step
        ),
        "subgroups": rebuilt_subgroups(
            protect_subgroups(rows, whole_group, reason, min_cell=min_cell, step=step), regions
        ),
    }


def _flow(
    record: Mapping[str, Any], regions: Sequence[Mapping[str, Any]], min_cell: int
) -> dict[str, Any]:
    if record["territory"]["level"] == "nation":
        return protect_national_flow(record["flow"], regions, min_cell=min_cell)
    return protect_flow(record["flow"], min_cell=min_cell)


def _matched(record: Mapping[str, Any]) -> Support | None:
    """Return the size of the matched set, without outcomes."""
    flow = record["flow"]
    sizes = (flow.get("matched"), flow.get("comparators_used"))
    return None if None in sizes else Support(int(sizes[0]), int(sizes[1]))


def _overlap(record: Mapping[str, Any], min_cell: int) -> dict[str, Any]:
    """Return overlap; the share outside support is null where it counts too few entrants."""
    source = record.get("overlap") or {}
    outside = source.get("share_outside")
    eligible = record["flow"].get("eligible") or 0
    hidden = outside is None or small(round(outside * eligible), min_cell)
    return {
        "coefficient": to_step(source.get("coefficient"), 0.01),
        "share_outside": None if hidden else to_step(outside, 0.001),
    }


def _placebo(
    placebo: Mapping[str, Any],
    min_cell: int,
    regions: Sequence[Mapping[str, Any]] = (),
    step: float | None = 0.1,
) -> dict[str, Any]:
    """Return the placebo effect: another outcome, hence its own support.

    The nation's is as coarse as its headline where a region keeps its own placebo back.
    """
    gone = any(_reason(region["placebo"]["effect_points"]) == "disclosure" for region in regions)
    if gone and step is None:
        return {"effect_points": nothing("disclosure", "se", "p_value")}
    support = Support.of(placebo)
    effect = placebo.get("effect_points") or {}
    if effect.get("estimate") is None:
        told = str(effect.get("withheld") or "not_estimated")
        reason = "disclosure" if told in TELLING else told
        return {"effect_points": nothing(reason, "se", "p_value")}
    if support is None or not support.allows(min_cell):
        return {"effect_points": nothing("disclosure", "se", "p_value")}
    return {"effect_points": tested(effect, step if gone and step else 0.1)}


def _reason(figure: Mapping[str, Any]) -> str | None:
    return figure.get("withheld")
