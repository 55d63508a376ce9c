from __future__ import annotations

import copy
from typing import Any

import pytest

from evaluation.verdict import GRADES, THRESHOLDS, grade, reason_text
from evaluation.wording import catalogue


def sound() -> dict[str, Any]:
    """Return a record in which nothing limits the grade."""

    def points(estimate: float, se: float) -> dict[str, float]:
        return {"estimate": estimate, "low": estimate - 2 * se, "high": estimate + 2 * se, "se": se}

    others = ["radius", "ipw", "entropy_balancing"]
    return {
        "flow": {"matched": 5000, "lost_share": 0.02, "effective_comparators": 9000.0},
        "headline": {
            "effect_points": points(2.8, 0.6),
            "minimum_detectable_points": 1.7,
            "support": {"events_entrants": 650, "events_comparators": 1500},
        },
        "balance": {"max_abs_smd": 0.02, "rows": [{"covariate": "age", "smd_after": 0.02}]},
        "overlap": {"share_outside": 0.01},
        "placebo": {"effect_points": points(0.1, 0.3)},
        "methods": [{"name": "nearest", "headline": True, "effect_points": points(2.8, 0.6)}]
        + [{"name": n, "headline": False, "effect_points": points(2.7, 0.6)} for n in others],
        "study": {"outcome": "es47"},
        "sensitivity": {
            "definitions": [{"preset": "unedic_180", "effect_points": points(2.9, 0.6)}]
        },
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    record = sound()
    *parents, last = path.split(".")
    place = record
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[last] = value
    return record


def test_a_sound_record_is_strong_without_reason():
    verdict = grade(sound())
    assert verdict.grade == "strong"
    assert verdict.reasons == ()


@pytest.mark.parametrize(
    ("path", "value", "want", "code"),
    [
        ("balance.max_abs_smd", 0.07, "moderate", "balance"),
        ("balance.max_abs_smd", 0.24, "moderate", "balance"),
        ("balance.max_abs_smd", 0.26, "unusable", "balance"),
        ("balance.max_abs_smd", None, "weak", "balance_unknown"),
        ("flow.lost_share", 0.11, "moderate", "lost"),
        ("flow.lost_share", 0.31, "weak", "lost"),
        ("flow.lost_share", 0.65, "unusable", "lost"),
        ("flow.effective_comparators", 150.0, "moderate", "effective_comparators"),
        ("flow.effective_comparators", 20.0, "unusable", "effective_comparators"),
        ("headline.support.events_entrants", 45, "moderate", "events"),
        ("headline.support.events_comparators", 29, "weak", "events"),
        ("headline.support.events_entrants", 9, "unusable", "events"),
        ("headline.minimum_detectable_points", 4.6, "moderate", "power"),
        ("headline.minimum_detectable_points", 7.0, "weak", "power"),
        ("overlap.share_outside", 0.12, "moderate", "overlap"),
        ("overlap.share_outside", 0.6, "unusable", "overlap"),
        ("placebo.effect_points", {"estimate": 2.0, "se": 0.6}, "weak", "placebo_failed"),
        ("placebo.effect_points", {"estimate": 0.3, "se": 1.1}, "moderate", "placebo_inconclusive"),
        ("placebo.effect_points", {"estimate": None}, "moderate", "placebo_missing"),
        ("methods.1.effect_points", {"estimate": 3.6}, "moderate", "methods"),
        ("methods.1.effect_points", {"estimate": 0.5}, "weak", "methods"),
        ("methods.1.effect_points", {"estimate": None}, "moderate", "methods_missing"),
        ("sensitivity.definitions.0.effect_points", {"estimate": 1.0}, "weak", "definitions"),
        ("headline.effect_points.se", None, "unusable", "no_estimate"),
    ],
)
def test_each_rule_alone(path, value, want, code):
    verdict = grade(changed(path, value))
    assert verdict.grade == want
    assert [reason.code for reason in verdict.reasons] == [code]


@pytest.mark.parametrize("preset", ["training", "positive_exit_lists", "any_job"])
def test_another_question_is_no_other_definition(preset):
    record = changed("sensitivity.definitions.0.effect_points", {"estimate": 9.0})
    record["sensitivity"]["definitions"][0]["preset"] = preset
    assert grade(record).grade == "strong"


@pytest.mark.parametrize(
    ("path", "value"),
    [("balance.max_abs_smd", 0.05), ("flow.lost_share", 0.10),
     ("headline.support.events_entrants", 60), ("headline.minimum_detectable_points", 3.0)],
)  # fmt: skip
def test_a_threshold_itself_is_allowed(path, value):
    assert grade(changed(path, value)).grade == "strong"


def test_the_most_limiting_reason_comes_first():
    record = changed("flow.lost_share", 0.2)
    record["balance"]["max_abs_smd"] = 0.4
    record["placebo"]["effect_points"] = {"estimate": 3.0, "se": 0.5}
    verdict = grade(record)
    assert verdict.grade == "unusable"
    assert [reason.cap for reason in verdict.reasons] == ["unusable", "weak", "moderate"]


def test_grading_reads_and_does_not_change_the_record():
    record = sound()
    before = copy.deepcopy(record)
    grade(record)
    assert record == before


def test_thresholds_get_worse_from_left_to_right():
    for name, row in THRESHOLDS.items():
        known = [limit for limit in row if limit is not None]
        worse = sorted(known, reverse=name in ("effective_comparators", "events"))
        assert known == worse
        assert len(row) == len(GRADES) - 1


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_reason_has_a_sentence(language):
    sentences = {key for key in catalogue(language) if key.startswith("verdict.")}
    for name in THRESHOLDS:
        assert {f"verdict.{name}", f"verdict.{name}_unknown"} <= sentences
    for name in GRADES:
        assert f"verdict.grade.{name}" in sentences


def test_numbers_are_written_in_the_language():
    data = {"value": -1.25, "margin": 1.4}
    assert "−1,2" in reason_text("placebo_failed", data, "fr")
    assert "−1.2" in reason_text("placebo_failed", data, "en")
    text = grade(changed("headline.minimum_detectable_points", 4.6)).reasons[0].to_dict("en")
    assert text["text"] == text["text_en"]
    assert "4.6" in text["text_en"]
    assert "4,6" in text["text_fr"]
    assert str(text["data"]["needed"]) in text["text_fr"]
