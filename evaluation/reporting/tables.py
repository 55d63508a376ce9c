"""Tables as plain rows of text: what stands beside each chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.reporting.forest import Row
from evaluation.reporting.speech import Speech

if TYPE_CHECKING:
    from evaluation.results import Results


@dataclass(frozen=True, slots=True)
class Table:
    """A table to print; the first cell of each row is its header.

    Attributes
    ----------
    caption : str
        What it holds.
    head : sequence of str
        Column headers.
    rows : sequence of sequences of str
        Cells, formatted.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def curve_table(results: Results, say: Speech) -> Table:
    """Return the access curve as numbers."""
    keys = ("month", "rate_entrants", "rate_comparison", "difference", "interval")
    rows = [
        (
            str(point.month),
            say.number(point.rate_entrants),
            say.number(point.rate_comparison),
            say.estimate(point.effect_points),
            say.interval(point.effect_points),
        )
        for point in results.curve
    ]
    return Table(say("curve.caption"), [say(f"curve.{key}") for key in keys], rows)


def balance_table(results: Results, say: Speech) -> Table:
    """Return the whole balance table."""
    keys = ("covariate", "before", "after", "variance", "ecdf")
    rows = []
    for row in results.balance.rows:
        numbers = (row.smd_before, row.smd_after, row.variance_ratio, row.ecdf_max)
        shown = [say.number(value, 2, sign=i < 2) for i, value in enumerate(numbers)]
        if row.withheld:
            shown = [say.word("outcome", row.withheld)] * 4
        rows.append((say.covariate(row.covariate, row.level), *shown))
    return Table(say("balance.caption"), [say(f"balance.{key}") for key in keys], rows)


def methods_table(results: Results, say: Speech) -> Table:
    """Return every estimator with its effect and uplift."""
    keys = ("method", "effect", "interval", "uplift", "uplift_interval")
    rows = [
        (
            method_label(method.name, say, main=method.headline),
            say.estimate(method.effect_points),
            say.interval(method.effect_points),
            say.estimate(method.uplift_percent, 0),
            say.interval(method.uplift_percent, 0),
        )
        for method in results.methods
    ]
    return Table(say("methods.caption"), [say(f"methods.{key}") for key in keys], rows)


def method_label(name: str, say: Speech, *, main: bool = False) -> str:
    """Return a method's name; the headline one says so."""
    label = say.word("method", name)
    return say("methods.main", name=label) if main else label


def method_rows(results: Results, say: Speech) -> list[Row]:
    """Return the methods as chart rows."""
    return [Row(say.word("method", m.name), m.effect_points, m.headline) for m in results.methods]


def definition_rows(results: Results, say: Speech) -> list[Row]:
    """Return the study's definition, then the others, as chart rows."""
    head = Row(say.word("preset", results.study.outcome), results.headline.effect_points, True)
    others = [
        Row(say.word("preset", d.preset), d.effect_points) for d in results.sensitivity.definitions
    ]
    return [head, *others]


def definitions_table(results: Results, say: Speech) -> Table:
    """Return the effect under each definition."""
    near = [None, *(d.near_cut_share for d in results.sensitivity.definitions)]
    rows = [
        (
            row.label,
            say.estimate(row.figure),
            say.interval(row.figure),
            say.number(None if share is None else 100 * share, 0),
        )
        for row, share in zip(definition_rows(results, say), near, strict=True)
    ]
    head = (say("definitions.definition"), say("methods.effect"), say("methods.interval"),
            say("definitions.near"))  # fmt: skip
    return Table(say("definitions.caption"), head, rows)


def subgroup_rows(results: Results, say: Speech) -> list[Row]:
    """Return the subgroups that have a number as chart rows; the table holds the others."""
    return [
        Row(say.covariate(s.variable, s.level), s.effect_points)
        for s in results.subgroups
        if s.effect_points.estimate is not None
    ]


def subgroups_table(results: Results, say: Speech) -> Table:
    """Return the subgroups with their size and the p value of the contrast."""
    keys = ("group", "entrants", "effect", "interval", "contrast")
    rows = [
        (
            say.covariate(s.variable, s.level),
            say.count(s.entrants),
            say.estimate(s.effect_points),
            say.interval(s.effect_points),
            say.p(s.contrast_p_holm),
        )
        for s in results.subgroups
    ]
    return Table(say("subgroups.caption"), [say(f"subgroups.{key}") for key in keys], rows)


def flow_table(results: Results, say: Speech) -> Table | None:
    """Return what each filter removed."""
    if not results.flow.steps:
        return None
    keys = ("step", "removed_entrants", "removed_comparators")
    rows = [
        (say.step(s.step), say.count(s.removed_entrants), say.count(s.removed_comparators))
        for s in results.flow.steps
    ]
    return Table(say("flow.caption"), [say(f"flow.{key}") for key in keys], rows)


def raw_table(results: Results, say: Speech) -> Table | None:
    """Return raw rates beside matched ones."""
    raw, head = results.raw, results.headline
    if raw.withheld or head.withheld or raw.rate_others is None:
        return None
    keys = ("comparison", "rate_entrants", "rate_others", "difference")
    before = (raw.rate_entrants, raw.rate_others, raw.difference_points)
    after = (head.rate_entrants.estimate, head.rate_comparison.estimate,
             head.effect_points.estimate)  # fmt: skip
    rows = [
        (say(f"raw.{name}"), *(say.number(v, sign=i == 2) for i, v in enumerate(values)))
        for name, values in (("before", before), ("after", after))
    ]
    caption = say("raw.caption", horizon=results.study.horizon_months)
    return Table(caption, [say(f"raw.{key}") for key in keys], rows)
