"""The door: nothing under the threshold, nothing found by subtraction, groups go together."""

from __future__ import annotations

import copy
import json
import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.disclosure import AUDIT_COLUMNS, audit, protect
from evaluation.errors import EvaluationError
from evaluation.results import Results
from tests.reporting.records import (
    CASES,
    effect,
    effect_record,
    nation_records,
    national,
    subgroups_of,
    support,
    tiny_record,
    unusable_record,
)

MIN = 11


def numbers(tree):
    if isinstance(tree, dict):
        for value in tree.values():
            yield from numbers(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from numbers(value)
    elif isinstance(tree, (int, float)) and not isinstance(tree, bool):
        yield tree


def intruder(shown: dict) -> list[str]:
    """Everything that a reader finds by reading, subtracting, or multiplying a rate by a count."""
    flow, found = shown["flow"], []
    chain = ("entrants", "eligible", "matched")
    known = {name: flow[name] for name in chain if flow[name] is not None}
    found += [f"{name}={value}" for name, value in known.items() if 0 < value < MIN]
    for first, second in combinations(known, 2):
        if 0 < known[first] - known[second] < MIN:
            found.append(f"{first}-{second}")
    for step in flow["steps"]:
        for key in ("removed_entrants", "removed_comparators"):
            if step[key] is not None and 0 < step[key] < MIN:
                found.append(f"step {step}")
    if flow["steps"] and flow["entrants"] is not None and flow["matched"] is not None:
        rest = (
            flow["entrants"] - flow["matched"] - sum(s["removed_entrants"] for s in flow["steps"])
        )
        if 0 < rest < MIN:
            found.append("entrants - steps - matched")
    pools = ("comparators_available", "comparators_used", "comparators_enter_later")
    for name in pools:
        if flow[name] is not None and 0 < flow[name] < MIN:
            found.append(name)
    for first, second in combinations(pools, 2):
        if None not in (flow[first], flow[second]) and 0 < flow[first] - flow[second] < MIN:
            found.append(f"{first}-{second}")
    return found + _events(shown) + _lost_events(shown)


def _lost_events(shown: dict) -> list[str]:
    """Events of entrants lost in matching: raw rate times eligible minus rate times matched."""
    flow, raw, head = shown["flow"], shown["raw"], shown["headline"]
    sizes = (flow["eligible"], flow["matched"])
    rates = (raw["rate_entrants"], head["rate_entrants"]["estimate"])
    if None in (*sizes, *rates) or raw["basis"] != "eligible" or sizes[0] == sizes[1]:
        return []
    middle = rates[0] * sizes[0] / 100 - rates[1] * sizes[1] / 100
    half = 0.05 * sum(sizes) / 100
    low, high = math.ceil(middle - half - 1e-9), math.floor(middle + half + 1e-9)
    return ["events of the lost"] if 0 < low <= high < MIN else []


def _events(shown: dict) -> list[str]:
    """Counts of events whose possible values all lie in 1 … MIN - 1."""
    matched, head = shown["flow"]["matched"], shown["headline"]
    if matched is None or head["rate_entrants"]["estimate"] is None:
        return []
    cumulated = {0: (0.0, 0.0)}
    for point in [*shown["curve"], {"month": 99, "rate_entrants": 100.0}]:
        exact = point["month"] == 99
        half = 0 if exact else 0.05 * matched / 100
        middle = point["rate_entrants"] * matched / 100
        cumulated[point["month"]] = (middle - half, middle + half)
    months = sorted(cumulated)
    found = []
    for early, late in pairwise(months):
        low = math.ceil(cumulated[late][0] - cumulated[early][1] - 1e-9)
        high = math.floor(cumulated[late][1] - cumulated[early][0] + 1e-9)
        if 0 < low <= high < MIN:
            found.append(f"curve {early}-{late}")
    return found


@st.composite
def records(draw):
    n = draw(st.integers(12, 6000))
    other = draw(st.floats(1.5, 30))
    rate = min(max(other + draw(st.floats(-5, 8)), 0.5), 60)
    made = effect_record(n=n, rate=rate, other=other)
    steps = [
        {
            "step": f"s{i}",
            "removed_entrants": draw(st.integers(0, 30)),
            "removed_comparators": draw(st.integers(0, 40)),
        }
        for i in range(draw(st.integers(0, 5)))
    ]
    lost = draw(st.integers(0, 30))
    flow = made["flow"]
    flow["steps"], flow["eligible"] = steps, n + lost
    flow["entrants"] = n + lost + sum(step["removed_entrants"] for step in steps)
    flow["lost_share"] = lost / (n + lost)
    everybody = n + lost
    events = made["headline"]["support"]["events_entrants"] + draw(st.integers(0, lost))
    made["raw"]["rate_entrants"] = 100 * events / everybody
    made["raw"]["support"].update(entrants=everybody, events_entrants=events)
    flow["comparators_available"] = flow["comparators_used"] + draw(st.integers(0, 40))
    flow["comparators_enter_later"] = draw(st.integers(0, flow["comparators_used"]))
    return made


@pytest.mark.property
@settings(max_examples=250, deadline=None)
@given(records())
def test_nothing_under_the_threshold_is_published_or_found_by_subtraction(made):
    before = json.dumps(made)
    shown = protect(made, min_cell=MIN)
    assert json.dumps(made) == before
    assert intruder(shown) == []
    assert all(math.isfinite(value) for value in numbers(shown))
    Results.of(shown)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(records())
def test_no_sibling_leaves_and_a_withheld_group_goes_together(made):
    shown = protect(made, min_cell=MIN)
    text = json.dumps(shown)
    assert not any(f'"{name}"' in text for name in ("support", "covariance", "means"))
    if shown["headline"].get("withheld"):
        linked = (shown["headline"], shown["curve"], shown["methods"], shown["raw"])
        assert list(numbers(list(linked))) == []
        assert list(numbers(shown["sensitivity"])) == []


def test_the_intruder_finds_what_the_door_must_hide():
    """The attack used above is no decoration: on an unprotected flow it succeeds."""
    shown = protect(effect_record(), min_cell=1)
    shown["flow"].update(entrants=470, eligible=462, matched=455, steps=[])
    assert {"eligible-matched", "entrants-eligible"} <= set(intruder(shown))


def test_published_rounding():
    head = protect(effect_record(n=5012, rate=13.24, other=10.31))["headline"]
    assert head["rate_entrants"]["estimate"] == 13.2
    assert head["effect_points"]["estimate"] == 2.9
    assert head["uplift_percent"]["estimate"] == 28  # 13.24/10.31, not 13.2/10.3 nor 2.9/10.3
    assert head["additional_returns"]["estimate"] == 147  # 2.93 % of 5012, not 2.9 %
    assert head["additional_returns"]["entrants_per_return"] == 34
    assert len(f"{head['effect_points']['se']:g}".replace("0.", "").replace(".", "")) <= 2


def test_ratio_is_taken_before_rounding():
    head = protect(effect_record(n=9000, rate=13.04, other=10.26))["headline"]
    rates = (head["rate_entrants"]["estimate"], head["rate_comparison"]["estimate"])
    assert rates == (13.0, 10.3)
    assert head["uplift_percent"]["estimate"] == 27  # of rounded rates it would be 26


def test_one_in_n_is_not_determined_when_the_interval_holds_zero():
    shown = protect(CASES["inconclusive"]())
    assert shown["headline"]["additional_returns"]["entrants_per_return"] is None


@pytest.mark.parametrize("cell", range(4))
def test_each_event_and_non_event_of_each_arm_counts(cell):
    made = effect_record(n=1000)
    counts = [("events_entrants", 10), ("events_entrants", 990),
              ("events_comparators", 10), ("events_comparators", 2990)]  # fmt: skip
    name, value = counts[cell]
    made["headline"]["support"][name] = value
    assert protect(made)["headline"]["withheld"] == "disclosure"
    made["headline"]["support"][name] = value + (1 if value == 10 else -1)
    assert "withheld" not in protect(made)["headline"]


def test_headline_without_support_is_refused():
    made = effect_record()
    del made["headline"]["support"]
    with pytest.raises(EvaluationError, match="EVAL-601"):
        protect(made)


def test_unusable_verdict_removes_every_effect_and_its_sentences():
    made = unusable_record()
    made["verdict"]["reasons"] = [{"code": "methods", "text": "« ipw » : 3,7 points."},
                                  {"code": "lost", "text": "62 % perdus."}]  # fmt: skip
    shown = protect(made)
    assert shown["headline"]["withheld"] == "not_publishable"
    assert shown["curve"] == []
    assert {m["effect_points"]["withheld"] for m in shown["methods"]} == {"not_publishable"}
    texts = [reason["text"] for reason in shown["verdict"]["reasons"]]
    assert texts == ["Une autre méthode donne un effet sensiblement différent.", "62 % perdus."]


def test_disclosure_masks_every_number_of_sentences():
    made = tiny_record()
    made["warnings"] = [
        {"code": "EVAL-415", "text": "8 retours sur 63 personnes.", "data": {"n": 8}}
    ]
    warning = protect(made)["warnings"][0]
    assert warning["code"] == "EVAL-415"
    assert "EVAL-415" in warning["text"]
    assert "8" not in warning["text"]
    assert "63" not in warning["text"]


def test_small_counts_in_sentences_are_masked_but_durations_stay():
    made = effect_record()
    made["warnings"] = [{"code": "X", "text": "4 lignes et 250 autres, en 6 mois, à 5 %."}]
    assert (
        protect(made)["warnings"][0]["text"]
        == "moins de 11 lignes et 250 autres, en 6 mois, à 5 %."
    )


@pytest.mark.parametrize(
    ("n", "months"),
    [(6000, list(range(1, 13))), (900, [3, 6, 9, 12]), (220, [6, 12]), (95, [6])],
)
def test_curves_fall_back(n, months):
    shown = protect(effect_record(n=n, rate=13.0, other=10.0))
    assert [point["month"] for point in shown["curve"]] == months


def test_small_loss_hides_the_total_not_the_part():
    made = effect_record(n=455)
    made["flow"].update(eligible=462, entrants=480, lost_share=7 / 462)
    made["flow"]["steps"] = [{"step": "age", "removed_entrants": 18, "removed_comparators": 0}]
    flow = protect(made)["flow"]
    assert (flow["matched"], flow["entrants"]) == (455, 480)
    assert flow["eligible"] is None
    assert flow["lost_share"] is None
    assert flow["steps"] == [
        {"step": "age+matching", "removed_entrants": 25, "removed_comparators": 0}
    ]


def test_raw_rate_gives_way_when_the_lost_are_few():
    made = effect_record(n=455, rate=13.2, other=10.3)
    made["raw"]["support"] = support(490, 9000, 13.0, 15.9)
    raw = protect(made)["raw"]
    assert raw["basis"] == "matched"
    assert raw["rate_entrants"] == 13.2


def test_a_withheld_level_takes_another_with_it():
    made = effect_record(n=2000)
    made["subgroups"] = subgroups_of(2000, 13.2, 10.3)
    few = next(row for row in made["subgroups"] if row["level"] == "under_25")
    few["support"]["events_entrants"] = 4
    shown = [row for row in protect(made)["subgroups"] if row["variable"] == "age_class"]
    hidden = [row["level"] for row in shown if row["effect_points"].get("withheld")]
    assert hidden == ["under_25", "50_plus"]
    assert all(row["entrants"] is None for row in shown if row["level"] in hidden)


def test_pair_of_levels_goes_together():
    made = effect_record(n=2000)
    made["subgroups"] = subgroups_of(2000, 13.2, 10.3)[:2]
    made["subgroups"][1]["support"]["events_entrants"] = 4
    withheld = [row["effect_points"]["withheld"] for row in protect(made)["subgroups"]]
    assert withheld == ["disclosure", "disclosure"]


def test_balance_row_of_a_rare_level_is_withheld():
    made = effect_record(n=500)
    rows = {row["covariate"]: row for row in made["balance"]["rows"]}
    rows["qpv"]["support"] = {"entrants": 7, "comparators": 40}
    rows["disabled"]["support"] = {"entrants": 495, "comparators": 900}
    shown = {row["covariate"]: row for row in protect(made)["balance"]["rows"]}
    assert shown["qpv"]["withheld"] == shown["disabled"]["withheld"] == "disclosure"
    assert shown["qpv"]["smd_before"] is None
    assert shown["rsa"]["smd_before"] == 0.48


def test_share_outside_support_that_counts_few_is_hidden():
    made = effect_record(n=400)
    made["overlap"]["share_outside"] = 7 / 520
    assert protect(made)["overlap"]["share_outside"] is None


def test_national_counts_are_rounded_and_rebuilt_when_a_region_withholds():
    parts = nation_records()
    shown = [protect(part) for part in parts]
    nation = protect(national(parts), regions=shown)
    flow = nation["flow"]
    assert all(flow[name] % 10 == 0 for name in ("entrants", "eligible", "matched"))
    assert flow["steps"] == []
    # What the nation says of eligible entrants must be a function of what the regions say.
    other = copy.deepcopy(parts)
    tiny = next(part for part in other if part["territory"]["code"] == "06")
    tiny["flow"]["eligible"] += 3
    tiny["flow"]["steps"][0]["removed_entrants"] -= 3
    again = protect(national(other), regions=[protect(part) for part in other])
    assert again["flow"] == flow


def test_national_rates_are_coarser_when_a_withheld_region_could_be_found():
    parts = [effect_record("24", n=1500), tiny_record("06")]
    shown = [protect(part) for part in parts]
    nation = protect(national(parts), regions=shown)
    rate = nation["headline"]["rate_entrants"]["estimate"]
    assert rate == round(rate)
    assert nation["nation"]["regions"][1]["withheld"] == "disclosure"
    assert nation["nation"]["regions"][1]["effect_points"]["estimate"] is None


def test_order_of_rows_does_not_matter():
    made = effect_record(n=300)
    turned = copy.deepcopy(made)
    turned["curve"].reverse()
    assert protect(turned)["curve"] == protect(made)["curve"]


def test_infinite_and_missing_limits_become_null():
    made = effect_record()
    made["headline"]["uplift_percent"].update(high=math.inf, fieller_high=math.nan)
    uplift = protect(made)["headline"]["uplift_percent"]
    assert uplift["high"] is None
    assert uplift["fieller_high"] is None
    assert uplift["unbounded"] is True


def test_audit_lists_every_figure_and_count():
    made = tiny_record()
    rows = audit(made, protect(made))
    assert all(tuple(row) == AUDIT_COLUMNS for row in rows)
    places = {row["place"]: row for row in rows}
    assert places["headline"]["decision"] == "withheld"
    assert places["headline"]["reason"] == "disclosure"
    assert places["headline"]["events_entrants"] == 6
    assert places["flow.eligible"]["decision"] == "withheld"
    assert places["flow.steps.age"]["decision"] == "merged"
    shown = {row["place"]: row for row in audit(effect_record(), protect(effect_record()))}
    assert shown["headline"]["decision"] == "published"
    assert "13.2" in shown["headline"]["published"].split()


def test_effect_and_standard_error_of_the_placebo_need_their_own_support():
    made = effect_record(n=600)
    made["placebo"] = {"effect_points": effect(600, 1800, 1.0, 1.1),
                       "support": support(600, 1800, 1.0, 1.1)}  # fmt: skip
    placebo = protect(made)["placebo"]["effect_points"]
    assert placebo["withheld"] == "disclosure"
    assert placebo["se"] is None


def test_a_threshold_in_a_sentence_is_no_count():
    made = effect_record()
    made["warnings"] = [{"code": "X", "text": "195 lignes ont moins de 3 comparateurs, 7 aucun."}]
    text = protect(made)["warnings"][0]["text"]
    assert text == "195 lignes ont moins de 3 comparateurs, moins de 11 aucun."


def test_a_reason_that_tells_a_count_is_not_passed_on():
    made = effect_record()
    empty = {"estimate": None, "low": None, "high": None, "withheld": "no_events"}
    made["methods"][1]["effect_points"] = made["placebo"]["effect_points"] = empty
    shown = protect(made)
    assert shown["methods"][1]["effect_points"]["withheld"] == "disclosure"
    assert shown["placebo"]["effect_points"]["withheld"] == "disclosure"


def test_the_code_of_a_territory_is_no_count():
    made = effect_record()
    text = "Guadeloupe (code 01), Centre-Val de Loire (code 24) : 24 personnes, le 2023-01-05."
    made["warnings"] = [{"code": "X", "text": text}]
    shown = protect(made, min_cell=30)["warnings"][0]["text"]
    assert "(code 01), Centre-Val de Loire (code 24)" in shown
    assert "2023-01-05" in shown
    assert "24 personnes" not in shown


def _with_heterogeneity(parts: list[dict]) -> dict:
    made = national(parts)
    codes = [part["territory"]["code"] for part in parts]
    limits = {"estimate": 2.5, "low": 0.5, "high": 4.5}
    made["nation"]["heterogeneity"].update(
        territories=len(parts),
        random_effects_points={**limits, "se": 1.0, "p_value": 0.01},
        shrunken=[{"code": code, "effect_points": dict(limits)} for code in codes],
    )
    return made


def test_what_sums_over_regions_does_not_give_back_a_withheld_one():
    parts = nation_records()
    shown = [protect(part) for part in parts]
    found = protect(_with_heterogeneity(parts), regions=shown)["nation"]["heterogeneity"]
    assert found["withheld"] == "disclosure"
    assert found["p_value"] == 0.65
    assert found["df"] == 17
    for name in ("q", "i2", "tau_points", "random_effects_points", "shrunken"):
        assert found[name] is None, name


def test_a_region_that_is_not_publishable_has_no_shrunken_effect_either():
    parts = [part for part in nation_records() if part["territory"]["code"] != "06"]
    shown = [protect(part) for part in parts]
    found = protect(_with_heterogeneity(parts), regions=shown)["nation"]["heterogeneity"]
    codes = {row["code"] for row in found["shrunken"]}
    assert "03" not in codes
    assert len(codes) == len(parts) - 1
    assert found["random_effects_points"]["estimate"] == 2.5


def test_a_withheld_nation_says_nothing_of_differences():
    parts = [effect_record("24"), effect_record("11")]
    shown = [protect(part) for part in parts]
    made = _with_heterogeneity(parts)
    made["headline"]["support"]["events_entrants"] = 3
    done = protect(made, regions=shown)
    assert done["headline"]["withheld"] == "disclosure"
    found = done["nation"]["heterogeneity"]
    assert {name for name, value in found.items() if value is not None} == {
        "territories", "withheld",
    }  # fmt: skip


@pytest.mark.parametrize(("persons", "shown"), [(98, 0.02), (11, 0.02), (10, None), (1, None)])
def test_a_share_of_hires_near_the_cut_needs_enough_people(persons, shown):
    made = effect_record()
    for row in made["sensitivity"]["definitions"]:
        row["near_cut"] = {"hires": 5000, "count": 106, "persons": persons}
    (row, *_) = protect(made)["sensitivity"]["definitions"]
    assert row["near_cut_share"] == shown
    assert set(row) == {"preset", "effect_points", "near_cut_share"}
