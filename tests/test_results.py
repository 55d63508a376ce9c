"""The results file: complete, finite, atomic, the same bytes twice, tidy rows."""

from __future__ import annotations

import json

import pytest

from evaluation.disclosure import protect
from evaluation.errors import EvaluationError
from evaluation.results import COLUMNS, Results, json_schema
from tests.reporting.records import CASES, effect_record, results

KEYS = {
    "schema_version", "territory", "study", "flow", "headline", "raw", "curve", "balance",
    "overlap", "placebo", "methods", "sensitivity", "subgroups", "monitoring", "warnings",
    "verdict", "nation",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_key_is_there_and_the_file_comes_back(case, tmp_path):
    made = results(case)
    path = made.write(tmp_path / "results" / "24.json")
    raw = path.read_bytes()
    assert set(json.loads(raw)) == KEYS
    assert b"\r" not in raw
    assert b"NaN" not in raw
    assert Results.read(path) == made
    assert [file.name for file in path.parent.iterdir()] == ["24.json"]


def test_same_bytes_twice_whatever_the_order_of_keys():
    record = effect_record()
    turned = dict(reversed(list(record.items())))
    assert Results.of(protect(record)).to_json() == Results.of(protect(turned)).to_json()


def test_withheld_is_written_only_where_it_applies():
    assert "withheld" not in results("effect").to_dict()["headline"]
    head = results("tiny").to_dict()["headline"]
    assert head["withheld"] == "disclosure"
    assert head["effect_points"]["estimate"] is None


def test_frame_has_the_columns_of_the_csv():
    frame = results("effect").frame
    assert tuple(frame.columns) == COLUMNS
    assert list(frame.method[:4]) == ["nearest", "radius", "ipw", "entropy_balancing"]
    first = frame.iloc[0]
    assert (first.rate_entrants, first.rate_comparison, first.effect_points) == (13.2, 10.3, 2.9)
    assert set(frame.outcome) == {"es47", "lolf_p102", "dares_midas", "unedic_180"}
    assert frame.subgroup.notna().sum() == 7


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "EVAL-610"), ("{}", "EVAL-611"), ('{"schema_version": 9}', "EVAL-612")],
)
def test_unreadable_files_are_refused_with_a_remedy(tmp_path, text, code):
    path = tmp_path / "24.json"
    path.write_text(text, "utf-8")
    with pytest.raises(EvaluationError) as caught:
        Results.read(path)
    assert caught.value.code == code
    assert "24.json" in caught.value.text("fr")
    assert "→" in caught.value.text("en")


def test_unknown_key_nan_and_hidden_number_are_refused():
    for change in (
        lambda data: data.update(extra=1),
        lambda data: data["headline"].update(minimum_detectable_points=float("nan")),
        lambda data: data["headline"]["effect_points"].update(withheld="disclosure"),
    ):
        data = results("effect").to_dict()
        change(data)
        with pytest.raises(EvaluationError, match="EVAL-611"):
            Results.of(data)


def test_notebook_view_says_secret():
    assert "secret" in results("tiny")._repr_html_()
    shown = results("effect")._repr_html_()
    assert "13,2" in shown
    assert "<caption>" in shown


def test_schema_is_json_and_names_every_key():
    assert set(json.loads(json_schema())["properties"]) == KEYS
