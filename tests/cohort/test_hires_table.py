"""Shares of hires by rule and definition: by arm, and none that rests on few people."""

from __future__ import annotations

import pytest

from evaluation.cohort.hires_table import hires_table


def touched(count, share, persons):
    return {"count": count, "share": share, "persons": persons}


QUALITY = {
    arm: {
        "hires": 1000,
        "cancelled": touched(30, 0.03, 25),
        "missing_end": touched(100, 0.1, 90),
        "chained": touched(0, 0.0, 0),
        "duplicates": touched(20, 0.02, few),
        "near_cut": {"es47": touched(52, 0.052, 50), "lolf_p102": touched(40, 0.04, 38)},
    }
    for arm, few in (("entrants", 4), ("comparators", 15))
} | {"definitions": {"es47": 1, "lolf_p102": 1}}


@pytest.mark.parametrize(("language", "mark"), [("fr", ","), ("en", ".")])
def test_every_rule_and_definition_by_arm(language, mark):
    found = hires_table(QUALITY, min_cell=11, language=language)
    shown = found.summary()
    assert len(shown) == 6
    assert shown.iloc[:, 0].tolist() == [
        f"3{mark}0 %", f"10{mark}0 %", f"0{mark}0 %", "secret", f"5{mark}2 %", f"4{mark}0 %"
    ]  # fmt: skip
    assert shown.iloc[3, 1] == f"2{mark}0 %"


def test_the_page_shows_no_count():
    html = hires_table(QUALITY, min_cell=11, language="fr")._repr_html_()
    assert "secret" in html
    assert "1000" not in html
    assert "52" not in html.replace("5,2", "")


def test_a_cohort_lays_out_its_own(pair, build):
    cohort = build(pair)
    found = cohort.hires.frame
    assert set(found["preset"]) - {""} == set(cohort.quality["definitions"])
    assert (
        found.loc[found["rule"] == "missing_end", "count_entrants"].item()
        == (cohort.quality["entrants"]["missing_end"]["count"])
    )
