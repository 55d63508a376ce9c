"""The declared columns of a cohort: ``variables.toml`` with its families spelt out."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from evaluation.cohort.presets import sensitivity_presets
from evaluation.cohort.types import COVARIATE_BLOCKS, Variable
from evaluation.study import Study

PLACEBO_MONTHS = 24


def declared_variables(study: Study, *, observed: int | None = None) -> dict[str, Variable]:
    """Return every column of a study's cohort in its order.

    Parameters
    ----------
    study : Study
        Gives the length of the history, the horizon and the definitions.
    observed : int, optional
        Last month of the curve that is observed; by default every month asked for.

    Returns
    -------
    dict of str to Variable
    """
    curve = max(study.outcome.curve_months, study.outcome.horizon_months)
    months = study.cohort.history_months
    ranges: dict[str, list[Any]] = {
        "once": [""],
        "quarter": list(range(1, months // 3 + 1)),
        "curve": list(range(1, (curve if observed is None else observed) + 1)),
        "placebo": list(range(1, min(months, PLACEBO_MONTHS) + 1)),
        "preset": sensitivity_presets(study),
    }
    known = {"history": months, "horizon": study.outcome.horizon_months}
    declared: dict[str, Variable] = {}
    for pattern, table in _declared().items():
        for k in ranges[table.get("each", "once")]:
            variable = _variable(pattern, table, {**known, "k": k})
            declared[variable.name] = variable
    return declared


def _variable(pattern: str, table: dict[str, str], values: dict[str, Any]) -> Variable:
    variable = Variable(
        name=pattern.format(**values),
        block=table["block"],
        as_of=table["as_of"],
        label_fr=table["label_fr"].format(**values),
        label_en=table["label_en"].format(**values),
        unit=table["unit"],
        kind=table["kind"],
    )
    if variable.block in COVARIATE_BLOCKS and variable.as_of == "after":
        raise AssertionError(f"variables.toml: {variable.name} is dated after the index date")
    return variable


@cache
def _declared() -> dict[str, dict[str, str]]:
    text = (files("evaluation.cohort") / "variables.toml").read_text("utf-8")
    return tomllib.loads(text)
