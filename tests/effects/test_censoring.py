from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.effects import censoring, estimate_territory
from evaluation.effects.censoring import censored_outcomes, months_until
from evaluation.effects.censoring_model import fit_entry, follow_up
from evaluation.effects.estimation import estimate, estimate_columns
from evaluation.errors import EvaluationError
from evaluation.matching.result import Matched
from tests.effects.build import matched_of
from tests.effects.cohorts import cohort_of, estimates_of, match_cohort, study_of

MONTHS = 6
NAMES = [f"durable_{k}m" for k in range(1, MONTHS + 1)]


def drawn(
    seed: int, *, rows: int, entry: float = 0.05, hire: float = 0.03, gain: float = 3.0,
    slope: float = 1.0,
) -> tuple[pd.DataFrame, float]:  # fmt: skip
    """Return comparators in continuous time, and their chance of a hire had nobody entered.

    The trait x raises entry and lowers hires, so that who enters is not who would be hired; after
    an entry the hazard of a hire is multiplied by ``gain``.
    """
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, rows)
    enters = rng.exponential(1 / (entry * np.exp(slope * (x - 0.5))))
    hazard = hire * np.exp(-slope * (x - 0.5))
    hired = rng.exponential(1 / hazard)
    late = hired > enters
    enters[~late] = 1e9  # nobody enters with a durable job
    hired[late] = enters[late] + rng.exponential(1 / (gain * hazard[late]))
    index = np.datetime64("2023-01-01")
    frame = pd.DataFrame({"treated": 0, "x": x, "index_date": index})
    bounds = [(np.datetime64("2023-01", "M") + k).astype("datetime64[D]") for k in range(8)]
    days = np.concatenate([np.diff(np.array(bounds)).astype(int), [31]])
    starts = np.concatenate([[0], np.cumsum(days)])
    entered = np.minimum(enters, 7.5)
    month = entered.astype(int)
    day = starts[month] + np.ceil((entered - month) * days[month]).astype(int)
    entry_date = (index.astype("datetime64[D]") + day).astype("datetime64[s]")
    entry_date[enters > 7] = np.datetime64("NaT")
    frame["entry_date"] = entry_date
    for k in range(1, MONTHS + 1):
        frame[f"durable_{k}m"] = (hired <= k).astype("int8")
    never = float(np.mean(1 - np.exp(-hire * np.exp(-slope * (np.array([0, 1]) - 0.5)) * MONTHS)))
    return frame, never


def matched_rows(frame: pd.DataFrame, treated: int = 50) -> Matched:
    """Return a weighted comparison of a few entrants with all the comparators."""
    entrants = frame.iloc[:treated].assign(treated=1, entry_date=frame["index_date"].iloc[0])
    entrants[NAMES] = (np.arange(treated)[:, None] % 7 < np.arange(1, 7)).astype("int8")
    whole = pd.concat([entrants, frame], ignore_index=True)
    return matched_of(
        whole, whole["treated"].to_numpy() == 1, np.ones(len(whole)), family="score_weights",
        covariates=whole[["x"]], method="ipw",
    )  # fmt: skip


def test_a_day_falls_into_the_month_that_ends_on_it():
    index = np.array(["2023-08-31"] * 4, dtype="datetime64[D]")
    day = np.array(["2023-09-30", "2023-10-01", "2024-02-29", "2024-03-01"], dtype="datetime64[D]")
    month, share = months_until(index, day, 6)
    assert month.tolist() == [1, 2, 6, 0]
    assert share.tolist() == [1.0, 1 / 31, 1.0, 0.0]


def test_an_entry_in_the_month_of_a_hire_comes_first():
    seen = follow_up(np.array([2]), np.array([2]), np.array([0.25]), np.array([0]), 3)
    assert seen.followed[0].tolist() == [1.0, 0.25, 0.0]
    assert seen.enters[0].tolist() == [False, True, False]
    assert not seen.hired.any()
    assert not seen.at_risk[0, 2]


