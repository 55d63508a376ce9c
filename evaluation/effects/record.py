"""How effects are written into the record: units, siblings, nulls."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.effects.bands import Bands
from evaluation.effects.effect import Effect
from evaluation.effects.subgroups import Subgroup
from evaluation.effects.types import Floats, Interval, Uplift
from evaluation.errors import Fault
from evaluation.wording import LANGUAGES, Language, message


def limits(interval: Interval, *, test: bool = False) -> dict[str, Any]:
    """Return estimate, low and high (with se and p_value when ``test``) of an interval."""
    shown: dict[str, Any] = {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }
    if test:
        shown |= {"se": interval.se, "p_value": interval.p_value}
    if interval.unbounded:
        shown["unbounded"] = True
    return shown


def uplift_of(uplift: Uplift, *, withheld: str | None = None) -> dict[str, Any]:
    """Return the relative effect and Fieller's limits; ``unbounded`` marks limits that are null."""
    if withheld is not None:
        nothing = limits(Interval(None)) | {"fieller_low": None, "fieller_high": None}
        return nothing | {"withheld": withheld}
    shown = limits(uplift) | {
        "fieller_low": uplift.fieller_low,
        "fieller_high": uplift.fieller_high,
    }
    if uplift.unbounded or uplift.fieller_unbounded:
        shown["unbounded"] = True
    return shown


def points_of(effect: Effect, *, test: bool = False) -> dict[str, Any]:
    """Return the effect in points; a withheld effect is empty and says why."""
    return _shown(effect, effect.points or effect.difference, test=test)


def _shown(effect: Effect, quantity: Interval, *, test: bool = False) -> dict[str, Any]:
    if effect.withheld is None:
        return limits(quantity, test=test)
    return limits(Interval(None), test=test) | {"withheld": effect.withheld}


def siblings(effect: Effect) -> dict[str, Any]:
    """Return what stays in the work folder beside a figure: counts, means and covariance in %."""
    return {
        "support": effect.support.to_dict(),
        "covariance": (effect.covariance * 1e4).tolist(),
        "means": {
            "treated": 100 * (effect.rate_treated.estimate or 0.0),
            "comparison": 100 * (effect.rate_comparison.estimate or 0.0),
        },
    }


def headline_of(effect: Effect, *, minimum_detectable: float | None) -> dict[str, Any]:
    """Return the ``headline`` object of an effect."""
    return {
        "rate_entrants": limits(effect.rate_treated.scaled(100)),
        "rate_comparison": limits(effect.rate_comparison.scaled(100)),
        "effect_points": points_of(effect, test=True),
        "uplift_percent": uplift_of(effect.uplift, withheld=effect.withheld),
        "additional_returns": _shown(effect, effect.additional),
        "minimum_detectable_points": minimum_detectable,
        **siblings(effect),
    }


def curve_of(effects: dict[int, Effect], bands: Bands | None) -> list[dict[str, Any]]:
    """Return one object per month; the band holds all months at once, the limits each month."""
    rows = []
    for month, effect in sorted(effects.items()):
        scale = 100.0 if effect.is_binary else 1.0
        low, high = (None, None) if bands is None else bands.limits(month, scale=scale)
        rows.append(
            {
                "month": month,
                "rate_entrants": 100 * (effect.rate_treated.estimate or 0.0),
                "rate_comparison": 100 * (effect.rate_comparison.estimate or 0.0),
                "effect_points": points_of(effect) | {"band_low": low, "band_high": high},
                "effect_covariance": {} if bands is None else bands.row(month, scale=scale),
                **siblings(effect),
            }
        )
    return rows


def method_of(effect: Effect, *, headline: bool) -> dict[str, Any]:
    """Return one row of ``methods``."""
    points = points_of(effect, test=True)
    return {
        "name": effect.method,
        "headline": headline,
        "effect_points": points,
        "uplift_percent": _shown(effect, effect.uplift),
        **siblings(effect),
    }


def empty_method(name: str, reason: str, *, headline: bool = False) -> dict[str, Any]:
    """Return the row of a method that gave no estimate."""
    nothing = {"estimate": None, "low": None, "high": None}
    return {
        "name": name,
        "headline": headline,
        "effect_points": {**nothing, "se": None, "p_value": None, "withheld": reason},
        "uplift_percent": {**nothing, "withheld": reason},
    }


def subgroup_of(group: Subgroup, *, level: float) -> dict[str, Any]:
    """Return one row of ``subgroups``; the raw figures stay in ``means`` and ``covariance``."""
    shown: dict[str, Any] = {"estimate": None, "low": None, "high": None}
    if group.withheld is None:
        shown = limits(subgroup_points(group.means, group.covariance, level=level))
    else:
        shown["withheld"] = group.withheld
    row: dict[str, Any] = {
        "variable": group.variable,
        "level": group.level,
        "entrants": group.support.entrants,
        "effect_points": shown,
        "contrast_p_holm": group.contrast_p_holm,
        "contrast_p_bh": group.contrast_p_bh,
        "support": group.support.to_dict(),
    }
    if group.means is not None and group.covariance is not None:
        scale = None if group.contrast is None else 100 * group.contrast
        spread = None if group.contrast_variance is None else 1e4 * group.contrast_variance
        row["covariance"] = (group.covariance * 1e4).tolist()
        row["means"] = {
            "treated": 100 * float(group.means[0]),
            "comparison": 100 * float(group.means[1]),
            "contrast": scale,
            "contrast_variance": spread,
        }
    return row


def subgroup_points(means: Floats | None, covariance: Floats | None, *, level: float) -> Interval:
    """Return the effect in points of two means and their covariance, both as proportions."""
    from evaluation.effects.intervals import wald

    if means is None or covariance is None:
        return Interval(None)
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    return wald(float(means[0] - means[1]), variance, level=level).scaled(100)


def warnings_of(faults: list[Fault], language: Language) -> list[dict[str, Any]]:
    """Return the warnings, each once, in the study's language and in both."""
    rows: dict[str, dict[str, Any]] = {}
    for fault in faults:
        texts = {
            tongue: message(f"{fault.code}.what", tongue, **fault.data) for tongue in LANGUAGES
        }
        rows.setdefault(
            texts["fr"],
            {
                "code": fault.code,
                "text": texts[language],
                "text_fr": texts["fr"],
                "text_en": texts["en"],
                "data": _data(fault.data),
            },
        )
    return list(rows.values())


def _data(values: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a fault as JSON types."""
    shown: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, (list, tuple, set, frozenset)):
            shown[key] = [str(item) for item in value]
        elif isinstance(value, np.generic):
            shown[key] = value.item()
        else:
            shown[key] = value if isinstance(value, (int, float, str)) else str(value)
    return shown
