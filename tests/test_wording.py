"""Both languages say the same things: same files, keys and placeholders; sound French."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import evaluation
from evaluation.wording import LANGUAGES, _flatten, catalogue
from evaluation.wording import numbers as n

FOLDER = files("evaluation.wording")
NAMES = sorted({f.name for lang in LANGUAGES for f in (FOLDER / lang).iterdir()})
_CODE = re.compile(r"EVAL-\d{3}")


def sentences(language: str, name: str) -> dict[str, str]:
    return dict(_flatten(tomllib.loads((FOLDER / language / name).read_text("utf-8"))))


def placeholders(sentence: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field is not None}


@pytest.mark.parametrize("name", NAMES)
def test_same_keys_and_placeholders_in_both_languages(name):
    fr, en = sentences("fr", name), sentences("en", name)
    assert set(fr) == set(en)
    wrong = [key for key in fr if placeholders(fr[key]) != placeholders(en[key])]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_or_declared_twice(language):
    assert all(sentence.strip() for sentence in catalogue(language).values())


def test_every_code_raised_has_what_and_remedy():
    """Find string literals passed to fail, warn, Fault in the code; each has its sentences."""
    known = catalogue("fr")
    missing = set()
    for path in Path(evaluation.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in {"fail", "warn", "Fault"} and isinstance(first, ast.Constant):
                code = str(first.value)
                if _CODE.fullmatch(code):
                    missing |= {k for k in (f"{code}.what", f"{code}.remedy") if k not in known}
    assert missing == set()


def test_report_keys_used_by_templates_exist():
    folder = files("evaluation.reporting") / "templates"
    used = {
        key
        for file in folder.iterdir()
        if file.name.endswith(".j2")
        for key in re.findall(r'\bt\("([\w.]+)"', file.read_text("utf-8"))
    }
    assert used
    assert {key for key in used if f"report.{key}" not in catalogue("fr")} == set()


def test_french_spaces_and_apostrophes():
    made = n.typeset("L'effet : « oui » ; 3 % !", "fr")
    assert made == "L’effet\u202f: «\u202foui\u202f»\u202f; 3\u202f%\u202f!"
    assert n.typeset("The effect: 3%", "en") == "The effect: 3%"


@pytest.mark.parametrize(
    ("value", "digits", "fr", "en"),
    [
        (1234567.0, 0, "1\u202f234\u202f567", "1,234,567"),
        (-2.84, 1, "−2,8", "−2.8"),
        (-0.04, 1, "0,0", "0.0"),
        (None, 1, "–", "–"),
    ],
)
def test_numbers(value, digits, fr, en):
    assert n.number(value, "fr", digits=digits) == fr
    assert n.number(value, "en", digits=digits) == en


def test_units_intervals_dates_and_p_values():
    assert n.percent(13.1, "fr") == "13,1\u202f%"
    assert n.percent(13.1, "en") == "13.1%"
    assert n.points(1.5, "fr") == "1,5\u00a0point"
    assert n.points(2.9, "fr", sign=True) == "+2,9\u00a0points"
    assert n.points(1.0, "en") == "1.0\u00a0point"
    assert n.interval(1.0, 5.0, "fr") == "[1,0\u202f;\u00a05,0]"
    assert n.interval(None, 5.0, "en") == "[−∞, 5.0]"
    assert n.day("2023-01-01", "fr") == "1er\u00a0janvier 2023"
    assert n.day("2023-12-31", "en") == "31\u00a0December 2023"
    assert n.p_value(0.0001, "fr") == "<\u00a00,001"
    assert n.p_value(0.086, "fr") == "0,086"
