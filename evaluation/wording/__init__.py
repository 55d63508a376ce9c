"""The message catalogue: every sentence a person reads, in French and in English.

In: a key and the values it needs. Out: a sentence. The TOML files of ``fr/`` and ``en/`` have the
same names, keys and placeholders (a test holds them to it). Must never compute a number.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Return all sentences of a language as ``{"table.key": "sentence with {placeholders}"}``.

    Raises
    ------
    KeyError
        When two files declare the same key.
    """
    sentences: dict[str, str] = {}
    folder = files("evaluation.wording") / language
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            for key, sentence in _flatten(tomllib.loads(file.read_text("utf-8"))):
                if key in sentences:
                    raise KeyError(f"{key} stands twice in the {language} catalogue ({file.name})")
                sentences[key] = sentence
    return sentences


def _flatten(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            pairs += _flatten(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", str(value)))
    return pairs


def message(key: str, language: Language = "fr", /, **values: Any) -> str:
    """Return one sentence with its placeholders filled.

    Lists are joined with commas, floats written as the language does (six digits at most).

    Examples
    --------
    >>> message("list.empty", "en")
    'none'
    """
    shown = {name: _shown(value, language) for name, value in values.items()}
    return catalogue(language)[key].format_map(shown)


def _shown(value: Any, language: Language) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(str(item) for item in value) or catalogue(language)["list.empty"]
    if isinstance(value, float):
        return f"{value:.6g}".replace(".", "," if language == "fr" else ".")
    return value
