"""The rules of outcomes written out with dates and lists, one person and one contract at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.cohort.test_oracle import FAR, Row, moved, spell_starts

DAY = timedelta(days=1)
FIXED = {"CDD", "AIDE", "APP", "PRO", "SAIS"}
EVERYONE = {*FIXED, "CTT", "OTHER"}
ORDER = ["CDI", "CDD", "CTT", "AIDE", "APP", "PRO", "SAIS", "OTHER"]


@dataclass(frozen=True)
class Rule:
    """Whose length decides, the length in months or days, whether it must be passed."""

    kinds: set[str]
    length: int
    days: bool | None = None
    more: bool = False
    missing: str | None = None


RULES = {
    "es47": Rule(EVERYONE, 6, more=True),
    "lolf_p102": Rule(EVERYONE, 6),
    "dares_midas": Rule(FIXED, 180, days=True, more=True, missing="durable"),
    "unedic_180": Rule(FIXED, 180, days=True, missing="until_extraction"),
    "dares_sortants": Rule(FIXED, 6),
    "access_1_month": Rule(EVERYONE, 30, days=True),
}


@dataclass(frozen=True)
class Conventions:
    """What the study leaves open."""

    gap: int
    days: bool
    missing: str
    extraction: date


def is_durable(
    preset: str, kind: str, start: date, end: date | None, rules: Conventions
) -> bool:  # fmt: skip
    rule = RULES[preset]
    if kind == "CDI":
        return True
    if kind not in rule.kinds:
        return False
    if end is None:
        missing = rule.missing or rules.missing
        if missing != "until_extraction":
            return missing == "durable"
        end = rules.extraction
    if rule.days or (rule.days is None and rules.days):
        needed = rule.length if rule.days else 30 * rule.length
        worked = (end - start).days + 1
        return worked > needed if rule.more else worked >= needed
    target = moved(start, rule.length) - DAY
    return end > target if rule.more else end >= target


def firm(hire: Row) -> Any:
    name = hire["user_employer_id"] if hire["contract_type"] == "CTT" else hire["employer_id"]
    if name is None or hire["contract_type"] == "CDI":
        return None
    return (name, hire["contract_type"] == "CTT")


def chains(hires: list[Row], gap: int) -> list[list[Row]]:
    """Return the chains of one person, each a list of contracts in order."""
    ordered = sorted(
        hires,
        key=lambda h: (h["hire_date"], h["planned_end_date"] or date.min,
                       ORDER.index(h["contract_type"])),
    )  # fmt: skip
    found: list[list[Row]] = []
    open_chain: dict[Any, list[Row]] = {}
    for hire in ordered:
        name = firm(hire) if gap else None
        chain = open_chain.get(name) if name else None
        joins = False
        if chain and all(part["planned_end_date"] for part in chain):
            until = max(part["planned_end_date"] for part in chain)
            joins = (hire["hire_date"] - until).days - 1 <= gap
        if chain is None or not joins:
            chain = []
            found.append(chain)
        chain.append(hire)
        if name:
            open_chain[name] = chain
    return found


@dataclass(frozen=True)
class Job:
    """A durable chain: its first day, when it was long enough, the days it was held."""

    start: date
    known: date
    held: list[date]


def jobs(
    preset: str, hires: list[Row], registrations: list[Row], rules: Conventions
) -> list[Job]:  # fmt: skip
    """Return the durable jobs of one person; ``held`` are the last days of its durable stages."""
    spells = sorted(set(spell_starts(registrations)))
    found = []
    known_by_then = [
        h for h in hires if not h["cancelled"] and h["hire_date"] <= rules.extraction
    ]  # fmt: skip
    for chain in chains(known_by_then, rules.gap):
        start, known, held = chain[0]["hire_date"], None, []
        for i, hire in enumerate(chain):
            ends = [part["planned_end_date"] for part in chain[: i + 1]]
            end = None if ends[-1] is None else max(ends)
            if is_durable(preset, hire["contract_type"], start, end, rules):
                known = known or hire["hire_date"]
                again = [s for s in spells if s > hire["hire_date"]]
                held.append(end or (again[0] - DAY if again else FAR))
        if known:
            found.append(Job(start, known, held))
    return found


def accessed(found: list[Job], index: date, month: int) -> bool:
    return any(index < job.start <= moved(index, month) for job in found)


def placebo(found: list[Job], index: date, month: int) -> bool:
    return any(moved(index, -month) <= job.start < index and job.known < index for job in found)


def present(found: list[Job], index: date, month: int) -> bool:
    day = moved(index, month)
    return any(job.start <= day <= last for job in found for last in job.held)
