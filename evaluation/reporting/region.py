"""The page of one territory (a region or a département)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evaluation.reporting import curve, love, sentences, tables
from evaluation.reporting.forest import Row, draw_forest, spread
from evaluation.reporting.page import render
from evaluation.reporting.speech import Speech
from evaluation.wording import Language

if TYPE_CHECKING:
    from evaluation.results import Results

REASONS = 3
"""Reasons of the verdict on page one, the most limiting first; the rest stand in the notes."""
_CANNOT = ("random", "displacement", "support", "sources", "sample", "rank")


def render_region(
    results: Results,
    *,
    language: Language,
    other_page: str | None = None,
    index_page: str | None = None,
) -> str:
    """Return the HTML page of one territory.

    Parameters
    ----------
    results : Results
        Published results of a region or département.
    language : str
        ``fr`` or ``en``.
    other_page, index_page : str or None
        Addresses, relative to this page, of the same page in the other language and of the
        national page.

    Returns
    -------
    str
        One file: style, script and drawings inline, no address outside the reports.
    """
    say = Speech(language)
    return render("region.html.j2", **common(results, say, other_page, index_page),
                  **_sections(results, say))  # fmt: skip


def common(
    results: Results, say: Speech, other_page: str | None, index_page: str | None
) -> dict[str, Any]:
    """Return what region and national pages share: frame, answer, verdict, key figures."""
    study, kind = results.study, sentences.outcome(results)
    reasons = sentences.reasons(results, say.language)
    notes = [sentences.notice(w, results, say.language) for w in results.warnings]
    name = say.place(results.place)
    dates = {"start": say.day(study.entry_window[0]), "end": say.day(study.entry_window[1])}
    extraction = say.day(study.extraction_date)
    return {
        "t": say,
        "lang": say.language,
        "other_lang": "en" if say.language == "fr" else "fr",
        "other_page": other_page,
        "index_page": index_page,
        "name": name,
        "title": say("page.title", name=name, title=study.title or study.name),
        "period": say("page.period", extraction=extraction, **dates),
        "answer": sentences.answer(results, language=say.language),
        "kind": kind,
        "symbol": sentences.SYMBOLS[kind],
        "outcome": say.word("outcome", kind),
        "grade": results.verdict.grade,
        "grade_symbol": sentences.GRADE_SYMBOLS[results.verdict.grade],
        "verdict": say("verdict.line", grade=say.word("verdict", results.verdict.grade)),
        "reasons": reasons[:REASONS],
        "warnings": [*reasons[REASONS:], *notes],
        "keys": _keys(results, say),
        "scope": say("page.scope_text", name=name, **dates),
        "source": say("page.source_text", extraction=extraction, study=study.title or study.name),
        "can": _can(results, say),
        "cannot": [say(f"say.cannot_{name}") for name in _CANNOT],
        "curve": _curve(results, say),
        "box": _box(results, say, dates, extraction),
    }


def _sections(results: Results, say: Speech) -> dict[str, Any]:
    return {
        "flow": flow(results, say),
        "raw": _raw(results, say),
        "balance": _balance(results, say),
        "methods": _methods(results, say),
        "robust": _robust(results, say),
        "definitions": _definitions(results, say),
        "subgroups": _subgroups(results, say),
        "next": _next(results, say),
    }


def _keys(results: Results, say: Speech) -> list[tuple[str, str, str]]:
    """Return label, value and note of the key figures; none when there is no number."""
    head = results.headline
    if head.withheld:
        return []
    returns = head.additional_returns
    matched = say.count(results.flow.matched)
    interval = say.interval(returns, 0)
    per = returns.entrants_per_return
    note = (
        say("key.returns_note", interval=interval, matched=matched)
        if per is None or (returns.estimate or 0) < 0
        else say("key.returns_per", interval=interval, matched=matched, per=say.count(per))
    )
    uplift_note = say(
        "key.uplift_note",
        interval=say.interval(head.uplift_percent, 0),
        rate=say.percent(head.rate_comparison.estimate),
    )
    effect_note = say("key.effect_note", interval=say.interval(head.effect_points))
    return [
        (say("key.effect"), say.points(head.effect_points.estimate, sign=True), effect_note),
        (say("key.uplift"), say.percent(head.uplift_percent.estimate, 0, sign=True), uplift_note),
        (say("key.returns"), say.number(returns.estimate, 0, sign=True), note),
        (say("key.detectable"), say.points(head.minimum_detectable_points),
         say("key.detectable_note")),
    ]  # fmt: skip


def _curve(results: Results, say: Speech) -> dict[str, Any] | None:
    point = curve.at_horizon(results)
    if not results.curve or point is None:
        return None
    months = [p.month for p in results.curve]
    return {
        "chart": curve.draw_curve(results, say),
        "reading": say(
            "curve.reading", month=point.month, rate_entrants=say.percent(point.rate_entrants)
        ),
        "table": tables.curve_table(results, say),
        "coarse": months != list(range(1, months[-1] + 1)),
    }


def _can(results: Results, say: Speech) -> list[str]:
    kind, effect = sentences.outcome(results), results.headline.effect_points
    if kind in ("not_publishable", "disclosure"):
        return [say("say.can_nothing")]
    ends = {
        "low": say.points(effect.low, sign=True),
        "high": say.points(effect.high, sign=True),
    }
    if kind == "inconclusive":
        lines = [say("say.can_inconclusive", **ends)]
    else:
        lines = [say(f"say.can_{kind}", horizon=results.study.horizon_months),
                 say("say.can_range", **ends)]  # fmt: skip
    later = results.flow.comparators_enter_later
    return [*lines, say("say.can_later", later=say.count(later))] if later else lines


def flow(results: Results, say: Speech) -> dict[str, Any]:
    """Return who was evaluated: counts with their captions, and the table of steps."""
    counts = results.flow
    lost = counts.lost_share
    matched = (
        say("flow.matched")
        if lost is None
        else say("flow.matched_share", lost=say.share(lost, digits=1))
    )
    used = (
        say("flow.used")
        if counts.comparators_available is None
        else say("flow.used_of", available=say.count(counts.comparators_available))
    )
    values = ((counts.entrants, say("flow.entrants")), (counts.eligible, say("flow.eligible")),
              (counts.matched, matched), (counts.comparators_used, used))  # fmt: skip
    effective = counts.effective_comparators
    return {
        "counts": [(say.count(value), label) for value, label in values],
        "hidden": any(value is None for value, _ in values),
        "effective": effective and say("flow.effective", effective=say.count(effective)),
        "table": tables.flow_table(results, say),
    }


def _raw(results: Results, say: Speech) -> dict[str, Any] | None:
    table = tables.raw_table(results, say)
    if table is None:
        return None
    lower = (results.raw.difference_points or 0) < 0
    return {
        "text": say("raw.text_lower" if lower else "raw.text_higher"),
        "note": say("raw.matched_basis") if results.raw.basis == "matched" else "",
        "table": table,
    }


def _balance(results: Results, say: Speech) -> dict[str, Any] | None:
    rows = love.love_rows(results)
    if not rows:
        return None
    after = say.number(results.balance.max_abs_smd, 2)
    description = say(
        "balance.description",
        before=say.number(rows[0].smd_before, 2, sign=True),
        label=say.covariate(rows[0].covariate, rows[0].level),
        after=after,
    )
    share = say.share(results.balance.share_below_0_1)
    return {
        "summary": say("balance.summary", share=share, after=after),
        "chart": love.draw_love(results, say, description=description),
        "reading": say("balance.reading", count=len(rows)),
        "table": tables.balance_table(results, say),
    }


def forest_section(
    group: str, rows: list[Row], table: tables.Table, say: Speech, main: float | None = None
) -> dict[str, Any] | None:
    """Return a chart of estimates with its table; None when no line has a number."""
    ends = spread(rows)
    if ends is None:
        return None
    description = say(
        f"{group}.description",
        count=sum(row.figure.estimate is not None for row in rows),
        low=say.number(ends[0], sign=True),
        high=say.points(ends[1], sign=True),
        main=say.points(main, sign=True),
    )
    chart = draw_forest(group, rows, say, title=say(f"{group}.title"), description=description)
    return {"chart": chart, "reading": say(f"{group}.reading"), "table": table}


def _methods(results: Results, say: Speech) -> dict[str, Any] | None:
    main = results.headline.effect_points.estimate
    rows = tables.method_rows(results, say)
    return forest_section("methods", rows, tables.methods_table(results, say), say, main)


def _definitions(results: Results, say: Speech) -> dict[str, Any] | None:
    if results.headline.withheld or not results.sensitivity.definitions:
        return None
    main = results.headline.effect_points.estimate
    rows = tables.definition_rows(results, say)
    return forest_section("definitions", rows, tables.definitions_table(results, say), say, main)


def _subgroups(results: Results, say: Speech) -> dict[str, Any] | None:
    rows = tables.subgroup_rows(results, say)
    section = forest_section("subgroups", rows, tables.subgroups_table(results, say), say)
    found = [
        say.covariate(s.variable, s.level)
        for s in results.subgroups
        if s.contrast_p_holm is not None and s.contrast_p_holm < 0.05
    ]
    if section:
        section["verdict"] = (
            say("subgroups.some_contrast", names=", ".join(found))
            if found
            else say("subgroups.no_contrast")
        )
    return section


def _robust(results: Results, say: Speech) -> list[tuple[str, list[str]]]:
    return [
        (say("robust.placebo"), [_placebo(results, say)]),
        (say("robust.overlap"), [_overlap(results, say)]),
        (say("robust.hidden"), _hidden(results, say)),
    ]


def _placebo(results: Results, say: Speech) -> str:
    effect = results.placebo.effect_points
    if effect.estimate is None:
        return say("robust.placebo_none")
    shown = say.points(effect.estimate, sign=True)
    return say("robust.placebo_text", effect=shown, interval=say.interval(effect))


def _overlap(results: Results, say: Speech) -> str:
    overlap = results.overlap
    if overlap.coefficient is None:
        return say("robust.overlap_none")
    coefficient = say.number(overlap.coefficient, 2)
    if overlap.share_outside is None:
        return say("robust.overlap_short", coefficient=coefficient)
    outside = say.share(overlap.share_outside, digits=1)
    return say("robust.overlap_text", coefficient=coefficient, outside=outside)


def _hidden(results: Results, say: Speech) -> list[str]:
    section = results.sensitivity
    effect, lines = section.hidden_confounder.effect_points, []
    if effect.estimate is not None and section.hidden_confounder.benchmark:
        label = say.covariate(section.hidden_confounder.benchmark)
        shown = say.points(effect.estimate, sign=True)
        lines.append(
            say("robust.hidden_text", benchmark=label, effect=shown, interval=say.interval(effect))
        )
    conclusive = sentences.outcome(results) in ("effect", "negative")
    if conclusive and section.rosenbaum_gamma is not None:
        lines.append(say("robust.gamma_text", gamma=say.number(section.rosenbaum_gamma, 2)))
    if conclusive and section.e_value is not None:
        lines.append(say("robust.e_value_text", value=say.number(section.e_value, 2)))
    return lines or [say("robust.hidden_none")]


def _next(results: Results, say: Speech) -> list[str]:
    lines = [say(f"next.{sentences.outcome(results)}")]
    observed = max((point.month for point in results.curve), default=0)
    end = date.fromisoformat(results.study.entry_window[1])
    year_later = end.replace(year=end.year + 1, day=min(end.day, 28 if end.month == 2 else end.day))
    if 0 < observed < 12 and year_later > date.fromisoformat(results.study.extraction_date):
        lines.append(say("next.later", date=say.day(year_later.isoformat())))
    return [*lines, say("next.confirm")]


def _box(
    results: Results, say: Speech, dates: dict[str, str], extraction: str
) -> list[tuple[str, str | Markup]]:
    study = results.study
    preset = say.word("preset", study.outcome)
    deviations = ", ".join(_deviation(item) for item in study.deviations)
    return [
        (say("box.outcome"),
         say("box.outcome_text", preset=preset, horizon=study.horizon_months)),
        (say("box.population"), say("box.population_text", **dates)),
        (say("box.estimand"), say("box.estimand_text", estimand=study.estimand)),
        (say("box.method"), tables.method_label(study.method, say)),
        (say("box.sources"), ", ".join(study.sources) or say("box.sources_text")),
        (say("box.extraction"), extraction),
        (say("box.study"), study.title or study.name),
        (say("box.contact"), study.contact or say("box.contact_none")),
        (say("box.deviations"), deviations or say("box.deviations_none")),
        (say("box.rounding"), say("box.rounding_text")),
        (say("box.parameters"), study.parameters_sha256),
    ]  # fmt: skip


def _deviation(item: Any) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key} = {value}" for key, value in item.items())
    return str(item)
