"""`estimate_nation`: the national record, pooled from the records of the territories."""

from __future__ import annotations

from typing import Any

from evaluation.effects.estimates import TerritoryEstimates, plain
from evaluation.effects.heterogeneity import (
    funnel_limits,
    morris_shrinkage,
    random_effects,
    rank_limits,
)
from evaluation.effects.pooled_parts import (
    Part,
    pooled_balance,
    pooled_curve,
    pooled_definitions,
    pooled_flow,
    pooled_headline,
    pooled_hidden,
    pooled_hidden_grid,
    pooled_methods,
    pooled_overlap,
    pooled_placebo,
    pooled_raw,
    pooled_subgroups,
)
from evaluation.effects.record import limits, warnings_of
from evaluation.effects.sensitivity import e_value
from evaluation.effects.types import Floats
from evaluation.errors import fail, warn
from evaluation.study import Study
from evaluation.territories import NATION
from evaluation.verdict import grade

Record = dict[str, Any]


def estimate_nation(records: list[Record], *, study: Study) -> TerritoryEstimates:
    """Pool the records of territories into the national record.

    Rates and effects are weighted by matched entrants (V = sum of squared shares times territorial
    variances), the uplift is the ratio of the pooled rates. Territories without a matched set are
    left out and named; those without an event count with their rates.

    Parameters
    ----------
    records : list of dict
        Unprotected records, any order.
    study : Study
        Parameters that all of them share.

    Returns
    -------
    TerritoryEstimates
        Its record has the extra key ``nation``: the regions side by side and their heterogeneity.

    Raises
    ------
    EvaluationError
        EVAL-514 nothing to pool, EVAL-515 records of different studies.
    """
    ordered = sorted(records, key=lambda record: str(record["territory"]["code"]))
    _same_study(ordered)
    kept = [record for record in ordered if _estimable(record)]
    if not kept:
        fail("EVAL-514", count=len(ordered))
    notes = []
    lost = [str(record["territory"]["code"]) for record in ordered if record not in kept]
    if lost:
        notes.append(warn("EVAL-524", count=len(lost), examples=lost))
    level = study.effects.level
    parts = [Part(record, record["flow"]["matched"]) for record in kept]
    headline = pooled_headline(parts, level=level)
    uplift = headline["uplift_percent"]["estimate"]
    record: Record = {
        "schema_version": kept[0]["schema_version"],
        "territory": {"level": NATION.level, "code": NATION.code, "name": NATION.name},
        "study": {**kept[0]["study"], "deviations": _deviations(kept)},
        "flow": pooled_flow(kept),
        "headline": headline,
        "raw": pooled_raw(kept),
        "curve": pooled_curve(parts, level=level, seed=study.run.seed),
        "balance": pooled_balance(parts),
        "overlap": pooled_overlap(parts),
        "placebo": pooled_placebo(parts, level=level),
        "methods": pooled_methods(parts, level=level),
        "sensitivity": {
            "rosenbaum_gamma": None,
            "e_value": None if uplift is None or uplift <= -100 else e_value(1 + uplift / 100),
            "hidden_confounder": pooled_hidden(parts, headline),
            "hidden_confounders": pooled_hidden_grid(parts, headline),
            "definitions": pooled_definitions(parts, level=level),
        },
        "subgroups": pooled_subgroups(parts, level=level),
        "monitoring": {},
        "warnings": warnings_of(notes, study.language),
        "nation": {
            "regions": [_region(record) for record in ordered],
            "heterogeneity": _heterogeneity(kept, level=level),
        },
    }
    record = plain(record)
    record["verdict"] = grade(record).to_dict(study.language)
    return TerritoryEstimates(record, study)


def _estimable(record: Record) -> bool:
    # A territory without any event has no interval, but leaving it out would select on outcomes.
    headline = record["headline"]
    return bool(headline.get("means")) and headline["support"]["entrants"] > 0


def _same_study(records: list[Record]) -> None:
    for key in ("name", "outcome", "horizon_months", "entry_window", "extraction_date"):
        values = sorted({str(record["study"][key]) for record in records})
        if len(values) > 1:
            fail("EVAL-515", key=key, count=len(values), examples=values[:3])


def _deviations(records: list[Record]) -> list[str]:
    return [
        f"{record['territory']['code']}: {deviation}"
        for record in records
        for deviation in record["study"]["deviations"]
    ]


def _region(record: Record) -> Record:
    """Return what the national page compares; lost entrants stay in the region's own file."""
    headline, placebo = record["headline"], record["placebo"]["effect_points"]
    return {
        "level": record["territory"]["level"],
        "code": record["territory"]["code"],
        "name": record["territory"]["name"],
        "matched": record["flow"]["matched"],
        "rate_entrants": headline["rate_entrants"],
        "rate_comparison": headline["rate_comparison"],
        "effect_points": headline["effect_points"],
        "uplift_percent": headline["uplift_percent"],
        "minimum_detectable_points": headline["minimum_detectable_points"],
        "placebo_points": {key: placebo.get(key) for key in ("estimate", "low", "high")},
        "max_abs_smd": record["balance"]["max_abs_smd"],
        "grade": record["verdict"]["grade"],
        "support": headline["support"],
        "covariance": headline["covariance"],
    }


def _heterogeneity(records: list[Record], *, level: float) -> Record | None:
    import numpy as np

    records = [one for one in records if one["headline"]["effect_points"]["se"]]
    if len(records) < 2:
        return None
    points = [record["headline"]["effect_points"] for record in records]
    effects: Floats = np.array([point["estimate"] for point in points], dtype=float)
    variances: Floats = np.array([point["se"] for point in points], dtype=float) ** 2
    summary = random_effects(effects, variances, level=level).to_dict()
    shrunken = morris_shrinkage(effects, variances, level=level)
    codes = [record["territory"]["code"] for record in records]
    summary["shrunken"] = shrunken and [
        {"code": code, "effect_points": limits(one)}
        for code, one in zip(codes, shrunken, strict=True)
    ]
    mean = float(np.average(effects, weights=[record["flow"]["matched"] for record in records]))
    funnel = funnel_limits(variances, centre=mean, level=level)
    summary["funnel"] = [
        {"code": code, "low_points": float(low), "high_points": float(high)}
        for code, (low, high) in zip(codes, funnel, strict=True)
    ]
    ranks = rank_limits(effects, variances, level=level)
    summary["ranks"] = ranks and [
        {"code": code, "best": best, "worst": worst}
        for code, (best, worst) in zip(codes, ranks, strict=True)
    ]
    return summary
