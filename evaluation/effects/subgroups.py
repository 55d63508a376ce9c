"""Effects by subgroup, shown only where the comparison holds inside the subgroup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np
import pandas as pd

from evaluation.effects.doubly_robust import doubly_robust_of
from evaluation.effects.intervals import two_sided_p
from evaluation.effects.moments import Arms, arms_of, mean_influence
from evaluation.effects.outcomes import read_outcomes
from evaluation.effects.types import Bools, Floats, MatchedSet, Support
from evaluation.effects.variance import influence_covariance, legal_variance

SMD_LIMIT = 0.1
FEWEST_EVENTS = 30
KEY_COVARIATES = (
    "age", "elapsed_months", "months_category_a_15", "months_since_last_job", "durable_hires_24",
)  # fmt: skip

Reason = Literal["balance", "power"]


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Effect on one level of one variable.

    Attributes
    ----------
    variable, level : str
        Column and level.
    means : (2,) float or None
        Rates of entrants and comparison inside the level; None when an arm is empty there.
    covariance : (2, 2) float or None
        Of the two rates.
    support : Support
        Unweighted counts.
    exact : bool
        Whether entrants and comparators were matched exactly on the variable.
    withheld : str or None
        ``balance``: entrants and comparators of the level differ; ``power``: fewer than 30 events
        in an arm.
    contrast, contrast_variance : float or None
        Effect of the level minus effect of all other levels, and its variance; shared persons and
        sets are accounted for.
    contrast_shown : bool
        Whether both sides of the contrast have the events to be tested.
    contrast_p_holm : float or None
        p-value of the contrast, Holm's correction over all contrasts of the report: the chance of
        one false alarm among all of them.
    contrast_p_bh : float or None
        The same, Benjamini and Hochberg's: the expected share of false alarms among those called.
    """

    variable: str
    level: str
    means: Floats | None
    covariance: Floats | None
    support: Support
    exact: bool
    withheld: Reason | None
    contrast: float | None = None
    contrast_variance: float | None = None
    contrast_shown: bool = False
    contrast_p_holm: float | None = None
    contrast_p_bh: float | None = None


@dataclass(frozen=True, slots=True)
class _Level:
    subgroup: Subgroup
    influence: Floats


def estimate_subgroups(
    matched: MatchedSet,
    outcome: str,
    variables: Sequence[str],
    *,
    frame: pd.DataFrame | None = None,
) -> list[Subgroup]:
    """Estimate the effect on each level of each variable with the weights of the matched set.

    A variable matched exactly is taken as it is. Inside a level of another one, the score and the
    key covariates must be balanced (largest |SMD| at most 0.1), else the level is withheld.
    Weights count as fixed apart from their nuisance parameters, persons and sets are clusters.

    Parameters
    ----------
    matched : Matched
        The headline comparison.
    outcome : str
        0/1 outcome.
    variables : sequence of str
        Columns of ``frame``.
    frame : DataFrame, optional
        By default ``matched.frame``.

    Returns
    -------
    list of Subgroup
        In the order of ``variables``, levels in their own order.
    """
    table = matched.frame if frame is None else frame
    values = read_outcomes(matched, [outcome], frame=table)[:, 0]
    arms = arms_of(matched)
    kind = _variance(matched)
    found: list[Subgroup] = []
    for variable in variables:
        exact = variable in matched.problem.strata_columns
        levels = [
            _level(matched, table, values, arms, kind, variable, level, inside, exact=exact)
            for level, inside in _levels(table[variable], arms)
        ]
        found += _contrasted(levels, arms, kind)
    return corrected(found)


def _variance(matched: MatchedSet) -> str:
    kind = legal_variance(matched.family, matched.method, "auto")
    # Reused comparators and smooth weights are taken as fixed: clustered by person.
    return kind if kind in ("set_person", "sandwich") else "sandwich"


