"""The national page: the whole first, then regions side by side, never ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.reporting import sentences, tables, tiles
from evaluation.reporting.forest import Row, draw_forest, spread
from evaluation.reporting.page import render
from evaluation.reporting.paths import link, page_path
from evaluation.reporting.region import common, flow
from evaluation.reporting.speech import Speech
from evaluation.territories import DEPARTMENTS, REGIONS
from evaluation.wording import Language
from evaluation.wording.numbers import typeset

if TYPE_CHECKING:
    from evaluation.results import Results

_HIDDEN = ("not_publishable", "disclosure", "failed")


@dataclass(frozen=True, slots=True)
class Line:
    """One region of the table: cells as text with the value that sorts them."""

    name: str
    page: str
    symbol: str
    cells: tuple[tuple[str, str], ...]


def render_national(
    national: Results,
    regions: Sequence[Results],
    failures: Sequence[Mapping[str, Any]] = (),
    *,
    language: Language,
    other_page: str | None = None,
) -> str:
    """Return the HTML of the national page.

    Parameters
    ----------
    national : Results
        Published national results, with ``nation``.
    regions : sequence of Results
        The regions (and départements) that have a page.
    failures : sequence of mapping
        ``{"code", "name", "level", "error_code", "text"}`` of territories that failed.
    language : str
        ``fr`` or ``en``.
    other_page : str or None
        The same page in the other language; by default its usual name.
    """
    say = Speech(language)
    if other_page is None:
        other_page = page_path(national, "en" if language == "fr" else "fr")
    ordered = sorted(regions, key=lambda r: (r.territory.level != "region", r.territory.code))
    here = page_path(national, language)
    context = common(national, say, other_page, None)
    return render(
        "national.html.j2",
        **context,
        head=_head(say),
        lines=[_line(region, here, say) for region in ordered],
        map=_map([r for r in ordered if r.territory.level == "region"], failures, say),
        forest=_forest(national, ordered, say),
        heterogeneity=_heterogeneity(national, say),
        failures=[_failure(item, language) for item in failures],
        flow=flow(national, say),
    )


def _head(say: Speech) -> list[str]:
    keys = ("region", "result", "effect", "interval", "uplift", "matched", "grade")
    return [say(f"nation.{key}") for key in keys]


def _line(region: Results, here: str, say: Speech) -> Line:
    kind, head = sentences.outcome(region), region.headline
    grades = tuple(sentences.GRADE_SYMBOLS)
    grade = region.verdict.grade
    order = str(list(sentences.SYMBOLS).index(kind))
    cells = (
        (say.word("outcome", kind), order),
        (say.estimate(head.effect_points), _sortable(head.effect_points.estimate)),
        (say.interval(head.effect_points), _sortable(head.effect_points.low)),
        (say.estimate(head.uplift_percent, 0), _sortable(head.uplift_percent.estimate)),
        (say.count(region.flow.matched), _sortable(region.flow.matched)),
        (say.word("verdict", grade), str(grades.index(grade))),
    )
    page = link(page_path(region, say.language), here)
    return Line(say.place(region.place), page, sentences.SYMBOLS[kind], cells)


def _sortable(value: float | None) -> str:
    return "" if value is None else str(value)


def _map(
    regions: Sequence[Results], failures: Sequence[Mapping[str, Any]], say: Speech
) -> dict[str, Any]:
    kinds: dict[str, str] = {
        str(item.get("code")): "failed"
        for item in failures
        if item.get("level", "region") == "region"
    }
    kinds |= {region.territory.code: sentences.outcome(region) for region in regions}
    values = {r.territory.code: r.headline.effect_points.estimate for r in regions}
    names = {
        kind: ", ".join(_region_name(c, say) for c in sorted(kinds) if kinds[c] == kind)
        for kind in sentences.SYMBOLS
    }
    hidden = ", ".join(names[kind] for kind in _HIDDEN if names[kind])
    description = say(
        "nation.map_description",
        positive=names["effect"] or "–",
        negative=names["negative"] or "–",
        inconclusive=names["inconclusive"] or "–",
        hidden=hidden or "–",
    )
    chart = tiles.draw_tiles(kinds, values, say, description=description)
    return {"chart": chart, "reading": say("nation.map_reading")}


def _region_name(code: str, say: Speech) -> str:
    region = REGIONS.get(code)
    if region is None:
        return code
    return region.name_en if say.language == "en" else region.name


def _forest(national: Results, regions: Sequence[Results], say: Speech) -> dict[str, Any] | None:
    whole = national.headline.effect_points
    parts = [Row(say.place(r.place), r.headline.effect_points) for r in regions]
    ends = spread(parts)
    if ends is None:
        return None
    shown = [*parts, Row(say("nation.whole"), whole, main=True)]
    description = say(
        "nation.forest_description",
        count=sum(row.figure.estimate is not None for row in parts),
        low=say.number(ends[0], sign=True),
        high=say.points(ends[1], sign=True),
        main=say.points(whole.estimate, sign=True),
    )
    chart = draw_forest(
        "regions", shown, say, title=say("nation.forest_title"), description=description
    )
    head = (say("nation.region"), say("nation.effect"), say("nation.interval"))
    rows = [(row.label, say.estimate(row.figure), say.interval(row.figure)) for row in shown]
    table = tables.Table(say("nation.forest_title"), head, rows)
    return {"chart": chart, "reading": say("nation.forest_reading"), "table": table}


def _heterogeneity(national: Results, say: Speech) -> str:
    """Return the sentence that ranks nothing; a test at 5 % decides between two of them."""
    found = national.nation.heterogeneity if national.nation else {}
    p = next((found[key] for key in ("p_value", "q_p_value", "p") if found.get(key) is not None),
             None)  # fmt: skip
    if not isinstance(p, (int, float)):
        return say("nation.untested")
    return say("nation.differ" if p < 0.05 else "nation.same", p=say.p(float(p)))


def _failure(item: Mapping[str, Any], language: Language) -> dict[str, str]:
    code = str(item.get("code", ""))
    known = {region.code: region.name for region in REGIONS.values()}
    if item.get("level") == "department":
        known = DEPARTMENTS
    reason = item.get(f"text_{language}") or item.get("text") or item.get("error_code") or ""
    return {
        "name": str(item.get("name") or known.get(code, code)),
        "error_code": str(item.get("error_code") or ""),
        "text": typeset(str(reason), language),
    }
