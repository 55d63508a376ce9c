"""The second estimand: entering now rather than not within the horizon.

In: a matched set with the month of each comparator's hire and of its own entry. Out: the moments
of each cumulative outcome had no comparator entered. Comparators are censored at their own entry
and those still followed stand, month by month, for those who entered. Must never match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evaluation.effects.censoring_model import EntryModel, FollowUp, fit_entry, follow_up
from evaluation.effects.moments import arms_of
from evaluation.effects.types import Floats, Ints, MatchedSet, Moments
from evaluation.effects.variance import influence_covariance, moments_of
from evaluation.errors import Fault, fail

CUT = 0.99
"""Quantile of each month's weights, among the people they stand for, at which they are cut."""
_HELD_FIXED = ("abadie_imbens", "abadie_imbens_homoscedastic", "bootstrap", "HC0", "HC1")


@dataclass(frozen=True, slots=True)
class Censored:
    """Outcomes of a matched set whose comparators are censored at their own entry.

    Attributes
    ----------
    observed : (n, m) float
        0/1 outcomes; a comparator's hire after its own entry does not count.
    moments : list of Moments
        Of each outcome.
    note : Fault
        How many comparators are censored, and what the variance holds fixed.
    """

    observed: Floats
    moments: list[Moments]
    note: Fault


@dataclass(frozen=True, slots=True)
class _Table:
    """Weighted life table of the comparators (c rows, K months).

    Attributes
    ----------
    weight : (c, K) float
        Censoring weights at the middle of each month, cut.
    moving : (c, K) bool
        Weights that were not cut.
    score : (c, K) float
        Weight × (hired − hazard × months followed) / total months followed, base weights left
        out.
    hazard : (K,) float
        Hires per month followed.
    """

    weight: Floats
    moving: Floats
    score: Floats
    hazard: Floats

    def cumulative(self, month: int) -> float:
        """Return the share hired by the end of a month."""
        return 1.0 - float(np.prod(1.0 - self.hazard[:month]))

    def slopes(self, month: int) -> Floats:
        """Return the derivative (K,) of the share hired by ``month`` in each month's hazard."""
        left = 1.0 - self.hazard[:month]
        slope = np.zeros(len(self.hazard))
        for k in range(month):
            slope[k] = np.prod(np.delete(left, k))
        return slope