def _levels(column: pd.Series, arms: Arms) -> list[tuple[str, Bools]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        labels = [label for label in column.cat.categories]  # noqa: C416
    else:
        labels = sorted(column.dropna().unique())
    masks = [(str(label), (column == label).to_numpy(dtype=bool)) for label in labels]
    return [(label, mask) for label, mask in masks if (mask & arms.used & arms.treated).any()]


def _level(
    matched: MatchedSet, table: pd.DataFrame, values: Floats, arms: Arms, kind: str,
    variable: str, level: str, inside: Bools, *, exact: bool,
) -> _Level:  # fmt: skip
    support = _support(values, arms, inside)
    empty = Subgroup(variable, level, None, None, support, exact, "power")
    if support.comparators == 0:
        return _Level(empty, np.zeros((len(values), 2)))
    if matched.weighted.folds is None:
        means, influence = mean_influence(values, arms, inside=inside)
    else:
        means, influence, _ = doubly_robust_of(matched, values, arms, inside=inside)
    covariance, clusters = influence_covariance(influence, _restricted(arms, inside), kind)
    withheld: Reason | None = None
    if not exact and _largest_smd(matched, table, arms, inside) > SMD_LIMIT:
        withheld = "balance"
    elif (support.fewest_events or 0) < FEWEST_EVENTS or clusters < 2:
        withheld = "power"
    if not np.isfinite(covariance).all():
        return _Level(replace(empty, withheld=withheld), influence)
    found = Subgroup(variable, level, means, covariance, support, exact, withheld)
    return _Level(found, influence)


def _restricted(arms: Arms, inside: Bools) -> Arms:
    return replace(arms, weights=np.where(inside, arms.weights, 0.0))


def _support(values: Floats, arms: Arms, inside: Bools) -> Support:
    treated, others = arms.used & arms.treated & inside, arms.used & ~arms.treated & inside
    return Support(
        int(treated.sum()), int(others.sum()), int(values[treated].sum()),
        int(values[others].sum()), len(np.unique(arms.person[others])),
    )  # fmt: skip


def _largest_smd(matched: MatchedSet, table: pd.DataFrame, arms: Arms, inside: Bools) -> float:
    """Return the largest |SMD| of the score and the key covariates inside a level."""
    columns = [table[name].to_numpy(dtype=float) for name in KEY_COVARIATES if name in table]
    if matched.problem.distance is not None:
        columns.append(np.asarray(matched.problem.distance, dtype=float))
    largest = 0.0
    treated, others = inside & arms.treated, inside & ~arms.treated
    for column in columns:
        spread = float(np.std(column[treated]))
        if spread == 0:
            continue
        gap = _mean(column, arms.weights * treated) - _mean(column, arms.weights * others)
        largest = max(largest, abs(gap) / spread)
    return largest


def _mean(values: Floats, weights: Floats) -> float:
    return float(np.sum(values * weights)) / float(np.sum(weights))


def _contrasted(levels: list[_Level], arms: Arms, kind: str) -> list[Subgroup]:
    """Add to each level its contrast with the other levels, pooled by their entrants.

    Levels short of events keep theirs, because the nation pools it;
    :func:`corrected` tests only those
    that are shown.
    """
    sound = [
        level
        for level in levels
        if level.subgroup.withheld != "balance" and level.subgroup.covariance is not None
    ]
    done = []
    for level in levels:
        rest = [other for other in sound if other is not level]
        if not rest or not any(other is level for other in sound):
            done.append(level.subgroup)
            continue
        gap, psi = _difference(rest)
        own_gap, own = _difference([level])
        pair = np.column_stack([own, psi])
        covariance, _ = influence_covariance(pair, arms, kind)
        variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        done.append(
            replace(
                level.subgroup,
                contrast=own_gap - gap,
                contrast_variance=max(variance, 0.0),
                contrast_shown=level.subgroup.withheld is None and _enough(rest),
            )
        )
    return done


def _enough(levels: list[_Level]) -> bool:
    supports = [level.subgroup.support for level in levels]
    entrants = sum(support.events_entrants or 0 for support in supports)
    comparators = sum(support.events_comparators or 0 for support in supports)
    return min(entrants, comparators) >= FEWEST_EVENTS


def _difference(levels: list[_Level]) -> tuple[float, Floats]:
    """Return effect and influence (n,) of the pooled levels, weighted by entrants."""
    counts = np.array([level.subgroup.support.entrants for level in levels], dtype=float)
    shares = counts / counts.sum()
    gaps = [float(m[0] - m[1]) for m in (level.subgroup.means for level in levels) if m is not None]
    psi = np.zeros(len(levels[0].influence))
    for share, level in zip(shares, levels, strict=True):
        psi = psi + share * (level.influence[:, 0] - level.influence[:, 1])
    return float(np.sum(shares * np.array(gaps))), psi


def corrected(subgroups: list[Subgroup]) -> list[Subgroup]:
    """Return the subgroups with the p-values of their contrasts, Holm's and Benjamini-Hochberg's.

    The two contrasts of a two-level variable are one test and count once.
    """
    raw: dict[int, float] = {}
    for place, group in enumerate(subgroups):
        if group.contrast_shown and group.contrast is not None and group.contrast_variance:
            raw[place] = two_sided_p(group.contrast / math.sqrt(group.contrast_variance))
    tests: list[list[int]] = []
    for _, members in groupby(raw, key=lambda place: subgroups[place].variable):
        places = list(members)
        tests += [places] if len(places) == 2 else [[place] for place in places]
    p_values: Floats = np.array([raw[places[0]] for places in tests])
    done = list(subgroups)
    for places, p_holm, p_bh in zip(
        tests, holm(p_values), benjamini_hochberg(p_values), strict=True
    ):
        for place in places:
            done[place] = replace(
                done[place], contrast_p_holm=float(p_holm), contrast_p_bh=float(p_bh)
            )
    return done


def holm(p_values: Floats) -> Floats:
    """Return p-values (m,) that hold the chance of any false alarm among the m tests.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = (len(order) - np.arange(len(order))) * p_values[order]
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return p-values (m,) that hold the expected share of false alarms among those called.

    References
    ----------
    Benjamini & Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p_values, kind="stable")
    steps = len(order) / np.arange(1, len(order) + 1) * p_values[order]
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return adjusted
