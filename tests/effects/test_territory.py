from __future__ import annotations

import json
import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from evaluation.effects import estimate, estimate_nation
from evaluation.effects.estimates import TerritoryEstimates
from evaluation.effects.placebo import check_covariates, estimate_placebo, placebo_outcome
from evaluation.effects.subgroups import Subgroup, corrected, estimate_subgroups
from evaluation.effects.types import Interval, Support
from evaluation.errors import EvaluationError
from tests.effects.cohorts import cohort_of, estimates_of, match_cohort, study_of

KEYS = {
    "schema_version", "territory", "study", "flow", "headline", "raw", "curve", "balance",
    "overlap", "placebo", "methods", "sensitivity", "subgroups", "monitoring", "warnings",
    "verdict",
}  # fmt: skip


@cache
def estimated(seed: int = 1, region: str = "24", entrants: int = 500) -> TerritoryEstimates:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimates_of(cohort_of(seed=seed, region=region, entrants=entrants, people=4000))


def walk(tree: Any) -> Any:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from walk(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from walk(value)
    else:
        yield tree


def test_the_record_has_every_key_and_only_json_numbers():
    record = estimated().record
    assert set(record) == KEYS
    for leaf in walk(record):
        assert leaf is None or isinstance(leaf, (str, int, float, bool))
        assert not isinstance(leaf, float) or np.isfinite(leaf)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_record_says_what_the_effect_says():
    estimates = estimated()
    headline, effect = estimates.record["headline"], estimates.effect
    assert headline["effect_points"]["estimate"] == effect.points.estimate
    assert headline["effect_points"]["se"] == effect.points.se
    assert headline["support"]["entrants"] == estimates.record["flow"]["matched"]
    gap = headline["rate_entrants"]["estimate"] - headline["rate_comparison"]["estimate"]
    assert gap == pytest.approx(headline["effect_points"]["estimate"])
    v = headline["covariance"]
    assert v[0][0] + v[1][1] - 2 * v[0][1] == pytest.approx(headline["effect_points"]["se"] ** 2)
    assert headline["minimum_detectable_points"] == pytest.approx(2.8016 * effect.points.se, 1e-3)
    assert headline["additional_returns"]["estimate"] == pytest.approx(
        effect.difference.estimate * effect.support.entrants
    )


def test_other_definitions_carry_their_hires_near_the_cut_and_who_changes_class():
    cohort = cohort_of(seed=1, entrants=500, people=4000)
    near = {"lolf_p102": {"count": 4, "share": 0.02, "persons": 4}}
    quality = {arm: {"hires": 200, "near_cut": near} for arm in ("entrants", "comparators")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record = estimates_of(replace(cohort, quality=quality)).record
    (row,) = record["sensitivity"]["definitions"]
    assert (row["preset"], row["near_cut_share"]) == ("lolf_p102", 8 / 400)
    assert 0 < row["reclassed_share"] < 0.05
    assert json.loads(json.dumps(row)) == row


def test_the_curve_stops_where_it_is_observed_and_meets_the_headline():
    record = estimated().record
    assert [point["month"] for point in record["curve"]] == list(range(1, 9))
    sixth = record["curve"][5]
    headline = record["headline"]
    assert sixth["rate_entrants"] == pytest.approx(headline["rate_entrants"]["estimate"])
    assert sixth["effect_points"]["low"] == pytest.approx(headline["effect_points"]["low"])
    rates = [point["rate_entrants"] for point in record["curve"]]
    assert rates == sorted(rates)


def test_flow_counts_agree_with_the_cohort():
    cohort = cohort_of(seed=1, entrants=500, people=4000)
    flow = estimated().record["flow"]
    assert flow["eligible"] == int(cohort.frame["treated"].sum())
    assert flow["lost_share"] == pytest.approx(1 - flow["matched"] / flow["eligible"])
    assert flow["matched"] < flow["comparators_used"] <= 3 * flow["matched"]
    assert 0 < flow["effective_comparators"] <= flow["support"]["comparators_persons"]
    assert flow["support"]["comparators_persons"] < flow["comparators_used"]
    assert 0 < flow["comparators_enter_later"] < flow["comparators_used"]


def test_methods_run_together_with_one_headline():
    methods = estimated().record["methods"]
    assert [row["name"] for row in methods] == ["nearest", "radius", "ipw", "entropy_balancing"]
    assert [row["headline"] for row in methods] == [True, False, False, False]
    spread = [row["effect_points"]["estimate"] for row in methods]
    assert np.ptp(spread) < 4
    assert min(row["effect_points"]["se"] for row in methods) > 0


def test_a_method_that_fails_is_a_warning_not_the_end():
    study = study_of(effects={"compare_methods": ["nearest", "ipw", "radius", "nonsense"],
                              "subgroups": ["sex"]})  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record = estimates_of(cohort_of(study=study)).record
    row = record["methods"][-1]
    assert row["effect_points"]["withheld"] == "failed"
    assert "EVAL-521" in {warning["code"] for warning in record["warnings"]}
    assert "methods_missing" in {reason["code"] for reason in record["verdict"]["reasons"]}


def test_the_record_is_written_whole_and_twice_the_same(tmp_path):
    estimates = estimated()
    first = estimates.write(tmp_path / "a" / "24.json").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = estimates_of(cohort_of(seed=1, entrants=500, people=4000))
    assert again.write(tmp_path / "24.json").read_bytes() == first
    assert json.loads(first) == estimates.record
    assert b"\r" not in first
    assert not list(tmp_path.rglob("*.partial"))


def test_a_notebook_shows_secrets_for_a_tiny_territory():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiny = estimates_of(cohort_of(seed=3, entrants=60, people=1200))
    assert "secret" in tiny._repr_html_()
    assert tiny.record["verdict"]["grade"] in ("weak", "unusable")
    assert "secret" not in estimated()._repr_html_()


def test_a_territory_without_any_event_is_unusable_not_a_crash():
    study = study_of(effects={"subgroups": ["sex"]})
    cohort = cohort_of(seed=4, entrants=60, people=900, study=study)
    for name in [c for c in cohort.frame if c.startswith("durable_") and c.endswith("m")]:
        cohort.frame[name] = np.int8(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record = estimates_of(cohort).record
    assert record["headline"]["effect_points"]["se"] is None
    assert record["verdict"]["grade"] == "unusable"
    assert record["verdict"]["reasons"][0]["code"] == "no_estimate"


@pytest.mark.parametrize(
    ("estimate_points", "se", "want"),
    [(0.1, 0.3, "passed"), (0.1, 1.0, "inconclusive"), (2.5, 1.0, "failed"), (1.0, 0.3, "failed"),
     (-0.5, 0.5, "passed"), (-0.9, 0.5, "inconclusive"), (0.0, None, "inconclusive")],
)  # fmt: skip
def test_three_outcomes_of_the_placebo(estimate_points, se, want):
    assert placebo_outcome(Interval(estimate_points, se=se)) == want


def test_the_placebo_refuses_its_own_outcome_among_the_covariates():
    for column in (
        "presence_6m",
        "placebo_6m",
        "placebo_3m",
        "durable_6m",
        "any_job_2m",
        "month_durable",
    ):
        with pytest.raises(EvaluationError, match="EVAL-510"):
            check_covariates(["age", column])
    check_covariates(["age", "durable_hires_24"])


def test_the_placebo_matches_again_on_frozen_covariates():
    cohort = cohort_of(seed=3, placebo_rate=0.4, entrants=500)
    seen: list[Any] = []

    def rematch(frame: Any, names: list[str]) -> Any:
        seen.append((frame, names))
        return match_cohort(cohort, "nearest", frame, names)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        effect, notes = estimate_placebo(cohort, rematch)
    frame, names = seen[0]
    assert "durable_hires_24" not in names
    assert "elapsed_months" not in frame
    assert effect.outcome == "placebo_6m"
    assert not notes
    assert abs(effect.points.estimate) < 3 * effect.points.se


def test_rare_placebo_events_fall_back_to_any_hire():
    cohort = cohort_of(placebo_rate=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        effect, notes = estimate_placebo(
            cohort, lambda frame, names: match_cohort(cohort, "nearest", frame, names)
        )
    assert effect.outcome == "placebo_any_6m"
    assert [note.code for note in notes] == ["EVAL-526"]


def test_a_hidden_trait_fails_the_placebo():
    cohort = cohort_of(seed=3, entrants=900, people=5000, placebo_rate=0.4)
    rng = np.random.default_rng(1)
    shift = (cohort.frame["treated"] == 1) & (rng.random(len(cohort.frame)) < 0.3)
    cohort.frame.loc[shift, "placebo_6m"] = np.int8(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        effect, _ = estimate_placebo(
            cohort, lambda frame, names: match_cohort(cohort, "nearest", frame, names)
        )
    assert placebo_outcome(effect.points) == "failed"


def test_exact_subgroups_add_up_to_the_whole():
    cohort = cohort_of(entrants=900, people=6000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matched = match_cohort(cohort)
    whole = estimate(matched, "durable_6m")
    groups = estimate_subgroups(matched, "durable_6m", ["sex", "qpv"], frame=cohort.frame)
    sexes = [group for group in groups if group.variable == "sex"]
    assert [group.exact for group in groups] == [True, True, False, False]
    counts = np.array([group.support.entrants for group in sexes])
    gaps = np.array([group.means[0] - group.means[1] for group in sexes])
    assert counts.sum() == whole.support.entrants
    assert (counts * gaps).sum() / counts.sum() == pytest.approx(whole.difference.estimate)
    first, second = sexes
    assert first.contrast == pytest.approx(gaps[0] - gaps[1])
    assert second.contrast == pytest.approx(-first.contrast)
    assert first.contrast_variance == pytest.approx(second.contrast_variance)
    assert first.contrast_p_holm == second.contrast_p_holm


def test_an_unbalanced_subgroup_is_withheld():
    cohort = cohort_of(entrants=900, people=6000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matched = match_cohort(cohort)
    frame = cohort.frame.copy()
    old = frame["age"] > frame["age"].median()
    frame["club"] = np.where(frame["treated"] == 1, old, ~old).astype("int8")
    groups = estimate_subgroups(matched, "durable_6m", ["club"], frame=frame)
    assert {group.withheld for group in groups} == {"balance"}


def test_holm_counts_a_pair_of_levels_once():
    def group(variable: str, level: str, z: float) -> Subgroup:
        return Subgroup(variable, level, None, None, Support(99, 99, 40, 40, 99), True, None,
                        z, 1.0, True)  # fmt: skip

    found = corrected([group("a", "0", 2.2), group("a", "1", -2.2), group("b", "0", 1.0),
                       group("b", "1", 0.1), group("b", "2", 3.0)])  # fmt: skip
    raw = {2.2: 0.027807, 1.0: 0.317311, 0.1: 0.920344, 3.0: 0.0026998}
    want = [3 * raw[2.2], 3 * raw[2.2], 2 * raw[1.0], raw[0.1], 4 * raw[3.0]]
    assert [g.contrast_p_holm for g in found] == pytest.approx(want, rel=1e-4)
    want = [2 * raw[2.2], 2 * raw[2.2], 4 / 3 * raw[1.0], raw[0.1], 4 * raw[3.0]]
    assert [g.contrast_p_bh for g in found] == pytest.approx(want, rel=1e-4)


def test_named_confounders_move_the_effect_both_ways_by_as_much():
    record = estimated().record
    effect = record["headline"]["effect_points"]
    rows = record["sensitivity"]["hidden_confounders"]
    assert {row["benchmark"] for row in rows} == {
        "rsa",
        "durable_hires_24",
        "months_since_last_job",
    }
    for near, far in zip(rows[::2], rows[1::2], strict=True):
        assert (near["direction"], far["direction"]) == ("toward_zero", "away_from_zero")
        pair = [row["effect_points"]["estimate"] for row in (near, far)]
        assert sum(pair) / 2 == pytest.approx(effect["estimate"])
        assert pair[0] < effect["estimate"] < pair[1]
    whole = nation(estimated())["sensitivity"]["hidden_confounders"]
    assert [r["effect_points"]["estimate"] for r in whole] == pytest.approx(
        [r["effect_points"]["estimate"] for r in rows]
    )


def nation(*regions: TerritoryEstimates) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimate_nation([one.record for one in regions], study=study_of()).record


def test_a_nation_of_one_region_is_that_region():
    one = estimated()
    pooled, own = nation(one), one.record
    for key in ("rate_entrants", "rate_comparison", "effect_points", "uplift_percent"):
        assert pooled["headline"][key]["estimate"] == pytest.approx(
            own["headline"][key]["estimate"]
        )
    assert pooled["headline"]["effect_points"]["se"] == pytest.approx(
        own["headline"]["effect_points"]["se"]
    )
    assert pooled["headline"]["uplift_percent"]["high"] == pytest.approx(
        own["headline"]["uplift_percent"]["high"]
    )
    assert pooled["balance"]["max_abs_smd"] == pytest.approx(own["balance"]["max_abs_smd"])
    assert pooled["nation"]["heterogeneity"] is None
    for mine, theirs in zip(own["subgroups"], pooled["subgroups"], strict=True):
        assert mine["effect_points"]["estimate"] == pytest.approx(
            theirs["effect_points"]["estimate"]
        )
        assert mine["contrast_p_holm"] == pytest.approx(theirs["contrast_p_holm"])
    assert set(pooled) == KEYS | {"nation"}


def test_the_nation_is_weighted_by_matched_entrants():
    a, b = estimated(), estimated(2, "94", 250)
    pooled = nation(b, a)
    n = np.array([one.record["flow"]["matched"] for one in (a, b)], dtype=float)
    shares = n / n.sum()
    heads = [one.record["headline"] for one in (a, b)]
    effects = np.array([h["effect_points"]["estimate"] for h in heads])
    errors = np.array([h["effect_points"]["se"] for h in heads])
    found = pooled["headline"]
    assert found["effect_points"]["estimate"] == pytest.approx(float(shares @ effects))
    assert found["effect_points"]["se"] == pytest.approx(np.sqrt(shares**2 @ errors**2))
    rates = [shares @ [h[key]["estimate"] for h in heads]
             for key in ("rate_entrants", "rate_comparison")]  # fmt: skip
    assert found["uplift_percent"]["estimate"] == pytest.approx(100 * (rates[0] / rates[1] - 1))
    assert pooled["flow"]["matched"] == n.sum()
    assert [row["code"] for row in pooled["nation"]["regions"]] == ["24", "94"]
    assert pooled["nation"]["heterogeneity"]["territories"] == 2
    assert nation(a, b) == pooled


def test_regions_without_estimate_are_named_and_left_out():
    a = estimated()
    broken = json.loads(json.dumps(a.record))
    broken["territory"]["code"] = "06"
    broken["headline"]["effect_points"] |= {"estimate": None, "se": None}
    counted = estimate_nation([a.record, broken], study=study_of()).record
    assert counted["flow"]["matched"] == 2 * a.record["flow"]["matched"]
    broken["headline"]["means"] = None
    with pytest.warns(match="EVAL-524"):
        pooled = estimate_nation([a.record, broken], study=study_of()).record
    assert pooled["flow"]["matched"] == a.record["flow"]["matched"]
    assert [row["code"] for row in pooled["nation"]["regions"]] == ["06", "24"]
    with pytest.raises(EvaluationError, match="EVAL-514"):
        estimate_nation([broken], study=study_of())
    broken["study"]["outcome"] = "any_job"
    with pytest.raises(EvaluationError, match="EVAL-515"):
        estimate_nation([a.record, broken], study=study_of())