def test_without_entries_nothing_changes():
    frame, _ = drawn(1, rows=800, entry=1e-9)
    matched = matched_rows(frame)
    plain = estimate_columns(matched, NAMES)
    censored = estimate_columns(matched, NAMES, censored=True)
    for name in NAMES:
        assert censored[name].rate_comparison.estimate == pytest.approx(
            plain[name].rate_comparison.estimate, abs=1e-12
        )
        assert censored[name].covariance == pytest.approx(plain[name].covariance, abs=1e-14)


def test_with_one_kind_of_people_it_is_the_life_table_of_days_followed():
    frame, _ = drawn(2, rows=3000, slope=0.0)
    frame["x"] = 0
    found = estimate(matched_rows(frame), "durable_6m", censored=True)
    entry, share = months_until(
        frame["index_date"].to_numpy().astype("M8[D]"),
        frame["entry_date"].to_numpy().astype("M8[D]"), MONTHS,
    )  # fmt: skip
    hire = np.where(frame["durable_6m"] == 1, 7 - frame[NAMES].sum(axis=1), 0).astype(int)
    left, alive = 1.0, len(frame)
    for k in range(1, MONTHS + 1):
        open_ = [
            (h == 0 or h >= k) and (e == 0 or e >= k) for h, e in zip(hire, entry, strict=True)
        ]
        enters = np.array(open_) & (entry == k)
        hired = np.array(open_) & (hire == k) & ~enters
        assert sum(open_) == alive
        left *= 1 - hired.sum() / (alive - (1 - share[enters]).sum())
        alive -= int(enters.sum() + hired.sum())
    assert found.rate_comparison.estimate == pytest.approx(1 - left, rel=1e-9)


def test_the_entry_model_is_the_pooled_logistic_regression_of_person_months():
    import statsmodels.api as sm

    frame, _ = drawn(3, rows=1500)
    hire = np.where(frame["durable_6m"] == 1, 7 - frame[NAMES].sum(axis=1), 0)
    entry = np.random.default_rng(4).integers(0, 9, len(frame)) % 7
    calendar = np.zeros(len(frame), dtype=np.int64)
    seen = follow_up(hire, entry, np.full(len(frame), 0.5), calendar, MONTHS)
    weights = np.random.default_rng(5).uniform(0.5, 3, len(frame))
    model = fit_entry(frame[["x"]], seen, weights)
    assert model is not None
    row, month = np.nonzero(seen.at_risk)
    design = np.column_stack([np.eye(MONTHS)[month], frame["x"].to_numpy()[row]])
    fitted = sm.GLM(
        seen.enters[row, month].astype(float), design, family=sm.families.Binomial(),
        freq_weights=(seen.exposure * weights[:, None])[row, month],
    ).fit(tol=1e-12)  # fmt: skip
    # A hire halves the exposure of a row that holds no entry, so the weights agree.
    assert model.probability[row, month] == pytest.approx(fitted.fittedvalues, rel=1e-6)


def test_influence_is_the_derivative_in_the_weight_of_a_person(monkeypatch):
    monkeypatch.setattr(censoring, "CUT", 1.0)
    frame, _ = drawn(6, rows=400)
    matched = matched_rows(frame, treated=20)
    told = censored_outcomes(matched, ["durable_6m"], variance="sandwich").moments[0]
    step = 1e-4
    for row in (20, 57, 203, 311, 419):
        shifted = []
        for sign in (1, -1):
            weights, sampling = np.ones(len(matched.frame)), np.ones(len(matched.frame))
            weights[row] += sign * step
            sampling[row] += sign * step
            other = matched_of(
                matched.frame, matched.problem.treated, weights, family="score_weights",
                covariates=matched.problem.covariates, method="ipw",
            )  # fmt: skip
            other.problem.sampling_weight[:] = sampling
            shifted.append(
                censored_outcomes(other, ["durable_6m"], variance="sandwich").moments[0].means[1]
            )
        slope = (shifted[0] - shifted[1]) / (2 * step)
        assert told.influence[row, 1] == pytest.approx(slope, rel=1e-3, abs=1e-9)


