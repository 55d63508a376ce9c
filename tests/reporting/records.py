"""Unprotected records made by hand: plausible numbers, one case per wording of the page."""

from __future__ import annotations

import math
from typing import Any

from evaluation.disclosure import protect
from evaluation.results import Results
from evaluation.territories import REGIONS

SHAPE = (0.1, 0.24, 0.42, 0.62, 0.82, 1.0, 1.14, 1.27, 1.39, 1.5, 1.61, 1.71)
COVARIATES = (
    ("months_category_a_15", None, "B3", 0.62),
    ("rsa", "1", "B5", 0.48),
    ("days_employed_q1", None, "B3", -0.44),
    ("education", "CP4", "B0", 0.35),
    ("qpv", "1", "B2", 0.22),
    ("nationality", "non_eu", "B0", 0.19),
    ("disabled", "1", "B6", 0.17),
    ("age", None, "B0", 0.08),
    ("sex", "2", "B0", -0.05),
    ("barrier_mobility", "1", "B6", 0.51),
)


def support(n: int, m: int, rate: float, other: float) -> dict[str, int]:
    return {
        "entrants": n,
        "comparators": m,
        "events_entrants": round(n * rate / 100),
        "events_comparators": round(m * other / 100),
    }


def effect(n: int, m: int, rate: float, other: float) -> dict[str, float]:
    se = math.sqrt(rate * (100 - rate) / n + other * (100 - other) / m)
    gap = rate - other
    return {
        "estimate": gap,
        "low": gap - 1.96 * se,
        "high": gap + 1.96 * se,
        "se": se,
        "p_value": math.erfc(abs(gap / se) / math.sqrt(2)) if se else 1.0,
    }


def rate_of(value: float, n: int) -> dict[str, float]:
    half = 1.96 * math.sqrt(value * (100 - value) / n)
    return {"estimate": value, "low": max(value - half, 0.0), "high": value + half}


def uplift(n: int, m: int, rate: float, other: float) -> dict[str, float]:
    se = math.sqrt((100 - rate) / (rate * n) + (100 - other) / (other * m))
    ratio = math.log(rate / other)
    low, high = (100 * (math.exp(ratio + s * 1.96 * se) - 1) for s in (-1, 1))
    return {
        "estimate": 100 * (rate / other - 1),
        "low": low,
        "high": high,
        "fieller_low": low - 0.4,
        "fieller_high": high + 1.3,
    }


def flow_of(n: int, lost: int = 120) -> dict[str, Any]:
    entrants = n + lost + 260
    return {
        "entrants": entrants,
        "eligible": n + lost,
        "matched": n,
        "comparators_available": 22 * n,
        "comparators_used": 3 * n,
        "comparators_enter_later": round(0.156 * n),
        "effective_comparators": 2.6 * n + 0.4,
        "lost_share": lost / (n + lost),
        "steps": [
            {"step": "earlier_entry", "removed_entrants": 150, "removed_comparators": 900},
            {"step": "not_registered", "removed_entrants": 80, "removed_comparators": 0},
            {"step": "age", "removed_entrants": 30, "removed_comparators": 310},
        ],
    }


def headline_of(n: int, rate: float, other: float) -> dict[str, Any]:
    m = 3 * n
    points = effect(n, m, rate, other)
    return {
        "rate_entrants": rate_of(rate, n),
        "rate_comparison": rate_of(other, m),
        "effect_points": points,
        "uplift_percent": uplift(n, m, rate, other),
        "additional_returns": {k: points[k] * n / 100 for k in ("estimate", "low", "high")},
        "minimum_detectable_points": 2.8 * points["se"],
        "support": support(n, m, rate, other),
        "covariance": [[1.0, 0.0], [0.0, 0.4]],
    }


def curve_of(n: int, rate: float, other: float) -> list[dict[str, Any]]:
    points = []
    for month, share in enumerate(SHAPE, start=1):
        drag = 0.7 if month == 1 else 0.9 if month == 2 else 1.0
        r = 100 * round(n * rate * share * drag / 100) / n
        o = 100 * round(3 * n * other * share / 100) / (3 * n)
        points.append(
            {
                "month": month,
                "rate_entrants": r,
                "rate_comparison": o,
                "effect_points": effect(n, 3 * n, r, o),
                "support": support(n, 3 * n, r, o),
                "covariance": [[1.0, 0.0], [0.0, 0.4]],
            }
        )
    return points


