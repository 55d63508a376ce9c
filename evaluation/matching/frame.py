"""`match_frame`: one table in, one matched set out, whatever the method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evaluation.display import SECRET, below, mask
from evaluation.errors import Fault, fail, warn
from evaluation.matching import inputs, plugins
from evaluation.matching.missing import REFUSE, Missing
from evaluation.matching.options import (
    SPACE_DISTANCES,
    check_distance,
    check_estimand,
    check_options,
)
from evaluation.matching.registry import Method
from evaluation.matching.registry import method as method_of
from evaluation.matching.result import Matched, counts_of, shown, shown_parts
from evaluation.matching.score.propensity import PropensityModel, fit_propensity, notes_of
from evaluation.matching.strata import Strata, build_strata
from evaluation.matching.types import Bools, Estimand, Floats, Problem, Weighted


def match_frame(
    frame: pd.DataFrame,
    *,
    treatment: str | None = None,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    method: str = "nearest",
    distance: str | ArrayLike = "logit",
    estimand: str = "ATT",
    ratio: int = 1,
    replace: bool = False,
    caliper: float | None = None,
    caliper_covariates: dict[str, float] | None = None,
    exact: Sequence[str] | str | None = None,
    order: str | None = None,
    discard: str | None = None,
    seed: int | None = None,
    person: str | ArrayLike | None = None,
    sampling_weight: str | ArrayLike | None = None,
    score_effects: Sequence[str] = (),
    pool_sparse: bool = False,
    score_penalty: float = 0.0,
    missing: Missing = REFUSE,
    **method_options: Any,
) -> Matched:
    """Match or weight the rows of a table.

    Parameters
    ----------
    frame : DataFrame (n, ...)
        One row per unit; never changed. Rows keep their order, results are aligned with it.
    treatment : str
        Column with 1 (treated) and 0; may be left to the formula.
    covariates : list of str
        Columns to make comparable; anything that is not a number is a category.
    formula : str
        ``"treat ~ age + C(educ)"`` instead of ``treatment`` and ``covariates``.
    method : str
        A registered method.
    distance : str or (n,) array
        ``logit``, ``probability`` or ``probit`` score; ``mahalanobis``, ``robust_mahalanobis`` or
        ``scaled_euclidean``; or the distances themselves.
    estimand : str
        ``ATT``; what else is possible depends on the method.
    ratio : int
        Comparators per treated.
    replace : bool
        Whether a comparator may serve several treated.
    caliper : float, optional
        Largest distance of a pair, in standard deviations of the distance over all rows kept.
    caliper_covariates : dict, optional
        The same on columns: ``{"age": 0.25}``.
    exact : list of str, optional
        Columns on which pairs must agree.
    order : str, optional
        Who chooses first: ``largest`` (default; ``smallest`` for the ATC, ``data`` for distances
        in several dimensions), ``smallest``, ``data``, ``random``, ``closest``, ``farthest``.
    discard : str, optional
        Rows outside the common support to leave out: ``treated``, ``control`` or ``both``.
    seed : int, optional
        Of random orders.
    person : str or (n,) array, optional
        Who stands behind a row, for variances; each row is its own person by default.
    sampling_weight : str or (n,) array, optional
        Inverse sampling probabilities, frequency weights of the score.
    score_effects : sequence of str
        Columns whose interaction enters the score as dummies.
    pool_sparse : bool
        Pool rare levels and penalise when events are few, see
        :func:`evaluation.matching.score.propensity.fit_propensity`.
    score_penalty : float
        Ridge on the standardised coefficients of the score, 0 for maximum likelihood.
    missing : str or dict
        Missing covariates: ``refuse`` (default), ``indicator`` (numbers: mean and a 0/1 column;
        categories: the level ``missing``), or by column ``{"education": "unknown"}`` the level
        that they form.
    **method_options
        Options of the method; a name it does not know is refused with the nearest one.

    Returns
    -------
    Matched

    Raises
    ------
    EvaluationError
        EVAL-400 to EVAL-439, see the catalogue.

    Examples
    --------
    >>> rows = pd.DataFrame({"t": [1, 0, 0, 1, 0], "x": [1.0, 1.1, 3.0, 2.9, 9.0]})
    >>> match_frame(rows, treatment="t", covariates=["x"], distance=rows["x"]).pairs
       treated  comparison  distance
    0        0           1       0.1
    1        3           2       0.1
    """
    chosen = method_of(method)
    given = {
        "ratio": ratio,
        "replace": replace,
        "caliper": caliper,
        "caliper_covariates": caliper_covariates,
        "order": order,
        "discard": discard,
        **method_options,
    }
    options = check_options(chosen, given)
    target, notes = _target(chosen, check_estimand(estimand))
    terms = inputs.read_terms(treatment, covariates, formula)
    strata_columns = _listed(exact)
    effects = _listed(score_effects)
    _check_columns(frame, terms, strata_columns, effects, options, person, sampling_weight)
    treated = inputs.read_treatment(frame, terms.treatment)
    columns, said = inputs.read_covariates(frame, terms, missing=missing, treated=treated)
    notes += said
    inputs.check_complete(frame, strata_columns, "exact")
    inputs.check_complete(frame, effects, "score_effects")
    if len(columns.columns) == 0 and isinstance(distance, str):
        fail("EVAL-410")
    weights = inputs.read_weights(frame, sampling_weight)
    strata = build_strata(frame, strata_columns)
    score, scalar, name = None, None, "none"
    if chosen.needs_distance:
        score, scalar, name = _distance(frame, columns, treated, weights, distance, terms, effects,
                                        pool_sparse, score_penalty)  # fmt: skip
        notes += notes_of(score)
    elif not (isinstance(distance, str) and distance == "logit"):
        notes.append(warn("EVAL-418", option="distance", cause=f"method={method!r}"))
    notes += _empty_strata(strata, treated, target)
    problem = Problem(
        treated=treated,
        covariates=columns,
        strata=strata.codes,
        strata_columns=strata.columns,
        sampling_weight=weights,
        person=inputs.read_person(frame, person),
        distance=scalar,
        distance_name=name,
        score=score,
        estimand=target,
        options=_resolved(frame, options, treated, scalar, name),
        rng=np.random.default_rng(seed),
    )
    weighted = plugins.weighted_of(chosen.function(problem), problem, chosen.name)
    notes += weighted.notes + _lost(weighted, problem)
    return _matched(frame, terms, chosen, options, problem, weighted, notes)


def _target(chosen: Method, asked: Estimand) -> tuple[Estimand, list[Fault]]:
    """Return whose effect is estimated: that of the method where it has one of its own."""
    if chosen.estimand is None or asked == chosen.estimand:
        return asked, []
    if asked != "ATT":
        fail("EVAL-436", method=chosen.name, estimand=asked, allowed=chosen.estimand)
    said = warn("EVAL-496", method=chosen.name, estimand=asked, used=chosen.estimand, stacklevel=3)
    return chosen.estimand, [said]


def _listed(columns: Sequence[str] | str | None) -> list[str]:
    if columns is None:
        return []
    return [columns] if isinstance(columns, str) else list(columns)


def _check_columns(
    frame: pd.DataFrame,
    terms: inputs.Terms,
    exact: list[str],
    effects: list[str],
    options: dict[str, Any],
    person: Any,
    sampling_weight: Any,
) -> None:
    wanted: dict[str, Sequence[str]] = {
        "treatment": [terms.treatment],
        "covariates": terms.columns,
        "exact": exact,
        "score_effects": effects,
        "caliper_covariates": list(options.get("caliper_covariates") or {}),
        "within_caliper": _listed(options.get("within_caliper")),
        "antiexact": _listed(options.get("antiexact")),
    }
    named = {
        "person": person,
        "sampling_weight": sampling_weight,
        "unit_id": options.get("unit_id"),
    }
    wanted |= {role: [key] for role, key in named.items() if isinstance(key, str)}
    inputs.check_columns(frame, wanted)


def _distance(
    frame: pd.DataFrame,
    covariates: pd.DataFrame,
    treated: Bools,
    weights: Floats,
    distance: str | ArrayLike,
    terms: inputs.Terms,
    effects: list[str],
    pool_sparse: bool,
    penalty: float,
) -> tuple[PropensityModel | None, Floats | None, str]:
    """Return score, scalar distance and its name."""
    wanted = check_distance(distance, len(frame))
    if penalty and not (isinstance(wanted, str) and wanted not in SPACE_DISTANCES):
        named = wanted if isinstance(wanted, str) else "array"
        fail("EVAL-403", option="score_penalty", value=penalty, allowed=f"0 (distance={named})")
    if not isinstance(wanted, str):
        return None, wanted, "array"
    if wanted in SPACE_DISTANCES:
        return None, None, wanted
    score = fit_propensity(
        inputs.design_frame(frame, covariates, terms),
        treated,
        weights=weights,
        link="probit" if wanted == "probit" else "logit",
        effects=frame[effects].reset_index(drop=True) if effects else None,
        pool_sparse=pool_sparse,
        penalty=penalty,
    )
    return score, score.probability if wanted == "probability" else score.linear, wanted


def _resolved(
    frame: pd.DataFrame,
    options: dict[str, Any],
    treated: Bools,
    distance: Floats | None,
    name: str,
) -> dict[str, Any]:
    """Return the options with columns replaced by their values."""
    resolved = dict(options)
    if options.get("caliper_covariates"):
        widths = options["caliper_covariates"]
        inputs.check_complete(frame, list(widths), "caliper_covariates")
        resolved["caliper_covariates"] = {
            column: (_numeric(frame, column), width) for column, width in widths.items()
        }
    if options.get("within_caliper") is not None:
        terms = inputs.Terms("", tuple(_listed(options["within_caliper"])))
        resolved["within_caliper"], _ = inputs.read_covariates(frame, terms)
    if options.get("antiexact") is not None:
        resolved["antiexact"] = {
            column: inputs.read_codes(frame, column, "antiexact")
            for column in _listed(options["antiexact"])
        }
    if options.get("unit_id") is not None:
        resolved["unit_id"] = inputs.read_codes(frame, options["unit_id"], "unit_id")
    if "discard" in options:
        resolved["discarded"] = _discarded(options["discard"], treated, distance, name)
    return resolved


def _numeric(frame: pd.DataFrame, column: str) -> Floats:
    values = frame[column]
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        fail("EVAL-427", column=column)
    return values.to_numpy(np.float64)


def _discarded(discard: str | None, treated: Bools, distance: Floats | None, name: str) -> Bools:
    """Return the rows whose distance lies beyond those of the other arm."""
    outside = np.zeros(treated.size, bool)
    if discard is None:
        return outside
    if distance is None:
        fail("EVAL-425", option="discard", distance=name)
    for arm, group in (("treated", treated), ("control", ~treated)):
        if discard in (arm, "both"):
            low, high = distance[~group].min(), distance[~group].max()
            outside |= group & ((distance < low) | (distance > high))
    return outside


def _empty_strata(strata: Strata, treated: Bools, estimand: Estimand) -> list[Fault]:
    """Warn about exact strata that hold rows to match and nobody to match them with."""
    focal = ~treated if estimand == "ATC" else treated
    empty = strata.without(~focal, focal)
    if empty.size == 0:
        return []
    sizes = np.bincount(strata.codes[focal], minlength=len(strata.labels))[empty]
    # A stratum of fewer than 11 rows is not named: its label would describe somebody.
    labels = [mask(f"({strata.labels[s]})", [size]) for s, size in zip(empty, sizes, strict=True)]
    named = [label for label in labels if label != SECRET]
    facts = {"count": int(empty.size), "total": len(strata.labels)}
    lost = shown(treated=int(sizes.sum()))
    return [warn("EVAL-416", **facts, **lost, examples=named[:3] or [SECRET], stacklevel=3)]


def _lost(weighted: Weighted, problem: Problem) -> list[Fault]:
    """Warn about the rows left out, by reason, unless the method has done so."""
    lost = {name: len(rows) for name, rows in weighted.reasons.items() if len(rows)}
    if not lost or any(note.code == "EVAL-412" for note in weighted.notes):
        return []
    t = problem.treated
    total = {"ATC": int((~t).sum()), "ATE": t.size}.get(problem.estimand, int(t.sum()))
    count = sum(lost.values())
    share = mask(round(100 * count / total, 1), [count, total])
    # The number matched is published: beside it, the total would give a small loss.
    seen = shown(lost=count, total=total if below(count) is False else 1)
    facts = seen | shown_parts(count, counts_of(lost))
    return [warn("EVAL-412", **facts, share=share, stacklevel=3)]


def _matched(
    frame: pd.DataFrame,
    terms: inputs.Terms,
    chosen: Method,
    options: dict[str, Any],
    problem: Problem,
    weighted: Weighted,
    notes: list[Fault],
) -> Matched:
    return Matched(
        frame=frame,
        treatment=terms.treatment,
        covariate_names=terms.columns,
        method=chosen.name,
        family=weighted.family or chosen.family,
        options=options,
        problem=problem,
        weighted=weighted,
        notes=tuple(notes),
    )
