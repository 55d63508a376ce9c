"""Small matched sets, real data and random cohorts for the tests of this room."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation.matching.result import Matched
from evaluation.matching.types import Nuisance, Problem, Weighted

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    return found


@cache
def nsw_cps() -> pd.DataFrame:
    from causaldata import cps_mixtape, nsw_mixtape

    treated = nsw_mixtape.load_pandas().data.query("treat == 1")
    frame = pd.concat([treated, cps_mixtape.load_pandas().data], ignore_index=True)
    frame = frame.rename(columns={"educ": "education", "hisp": "hispanic", "marr": "married"})
    frame["emp78"] = (frame["re78"] > 0).astype(int)
    return frame


@cache
def nhefs() -> pd.DataFrame:
    from causaldata import nhefs_complete

    frame = nhefs_complete.load_pandas().data
    for name in ("qsmk", "death", "wt82_71"):
        frame[name] = frame[name].astype(float)
    return frame.reset_index(drop=True)


def dataset(name: str) -> tuple[pd.DataFrame, str]:
    return (nsw_cps(), "treat") if name.startswith("nsw_cps") else (nhefs(), "qsmk")


def matched_of(
    frame: pd.DataFrame,
    treated: np.ndarray,
    weights: np.ndarray,
    *,
    sets: np.ndarray | None = None,
    pairs: np.ndarray | None = None,
    person: np.ndarray | None = None,
    family: str = "sets",
    nuisance: Nuisance | None = None,
    distance: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    strata_columns: tuple[str, ...] = (),
    score: Any = None,
    replicate: Any = None,
    adjusted: Any = None,
    covariates: pd.DataFrame | None = None,
    method: str = "nearest",
) -> Matched:
    rows = len(frame)
    problem = Problem(
        treated=np.asarray(treated, dtype=bool),
        covariates=pd.DataFrame(index=frame.index) if covariates is None else covariates,
        strata=np.zeros(rows, dtype=np.int64) if strata is None else strata,
        strata_columns=strata_columns,
        sampling_weight=np.ones(rows),
        person=np.arange(rows) if person is None else np.asarray(person),
        distance=distance,
        distance_name="logit",
        score=score,
        estimand="ATT",
        options={},
        rng=np.random.default_rng(0),
    )
    weighted = Weighted(
        weights=np.asarray(weights, dtype=float),
        subclass=np.full(rows, -1) if sets is None else np.asarray(sets),
        pairs=pairs,
        nuisance=nuisance,
        replicate=replicate,
        adjusted=adjusted,
    )
    return Matched(frame, "treated", (), method, family, {}, problem, weighted)  # type: ignore[arg-type]


def matched_of_golden(name: str) -> tuple[Matched, dict[str, Any]]:
    """Return the matched set that R found, rebuilt from its weights and subclasses."""
    frame, treatment = dataset(name)
    expected = golden(name)
    weights, sets = np.zeros(len(frame)), np.full(len(frame), -1)
    weights[expected["row"]] = expected["weight"]
    sets[expected["row"]] = expected["subclass"]
    return matched_of(frame, frame[treatment].to_numpy() == 1, weights, sets=sets), expected


def pairs_frame(
    rng: np.random.Generator, *, sets: int = 200, ratio: int = 1, rate: float = 0.3,
    effect: float = 0.0,
) -> tuple[Matched, pd.DataFrame]:  # fmt: skip
    """Return random 1:k sets with a shared risk inside each set."""
    risk = np.clip(rate + rng.normal(0, 0.1, sets), 0.02, 0.98)
    treated = np.zeros((sets, ratio + 1), dtype=bool)
    treated[:, 0] = True
    chance = np.clip(risk[:, None] + effect * treated, 0, 1)
    outcome = (rng.random((sets, ratio + 1)) < chance).astype(float)
    frame = pd.DataFrame({"y": outcome.ravel(), "treated": treated.ravel().astype(int)})
    labels = np.repeat(np.arange(sets), ratio + 1)
    return matched_of(frame, treated.ravel(), np.ones(len(frame)), sets=labels), frame
