"""Tidy rows of results: the lines of ``results.csv``.

In: the results of one territory. Out: one plain row for the headline, each other method,
definition and subgroup. Computes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation._results_parts import Figure

if TYPE_CHECKING:
    from evaluation.results import Results

COLUMNS = (
    "territory_level", "territory_code", "territory_name", "outcome", "horizon_months",
    "subgroup", "subgroup_level", "method", "entrants", "matched", "rate_entrants",
    "rate_comparison", "effect_points", "effect_low", "effect_high", "effect_se", "p_value",
    "uplift_percent", "uplift_low", "uplift_high", "additional_returns", "grade", "withheld",
)  # fmt: skip


def tidy_rows(results: Results) -> list[dict[str, Any]]:
    """Return the rows with every column of :data:`COLUMNS`, None where there is nothing."""
    return [_row(results, **row) for row in _rows(results)]


def _rows(results: Results) -> list[dict[str, Any]]:
    head = results.headline
    rows: list[dict[str, Any]] = [
        {"effect": head.effect_points, "uplift": head.uplift_percent, "full": True}
    ]
    rows += [
        {"effect": m.effect_points, "uplift": m.uplift_percent, "method": m.name}
        for m in results.methods
        if not m.headline
    ]
    rows += [
        {"effect": d.effect_points, "outcome": d.preset} for d in results.sensitivity.definitions
    ]
    rows += [
        {"effect": s.effect_points, "subgroup": (s.variable, s.level), "entrants": s.entrants}
        for s in results.subgroups
    ]
    return rows


def _row(
    results: Results,
    *,
    effect: Figure,
    uplift: Figure | None = None,
    method: str | None = None,
    outcome: str | None = None,
    subgroup: tuple[str, str] | None = None,
    entrants: int | None = None,
    full: bool = False,
) -> dict[str, Any]:
    head, study, flow = results.headline, results.study, results.flow
    return {
        "territory_level": results.territory.level,
        "territory_code": results.territory.code,
        "territory_name": results.territory.name,
        "outcome": outcome or study.outcome,
        "horizon_months": study.horizon_months,
        "subgroup": subgroup[0] if subgroup else None,
        "subgroup_level": subgroup[1] if subgroup else None,
        "method": method or study.method,
        "entrants": flow.entrants if full else entrants,
        "matched": flow.matched if full else None,
        "rate_entrants": head.rate_entrants.estimate if full else None,
        "rate_comparison": head.rate_comparison.estimate if full else None,
        "effect_points": effect.estimate,
        "effect_low": effect.low,
        "effect_high": effect.high,
        "effect_se": getattr(effect, "se", None),
        "p_value": getattr(effect, "p_value", None),
        "uplift_percent": uplift.estimate if uplift else None,
        "uplift_low": uplift.low if uplift else None,
        "uplift_high": uplift.high if uplift else None,
        "additional_returns": head.additional_returns.estimate if full else None,
        "grade": results.verdict.grade,
        "withheld": effect.withheld,
    }
