"""Weighted sums of territorial records: the national rates, curve, balance, methods, subgroups."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from evaluation.effects.bands import pooled_band
from evaluation.effects.intervals import ratio_interval, wald, wilson
from evaluation.effects.power import minimum_detectable
from evaluation.effects.record import limits, uplift_of
from evaluation.effects.subgroups import FEWEST_EVENTS, Subgroup, corrected
from evaluation.effects.types import Floats, Support

Record = dict[str, Any]
_COUNTS = ("entrants", "comparators", "events_entrants", "events_comparators",
           "comparators_persons")  # fmt: skip
# A subgroup is pooled when the territories whose comparison holds inside it have this share of it.
_COVERED = 0.8


@dataclass(frozen=True, slots=True)
class Part:
    """One territory in the pool: its record and its weight, the matched entrants."""

    record: Record
    entrants: int


@dataclass(frozen=True, slots=True)
class Pooled:
    """Two pooled rates.

    Attributes
    ----------
    means : (2,) float
        Entrants, comparison; percent.
    covariance : (2, 2) float
        Squared points.
    support : dict
        Summed counts.
    """

    means: Floats
    covariance: Floats
    support: dict[str, int]

    @property
    def variance(self) -> float:
        """Variance of the effect, squared points."""
        v = self.covariance
        return float(v[0, 0] + v[1, 1] - 2 * v[0, 1])

    def siblings(self) -> Record:
        """Return what stays in the work folder."""
        return {
            "support": self.support,
            "covariance": self.covariance.tolist(),
            "means": {"treated": float(self.means[0]), "comparison": float(self.means[1])},
        }

    def points(self, *, level: float, test: bool = False) -> Record:
        """Return the effect in points."""
        gap = float(self.means[0] - self.means[1])
        return limits(wald(gap, self.variance, level=level), test=test)


def pool(objects: list[Record]) -> Pooled | None:
    """Pool objects with ``means``, ``covariance`` and ``support`` by their matched entrants.

    The national rate is the sum of territorial rates times shares of entrants; territories are
    independent, so variances add with squared shares.
    """
    usable = [item for item in objects if item.get("means") and item["support"]["entrants"]]
    if not usable:
        return None
    counts = np.array([item["support"]["entrants"] for item in usable], dtype=float)
    shares = counts / counts.sum()
    means = np.zeros(2)
    covariance = np.zeros((2, 2))
    for share, item in zip(shares, usable, strict=True):
        means += share * np.array([item["means"]["treated"], item["means"]["comparison"]])
        covariance += share**2 * np.array(item["covariance"])
    support = {
        name: sum(int(item["support"].get(name) or 0) for item in usable) for name in _COUNTS
    }
    return Pooled(means, covariance, support)


def _pooled(objects: list[Record]) -> Pooled:
    found = pool(objects)
    assert found is not None
    return found


def pooled_headline(parts: list[Part], *, level: float) -> Record:
    """Return the national headline; the uplift is the ratio of pooled rates."""
    found = _pooled([part.record["headline"] for part in parts])
    means, covariance = found.means / 100, found.covariance / 1e4
    gap = wald(float(means[0] - means[1]), found.variance / 1e4, level=level)
    entrants = sum(part.entrants for part in parts)
    uplift = ratio_interval(means, covariance, level=level, p_value=gap.p_value)
    rates = [
        wilson(float(means[k]), float(covariance[k, k]), float(entrants), level=level).scaled(100)
        for k in range(2)
    ]
    return {
        "rate_entrants": limits(rates[0]),
        "rate_comparison": limits(rates[1]),
        "effect_points": limits(gap.scaled(100), test=True),
        "uplift_percent": uplift_of(uplift),
        "additional_returns": limits(gap.scaled(entrants)),
        "minimum_detectable_points": minimum_detectable(math.sqrt(found.variance), level=level),
        **found.siblings(),
    }


def pooled_curve(parts: list[Part], *, level: float, seed: int) -> list[Record]:
    """Return the months that every territory observes, with the band that holds them at once."""
    curves = [{point["month"]: point for point in part.record["curve"]} for part in parts]
    months = sorted(set.intersection(*(set(curve) for curve in curves)))
    rows = []
    bands = _pooled_bands(curves, months, level=level, seed=seed)
    for month in months:
        found = _pooled([curve[month] for curve in curves])
        low, high = bands.get(month, (None, None))
        rows.append(
            {
                "month": month,
                "rate_entrants": float(found.means[0]),
                "rate_comparison": float(found.means[1]),
                "effect_points": found.points(level=level) | {"band_low": low, "band_high": high},
                **found.siblings(),
            }
        )
    return rows


def _pooled_bands(
    curves: list[dict[int, Record]], months: list[int], *, level: float, seed: int
) -> dict[int, tuple[float, float]]:
    """Return the limits by month; months without any variance have none."""
    kept = [month for month in months if _pooled([c[month] for c in curves]).variance > 0]
    usable = [curve for curve in curves if kept and curve[kept[0]]["support"]["entrants"]]
    if not usable:
        return {}
    counts = np.array([curve[kept[0]]["support"]["entrants"] for curve in usable], dtype=float)
    gaps = [_pooled([curve[month] for curve in curves]).means for month in kept]
    low, high = pooled_band(
        np.array([mean[0] - mean[1] for mean in gaps]),
        [_between_months(curve, kept) for curve in usable],
        counts / counts.sum(), level=level, seed=seed,
    )  # fmt: skip
    return {m: (float(a), float(b)) for m, a, b in zip(kept, low, high, strict=True)}


def _between_months(curve: dict[int, Record], months: list[int]) -> Floats:
    """Return the covariance (h, h) of a territory's effects; unknown ones count as zero."""
    matrix = np.zeros((len(months), len(months)))
    for i, month in enumerate(months):
        row = curve[month].get("effect_covariance") or {}
        matrix[i] = [row.get(str(other), 0.0) for other in months]
        v = curve[month]["covariance"]
        matrix[i, i] = v[0][0] + v[1][1] - 2 * v[0][1]
    return matrix