def test_who_enters_is_stood_for_by_those_like_them():
    errors, naive, scores = [], [], []
    for seed in range(12):
        frame, never = drawn(100 + seed, rows=6000)
        matched = matched_rows(frame)
        plain = estimate(matched, "durable_6m").rate_comparison
        found = estimate(matched, "durable_6m", censored=True)
        gap = found.rate_comparison.estimate - never
        errors.append(gap)
        naive.append(plain.estimate - never)
        scores.append(gap / np.sqrt(found.covariance[1, 1]))
    assert np.mean(naive) > 0.02
    assert abs(np.mean(errors)) < 0.003
    assert np.mean(np.square(scores)) == pytest.approx(1, abs=1.2)


def expected(entry: float = 0.05, hire: float = 0.03) -> tuple[Matched, float, float]:
    """Return every course two kinds of people can take, weighted by its probability.

    Nothing is drawn. Also returned: the share hired had nobody entered, and what comparing those
    who remain as they are would give (both hazards constant, months of 31, 28, 31, ... days).
    """
    days = np.diff(np.array([f"2023-{k:02d}-01" for k in range(1, 8)], dtype="datetime64[D]"))
    days = days.astype(int)
    last = int(days.sum())
    month = np.repeat(np.arange(1, MONTHS + 1), days)
    clock = np.concatenate([[0.0], np.cumsum(1 / days[month - 1])])  # months since the index date
    parts, truth, alone, alive = [], 0.0, np.zeros(last), np.zeros(last)
    for x in (0, 1):
        falls = [
            np.exp(-rate * clock) for rate in (hire * np.exp(0.5 - x), entry * np.exp(x - 0.5))
        ]
        chances = [np.append(-np.diff(fall), fall[-1]) / np.sqrt(2) for fall in falls]
        day = np.arange(1, last + 2)
        at = pd.MultiIndex.from_product([day, day], names=["hire", "entry"]).to_frame(index=False)
        mass = np.outer(*chances).ravel()
        parts.append(at.assign(x=x, mass=mass))
        truth += (1 - falls[0][-1]) / 2
        alone += -np.diff(falls[0]) * falls[1][:-1]
        alive += falls[0][:-1] * falls[1][:-1]
    rows = pd.concat(parts, ignore_index=True)
    start = np.datetime64("2023-01-01", "D")
    found = pd.DataFrame({"treated": 0, "x": rows["x"], "index_date": start.astype("M8[s]")})
    dates = (start + rows["entry"].to_numpy()).astype("M8[s]")
    nobody = (rows["entry"] > last) | (rows["entry"] >= rows["hire"])  # none with a durable job
    found["entry_date"] = np.where(nobody, np.datetime64("NaT", "s"), dates)
    hired = np.append(month, 99)[rows["hire"].to_numpy() - 1]
    for k in range(1, MONTHS + 1):
        found[f"durable_{k}m"] = (hired <= k).astype("int8")
    matched = matched_rows(found)
    mass = np.concatenate([np.ones(50), rows["mass"] / rows["mass"].mean()])
    whole = matched_of(
        matched.frame, matched.problem.treated, mass, family="score_weights",
        covariates=matched.problem.covariates, method="ipw",
    )  # fmt: skip
    whole.problem.sampling_weight[:] = mass
    return whole, truth, float(1 - np.prod(1 - alone / alive))


def test_the_months_of_the_register_cost_little_of_the_correction(monkeypatch):
    monkeypatch.setattr(censoring, "CUT", 1.0)
    matched, truth, naive = expected()
    found = estimate(matched, "durable_6m", censored=True).rate_comparison.estimate
    assert naive - truth > 0.005
    assert abs(found - truth) < 0.05 * (naive - truth)


def test_the_cut_is_a_quantile_of_the_people_stood_for():
    values = np.array([3.0, 1.0, 2.0, 5.0])
    assert censoring._upper(values, np.ones(4)) == 5.0
    assert censoring._upper(values, np.array([1.0, 1.0, 1.0, 0.02])) == 3.0
    assert censoring._upper(np.arange(1000.0), np.ones(1000)) == 989.0


