"""Sentences that left a statistical room with counts in them, made fit to be published."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.counts import safe_text
from evaluation.wording import LANGUAGES, Language, catalogue, message

_NUMBER = re.compile(r"(?<![\w\-])\d+(?:[.,]\d+)?")
# Warnings that give the number of eligible entrants beside those without a comparison.
_LOSS_CODES = ("EVAL-412", "EVAL-414")
# Warnings that say that nobody in a group had an outcome.
_NOBODY_CODES = frozenset({"EVAL-520"})
_EFFECT_CODES = frozenset({"methods", "definitions", "power", "events"})


def masked_codes(
    reason: str | None, shown: Mapping[str, Any], *, balance: bool = True
) -> frozenset[str] | None:
    """Return the notices whose numbers would give back a withheld figure; None for all of them.

    ``balance`` says whether the largest standardised difference belongs to a published row.
    """
    if reason == "disclosure":
        return None
    codes = set(_NOBODY_CODES | _EFFECT_CODES if reason else _NOBODY_CODES)
    if shown["flow"]["lost_share"] is None:
        codes |= {"lost", *_LOSS_CODES}
    if shown["overlap"]["share_outside"] is None:
        codes.add("overlap")
    if not balance:
        codes.add("balance")
    return frozenset(codes)


def safe_notices(
    rows: Sequence[Mapping[str, Any]] | None, *, min_cell: int, masked: frozenset[str] | None
) -> list[dict[str, str]]:
    """Return codes and sentences; one whose numbers must not be known gets one without numbers.

    Parameters
    ----------
    rows : sequence of dict
        ``code``, ``text`` (in the study's language), ``text_fr``, ``text_en``.
    min_cell : int
        Smallest count that may be shown.
    masked : frozenset of str or None
        Codes whose numbers must not be known, None for all.
    """
    return [
        _safe(row, min_cell, hidden=masked is None or str(row["code"]) in masked)
        for row in rows or []
    ]


def _safe(row: Mapping[str, Any], min_cell: int, *, hidden: bool) -> dict[str, str]:
    code = str(row["code"])
    texts: dict[str, str] = {
        f"text_{language}": _plain(code, str(row[f"text_{language}"]), language)
        if hidden
        else safe_text(row[f"text_{language}"], min_cell=min_cell, language=language)
        for language in LANGUAGES
        if row.get(f"text_{language}")
    }
    own = next(
        (lang for lang in LANGUAGES if row.get("text") and row["text"] == row.get(f"text_{lang}")),
        None,
    )
    if own:
        texts["text"] = texts[f"text_{own}"]
    elif row.get("text"):
        text = str(row["text"])
        texts["text"] = _plain(code, text, "fr") if hidden else safe_text(text, min_cell=min_cell)
    return {"code": code, **texts}


def _plain(code: str, text: str, language: Language) -> str:
    """Return the sentence without numbers of a code; a text that has none stays."""
    if not _NUMBER.search(text) and code not in _NOBODY_CODES:
        return text
    words = catalogue(language)
    known = words.get(f"verdict.plain.{code}") or words.get(f"disclosure.plain.{code}")
    return known or message("disclosure.kept", language, code=code)
