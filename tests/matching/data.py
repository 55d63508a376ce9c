"""The two public data sets of the golden numbers, and a generator of small problems."""

from __future__ import annotations

import base64
import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

GOLDEN = Path(__file__).parents[1] / "golden"
TREATMENT = {"nsw_cps": "treat", "nhefs": "qsmk"}
COVARIATES = {
    "nsw_cps": [
        "age", "education", "black", "hispanic", "married", "nodegree",
        "re74", "re75", "u74", "u75",
    ],
    "nhefs": [
        "sex", "race", "age", "education", "smokeintensity", "smokeyrs",
        "exercise", "active", "wt71",
    ],
}  # fmt: skip
EXACT = {"nsw_cps": "black", "nhefs": "sex"}


@cache
def nsw_cps() -> pd.DataFrame:
    from causaldata import cps_mixtape, nsw_mixtape

    treated = nsw_mixtape.load_pandas().data.query("treat == 1")
    frame = pd.concat([treated, cps_mixtape.load_pandas().data], ignore_index=True)
    frame = frame.drop(columns="data_id").astype(np.float64)
    frame = frame.rename(columns={"educ": "education", "hisp": "hispanic", "marr": "married"})
    return frame.assign(
        treat=frame["treat"].astype(int),
        u74=(frame["re74"] == 0).astype(int),
        u75=(frame["re75"] == 0).astype(int),
    )


@cache
def nhefs() -> pd.DataFrame:
    from causaldata import nhefs_complete

    frame = nhefs_complete.load_pandas().data.reset_index(drop=True)
    for name in ("sex", "race", "education", "exercise", "active"):
        frame[name] = "l" + frame[name].astype(str)
    return frame.assign(qsmk=frame["qsmk"].astype(int))


DATA = {"nsw_cps": nsw_cps, "nhefs": nhefs}


@cache
def golden(dataset: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{dataset}.json").read_text("utf-8"))


def golden_linear(dataset: str) -> np.ndarray:
    packed = golden(dataset)["score"]["linear_zlib_base64"]
    return np.frombuffer(zlib.decompress(base64.b64decode(packed)), "<f8")


def small_problem(seed: int, *, treated: int = 12, others: int = 30) -> pd.DataFrame:
    """Return rows with a continuous score (no ties), a stratum and two covariates."""
    rng = np.random.default_rng(seed)
    n = treated + others
    return pd.DataFrame(
        {
            "t": np.r_[np.ones(treated, int), np.zeros(others, int)],
            "score": rng.normal(size=n) + 0.4 * (np.arange(n) < treated),
            "stratum": rng.choice(["a", "b"], n),
            "x": rng.normal(size=n),
            "y": rng.normal(size=n),
        }
    )
