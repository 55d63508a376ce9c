"""What a matching method receives and returns: the contract of methods, diagnostics and effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import Fault

if TYPE_CHECKING:
    from evaluation.matching.score.propensity import PropensityModel

Estimand = Literal["ATT", "ATE", "ATC", "ATO"]
Family = Literal["sets", "replacement", "score_weights", "moment_weights", "smooth"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Problem:
    """One matching problem, the same for every method.

    Attributes
    ----------
    treated : (n,) bool
        Who received the programme.
    covariates : DataFrame (n, k)
        Covariates, no missing values; categories as ``category`` dtype.
    strata : (n,) int
        Code of the exact stratum (all zero when there is none).
    strata_columns : tuple of str
        The columns that make the strata.
    sampling_weight : (n,) float
        Inverse sampling probability of comparators, 1 for the treated.
    person : (n,) int
        Code of the person behind each row (a person may recur).
    distance : (n,) float or None
        The scalar distance (linear score, probability, user array), None for a multivariate one.
    distance_name : str
        ``logit``, ``mahalanobis``...
    score : PropensityModel or None
        The fitted score behind ``distance``.
    estimand : str
        ``ATT`` unless said otherwise.
    options : dict
        The method's own options, checked.
    rng : Generator
        The only source of randomness.
    """

    treated: Bools
    covariates: pd.DataFrame
    strata: Ints
    strata_columns: tuple[str, ...]
    sampling_weight: Floats
    person: Ints
    distance: Floats | None
    distance_name: str
    score: PropensityModel | None
    estimand: Estimand
    options: dict[str, Any]
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Nuisance:
    """How the comparison weights depend on estimated parameters (stacked estimating equations).

    Attributes
    ----------
    gradient : callable (n,) -> (q,)
        Of residuals r: sum over rows of r_i times the derivative of the weight of row i with
        respect to the q parameters.
    project : callable (q,) -> (n,)
        Of a direction g: the influence of each row on g'theta.
    """

    gradient: Callable[[Floats], Floats]
    project: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Weighted:
    """What a method returns.

    Attributes
    ----------
    weights : (n,) float
        Final weights; for the ATT the matched treated have weight 1 and the comparators sum, in
        each arm, to the number of rows with a nonzero weight (MatchIt's normalisation).
    subclass : (n,) int
        Matched set of each row, -1 when none.
    pairs : (m, 2) int or None
        Positions (treated, comparison) of each pair.
    reasons : dict of str to (r,) int
        Positions of the treated rows left out, by reason code (``caliper``, ``stratum_empty``,
        ``no_comparator_left``, ``outside_support``).
    nuisance : Nuisance or None
        For weighting methods.
    replicate : callable or None
        ``replicate(outcomes (n, m), multiplier (n, R)) -> (R, m, 2)``: for smooth methods, the two
        means of each outcome in R bootstrap replications of the whole pipeline, whose row weights
        are ``multiplier`` (person-constant counts).
    adjusted : callable or None
        ``adjusted(outcome (n,)) -> (mean treated, mean comparison)`` where the estimate is not the
        weighted mean (regression bias adjustment).
    notes : list of Fault
        What the reader must know.
    family : str or None
        The variance family, where an option changes that of the method (``replace``).
    folds : (n,) int or None
        Fold of each row where weights come from scores fitted without it: the effect then adds an
        outcome model fitted alike (``aipw``).
    """

    weights: Floats
    subclass: Ints
    pairs: Ints | None = None
    reasons: dict[str, Ints] = field(default_factory=dict)
    nuisance: Nuisance | None = None
    replicate: Callable[[Floats, Floats], Floats] | None = None
    adjusted: Callable[[Floats], tuple[float, float]] | None = None
    notes: list[Fault] = field(default_factory=list)
    family: Family | None = None
    folds: Ints | None = None