def pooled_flow(records: list[Record]) -> Record:
    """Return summed flow counts; comparators are people of one territory each."""
    flows = [record["flow"] for record in records]
    names = ("entrants", "eligible", "matched", "comparators_available", "comparators_used",
             "comparators_enter_later", "effective_comparators")  # fmt: skip
    total: Record = {name: sum(flow[name] for flow in flows) for name in names}
    steps: dict[str, Record] = {}
    for step in chain.from_iterable(flow["steps"] for flow in flows):
        row = steps.setdefault(
            step["step"],
            {"step": step["step"], "removed_entrants": 0, "removed_comparators": 0},
        )
        row["removed_entrants"] += step["removed_entrants"]
        row["removed_comparators"] += step["removed_comparators"]
    lost = 1 - total["matched"] / total["eligible"] if total["eligible"] else 1.0
    persons = sum(flow.get("support", {}).get("comparators_persons", 0) for flow in flows)
    return {**total, "lost_share": lost, "steps": list(steps.values()),
            "support": {"comparators_persons": persons}}  # fmt: skip


def pooled_raw(records: list[Record]) -> Record:
    """Return the national gap before matching: entrants by entrants, others by comparators."""
    eligible = np.array([record["flow"]["eligible"] for record in records], dtype=float)
    others = np.array([record["flow"]["comparators_available"] for record in records], dtype=float)
    raws = [record["raw"] for record in records]
    first = float(np.average([raw["rate_entrants"] for raw in raws], weights=eligible))
    second = float(np.average([raw["rate_others"] for raw in raws], weights=others))
    support = {name: sum(int(raw["support"][name]) for raw in raws) for name in _COUNTS[:4]}
    return {"rate_entrants": first, "rate_others": second, "difference_points": first - second,
            "support": support}  # fmt: skip


def pooled_balance(parts: list[Part]) -> Record:
    """Return standardised differences of the pooled means; rows that all territories have.

    The variance of the pooled entrants is that within territories plus that between them.
    """
    tables = [
        {(row["covariate"], row["level"]): row for row in part.record["balance"]["rows"]}
        for part in parts
    ]
    keys = [key for key in tables[0] if all(key in table for table in tables)]
    counts = np.array([part.entrants for part in parts], dtype=float)
    rows = [_balance_row([table[key] for table in tables], counts) for key in keys]
    gaps = [abs(row["smd_after"]) for row in rows if row["smd_after"] is not None]
    return {
        "max_abs_smd": max(gaps, default=None),
        "mean_abs_smd": float(np.mean(gaps)) if gaps else None,
        "share_below_0_1": float(np.mean([gap < 0.1 for gap in gaps])) if gaps else None,
        "rows": rows,
    }