def censored_outcomes(
    matched: MatchedSet,
    outcomes: Sequence[str],
    *,
    frame: pd.DataFrame | None = None,
    variance: str,
    score_estimated: bool = True,
    seed: int = 0,
) -> Censored:
    r"""Return the moments of cumulative outcomes had no comparator entered the programme.

    Parameters
    ----------
    matched : Matched
        Of a cohort: ``index_date`` and ``entry_date`` stand beside the outcomes.
    outcomes : sequence of str
        Columns ``<stem>_<k>m``, with every month from 1 to k present.
    frame : DataFrame, optional
        Where they stand, by default ``matched.frame``.
    variance : str
        A legal name of the family.
    score_estimated, seed
        As for :func:`evaluation.effects.variance.moments_of`.

    Raises
    ------
    EvaluationError
        EVAL-530 the columns that the censoring needs are missing.

    Notes
    -----
    With :math:`q_{ij}` the probability of entry in month j, the weight at the middle of month k is
    :math:`W_{ik} = (1 - q_{ik})^{-1/2} \prod_{j<k} (1 - q_{ij})^{-1}`, cut at the 99th percentile
    of those at risk, each counted with its matching weight :math:`w_i`. The hazard is
    :math:`h_k = \sum w_i W_{ik} d_{ik} / \sum w_i W_{ik} r_{ik}`, with :math:`d` the hires and
    :math:`r` the share of the month before an entry, and the outcome by month m
    :math:`F_m = 1 - \prod_{k \le m} (1 - h_k)`. Weights of the month's start would leave out half
    a month of entries: about a sixth of the correction of a six-month outcome.
    Linearised, it is a weighted mean like any other, so every family keeps its own variance and
    persons stay clusters. The influence of the estimated entry model is added where the variance
    sums influence values; it, the cut and the matched sets are held fixed with replacement, under
    a bootstrap and under HC0 and HC1.

    References
    ----------
    Hernán, M. A., Brumback, B. and Robins, J. M. (2001). Marginal structural models to estimate
    the joint causal effect of nonrandomized treatments. JASA 96(454), 440-448.
    https://doi.org/10.1198/016214501753168154

    Cole, S. R. and Hernán, M. A. (2008). Constructing inverse probability weights for marginal
    structural models. American Journal of Epidemiology 168(6), 656-664.
    https://doi.org/10.1093/aje/kwn164
    """
    table = matched.frame if frame is None else frame
    arms = arms_of(matched)
    rows = np.flatnonzero(~arms.treated)
    stem, last = _stem(outcomes, table)
    seen = _seen(table.iloc[rows], stem, last)
    sampling = np.asarray(matched.problem.sampling_weight, dtype=float)[rows]
    model = fit_entry(matched.problem.covariates.iloc[rows], seen, sampling)
    life = _life_table(seen, model, arms.weights[rows])
    wanted = [_month(name) for name in outcomes]
    observed = np.column_stack([table[name].to_numpy(dtype=float) for name in outcomes])
    pseudo, extra = observed.copy(), np.zeros(observed.shape)
    total = float(arms.weights[rows].sum())
    for column, month in enumerate(wanted):
        observed[rows, column] = seen.hired[:, :month].any(axis=1)
        slopes = life.slopes(month)
        pseudo[rows, column] = life.cumulative(month) + total * (life.score @ slopes)
        if model is not None:
            extra[rows, column] = _model_influence(model, life, slopes, arms.weights[rows])
    moments = moments_of(
        matched, pseudo, variance=variance, score_estimated=score_estimated, seed=seed
    )
    if variance not in _HELD_FIXED:
        moments = [
            _with_influence(found, extra[:, column], matched, variance)
            for column, found in enumerate(moments)
        ]
    used = arms.weights[rows] != 0
    horizon = max(wanted)
    ends = seen.enters[:, :horizon].any(axis=1) & used
    facts = {
        "count": int(ends.sum()), "comparators": int(used.sum()), "months": horizon,
        "share": float(ends.sum() / used.sum()), "largest": float(life.weight[used].max()),
        "fixed": variance in _HELD_FIXED, "penalised": bool(model and model.penalised),
    }  # fmt: skip
    return Censored(observed, moments, Fault("EVAL-531", facts))


def _month(name: str) -> int:
    return int(name.rpartition("_")[2][:-1])


def _stem(outcomes: Sequence[str], table: pd.DataFrame) -> tuple[str, int]:
    """Return the stem of monthly outcomes and the last month that the table holds.

    The whole curve is always used, so that its point at the horizon is the headline.
    """
    parts = [name.rpartition("_") for name in outcomes]
    sound = all(month[:-1].isdigit() and month.endswith("m") for _, _, month in parts)
    stems = {stem for stem, _, _ in parts}
    if not sound or len(stems) != 1:
        fail("EVAL-530", column=outcomes[0], missing=["<stem>_<k>m"])
    stem, last = stems.pop(), 0
    while f"{stem}_{last + 1}m" in table.columns:
        last += 1
    needed = [f"{stem}_{k}m" for k in range(1, max(map(_month, outcomes)) + 1)]
    missing = [name for name in ("index_date", "entry_date", *needed) if name not in table.columns]
    if missing:
        fail("EVAL-530", column=outcomes[0], missing=missing)
    return stem, last


def _seen(comparators: pd.DataFrame, stem: str, last: int) -> FollowUp:
    cumulative = np.column_stack(
        [comparators[f"{stem}_{k}m"].to_numpy(dtype=float) for k in range(1, last + 1)]
    )
    hired = np.where(cumulative.any(axis=1), cumulative.argmax(axis=1) + 1, 0)
    index = comparators["index_date"].to_numpy().astype("datetime64[D]")
    entry = comparators["entry_date"].to_numpy().astype("datetime64[D]")
    calendar = index.astype("datetime64[M]").astype(np.int64) % 12
    return follow_up(hired, *months_until(index, entry, last), calendar, last)


