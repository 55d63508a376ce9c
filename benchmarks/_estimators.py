"""Cells and estimators of the Monte Carlo study, and one replication of one cell."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks._frames import COVARIATES, EXACT, Cell, Drawn, draw

FIRST_SEED = 40_000
OUTCOME = "durable_6m"
MATCHING: dict[str, Any] = {
    "treatment": "treated", "covariates": list(COVARIATES), "exact": list(EXACT),
    "person": "person_id", "sampling_weight": "sampling_weight",
    "score_effects": ("index_month", "duration_class"), "pool_sparse": True, "seed": 1,
}  # fmt: skip
"""What the study file's defaults make of a cohort."""


def _grid() -> Iterator[Cell]:
    for overlap, spread in (("good", 0.6), ("poor", 1.3)):
        for confounding, share in (("weak", 0.25), ("strong", 0.75)):
            for sign, effect in (("effect", 2.8), ("null", 0.0)):
                name = f"{overlap}-{confounding}-{sign}"
                yield Cell(name, spread=spread, confounding=share, effect=effect)


CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        *_grid(),
        Cell("small", entrants=1_000),
        Cell("large", entrants=5_000),
        Cell("misspecified", spread=0.9, nonlinear=0.6),
        Cell("recurring-effect", stock=1.5, frailty=0.8),
        Cell("recurring-null", stock=1.5, frailty=0.8, effect=0.0),
    )
}
QUICK_CELLS = ("good-strong-effect", "poor-strong-null", "recurring-effect")
CORNERS = ("poor-strong-effect", "recurring-effect")
"""The cells of estimators too slow for all."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """One way from a frame to an effect.

    Attributes
    ----------
    name : str
    method : str
        Registered matching method.
    options, estimating : dict
        Of ``match`` beside those of every estimator, and of ``estimate``.
    candidate : bool
        Whether it runs on all replications; the others run on the first ones unless named.
    slow : str
        Why it runs on some cells only unless named, empty when it runs on all.
    """

    name: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    estimating: dict[str, Any] = field(default_factory=dict)
    candidate: bool = False
    slow: str = ""


_CALIPER = {"ratio": 3, "caliper": 0.2}
_FEW = ["age", "education", "days_employed_q1", "barriers", "sex", "rsa"]
ESTIMATORS: dict[str, Estimator] = {
    estimator.name: estimator
    for estimator in (
        Estimator("nearest_1", "nearest"),
        Estimator("nearest_1_caliper", "nearest", {"caliper": 0.2}),
        Estimator("nearest_3", "nearest", {"ratio": 3}),
        Estimator("nearest_3_caliper", "nearest", _CALIPER, candidate=True),
        Estimator("subclass", "subclass"),
        Estimator("ipw", "ipw", candidate=True),
        Estimator("overlap", "overlap"),
        Estimator("entropy_balancing", "entropy_balancing"),
        Estimator("replace_3", "nearest", {"ratio": 3, "replace": True}),
        Estimator("full", "full"),
        Estimator("generalised_full", "generalised_full"),
        Estimator("optimal_1", "optimal"),
        Estimator("optimal_3", "optimal", {"ratio": 3}),
        Estimator("cem", "cem", {"covariates": _FEW}),
        Estimator("cbps", "cbps", slow="and the estimates of entropy balancing"),
        Estimator("nearest_1_adjusted", "nearest", {}, {"adjust": True}),
        Estimator("nearest_3_adjusted", "nearest", {"ratio": 3}, {"adjust": True}, True),
        Estimator("nearest_3_caliper_adjusted", "nearest", _CALIPER, {"adjust": True}),
        Estimator("replace_3_adjusted", "nearest",
                  {"ratio": 3, "replace": True, "bias_adjust": True}, {"score_estimated": False}),
        Estimator("ipw_adjusted", "ipw", {}, {"adjust": True}, True),
        Estimator("aipw", "aipw"),
        Estimator("stable", "stable", slow="a quadratic programme"),
        Estimator("kernel", "kernel", slow="199 replications of the bootstrap"),
        Estimator("radius", "radius"),
    )
}  # fmt: skip
"""Simplest first: a tie goes to the one that stands higher."""
DEFAULT = "nearest_3_caliper"
"""The study file's own headline."""


def available() -> list[str]:
    """Return the estimators whose method is registered."""
    from evaluation.matching import methods

    return [name for name, each in ESTIMATORS.items() if each.method in methods()]


@contextmanager
def one_score() -> Iterator[None]:
    """Fit the score of a frame once: it is the same in every estimator, and half of their time."""
    from evaluation.matching import frame as home

    fit = home.fit_propensity
    kept: dict[Any, Any] = {}

    def remembered(covariates: Any, treated: Any, **rest: Any) -> Any:
        key = (tuple(covariates.columns), rest["link"], rest["pool_sparse"], rest["penalty"])
        if key not in kept:
            kept[key] = fit(covariates, treated, **rest)
        return kept[key]

    home.fit_propensity = remembered
    try:
        yield
    finally:
        home.fit_propensity = fit


def replicate(cell: Cell, replication: int, names: Iterable[str]) -> dict[str, Any]:
    """Draw a frame and run estimators on it; one row of results, ready for JSON."""
    began = time.process_time()
    drawn = draw(cell, FIRST_SEED + replication)
    treated = drawn.frame["treated"].to_numpy() == 1
    row: dict[str, Any] = {
        "cell": cell.name, "replication": replication, "entrants": int(treated.sum()),
        "rows": len(treated), "later": drawn.later, "base": 100 * float(drawn.p0[treated].mean()),
        "effect": 100 * float((drawn.p1 - drawn.p0)[treated].mean()),
        "seconds": {"draw": time.process_time() - began}, "found": {},
    }  # fmt: skip
    with warnings.catch_warnings(), one_score():
        warnings.simplefilter("ignore")
        for name in names:
            began = time.process_time()
            row["found"][name] = estimated(drawn, ESTIMATORS[name])
            row["seconds"][name] = time.process_time() - began
    return row


def estimated(drawn: Drawn, estimator: Estimator) -> dict[str, Any]:
    """Return estimate, interval and truth in points and percent, or why there is none.

    The truth is the expected effect on the entrants who were matched, each with its weight.
    """
    import evaluation as ev

    try:
        matched = ev.match(drawn.frame, **MATCHING | {"method": estimator.method}
                           | estimator.options)  # fmt: skip
        effect = ev.estimate(matched, OUTCOME, **estimator.estimating)
    except Exception as error:  # a study of hours counts a failure, names it and goes on
        return {"refused": getattr(error, "code", None) or f"{type(error).__name__}: {error}"[:200]}
    treated = drawn.frame["treated"].to_numpy() == 1
    weights = np.asarray(matched.weights, np.float64)[treated]
    with_it, without = (float(weights @ p[treated]) for p in (drawn.p1, drawn.p0))
    points, uplift = effect.points, effect.uplift
    if points is None or points.low is None:
        return {"refused": effect.withheld or "no interval"}
    return {
        "matched": int((weights > 0).sum()),
        "points": [points.estimate, points.low, points.high],
        "se": points.se, "p": points.p_value,
        "true": 100 * (with_it - without) / float(weights.sum()),
        "uplift": [uplift.estimate, uplift.low, uplift.high],
        "true_uplift": 100 * (with_it / without - 1),
        "estimand": effect.estimand,
    }  # fmt: skip
