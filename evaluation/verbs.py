"""The public verbs: each joins two rooms and knows what the study says where a caller does not.

In: a study and what the verb before returned. Out: what the next verb takes. Holds no statistic of
its own; must never be imported by a room.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from evaluation.counts import DEFAULT_MIN_CELL
from evaluation.errors import EvaluationError, EvaluationWarning, fail, nearest
from evaluation.study import Study
from evaluation.territories import NATION, REGIONS, Territory, territory
from evaluation.wording import LANGUAGES, Language

if TYPE_CHECKING:
    import pandas as pd

    from evaluation.cohort.types import Cohort
    from evaluation.comparison import Comparison
    from evaluation.effects import Effect, TerritoryEstimates
    from evaluation.matching import Matched
    from evaluation.pipeline import Report
    from evaluation.register import Register
    from evaluation.results import Results

P = ParamSpec("P")
R = TypeVar("R")

_STUDY_OF_FRAME = "evaluation_study"
_OUTCOME_OF_FRAME = "evaluation_outcome"


def _in_its_language(verb: Callable[P, R]) -> Callable[P, R]:
    """Let refusals and warnings speak ``language=``, else the study's language, else French."""

    @wraps(verb)
    def speaking(*args: P.args, **kwargs: P.kwargs) -> R:
        spoken = _language(kwargs.get("language"), args[0] if args else None)
        if spoken is None:
            return verb(*args, **kwargs)
        try:
            with _warnings_in(spoken):
                return verb(*args, **kwargs)
        except EvaluationError as error:
            error.language = spoken
            raise

    return speaking


def _language(asked: object, data: object) -> Language | None:
    """Return the language asked for, else that of the study behind ``data``, if there is one."""
    study = _study_of(data)
    chosen = next((known for known in LANGUAGES if known == asked), None)
    return chosen or (study.language if study else None)