def balance_of(n: int) -> dict[str, Any]:
    rows = [
        {
            "covariate": name,
            "level": level,
            "block": block,
            "smd_before": smd,
            "smd_after": smd / 14,
            "variance_ratio": 1.0312 if level is None else None,
            "ecdf_max": abs(smd) / 15,
            "support": {"entrants": round(0.4 * n), "comparators": round(1.2 * n)}
            if level
            else {"entrants": n, "comparators": 3 * n},
            "means": {"treated": 0.4, "comparison_before": 0.3, "comparison_after": 0.4,
                      "sd_treated": 0.49},
        }
        for name, level, block, smd in COVARIATES
    ]  # fmt: skip
    return {"max_abs_smd": 0.0443, "mean_abs_smd": 0.0161, "share_below_0_1": 1.0, "rows": rows}


def methods_of(n: int, rate: float, other: float) -> list[dict[str, Any]]:
    rows = []
    for i, name in enumerate(("nearest", "radius", "ipw", "entropy_balancing")):
        o = other + 0.1 * i
        rows.append(
            {
                "name": name,
                "headline": i == 0,
                "effect_points": effect(n, 3 * n, rate, o),
                "uplift_percent": uplift(n, 3 * n, rate, o),
                "support": support(n, 3 * n, rate, o),
                "covariance": [[1.0, 0.0], [0.0, 0.4]],
            }
        )
    return rows


def subgroups_of(n: int, rate: float, other: float) -> list[dict[str, Any]]:
    levels = (("rsa", "1", 0.62), ("rsa", "0", 0.38), ("sex", "1", 0.47), ("sex", "2", 0.53),
              ("age_class", "under_25", 0.1), ("age_class", "25_49", 0.66),
              ("age_class", "50_plus", 0.24))  # fmt: skip
    return [
        {
            "variable": variable,
            "level": level,
            "entrants": round(n * share),
            "effect_points": effect(round(n * share), 3 * round(n * share), rate, other),
            "contrast_p_holm": 0.4312,
            "support": support(round(n * share), 3 * round(n * share), rate, other),
        }
        for variable, level, share in levels
    ]


def sensitivity_of(n: int, rate: float, other: float) -> dict[str, Any]:
    return {
        "rosenbaum_gamma": 1.123,
        "e_value": 1.861,
        "hidden_confounder": {
            "benchmark": "rsa", "effect_points": effect(n, 3 * n, rate - 0.9, other),
        },
        "definitions": [
            {
                "preset": preset,
                "effect_points": effect(n, 3 * n, rate + 0.2 * i, other),
                "near_cut_share": 0.0213,
                "near_cut": {"hires": 5000, "count": 106, "persons": 98},
                "support": support(n, 3 * n, rate + 0.2 * i, other),
            }
            for i, preset in enumerate(("lolf_p102", "dares_midas", "unedic_180"))
        ],
    }  # fmt: skip


def record(
    code: str = "24",
    *,
    n: int = 5012,
    rate: float = 13.2,
    other: float = 10.3,
    grade: str = "moderate",
    reasons: tuple[str, ...] = ("placebo_inconclusive",),
    name: str | None = None,
    title: str = "Démonstration",
    contact: str = "evaluation@example.org",
) -> dict[str, Any]:
    """Return a full unprotected record of a region."""
    return {
        "schema_version": 1,
        "territory": {"level": "region", "code": code, "name": name or REGIONS[code].name},
        "study": {
            "name": "demonstration", "entry_window": ["2023-01-01", "2023-12-31"],
            "extraction_date": "2025-01-31", "outcome": "es47", "horizon_months": 6,
            "method": "nearest", "estimand": "ATT", "deviations": [],
            "parameters_sha256": "3f" * 32, "title": title, "contact": contact, "language": "fr",
        },
        "flow": flow_of(n),
        "headline": headline_of(n, rate, other),
        "raw": {
            "rate_entrants": rate - 0.1, "rate_others": 15.9, "difference_points": rate - 16.0,
            "support": support(n + 120, 22 * n, rate - 0.1, 15.9),
        },
        "curve": curve_of(n, rate, other),
        "balance": balance_of(n),
        "overlap": {"coefficient": 0.812, "share_outside": 0.0153},
        "placebo": {
            "effect_points": effect(n, 3 * n, 6.3, 6.0), "support": support(n, 3 * n, 6.3, 6.0),
        },
        "methods": methods_of(n, rate, other),
        "sensitivity": sensitivity_of(n, rate, other),
        "subgroups": subgroups_of(n, rate, other),
        "monitoring": {},
        "warnings": [],
        "verdict": {
            "grade": grade, "reasons": [{"code": c, "text": f"Motif {c}."} for c in reasons],
        },
    }  # fmt: skip


