"""What is asked of a run, and every fault of it that can be seen before a territory starts."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.errors import EvaluationError, Fault, nearest, refuse
from evaluation.pipeline.notebooks import notebook_path, parameters_of, read_notebook
from evaluation.study import Study
from evaluation.territories import REGIONS, Territory, territory

NOTEBOOKS = {"nation": "national_summary", "region": "region_report", "department": "region_report"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a run.

    Attributes
    ----------
    study : Study
        The study, overrides applied.
    overrides : tuple of str
        The same overrides as text: what the notebooks receive.
    regions, departments : tuple of str
        Codes; both empty means the 18 regions.
    fresh : bool
        Run again what has not changed as well.
    """

    study: Study
    overrides: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    fresh: bool = False


def check_request(request: Request) -> list[Territory]:
    """Return the territories asked for; raise every fault of the request at once."""
    faults: list[Fault] = []
    places: list[Territory] = []
    asked = [{"region": code} for code in request.regions]
    asked += [{"department": code} for code in request.departments]
    for codes in asked or [{"region": code} for code in REGIONS]:
        try:
            place = territory(**codes)
        except EvaluationError as error:
            faults += error.faults
            continue
        if place not in places:
            places.append(place)
    faults += study_faults(request.study)
    for name in sorted(set(NOTEBOOKS.values())):
        try:
            path = notebook_path(name)
            parameters_of(read_notebook(path), path.name)
        except EvaluationError as error:
            faults += error.faults
    refuse(faults)
    return places


def study_faults(study: Study) -> list[Fault]:
    """Return what no run of a study could do, deviations included: months, methods, columns."""
    from evaluation.cohort.outcomes import months_observed
    from evaluation.matching.registry import method

    faults: list[Fault] = []
    try:
        months_observed(study)
    except EvaluationError as error:
        faults += error.faults
    for name in dict.fromkeys(_methods(study)):
        try:
            method(name)
        except EvaluationError as error:
            faults += error.faults
    return faults + _unknown_columns(study)


def _methods(study: Study) -> list[str]:
    named = [study.matching.method, *study.effects.compare_methods]
    for values in study.deviations.values():
        named += [values["matching.method"]] if "matching.method" in values else []
        named += values.get("effects.compare_methods", [])
    return named


def _unknown_columns(study: Study) -> list[Fault]:
    """Return a fault for each exact column, deviations included, that no cohort has."""
    from evaluation.cohort.types import COVARIATE_BLOCKS
    from evaluation.cohort.variables import declared_variables

    declared = declared_variables(study).items()
    known = ["index_month", "region", "department"]
    known += [name for name, variable in declared if variable.block in COVARIATE_BLOCKS]
    wanted = list(study.matching.exact)
    for values in study.deviations.values():
        wanted += values.get("matching.exact", [])
    return [
        Fault("EVAL-400", {"column": name, "role": "exact", "nearest": nearest(name, known)})
        for name in dict.fromkeys(wanted)
        if name not in known
    ]