@contextmanager
def _warnings_in(language: Language) -> Iterator[None]:
    """Pass warnings on when the verb has ended, ours in ``language``; filters hold as ever."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    finally:
        for item in caught:
            if isinstance(item.message, EvaluationWarning):
                item.message.language = language
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)


def _study_of(thing: Any) -> Study | None:
    if isinstance(thing, Study):
        return thing
    study = getattr(thing, "study", None)
    if study is None:
        study = getattr(getattr(thing, "frame", None), "attrs", {}).get(_STUDY_OF_FRAME)
    return study if isinstance(study, Study) else None


@_in_its_language
def read_register(study: Study) -> Register:
    """Read, check and repair the extracts of a study (once per content; see the register room).

    Raises
    ------
    EvaluationError
        EVAL-2xx, every refusal of every file at once.
    """
    from evaluation.register import read_register as read

    return read(study)


@_in_its_language
def build_cohort(register: Register, *, region: str = "", department: str = "") -> Cohort:
    """Return entrants and comparators of one region, or of one département.

    Raises
    ------
    EvaluationError
        EVAL-110 both or neither given, EVAL-111 not a string, EVAL-112 unknown; EVAL-3xx.
    """
    from evaluation.cohort import build_cohort as build

    cohort: Cohort = build(register, territory(region=region, department=department))
    return cohort


@_in_its_language
def match(data: Cohort | pd.DataFrame, **options: Any) -> Matched:
    """Match entrants with comparators.

    Parameters
    ----------
    data : Cohort or DataFrame
        For a cohort, options not given come from ``study.matching``; for a DataFrame they are
        MatchIt's defaults (``treatment`` and ``covariates`` or ``formula`` are needed).
    **options
        See :func:`evaluation.matching.match_frame`.

    Raises
    ------
    EvaluationError
        EVAL-4xx.
    """
    from evaluation.cohort.types import Cohort
    from evaluation.matching import match_frame

    if isinstance(data, Cohort):
        return _match_cohort(data, data.frame, options)
    return match_frame(data, **options)


def _match_cohort(cohort: Cohort, frame: pd.DataFrame, options: dict[str, Any]) -> Matched:
    """Match the rows of ``frame`` (the cohort's own, or frozen earlier) as the study says."""
    from evaluation.matching import match_frame

    rules = cohort.study.matching
    chosen: dict[str, Any] = {
        "treatment": "treated",
        "distance": rules.distance,
        "exact": list(rules.exact),
        "person": "person_id",
        "sampling_weight": "sampling_weight",
        "score_effects": ("index_month", "duration_class"),
        "pool_sparse": True,
        "seed": cohort.study.run.seed,
        "method": rules.method,
    }
    if "formula" not in options:
        chosen["covariates"] = cohort.covariates(rules.blocks, frame)
    chosen |= _rules_of(options.get("method", rules.method), cohort.study)
    levels = cohort.design(rules.blocks, frame).select_dtypes("category")
    seen = frame.assign(**{str(name): levels[name] for name in levels.columns})
    seen.attrs = {_STUDY_OF_FRAME: cohort.study, _OUTCOME_OF_FRAME: cohort.outcome}
    return match_frame(seen, **(chosen | options))


def _rules_of(name: str, study: Study) -> dict[str, Any]:
    """Return those of ``[matching]`` ratio, replace and caliper that a method takes."""
    from evaluation.matching.registry import method

    rules = study.matching
    known = method(name).options
    given = {"ratio": rules.ratio, "replace": rules.replace, "caliper": rules.caliper}
    return {key: value for key, value in given.items() if key in known}


@_in_its_language
def estimate(matched: Matched, outcome: str | None = None, **options: Any) -> Effect:
    """Estimate the effect on one outcome.

    Parameters
    ----------
    matched : Matched
        What :func:`match` returned.
    outcome : str, optional
        Column of the outcome; for a matched cohort the study's own by default.
    **options
        ``variance``, ``level``, ``adjust``, ``score_estimated``, ``seed``, ``censored``; for a
        matched cohort all but ``adjust`` and ``score_estimated`` are the study's by default, and
        ``censored`` follows from its pool.

    Raises
    ------
    EvaluationError
        EVAL-722 no outcome given for plain data; EVAL-5xx.
    """
    from evaluation.effects import estimate as run

    attributes = matched.frame.attrs
    study = attributes.get(_STUDY_OF_FRAME)
    column = outcome or attributes.get(_OUTCOME_OF_FRAME)
    if column is None:
        fail("EVAL-722")
    known = [name for name in signature(run).parameters if name not in ("matched", "outcome")]
    if unknown := next((name for name in options if name not in known), None):
        fail("EVAL-517", option=unknown, nearest=nearest(unknown, known), allowed=known)
    if isinstance(study, Study):
        options = {
            "variance": study.effects.variance,
            "level": study.effects.level,
            "seed": study.run.seed,
            "min_cell": study.disclosure.min_cell,
            "censored": study.cohort.pool == "censored_at_entry",
        } | options
    return run(matched, column, **options)


@_in_its_language
def estimate_territory(
    cohort: Cohort, *, matched: Matched, effect: Effect | None = None
) -> TerritoryEstimates:
    """Estimate everything a territory's report needs and keep it in the work folder.

    Parameters
    ----------
    cohort : Cohort
        The territory's cohort.
    matched, effect : Matched, Effect
        The headline match and effect; the effect is estimated when it is not given.

    Returns
    -------
    TerritoryEstimates
        Also written, unprotected, to ``work/estimates/<key>.json``.
    """
    from evaluation.effects import estimate_territory as run

    made = run(
        cohort,
        matched=matched,
        effect=effect if effect is not None else estimate(matched),
        rematch=lambda frame, covariates: _rematch(cohort, frame, covariates),
        run_method=lambda name: match(cohort, method=name),
    )
    made.write(_estimates_file(cohort.study, cohort.territory))
    return made


def _rematch(cohort: Cohort, frame: pd.DataFrame, covariates: Sequence[str]) -> Matched:
    """Match again on covariates frozen earlier, with the cohort's keys and strata."""
    rules = cohort.study.matching
    keys = ["person_id", "treated", "sampling_weight", "index_month", "duration_class"]
    missing = [name for name in (*keys, *rules.exact) if name not in frame.columns]
    whole = frame.assign(**{name: cohort.frame[name] for name in dict.fromkeys(missing)})
    return _match_cohort(cohort, whole, {"covariates": list(covariates)})


def _estimates_file(study: Study, place: Territory) -> Path:
    return study.work / "estimates" / f"{place.key}.json"


@_in_its_language
def publish(estimates: TerritoryEstimates) -> Results:
    """Protect a territory's estimates, write its results and its page in both languages.

    Parameters
    ----------
    estimates : TerritoryEstimates
        What :func:`estimate_territory` returned, verdict included.

    Returns
    -------
    Results
        What was written to ``results/<key>.json``; the audit of what was withheld lies in the work
        folder.

    Raises
    ------
    EvaluationError
        EVAL-6xx.
    """
    from evaluation.publication import publish as run

    return run(estimates)


@_in_its_language
def estimate_nation(study: Study) -> TerritoryEstimates:
    """Pool the regions estimated with the parameters of this study.

    Raises
    ------
    EvaluationError
        EVAL-721 when there is none.
    """
    from evaluation.effects import estimate_nation as pool

    records = [record for code in REGIONS if (record := _record_of(study, code)) is not None]
    if not records:
        fail("EVAL-721", folder=study.work.name)
    made = pool(records, study=study)
    made.write(_estimates_file(study, NATION))
    return made


def _record_of(study: Study, code: str) -> dict[str, Any] | None:
    """Return a region's estimates if they are of this study and published in this report."""
    place = territory(region=code)
    file = _estimates_file(study, place)
    if not file.is_file() or not (study.output / "results" / f"{code}.json").is_file():
        return None
    record: dict[str, Any] = json.loads(file.read_text("utf-8"))
    ours = (study.sha256, study.for_territory(place).sha256)
    return record if record["study"]["parameters_sha256"] in ours else None


@_in_its_language
def publish_nation(estimates: TerritoryEstimates) -> Results:
    """Protect the national estimates and write ``results/national.json``.

    The national page shows all territories and their failures: the parent process writes it.
    """
    from evaluation.publication import publish as run

    parts = [code for code in REGIONS if _record_of(estimates.study, code) is not None]
    return run(estimates, regions=parts)


@_in_its_language
def compare(
    data: Cohort | pd.DataFrame,
    methods: Sequence[str] = (),
    outcome: str | None = None,
    *,
    language: str | None = None,
    **options: Any,
) -> Comparison:
    """Estimate the same effect with several methods, side by side.

    Parameters
    ----------
    data : Cohort or DataFrame
        As for :func:`match`.
    methods : sequence of str
        Names of methods; for a cohort the study's ``compare_methods`` by default.
    outcome : str, optional
        As for :func:`estimate`.
    language : {"fr", "en"}, optional
        Language of what is shown and said; the study's by default, French for plain data.
    **options
        Options of :func:`match` common to all methods.

    Raises
    ------
    EvaluationError
        EVAL-122 no such language; whatever :func:`match` and :func:`estimate` raise.
    """
    from evaluation.comparison import grid

    if language not in (None, *LANGUAGES):
        fail("EVAL-122", value=language, allowed=list(LANGUAGES))
    study = _study_of(data)
    names = list(methods) or (list(study.effects.compare_methods) if study else ["nearest"])
    return grid(
        [(name, {"method": name}) for name in names],
        lambda chosen: estimate(match(data, **options, **chosen), outcome),
        language=_language(language, data) or "fr",
        min_cell=study.disclosure.min_cell if study else DEFAULT_MIN_CELL,
    )


@_in_its_language
def specification_curve(cohort: Cohort) -> Comparison:
    """Estimate the effect under every reasonable specification, the headline marked.

    Parameters
    ----------
    cohort : Cohort
        The territory's cohort; what is varied is in :func:`evaluation.comparison.specifications`.

    Returns
    -------
    Comparison
        One row a specification; one that fails is left out with the warning EVAL-521.

    Raises
    ------
    EvaluationError
        What the headline itself raises.
    """
    from evaluation.comparison import HEADLINE, grid, specifications
    from evaluation.matching.registry import method

    study = cohort.study

    def run(chosen: Mapping[str, Any]) -> Effect:
        options = dict(chosen)
        preset, censored = options.pop("preset", ""), options.pop("censored", None)
        if blocks := options.pop("blocks", None):
            options["covariates"] = cohort.covariates(blocks, cohort.frame)
        column = f"{cohort.outcome}__{preset}" if preset else cohort.outcome
        asked = {} if censored is None else {"censored": censored}
        return estimate(match(cohort, **options), column, **asked)

    return grid(
        specifications(study, lambda name: method(name).options), run, headline=HEADLINE,
        language=study.language, min_cell=study.disclosure.min_cell,
    )  # fmt: skip


@_in_its_language
def run_study(
    study: Study,
    *,
    regions: Sequence[str] = (),
    departments: Sequence[str] = (),
    overrides: Sequence[str] = (),
    fresh: bool = False,
) -> Report:
    """Run a whole study: a notebook per territory, then the national page.

    Parameters
    ----------
    study : Study
        The study, read with the same ``overrides``.
    regions, departments : sequence of str
        Codes; both empty means the 18 regions.
    overrides : sequence of str
        ``section.key=value``, handed to the notebooks.
    fresh : bool
        Run again what has not changed as well.

    Returns
    -------
    Report
        Where the page is and what came of each territory; failures are in it, not raised.
    """
    from rich.console import Console

    from evaluation.pipeline import Request, run

    request = Request(study, tuple(overrides), tuple(regions), tuple(departments), fresh)
    return run(request, Console(stderr=True))


def register_method(name: str, **options: Any) -> Callable[[Any], Any]:
    """Register a matching method under ``name`` (decorator): a function from problem to weights.

    Parameters
    ----------
    name : str
        What ``match(method=...)`` is given.
    **options
        ``family``, ``options`` (``{name: default}``) and ``needs_distance``, see
        :func:`evaluation.matching.registry.register_method`.

    Examples
    --------
    A function that returns one weight per row::

        @ev.register_method("everyone", needs_distance=False)
        def everyone(problem):
            return np.where(problem.treated, 1.0, problem.treated.mean())
    """
    from evaluation.matching.registry import register_method as register

    return register(name, **options)
