"""Declarations, profiles, spellings, privacy and the codebook, without any file of rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import EvaluationError
from evaluation.register import engine, examples, expressions, privacy
from evaluation.register.codebook import codebook
from evaluation.register.profile import load_profile, parse_profile, profiles
from evaluation.register.schema import TABLES, code_lists, tables
from evaluation.territories import DEPARTMENTS, REGIONS

ROOT = Path(__file__).parents[2]
ALL_COLUMNS = [c for name in TABLES for c in tables()[name].columns.values()]


def test_the_codebook_is_the_schema() -> None:
    assert (ROOT / "data" / "codebook.md").read_text("utf-8") == codebook()


def test_every_code_list_is_used_and_territories_are_complete() -> None:
    used = [column.codes for column in ALL_COLUMNS if column.codes]
    assert all(codes in used for codes in code_lists().values())
    assert set(code_lists()["region"]) == set(REGIONS)
    assert set(code_lists()["department"]) == set(DEPARTMENTS)


def test_declarations_are_whole() -> None:
    for column in ALL_COLUMNS:
        assert all(column.labels), column.name
        assert (column.kind == "code") == bool(column.codes)
        assert column.kind != "date" or column.low
        assert all(all(labels) for labels in column.codes.values())


def test_official_lists() -> None:
    lists = code_lists()
    assert list(lists["exit_reason"]) == [f"{i:02d}" for i in range(1, 17)]
    assert set(lists["registration_reason"]) == set("123456789ZABCDEFGIJK")
    levels = ["AFS", "CFG", "CP4", "C12", "C3A", "NV5", "NV4", "NV3", "NV2", "NV1", "INC"]
    assert list(lists["education"]) == levels
    types = ["CDI", "CDD", "CTT", "AIDE", "APP", "PRO", "SAIS", "OTHER"]
    assert list(lists["contract_type"]) == types


def test_bounds_that_depend_on_the_extraction() -> None:
    registrations = tables()["registrations"].columns
    assert registrations["birth_year"].bounds(date(2025, 1, 31)) == ("1900", "2015")
    assert registrations["registration_date"].bounds(date(2025, 1, 31))[1] == "2025-01-31"


@pytest.mark.parametrize("column", [c for c in ALL_COLUMNS if c.codes], ids=lambda c: c.name)
def test_no_spelling_means_two_codes(column: expressions.Column) -> None:
    spellings = expressions.respellings(column, {})
    assert not set(spellings) & set(column.codes)
    assert set(spellings.values()) <= set(column.codes)


def test_profiles() -> None:
    assert "toolkit" in profiles()
    profile = load_profile("toolkit")
    assert profile.code_map("registrations", "category")["3"] == "C"
    assert profile.source_name("hires", "hire_date") == "hire_date"


def test_a_profile_is_checked_whole() -> None:
    declared = {
        "profile": {"name": "x"},
        "hire": {},
        "hires": {"columns": {"hire_dat": "DebutCTT"}, "codes": {"contract_type": {"01": "CDDD"}}},
    }
    with pytest.raises(EvaluationError) as caught:
        parse_profile("x", declared)
    found = {(f.data["key"], f.data["nearest"]) for f in caught.value.faults}
    assert found == {("hire", "hires"), ("hire_dat", "hire_date"), ("CDDD", "CDD")}


def evaluate(sql: str) -> object:
    return duckdb.execute(f"SELECT {sql}").fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("29/02/2024", date(2024, 2, 29)),
        ("1/2/2024", date(2024, 2, 1)),
        ("2024-02-29 00:00:00", date(2024, 2, 29)),
        ("2024-02-29T10:00:00", date(2024, 2, 29)),
        ("2023-02-29", None),
        ("31/04/2024", None),
        ("12/31/2024", None),
        ("infinity", None),
        ("01/02/24", None),
        ("20240229", None),
        ("2024-2-9", None),
    ],
)
def test_dates(text: str, expected: date | None) -> None:
    column = tables()["hires"].columns["hire_date"]
    assert evaluate(expressions.typed(column, engine.quote(text), "VARCHAR", {})) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("-3", -3), ("12,0", 12), ("12.0", 12), ("12,7", None), ("1 000", 1000),
     ("1 00", None), ("9e99", None), ("inf", None), ("nan", None), ("0x10", None)],
)  # fmt: skip
def test_integers(text: str, expected: int | None) -> None:
    column = tables()["registrations"].columns["children"]
    assert evaluate(expressions.typed(column, engine.quote(text), "VARCHAR", {})) == expected


@pytest.mark.property
@given(st.text(max_size=30))
def test_any_text_passes_through_sql_unharmed(text: str) -> None:
    plain = text.replace("\x00", "")
    assert evaluate(engine.quote(plain)) == plain


@pytest.mark.property
@given(st.from_regex("[A-Z]?[a-z]{4,15}([ -][A-Z][a-z]{2,8})?", fullmatch=True))
def test_a_rare_word_far_from_the_codes_shows_only_its_shape(word: str) -> None:
    shown = examples.shown_code(word, 10, ["1", "2"], 11)
    assert set(shown) <= set("Aa -…")
    assert examples.shown_code(word, 11, ["1", "2"], 11) in (word, shown)


@pytest.mark.property
@given(
    sex=st.sampled_from("123478"), year=st.integers(0, 99), month=st.integers(1, 12),
    department=st.sampled_from(sorted(d for d in DEPARTMENTS if len(d) == 2)),
    rest=st.integers(0, 999999), key=st.one_of(st.none(), st.integers(1, 97)),
)  # fmt: skip
def test_every_national_number_is_seen(
    sex: str, year: int, month: int, department: str, rest: int, key: int | None
) -> None:
    nir = f"{sex}{year:02d}{month:02d}{department}{rest:06d}" + (
        "" if key is None else f"{key:02d}"
    )
    for person in (True, False):
        terms = privacy.counts("t", person=person, free=False)
        sql = f"SELECT {', '.join(terms.values())} FROM (SELECT {engine.quote(nir)} AS t)"
        found = dict(zip(terms, duckdb.execute(sql).fetchall()[0], strict=True))
        assert "EVAL-230" in privacy.verdicts(found, person=person)
