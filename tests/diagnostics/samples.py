"""Real data of `causaldata` in the reference's order, and hand-made problems, for several tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.matching.score.propensity import fit_propensity
from evaluation.matching.types import Floats, Ints, Problem

GOLDEN = Path(__file__).parents[1] / "golden"
NSW = ["age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75", "u74", "u75"]
NHEFS = [
    "sex",
    "race",
    "age",
    "education",
    "smokeintensity",
    "smokeyrs",
    "exercise",
    "active",
    "wt71",
]


@dataclass(frozen=True)
class Held:
    """The two attributes that diagnostics read of a matched result."""

    problem: Problem
    weights: Floats


@cache
def nsw_cps() -> pd.DataFrame:
    """Treated of the NSW experiment, then CPS-1; 16 177 rows."""
    from causaldata import cps_mixtape, nsw_mixtape

    trial = nsw_mixtape.load_pandas().data
    rows = pd.concat([trial[trial.treat == 1], cps_mixtape.load_pandas().data], ignore_index=True)
    rows = rows.rename(columns={"educ": "education", "hisp": "hispanic", "marr": "married"})
    return rows.assign(u74=(rows.re74 == 0).astype(int), u75=(rows.re75 == 0).astype(int))


@cache
def nhefs() -> pd.DataFrame:
    """NHEFS, factors as l0, l1... in the order of their codes; 1 566 rows."""
    from causaldata import nhefs_complete

    rows = nhefs_complete.load_pandas().data[["qsmk", "wt82_71", *NHEFS]].copy()
    for name in ("sex", "race", "education", "exercise", "active"):
        codes = rows[name].astype(str).str.removesuffix(".0").astype(int)
        rows[name] = ("l" + codes.astype(str)).astype("category")
    return rows.reset_index(drop=True)


SAMPLES = {"nsw_cps": (nsw_cps, "treat", NSW, "re78"), "nhefs": (nhefs, "qsmk", NHEFS, "wt82_71")}


@cache
def golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def real(name: str, **options: Any) -> tuple[Problem, Floats]:
    """Return a real problem with its score, and its outcome."""
    load, treatment, covariates, outcome = SAMPLES[name]
    rows = load()
    treated = rows[treatment].to_numpy() == 1
    return problem(rows[covariates], treated, options=options), rows[outcome].to_numpy(float)


def problem(
    covariates: pd.DataFrame,
    treated: np.ndarray,
    *,
    strata: Ints | None = None,
    sampling_weight: Floats | None = None,
    person: Ints | None = None,
    options: dict[str, Any] | None = None,
    estimand: Any = "ATT",
    fitted: bool = True,
) -> Problem:
    """Build a problem with a logistic score, strata as effects when there are any."""
    n = len(treated)
    weights = np.ones(n) if sampling_weight is None else sampling_weight
    codes = np.zeros(n, dtype=np.int64) if strata is None else strata
    effects = None if strata is None else pd.DataFrame({"stratum": codes.astype(str)})
    score = (
        fit_propensity(covariates, treated, weights=weights, effects=effects) if fitted else None
    )
    return Problem(
        treated=treated,
        covariates=covariates,
        strata=codes,
        strata_columns=() if strata is None else ("stratum",),
        sampling_weight=weights,
        person=np.arange(n) if person is None else person,
        distance=None if score is None else score.linear,
        distance_name="logit" if fitted else "none",
        score=score,
        estimand=estimand,
        options=options or {},
        rng=np.random.default_rng(0),
    )


def made(seed: int = 0, n: int = 1500, **more: Any) -> tuple[Problem, Floats]:
    """Return a generated problem (three strata, uneven sampling) and an outcome without effect."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    flag = (rng.random(n) < 0.3).astype(np.int8)
    group = pd.Categorical.from_codes(rng.integers(0, 3, n), ["a", "b", "c"])
    treated = rng.random(n) < 1 / (1 + np.exp(1.8 - 0.5 * x - 0.4 * flag))
    weights = np.where(treated, 1.0, rng.choice([1.0, 2.0], n))
    outcome = (rng.random(n) < 1 / (1 + np.exp(1.5 - 0.5 * x + 0.4 * flag))).astype(float)
    covariates = pd.DataFrame({"x": x, "flag": flag, "group": group})
    strata = rng.integers(0, 3, n)
    return problem(covariates, treated, strata=strata, sampling_weight=weights, **more), outcome


def taken(source: Problem, rows: Ints, **more: Any) -> Problem:
    """Return the problem of some rows (repeated, reordered), its score fitted again."""
    return problem(
        source.covariates.iloc[rows].reset_index(drop=True),
        source.treated[rows],
        strata=source.strata[rows],
        sampling_weight=more.pop("sampling_weight", source.sampling_weight[rows]),
        person=source.person[rows],
        options=source.options,
        **more,
    )


def difference(weights: Floats, treated: np.ndarray, outcome: Floats) -> float:
    """Return the weighted difference of means."""
    arms = (treated, ~treated)
    first, second = (np.average(outcome[arm], weights=weights[arm]) for arm in arms)
    return float(first - second)


def standard_error(problem: Problem, weighted: Any, outcome: Floats) -> float:
    """Return the standard error of the difference by stacked estimating equations."""
    influence = np.zeros(len(outcome))
    for sign, arm in ((1, problem.treated), (-1, ~problem.treated)):
        own = np.where(arm, weighted.weights, 0.0)
        residual = np.where(arm, outcome - np.average(outcome, weights=own), 0.0)
        part = own * residual + weighted.nuisance.project(weighted.nuisance.gradient(residual))
        influence += sign * part / own.sum()
    by_person = np.bincount(np.unique(problem.person, return_inverse=True)[1], influence)
    return float(np.sqrt(by_person @ by_person))