def _balance_row(rows: list[Record], counts: Floats) -> Record:
    names = ("treated", "comparison_before", "comparison_after", "sd_treated")
    values = {name: np.array([_float(row["means"][name]) for row in rows]) for name in names}
    shares = counts / counts.sum()
    means = {name: float(np.sum(shares * values[name])) for name in names[:3]}
    between = (values["treated"] - means["treated"]) ** 2
    spread = math.sqrt(float(np.sum(shares * (values["sd_treated"] ** 2 + between))))
    return {
        "covariate": rows[0]["covariate"],
        "level": rows[0]["level"],
        "block": rows[0]["block"],
        "smd_before": _ratio(means["treated"] - means["comparison_before"], spread),
        "smd_after": _ratio(means["treated"] - means["comparison_after"], spread),
        "variance_ratio": None,
        "ecdf_max": None,
        "support": {
            name: sum(int(row["support"].get(name) or 0) for row in rows)
            for name in ("entrants", "comparators")
        },
        "means": {**means, "sd_treated": spread},
    }


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _ratio(gap: float, spread: float) -> float | None:
    return gap / spread if spread > 0 and math.isfinite(gap) else None


def pooled_overlap(parts: list[Part]) -> Record:
    """Return the mean overlap of territories, weighted by entrants."""
    found: Record = {}
    for name in ("coefficient", "share_outside"):
        known = [(part.record["overlap"][name], part.entrants) for part in parts
                 if part.record["overlap"][name] is not None]  # fmt: skip
        total = sum(count for _, count in known)
        found[name] = sum(value * count for value, count in known) / total if total else None
    return found


def pooled_placebo(parts: list[Part], *, level: float) -> Record:
    """Return the pooled placebo effect of the territories that have one."""
    found = pool([part.record["placebo"] for part in parts])
    if found is None:
        nothing = dict.fromkeys(("estimate", "low", "high", "se", "p_value"))
        return {"effect_points": {**nothing, "withheld": "failed"}}
    return {"effect_points": found.points(level=level, test=True), **found.siblings()}


def pooled_methods(parts: list[Part], *, level: float) -> list[Record]:
    """Return every method that succeeded in all pooled territories, the headline first."""
    rows = []
    tables = [{row["name"]: row for row in part.record["methods"]} for part in parts]
    for name, first in tables[0].items():
        objects = [table[name] for table in tables if name in table]
        usable = [item for item in objects if item.get("means")]
        if len(usable) < len(parts):
            continue
        found = _pooled(usable)
        gap = wald(float(found.means[0] - found.means[1]), found.variance, level=level)
        uplift = ratio_interval(found.means, found.covariance, level=level, p_value=gap.p_value)
        rows.append(
            {
                "name": name,
                "headline": first["headline"],
                "effect_points": limits(gap, test=True),
                "uplift_percent": limits(uplift),
                **found.siblings(),
            }
        )
    return rows


def pooled_hidden(parts: list[Part], headline: Record) -> Record:
    """Return the national effect moved by the mean bias of the territories, toward zero."""
    benchmark = parts[0].record["sensitivity"]["hidden_confounder"]["benchmark"]
    return {"benchmark": benchmark, "effect_points": _pooled_shift(
        parts, headline, [part.record["sensitivity"]["hidden_confounder"] for part in parts], 1.0
    )}  # fmt: skip


def pooled_hidden_grid(parts: list[Part], headline: Record) -> list[Record]:
    """Return the same for every named covariate, in both directions; territories without it out."""
    grids = [
        {(row["benchmark"], row["direction"]): row for row in rows}
        for rows in (part.record["sensitivity"]["hidden_confounders"] for part in parts)
    ]
    rows = []
    for benchmark, direction in dict.fromkeys(key for found in grids for key in found):
        having = [(p, g[benchmark, direction]) for p, g in zip(parts, grids, strict=True)
                  if (benchmark, direction) in g]  # fmt: skip
        moved = _pooled_shift(
            [part for part, _ in having], headline, [row for _, row in having],
            1.0 if direction == "toward_zero" else -1.0,
        )  # fmt: skip
        rows.append({"benchmark": benchmark, "direction": direction, "effect_points": moved})
    return rows


