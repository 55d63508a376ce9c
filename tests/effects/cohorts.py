"""A small cohort with a known effect, made without register or simulation."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation.cohort.types import Cohort, Flow, FlowStep, Variable
from evaluation.matching import match_frame
from evaluation.matching.result import Matched
from evaluation.study import Study
from evaluation.territories import Territory

BLOCKS = {
    "person_id": "key", "region": "key", "index_month": "key", "treated": "key",
    "sampling_weight": "key", "enters_within_horizon": "key",
    "age": "B0", "sex": "B0", "age_class": "B0", "duration_class": "B1", "elapsed_months": "B1",
    "qpv": "B2", "durable_hires_24": "B4", "months_since_last_job": "B4", "rsa": "B5",
    "placebo_6m": "placebo", "placebo_any_6m": "placebo",
    "durable_6m": "outcome", "durable_6m__lolf_p102": "outcome",
}  # fmt: skip


def study_of(**changes: Any) -> Study:
    tables: dict[str, Any] = {
        "study": {"name": "test"},
        "register": {"registrations": "r", "entries": "e", "hires": "h",
                     "extraction_date": "2025-01-31"},
        "cohort": {"entry_window": ["2023-01-01", "2023-06-30"]},
        "outcome": {"curve_months": 8, "sensitivity": ["lolf_p102"]},
        "matching": {"exact": ["index_month", "duration_class", "sex", "rsa"],
                     "blocks": ["B0", "B1", "B2", "B4", "B5"]},
        "effects": {"subgroups": ["rsa", "sex", "qpv"]},
        "run": {"output": "out"},
    }  # fmt: skip
    for section, values in changes.items():
        tables[section] = tables.get(section, {}) | values
    return Study.model_validate(tables)


def rows_of(rng: np.random.Generator, *, entrants: int, people: int, months: int) -> pd.DataFrame:
    """Return people followed over months until they enter; one row per person and month."""
    person = pd.DataFrame(
        {
            "age": rng.integers(18, 60, people),
            "sex": rng.choice(["1", "2"], people),
            "rsa": (rng.random(people) < 0.45).astype("int8"),
            "qpv": (rng.random(people) < 0.2).astype("int8"),
            "durable_hires_24": rng.poisson(0.4, people).astype("int8"),
            "months_since_last_job": rng.integers(0, 60, people),
            "elapsed_months": rng.integers(0, 24, people),
        }
    )
    person["person_id"] = [f"p{k:06d}" for k in range(people)]
    index = -4.2 + 0.8 * person["rsa"] + 0.2 * person["qpv"] - 0.2 * person["durable_hires_24"]
    hazard = 1 / (1 + np.exp(-(index + np.log(12 * entrants / people))))
    parts, present = [], np.ones(people, dtype=bool)
    for month in range(months):
        enters = present & (rng.random(people) < hazard)
        rows = person[present].copy()
        rows["treated"] = enters[present].astype("int8")
        rows["index_month"] = pd.Timestamp(2023, month + 1, 1)
        rows["elapsed_months"] = rows["elapsed_months"] + month
        parts.append(rows)
        present &= ~enters
    return pd.concat(parts, ignore_index=True)


def cohort_of(
    *, seed: int = 1, entrants: int = 300, people: int = 3000, months: int = 3,
    effect: float = 0.06, base: float = 0.12, study: Study | None = None, region: str = "24",
    code_name: str = "Centre-Val de Loire", placebo_rate: float = 0.12,
) -> Cohort:  # fmt: skip
    """Return a cohort of one region whose true effect at six months is ``effect``."""
    rng = np.random.default_rng(seed)
    frame = rows_of(rng, entrants=entrants, people=people, months=months)
    treated = frame["treated"].to_numpy()
    chance = base + 0.05 * frame["durable_hires_24"] - 0.04 * frame["rsa"] + effect * treated
    # A person's luck is shared by all its rows, as a hire months later is.
    luck = dict(zip(frame["person_id"].unique(), rng.random(people), strict=False))
    shock = frame["person_id"].map(luck).to_numpy()
    frame["region"] = region
    frame["sampling_weight"] = 1.0
    for month in range(1, 13):
        frame[f"durable_{month}m"] = (shock < chance * month / 6).astype("int8")
    frame["durable_6m__lolf_p102"] = (shock < 1.1 * chance).astype("int8")
    frame["placebo_6m"] = (rng.random(len(frame)) < placebo_rate).astype("int8")
    frame["placebo_any_6m"] = (rng.random(len(frame)) < 0.3).astype("int8")
    later = frame.groupby("person_id")["treated"].transform("max").to_numpy()
    frame["enters_within_horizon"] = ((later == 1) & (treated == 0)).astype("int8")
    frame["sex"] = frame["sex"].astype("category")
    frame["age_class"] = pd.cut(frame["age"], [0, 24, 49, 99],
                                labels=["under_25", "25_49", "50_plus"])  # fmt: skip
    classes = pd.cut(frame["elapsed_months"], [-1, 11, 99], labels=["00_11", "12_plus"])
    frame["duration_class"] = classes
    frame = frame.sort_values(["index_month", "treated", "person_id"],
                              ascending=[True, False, True], ignore_index=True)  # fmt: skip
    variables = {
        name: Variable(name, block, "index", name, name, "", "number")
        for name, block in BLOCKS.items()
    }
    kept = ["index_month", "duration_class", "age", "sex", "rsa", "qpv", "months_since_last_job"]
    total = int(treated.sum())
    flow = Flow(total + 5, total, len(frame) - total, len(frame) - total, (FlowStep("age", 5, 9),))
    return Cohort(
        frame=frame, frozen=frame[kept].copy(), flow=flow, study=study or study_of(),
        territory=Territory("region", region, code_name), variables=variables, months_observed=8,
    )  # fmt: skip


def match_cohort(
    cohort: Cohort,
    method: str = "nearest",
    frame: pd.DataFrame | None = None,
    covariates: list[str] | None = None,
    **options: Any,
) -> Matched:
    rules = cohort.study.matching
    if method == "nearest":
        options = {"ratio": rules.ratio, "caliper": rules.caliper} | options
    return match_frame(
        cohort.frame if frame is None else frame,
        treatment="treated",
        covariates=covariates or cohort.covariates(rules.blocks),
        method=method,
        exact=list(rules.exact),
        person="person_id",
        sampling_weight="sampling_weight",
        pool_sparse=True,
        seed=1,
        **options,
    )


def estimates_of(cohort: Cohort, method: str = "nearest") -> Any:
    from evaluation.effects import estimate, estimate_territory

    matched = match_cohort(cohort, method)
    effect = estimate(matched, cohort.outcome, seed=cohort.study.run.seed)
    return estimate_territory(
        cohort,
        matched=matched,
        effect=effect,
        rematch=lambda frame, names: match_cohort(cohort, method, frame, names),
        run_method=partial(match_cohort, cohort),
    )
