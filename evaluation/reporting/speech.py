"""The catalogue and the number formats bound to one language, as templates use them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from evaluation.results import Figure
from evaluation.territories import REGIONS, Territory
from evaluation.wording import Language, catalogue, numbers


@dataclass(frozen=True, slots=True)
class Speech:
    """One language's voice.

    Attributes
    ----------
    language : str
        ``fr`` or ``en``.
    """

    language: Language

    def __call__(self, key: str, **values: Any) -> str:
        """Return the sentence ``report.<key>``, typeset, with its placeholders filled."""
        sentence = numbers.typeset(catalogue(self.language)[f"report.{key}"], self.language)
        return sentence.format_map(values)

    def word(self, group: str, code: str) -> str:
        """Return the wording of a code, the code itself when the catalogue does not know it."""
        known = catalogue(self.language).get(f"report.{group}.{code}")
        return numbers.typeset(known, self.language) if known else code

    def count(self, value: float | None) -> str:
        """Return a count of people, ``secret`` for none."""
        return self("flow.hidden") if value is None else numbers.number(value, self.language)

    def number(self, value: float | None, digits: int = 1, sign: bool = False) -> str:
        """Return a plain number."""
        return numbers.number(value, self.language, digits=digits, sign=sign)

    def percent(self, value: float | None, digits: int = 1, sign: bool = False) -> str:
        """Return a rate or a relative change."""
        return numbers.percent(value, self.language, digits=digits, sign=sign)

    def share(self, value: float | None, digits: int = 0) -> str:
        """Return a share (0 to 1) in percent."""
        return self.percent(None if value is None else 100 * value, digits=digits)

    def points(self, value: float | None, sign: bool = False) -> str:
        """Return a difference of rates with its unit."""
        return numbers.points(value, self.language, sign=sign)

    def interval(self, figure: Figure, digits: int = 1) -> str:
        """Return the interval of a figure."""
        return numbers.interval(figure.low, figure.high, self.language, digits=digits)

    def estimate(self, figure: Figure, digits: int = 1) -> str:
        """Return a signed estimate, or the reason why there is none."""
        if figure.withheld:
            return self.reason(figure.withheld)
        return self.number(figure.estimate, digits, sign=True)

    def reason(self, code: str) -> str:
        """Return in a word why a figure is not there."""
        known = f"report.outcome.{code}" in catalogue(self.language)
        return self(f"outcome.{code if known else 'not_estimated'}")

    def p(self, value: float | None) -> str:
        """Return a p value."""
        return numbers.p_value(value, self.language)

    def day(self, value: str) -> str:
        """Return a date in words."""
        return numbers.day(value, self.language)

    def place(self, place: Territory) -> str:
        """Return the name of a territory in this language (a study's own name is kept)."""
        region = REGIONS.get(place.code) if place.level == "region" else None
        if region is not None and self.language == "en" and place.name == region.name:
            return region.name_en
        return place.name

    def name(self, code: str) -> str:
        """Return the label of a covariate, a method or a definition; else the code itself."""
        label = _label(code, self.language)
        words = [self.word(group, code) for group in ("method", "preset")]
        return label or next((word for word in words if word != code), code)

    def covariate(self, name: str, level: str | None = None) -> str:
        """Return the label of a covariate, with its level."""
        label = _label(name, self.language) or self.word("variable", name)
        if level is None:
            return label
        return self("subgroups.name", variable=label, level=self.level(name, level))

    def level(self, variable: str, level: str) -> str:
        """Return the wording of a level of a variable."""
        known = self.word("level", f"{variable}_{level}")
        if known != f"{variable}_{level}":
            return known
        flags = {"1": "yes", "0": "no", "True": "yes", "False": "no", "-1": "missing"}
        return self.word("level", flags.get(level, level))

    def step(self, names: str) -> str:
        """Return the wording of a filter, or of several merged ones."""
        words = [self.word("step", name) for name in names.split("+")]
        joined = words[0]
        for word in words[1:]:
            joined = self("step.joined", first=joined, second=word)
        return joined


@cache
def _label(name: str, language: Language) -> str | None:
    """Return a declared label; a family ``days_employed_q{k}`` fills its own placeholders."""
    labels = _labels(language)
    if name in labels:
        return numbers.typeset(labels[name], language)
    for pattern, label in labels.items():
        if "{" in pattern:
            expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\w+)", re.escape(pattern))
            found = re.fullmatch(expression, name)
            if found:
                return numbers.typeset(label, language).format_map(found.groupdict())
    return None


@cache
def _labels(language: Language) -> dict[str, str]:
    """Return the labels of ``cohort/variables.toml`` (a data file, no code of the room)."""
    file = files("evaluation") / "cohort" / "variables.toml"
    if not file.is_file():
        return {}
    tables: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    return {
        name: str(entry[f"label_{language}"])
        for name, entry in _entries(tables)
        if f"label_{language}" in entry
    }


def _entries(tables: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for name, entry in tables.items():
        if isinstance(entry, dict):
            is_leaf = any(key.startswith("label_") for key in entry)
            found += [(name, entry)] if is_leaf else _entries(entry)
    return found