def monthly(pool: str = "censored_at_entry") -> tuple[object, Matched]:
    """Return a small cohort with dates, its study asking for ``pool``."""
    study = study_of(cohort={"entry_window": ["2023-01-01", "2023-06-30"], "pool": pool})
    cohort = cohort_of(entrants=500, people=4000, study=study)
    frame = cohort.frame
    frame["index_date"] = frame["index_month"] + pd.Timedelta(days=14)
    first = frame[frame["treated"] == 1].groupby("person_id")["index_date"].min()
    frame["entry_date"] = frame["person_id"].map(first)
    return cohort, match_cohort(cohort)


def test_the_record_of_a_study_that_censors_is_on_one_estimand():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cohort, matched = monthly()
        effect = estimate(matched, "durable_6m", censored=True)
        record = estimate_territory(
            cohort, matched=matched, effect=effect,
            rematch=lambda frame, names: match_cohort(cohort, "nearest", frame, names),
            run_method=partial(match_cohort, cohort),
        ).record  # fmt: skip
        plain = estimates_of(monthly("not_yet_entered")[0]).record
    points = record["headline"]["effect_points"]["estimate"]
    at_horizon = next(row for row in record["curve"] if row["month"] == 6)
    assert at_horizon["effect_points"]["estimate"] == pytest.approx(points, abs=1e-12)
    assert points != plain["headline"]["effect_points"]["estimate"]
    rates = [row["rate_comparison"] for row in record["curve"]]
    assert rates == sorted(rates)
    methods = {row["name"]: row["effect_points"]["estimate"] for row in record["methods"]}
    assert all(estimate is not None for estimate in methods.values())
    assert {row["code"] for row in record["warnings"]} >= {"EVAL-531", "EVAL-532"}
    assert not {"EVAL-531", "EVAL-532"} & {row["code"] for row in plain["warnings"]}


@pytest.mark.parametrize("method", ["nearest", "radius", "ipw", "entropy_balancing"])
def test_every_family_has_an_interval(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cohort, _ = monthly()
        matched = match_cohort(cohort, method)
        plain, censored = (estimate(matched, "durable_6m", censored=flag) for flag in (False, True))
    assert censored.points.se == pytest.approx(plain.points.se, rel=0.25)
    assert censored.support.events_comparators < plain.support.events_comparators
    assert censored.notes[-1].code == "EVAL-531"
    assert censored.notes[-1].data["fixed"] == (method == "radius")


def test_columns_that_are_missing_are_named():
    frame, _ = drawn(8, rows=100)
    matched = matched_rows(frame, treated=10)
    del matched.frame["durable_3m"], matched.frame["entry_date"]
    with pytest.raises(EvaluationError) as caught:
        estimate(matched, "durable_6m", censored=True)
    assert caught.value.code == "EVAL-530"
    assert caught.value.faults[0].data["missing"] == ["entry_date", "durable_3m"]


@pytest.mark.slow
def test_on_a_simulated_region_both_estimands_find_their_truth(tmp_path: Path):
    import evaluation as ev
    from evaluation.simulation import simulate

    folder = simulate(tmp_path / "r", scale=0.5, regions=("11",), seed=31, effect_points=20.0)
    truth = folder.truth
    assert truth["effect_points_never"] - truth["effect_points"] > 0.4
    found, rates = {}, {}
    for pool in ("not_yet_entered", "censored_at_entry"):
        study = ev.load_study(
            tmp_path / "r" / "study.toml",
            [f"cohort.pool={pool}", "cohort.comparators_per_entrant=10"],
        )
        cohort = ev.build_cohort(ev.read_register(study), region="11")
        effect = ev.estimate(ev.match(cohort, method="ipw"))
        found[pool], rates[pool] = effect.points, 100 * effect.rate_comparison.estimate
    for pool, key in (("not_yet_entered", "effect_points"),
                      ("censored_at_entry", "effect_points_never")):  # fmt: skip
        assert abs(found[pool].estimate - truth[key]) < 2.6 * found[pool].se
    moved = rates["not_yet_entered"] - rates["censored_at_entry"]
    assert 0.3 < moved / (truth["effect_points_never"] - truth["effect_points"]) < 1.7
