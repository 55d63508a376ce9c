"""Golden results of the methods that make sets of cells: exact, cem, subclass; MatchIt 4.7.2.

`tests/golden/sets_<dataset>.json` holds, for each specification, the exact `call`, R's matched
sizes, the set of every row (little-endian int16, -1 = none, zlib, base64), the weights of treated
and comparators of each set, and the difference in means with its standard errors (sandwich 3.1-1).
"""

from __future__ import annotations

import base64
import json
import warnings
import zlib
from functools import cache
from typing import Any

import numpy as np

from evaluation.errors import EvaluationWarning
from evaluation.matching import Matched, match_frame
from tests.matching.data import COVARIATES, DATA, GOLDEN, TREATMENT, golden_linear

QUARTERS = {
    "nsw_cps": ["age", "education", "re74", "re75"],
    "nhefs": ["age", "smokeintensity", "smokeyrs", "wt71"],
}
FACTORS = {
    "nsw_cps": ["black", "hispanic", "married", "nodegree", "u74", "u75"],
    "nhefs": ["sex", "race", "education", "exercise", "active"],
}
SPECS: dict[str, dict[str, Any]] = {
    "cem": {"method": "cem"},
    "cem_q4": {"method": "cem", "bins": "q4"},
    "cem_k2k": {"method": "cem", "k2k": True},
    "cem_k2k_closest": {"method": "cem", "k2k": True, "order": "closest"},
    "exact_factor": {"method": "exact"},
    "subclass5": {"method": "subclass", "subclasses": 5},
    "subclass6": {"method": "subclass"},
    "subclass10": {"method": "subclass", "subclasses": 10},
    "subclass10_ate": {"method": "subclass", "subclasses": 10, "estimand": "ATE"},
}


@cache
def golden_sets(dataset: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"sets_{dataset}.json").read_text("utf-8"))["specs"]


def expected(dataset: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return R's set of each row and its weights."""
    spec = golden_sets(dataset)[name]
    packed = zlib.decompress(base64.b64decode(spec["subclass_zlib_base64"]))
    sets = np.frombuffer(packed, "<i2").astype(np.int64)
    treated = DATA[dataset]()[TREATMENT[dataset]].to_numpy() == 1
    by_set = np.array(spec["weights"])[sets]
    return sets, np.where(sets >= 0, np.where(treated, by_set[:, 0], by_set[:, 1]), 0.0)


def run(dataset: str, name: str) -> Matched:
    """Run a specification, subclasses on R's own score."""
    options = dict(SPECS[name])
    if options.get("bins") == "q4":
        options["bins"] = dict.fromkeys(QUARTERS[dataset], "q4")
    if options["method"] == "subclass":
        options["distance"] = golden_linear(dataset)
    covariates = FACTORS[dataset] if options["method"] == "exact" else COVARIATES[dataset]
    frame = DATA[dataset]()
    if dataset == "nsw_cps":
        frame = frame.assign(emp78=(frame["re78"] > 0).astype(int))
    return quiet(frame, treatment=TREATMENT[dataset], covariates=covariates, **options)


def quiet(frame: Any, **options: Any) -> Matched:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvaluationWarning)
        return match_frame(frame, **options)


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two labellings make the same sets, -1 being no set in both."""
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist())) and all(
        (a == -1) == (b == -1) for a, b in pairs
    )


def check_golden(dataset: str, name: str) -> None:
    """Hold sets, weights and sizes to R's."""
    matched = run(dataset, name)
    sets, weights = expected(dataset, name)
    assert same_partition(matched.subclass.to_numpy(), sets)
    np.testing.assert_allclose(matched.weights, weights, rtol=1e-10)
    spec = golden_sets(dataset)[name]
    summary = matched.summary()
    assert summary.loc["matched"].tolist() == spec["n"]["Matched"]
    ess = spec["n"]["Matched (ESS)"]
    np.testing.assert_allclose(summary.loc["matched_effective"], ess, rtol=1e-10)


def by_hand(frame: Any, keys: list[str], estimand: str = "ATT") -> np.ndarray:
    """Return the weights of cells of equal ``keys`` by the definition, one cell at a time."""
    treated = frame["t"].to_numpy() == 1
    base = frame["s"].to_numpy(float) if "s" in frame else np.ones(len(frame))
    focal = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(frame), bool)}[estimand]
    weights = np.zeros(len(frame))
    for rows in frame.groupby(keys, observed=True).indices.values():
        arms = [rows[treated[rows]], rows[~treated[rows]]]
        if min(map(len, arms)) == 0:
            continue
        total = base[rows[focal[rows]]].sum()
        for arm in arms:
            weights[arm] = base[arm] * total / base[arm].sum()
    for arm, whole in ((treated, "ATT"), (~treated, "ATC")):
        if estimand != whole:
            weights[arm] *= (weights[arm] > 0).sum() / weights[arm].sum()
    return weights