def _pooled_shift(parts: list[Part], headline: Record, found: list[Record], sign: float) -> Record:
    points = headline["effect_points"]
    biases, counts = [], []
    for part, row in zip(parts, found, strict=True):
        own = part.record["headline"]["effect_points"]["estimate"]
        hidden = row["effect_points"]["estimate"]
        if hidden is not None and own is not None:
            biases.append(abs(own - hidden))
            counts.append(part.entrants)
    if not counts or points["low"] is None:
        return dict.fromkeys(("estimate", "low", "high"))
    bias = sign * math.copysign(float(np.average(biases, weights=counts)), points["estimate"])
    return {key: points[key] - bias for key in ("estimate", "low", "high")}


def pooled_near_cut(rows: list[Record]) -> Record:
    """Return the hires near the cut of all territories together."""
    total = {
        key: sum(row["near_cut"][key] for row in rows) for key in ("hires", "count", "persons")
    }
    share = total["count"] / total["hires"] if total["hires"] else None
    return {"near_cut_share": share, "near_cut": total}


def pooled_definitions(parts: list[Part], *, level: float) -> list[Record]:
    """Return the effect under each other definition that all territories measured."""
    tables = [
        {row["preset"]: row for row in part.record["sensitivity"]["definitions"]} for part in parts
    ]
    counts = [part.entrants for part in parts]
    rows = []
    for preset in tables[0]:
        if not all(preset in table for table in tables):
            continue
        objects = [table[preset] for table in tables]
        found = _pooled(objects)
        rows.append(
            {
                "preset": preset,
                "effect_points": found.points(level=level, test=True),
                "reclassed_share": float(
                    np.average([row["reclassed_share"] for row in objects], weights=counts)
                ),
                **pooled_near_cut(objects),
                **found.siblings(),
            }
        )
    return rows


def pooled_subgroups(parts: list[Part], *, level: float) -> list[Record]:
    """Return the subgroups pooled over the territories whose comparison holds inside them.

    A territory withheld for power adds to the pool; one withheld for balance does not, and the
    subgroup is withheld when those left hold less than 80 % of its entrants.
    """
    gathered: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for part in parts:
        for row in part.record["subgroups"]:
            gathered[row["variable"], row["level"]].append(row)
    rows, groups = [], []
    for (variable, name), members in sorted(gathered.items(), key=_declared(parts)):
        row, group = _pooled_subgroup(variable, name, members, level=level)
        rows.append(row)
        groups.append(group)
    for row, group in zip(rows, corrected(groups), strict=True):
        row["contrast_p_holm"] = group.contrast_p_holm
        row["contrast_p_bh"] = group.contrast_p_bh
    return rows


def _declared(parts: list[Part]) -> Any:
    order: dict[tuple[str, str], int] = {}
    for part in parts:
        for row in part.record["subgroups"]:
            order.setdefault((row["variable"], row["level"]), len(order))
    first = {variable: place for (variable, _), place in reversed(order.items())}
    return lambda item: (first[item[0][0]], order[item[0]])


def _pooled_subgroup(
    variable: str, name: str, members: list[Record], *, level: float
) -> tuple[Record, Subgroup]:
    sound = [row for row in members if row["effect_points"].get("withheld") != "balance"]
    found = pool(sound)
    everyone = sum(row["entrants"] for row in members)
    covered = sum(row["entrants"] for row in sound if row.get("means"))
    withheld: Any = None
    if found is None or covered < _COVERED * everyone:
        withheld = "balance" if len(sound) < len(members) else "power"
    elif min(found.support["events_entrants"], found.support["events_comparators"]) < FEWEST_EVENTS:
        withheld = "power"
    shown: Record = {"estimate": None, "low": None, "high": None, "withheld": withheld}
    if found is not None and withheld is None:
        shown = found.points(level=level)
    row: Record = {"variable": variable, "level": name, "entrants": covered, "effect_points": shown,
                   "contrast_p_holm": None, "contrast_p_bh": None}  # fmt: skip
    if found is not None:
        row |= found.siblings()
    contrast, variance = _pooled_contrast(sound)
    group = Subgroup(
        variable, name, None, None, Support(0, 0, None, None, 0), True, withheld, contrast,
        variance, withheld is None,
    )  # fmt: skip
    return row, group


def _pooled_contrast(rows: list[Record]) -> tuple[float | None, float | None]:
    known = [row for row in rows if (row.get("means") or {}).get("contrast_variance")]
    if not known:
        return None, None
    counts = np.array([row["entrants"] for row in known], dtype=float)
    shares = counts / counts.sum()
    contrast = float(np.sum(shares * [row["means"]["contrast"] for row in known]))
    variance = float(np.sum(shares**2 * [row["means"]["contrast_variance"] for row in known]))
    return contrast, variance