def months_until(index: np.ndarray, day: np.ndarray, last: int) -> tuple[Ints, Floats]:
    """Return the month after ``index`` in which each ``day`` falls, and how far into it.

    The month is 0 when the day never comes or comes after ``last`` months; the share of the month
    that has passed on the day is 1 on its last day.

    Examples
    --------
    >>> index = np.array(["2023-01-31", "2023-01-31", "2023-01-31"], dtype="datetime64[D]")
    >>> day = np.array(["2023-02-28", "2023-03-01", "NaT"], dtype="datetime64[D]")
    >>> month, share = months_until(index, day, 6)
    >>> month.tolist(), share.round(3).tolist()
    ([1, 2, 0], [1.0, 0.032, 0.0])
    """
    from evaluation.cohort.months import add_months_each

    start = index.astype(np.int64).astype(np.int32)
    known = ~np.isnat(day)
    at = np.where(known, day, np.datetime64("1970-01-01")).astype("datetime64[D]").astype(np.int64)
    month, share = np.zeros(len(start), dtype=np.int64), np.zeros(len(start))
    for k in range(last, 0, -1):
        begin, end = add_months_each(start, k - 1), add_months_each(start, k)
        here = known & (at <= end)
        month[here] = k
        share[here] = ((at - begin) / (end - begin))[here]
    return month, share * (month > 0)


def _life_table(seen: FollowUp, model: EntryModel | None, base: Floats) -> _Table:
    """Return the weighted life table; without a model nobody enters and all weights are one."""
    c, months = seen.at_risk.shape
    weight, moving = np.ones((c, months)), np.zeros((c, months))
    if model is not None:
        gone = -np.log1p(-np.minimum(model.probability, 1 - 1e-12))
        # At mid-month: half of the month's own entries are gone.
        weight, moving = np.exp(np.cumsum(gone, axis=1) - gone / 2), np.ones((c, months))
        for k in range(months):
            among = seen.at_risk[:, k] & (base > 0)
            if among.any():
                cap = _upper(weight[among, k], base[among])
                moving[:, k] = weight[:, k] <= cap
                weight[:, k] = np.minimum(weight[:, k], cap)
    followed = weight * seen.followed
    hired = weight * seen.hired
    total = np.maximum(base @ followed, 1e-300)
    hazard = (base @ hired) / total
    score = (hired - hazard * followed) / total
    return _Table(np.where(seen.at_risk, weight, 1.0), moving, score, hazard)


def _upper(values: Floats, counts: Floats) -> float:
    """Return the smallest value that a share :data:`CUT` of the counted people do not exceed.

    Rows alone would cut the very people whom the matching weights ask for: who resembles an
    entrant is also who enters later.
    """
    order = np.lexsort((counts, values))  # whatever the order of the rows
    below = np.cumsum(counts[order])
    place = min(int(np.searchsorted(below, CUT * below[-1])), len(values) - 1)
    return float(values[order[place]])


def _model_influence(model: EntryModel, life: _Table, slopes: Floats, base: Floats) -> Floats:
    """Return the influence (c,) of each comparator on an outcome through the entry model.

    The logarithm of a weight moves with the coefficients by the sum of q x over earlier months and
    half of the month's own.
    """
    pull = base[:, None] * life.score * life.moving * slopes
    later = np.cumsum(pull[:, ::-1], axis=1)[:, ::-1] - pull / 2
    return model.influence(model.gather(model.probability * later))


def _with_influence(moments: Moments, extra: Floats, matched: MatchedSet, variance: str) -> Moments:
    influence = moments.influence.copy()
    influence[:, 1] += extra
    covariance, clusters = influence_covariance(influence, arms_of(matched), variance)
    return replace(moments, influence=influence, covariance=covariance, clusters=clusters)
