"""The answer and the verdict in whole sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from evaluation.reporting.speech import Speech
from evaluation.wording import Language, catalogue
from evaluation.wording.numbers import typeset

if TYPE_CHECKING:
    from evaluation.results import Notice, Results

Outcome = Literal["effect", "negative", "inconclusive", "not_publishable", "disclosure"]
REFERENCE_POINTS = 2.8
_QUOTED = re.compile(r"([«\"“]\s?)([a-z][a-z0-9_]*)(\s?[»\"”])")
SYMBOLS = {
    "effect": "▲", "negative": "▼", "inconclusive": "●", "not_publishable": "▢",
    "disclosure": "▢", "failed": "✕",
}  # fmt: skip
GRADE_SYMBOLS = {"strong": "●●●", "moderate": "●●○", "weak": "●○○", "unusable": "○○○"}


def outcome(results: Results) -> Outcome:
    """Return which of the five answers applies; the test on points decides."""
    head = results.headline
    if head.withheld is not None:
        return "disclosure" if head.withheld == "disclosure" else "not_publishable"
    if head.additional_returns.entrants_per_return is None:
        return "inconclusive"
    return "effect" if (head.effect_points.estimate or 0) > 0 else "negative"


def answer(results: Results, *, language: Language) -> str:
    """Return the answer in one sentence, with its range."""
    say, kind = Speech(language), outcome(results)
    head = results.headline
    effect = head.effect_points
    if kind in ("not_publishable", "disclosure"):
        return say(f"answer.{kind}")
    if kind == "inconclusive":
        low, high = effect.low, effect.high
        both = low is not None and high is not None and low <= REFERENCE_POINTS <= high
        return say(
            "answer.inconclusive_reference" if both else "answer.inconclusive",
            matched=say.count(results.flow.matched),
            detectable=say.points(head.minimum_detectable_points),
            effect=say.points(effect.estimate, sign=True),
            low=say.number(low, sign=True),
            high=say.number(high, sign=True),
        )
    ends = sorted(abs(end) for end in (effect.low, effect.high) if end is not None)
    return say(
        f"answer.{kind}",
        effect=say.points(abs(effect.estimate or 0)),
        low=say.number(ends[0]),
        high=say.number(ends[-1]),
        horizon=results.study.horizon_months,
        rate_entrants=say.percent(head.rate_entrants.estimate),
        rate_comparison=say.percent(head.rate_comparison.estimate),
    )


def notice(item: Notice, results: Results, language: Language) -> tuple[str, str]:
    """Return the sentence of a notice and the language it is written in.

    The study's language is what ``text`` holds; for the other language the catalogue is asked for
    a sentence without placeholders under the notice's code.
    """
    own = {"fr": item.text_fr, "en": item.text_en}[language]
    if own:
        return typeset(_named(own, language), language), language
    if language == results.study.language and item.text:
        return typeset(_named(item.text, language), language), language
    for key in (f"verdict.{item.code}", f"verdict.reason.{item.code}", f"reason.{item.code}"):
        known = catalogue(language).get(key)
        if known and "{" not in known:
            return typeset(known, language), language
    return item.text or item.code, results.study.language


def _named(text: str, language: Language) -> str:
    """Replace quoted codes (a covariate, a method, a definition) by their labels."""
    say = Speech(language)
    return _QUOTED.sub(lambda found: found[1] + say.name(found[2]) + found[3], text)


def reasons(results: Results, language: Language) -> list[tuple[str, str]]:
    """Return why the evidence has its grade; a general sentence when nothing is held against it."""
    listed = [notice(item, results, language) for item in results.verdict.reasons]
    say = Speech(language)
    return listed or [(say(f"verdict.{results.verdict.grade}_text"), language)]