def effect_record(code: str = "24", **options: Any) -> dict[str, Any]:
    return record(code, **options)


def inconclusive_record(code: str = "94", **options: Any) -> dict[str, Any]:
    return record(
        code, **{"n": 900, "rate": 11.6, "grade": "weak", "reasons": ("power",), **options}
    )


def negative_record(code: str = "53", **options: Any) -> dict[str, Any]:
    return record(code, **{"rate": 8.1, "other": 10.9, "grade": "strong", "reasons": (), **options})


def unusable_record(code: str = "03", **options: Any) -> dict[str, Any]:
    return record(code, **{"n": 700, "grade": "unusable", "reasons": ("overlap",), **options})


def tiny_record(code: str = "06", **options: Any) -> dict[str, Any]:
    """A Mayotte-like territory: 63 matched entrants, 6 returns; small removals everywhere."""
    made = record(code, **{"n": 63, "rate": 9.5, "other": 8.0, "grade": "weak", **options})
    made["flow"] = flow_of(63, lost=4)
    made["flow"]["entrants"] = 75
    made["flow"]["steps"] = [
        {"step": "earlier_entry", "removed_entrants": 5, "removed_comparators": 40},
        {"step": "age", "removed_entrants": 3, "removed_comparators": 7},
    ]
    return made


CASES = {
    "effect": effect_record,
    "inconclusive": inconclusive_record,
    "negative": negative_record,
    "unusable": unusable_record,
    "tiny": tiny_record,
}


def results(case: str = "effect", code: str | None = None, **options: Any) -> Results:
    """Return the protected results of a case."""
    made = CASES[case](code, **options) if code else CASES[case](**options)
    return Results.of(protect(made))


def nation_records() -> list[dict[str, Any]]:
    """Eighteen regional records: most effects unclear, one negative, one secret, one unusable."""
    made = []
    for i, code in enumerate(REGIONS):
        if code == "06":
            made.append(tiny_record())
        elif code == "03":
            made.append(unusable_record())
        else:
            case = inconclusive_record if i % 3 == 0 else effect_record
            made.append(case(code, n=700 + 370 * i, rate=12.4 + 0.1 * (i % 7)))
    return made


def _added(flows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the flow of the whole: counts added, steps added by name."""
    total: dict[str, Any] = {
        name: sum(flow[name] for flow in flows)
        for name in flows[0]
        if name not in ("steps", "lost_share")
    }
    names = dict.fromkeys(step["step"] for flow in flows for step in flow["steps"])
    steps = [step for flow in flows for step in flow["steps"]]
    total["steps"] = [
        {
            "step": name,
            **{
                key: sum(step[key] for step in steps if step["step"] == name)
                for key in ("removed_entrants", "removed_comparators")
            },
        }
        for name in names
    ]
    total["lost_share"] = 1 - total["matched"] / total["eligible"]
    return total


def national(regions: list[dict[str, Any]] | None = None, *, tau: float = 0.0) -> dict[str, Any]:
    """Return the national record that goes with ``nation_records``."""
    parts = regions or nation_records()
    made = record(
        "24", n=sum(part["flow"]["matched"] for part in parts), grade="strong", reasons=()
    )
    made["territory"] = {"level": "nation", "code": "FR", "name": "France"}
    made["flow"] = _added([part["flow"] for part in parts])
    made["nation"] = {
        "regions": [
            {
                "code": part["territory"]["code"],
                "name": part["territory"]["name"],
                "effect_points": part["headline"]["effect_points"],
                "support": part["headline"]["support"],
            }
            for part in parts
        ],
        "heterogeneity": {"q": 14.2, "df": 17, "p_value": 0.65, "i2": 0.0, "tau_points": tau},
    }
    return made
