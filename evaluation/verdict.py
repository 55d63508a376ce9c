"""The evidence grade of a territory: rules on its record, the most limiting reason first.

In: the unprotected record (plain numbers). Out: a grade (strong, moderate, weak, unusable) and its
reasons, each a code with its data. Thresholds stand in one table. Estimates nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal

from evaluation.study import OUTCOME_FAMILIES
from evaluation.wording import Language, message

Grade = Literal["strong", "moderate", "weak", "unusable"]
GRADES: tuple[Grade, ...] = ("strong", "moderate", "weak", "unusable")
Record = dict[str, Any]

# threshold: (at most moderate, at most weak, unusable); None where the rule does not reach so far.
# Balance follows the three classes of the What Works Clearinghouse (Handbook 5.0, 2022).
THRESHOLDS: dict[str, tuple[float | None, float | None, float | None]] = {
    "balance": (0.05, None, 0.25),  # largest |SMD| after matching
    "lost": (0.10, 0.30, 0.60),  # share of eligible entrants without a comparison
    "effective_comparators": (200, 100, 30),  # persons, Kish; fewer is worse
    "events": (60, 30, 10),  # in the smaller arm; fewer is worse
    "power": (3.0, 6.0, None),  # minimum detectable effect, points
    "overlap": (0.10, 0.20, 0.50),  # share of entrants outside the common support
    "definitions": (0.5, 1.0, None),  # shift across definitions, in half-widths of the interval
    "methods": (0.5, 1.0, None),  # distance of other methods, in half-widths of the interval
}
PLACEBO_MARGIN = 1.4
REFERENCE_POINTS = 3.0
_FEWER_IS_WORSE = frozenset({"effective_comparators", "events"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a grade is not higher.

    Attributes
    ----------
    code : str
        Stable code, its sentence is ``verdict.<code>`` of the catalogue.
    cap : str
        The best grade that it allows.
    data : dict
        Numbers of the sentence, unrounded.
    """

    code: str
    cap: Grade
    data: dict[str, Any] = field(default_factory=dict)

    def text(self, language: Language = "fr") -> str:
        """Return the sentence."""
        return reason_text(self.code, self.data, language)

    def to_dict(self, language: Language = "fr") -> dict[str, Any]:
        """Return code, cap and data, with the sentence in ``language`` and in both."""
        return {
            "code": self.code,
            "cap": self.cap,
            "data": self.data,
            "text": self.text(language),
            "text_fr": self.text("fr"),
            "text_en": self.text("en"),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Grade and reasons, the most limiting first; ``unusable`` withholds the headline."""

    grade: Grade
    reasons: tuple[Reason, ...] = ()

    def to_dict(self, language: Language = "fr") -> dict[str, Any]:
        """Return what stands in the record."""
        return {
            "grade": self.grade,
            "reasons": [reason.to_dict(language) for reason in self.reasons],
        }


def reason_text(code: str, data: dict[str, Any], language: Language = "fr") -> str:
    """Return the sentence of a reason, its numbers in the language's own writing."""
    shown = {name: _number(value, language) for name, value in data.items()}
    return message(f"verdict.{code}", language, **shown)


def grade(record: Record) -> Verdict:
    """Grade a record.

    Parameters
    ----------
    record : dict
        Unprotected record of a territory or of the nation.

    Returns
    -------
    Verdict
        The grade is the lowest cap of all reasons; without a reason it is ``strong``, which means
        strong for a study without random assignment.
    """
    reasons = [reason for rule in _RULES for reason in rule(record)]
    # Stable sort: among equal caps the order of the rules.
    reasons.sort(key=lambda reason: -GRADES.index(reason.cap))
    return Verdict(reasons[0].cap if reasons else "strong", tuple(reasons))


def _cap(name: str, value: float) -> Grade | None:
    """Return the best grade that a value allows, None when it limits nothing."""
    found: Grade | None = None
    for limit, allowed in zip(THRESHOLDS[name], GRADES[1:], strict=True):
        if limit is None:
            continue
        beyond = value < limit if name in _FEWER_IS_WORSE else value > limit
        found = allowed if beyond else found
    return found


def _measured(name: str, value: float | None, **data: Any) -> Iterator[Reason]:
    if value is None:
        yield Reason(f"{name}_unknown", "weak")
        return
    cap = _cap(name, value)
    if cap is not None:
        yield Reason(name, cap, {"value": float(value), **data})


def _estimable(record: Record) -> Iterator[Reason]:
    points = record["headline"]["effect_points"]
    if points["estimate"] is None or points.get("se") is None:
        yield Reason("no_estimate", "unusable")


def _balance(record: Record) -> Iterator[Reason]:
    worst = record["balance"]["max_abs_smd"]
    rows = [row for row in record["balance"]["rows"] if row["smd_after"] is not None]
    row = max(rows, key=lambda item: abs(item["smd_after"]), default={"covariate": "–"})
    yield from _measured("balance", worst, covariate=row["covariate"])


def _lost(record: Record) -> Iterator[Reason]:
    share = record["flow"]["lost_share"]
    yield from _measured("lost", share, percent=100 * (share or 0.0))


def _comparators(record: Record) -> Iterator[Reason]:
    yield from _measured("effective_comparators", record["flow"]["effective_comparators"])


def _events(record: Record) -> Iterator[Reason]:
    support = record["headline"].get("support", {})
    counts = [support.get("events_entrants"), support.get("events_comparators")]
    known = [count for count in counts if count is not None]
    yield from _measured("events", min(known) if known else None)


def _placebo(record: Record) -> Iterator[Reason]:
    points = record["placebo"]["effect_points"]
    estimate, se = points["estimate"], points.get("se")
    if estimate is None or se is None:
        yield Reason("placebo_missing", "moderate")
        return
    data = {"value": float(estimate), "margin": PLACEBO_MARGIN}
    if abs(estimate) > NormalDist().inv_cdf(0.975) * se:
        yield Reason("placebo_failed", "weak", data)
    elif abs(estimate) + NormalDist().inv_cdf(0.95) * se >= PLACEBO_MARGIN:
        yield Reason("placebo_inconclusive", "moderate", data)


def _power(record: Record) -> Iterator[Reason]:
    least = record["headline"]["minimum_detectable_points"]
    if least is None:
        return
    matched = record["flow"]["matched"]
    needed = math.ceil(matched * (least / REFERENCE_POINTS) ** 2)
    yield from _measured("power", least, needed=needed, points=REFERENCE_POINTS)


def _overlap(record: Record) -> Iterator[Reason]:
    outside = record["overlap"]["share_outside"]
    yield from _measured("overlap", outside, percent=100 * (outside or 0.0))


def _distance(record: Record, others: list[Record]) -> tuple[float, Record] | None:
    """Return the largest distance to the headline, in half-widths of its interval."""
    points = record["headline"]["effect_points"]
    if points["estimate"] is None or points["low"] is None or points["high"] is None:
        return None
    half = float(points["high"] - points["low"]) / 2
    known = [row for row in others if row["effect_points"]["estimate"] is not None]
    if not known or half <= 0:
        return None

    def gap(row: Record) -> float:
        return abs(float(row["effect_points"]["estimate"] - points["estimate"])) / half

    farthest = max(known, key=gap)
    return gap(farthest), farthest


def _methods(record: Record) -> Iterator[Reason]:
    others = [row for row in record["methods"] if not row["headline"]]
    missing = [row["name"] for row in others if row["effect_points"]["estimate"] is None]
    if missing or len(others) < 3:
        yield Reason("methods_missing", "moderate", {"count": 1 + len(others) - len(missing)})
    found = _distance(record, others)
    if found is not None:
        gap, row = found
        estimate = float(row["effect_points"]["estimate"])
        yield from _measured("methods", gap, method=row["name"], points=estimate)


def _definitions(record: Record) -> Iterator[Reason]:
    family = OUTCOME_FAMILIES.get(record["study"]["outcome"])
    # Entry into training is another question, not another definition of durable employment.
    others = [row for row in record["sensitivity"]["definitions"]
              if OUTCOME_FAMILIES.get(row["preset"]) == family]  # fmt: skip
    found = _distance(record, others)
    if found is not None:
        gap, row = found
        estimate = float(row["effect_points"]["estimate"])
        yield from _measured("definitions", gap, preset=row["preset"], points=estimate)


_RULES: tuple[Callable[[Record], Iterator[Reason]], ...] = (
    _estimable, _balance, _events, _placebo, _lost, _overlap, _comparators, _power, _methods,
    _definitions,
)  # fmt: skip


def _number(value: Any, language: Language) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    text = f"{value:.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.2g}"
    text = text.replace("-", "−")
    return text.replace(".", ",") if language == "fr" else text
