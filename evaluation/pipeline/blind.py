"""A run that reads no outcome, and the count of the runs that did.

``evaluation run --blind`` stops after the diagnostics of the matching. Outcomes are not hidden
but absent: their columns leave the cohort before it is matched, so nothing later can read them.
What it writes stands in the work folder (``blind/<key>.html``, ``.json``); the report folder is
not touched. A run without ``--blind`` accepts the balance, and its parameters are counted.
"""

from __future__ import annotations

import dataclasses
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import EvaluationError
from evaluation.pipeline.files import write_whole
from evaluation.pipeline.lock import run_lock
from evaluation.pipeline.request import Request, check_request
from evaluation.territories import Territory
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from evaluation.cohort.types import Cohort
    from evaluation.matching import Matched
    from evaluation.register import Register

SEEN = "unblinded.json"


@dataclass(frozen=True, slots=True)
class BlindLine:
    """How the matching of one territory turned out, before any outcome is read.

    Attributes
    ----------
    key, title : str
        The territory.
    max_abs_smd : float or None
        Largest absolute standardised mean difference after matching; None when it failed.
    page : Path or None
        Balance page, in the work folder.
    error : str
        Code and message of a failure, else empty.
    """

    key: str
    title: str
    max_abs_smd: float | None = None
    page: Path | None = None
    error: str = ""


def run_blind(request: Request) -> list[BlindLine]:
    """Build, match and diagnose each territory; no outcome is in memory when matching begins.

    Parameters
    ----------
    request : Request
        Study and territories; ``fresh`` changes nothing, every territory is matched again.

    Returns
    -------
    list of BlindLine
        In the order asked; a failing territory never takes others down.

    Raises
    ------
    EvaluationError
        Faults found before a territory starts, all at once; nothing is written then.
    """
    from evaluation.verbs import read_register

    places = check_request(request)
    with run_lock(request.study.work):
        register = read_register(request.study)
        return [_diagnosed(request, register, place) for place in places]


def _diagnosed(request: Request, register: Register, place: Territory) -> BlindLine:
    from evaluation.verbs import build_cohort, match

    study = request.study
    folder = study.work / "blind"
    for kind in ("html", "json"):
        (folder / f"{place.key}.{kind}").unlink(missing_ok=True)
    try:
        cohort = masked(build_cohort(register, **{place.level: place.code}))
        matched = match(cohort)
        record, balance_table = _record(cohort, matched)
    except EvaluationError as error:
        return BlindLine(place.key, place.name, error=error.text(study.language))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    write_whole(folder / f"{place.key}.json", text + "\n")
    page = folder / f"{place.key}.html"
    write_whole(page, _page(place.name, matched, balance_table, study.language))
    return BlindLine(place.key, place.name, record["balance"]["max_abs_smd"], page)


def masked(cohort: Cohort) -> Cohort:
    """Return the cohort without any outcome: columns, placebo outcomes and hire shares by arm."""
    hidden = [
        name
        for name in cohort.frame.columns
        if (found := cohort.variables.get(str(name))) and found.block in ("outcome", "placebo")
    ]
    return dataclasses.replace(cohort, frame=cohort.frame.drop(columns=hidden), quality={})


def _record(cohort: Cohort, matched: Matched) -> tuple[dict[str, Any], str]:
    from evaluation.effects.describe import balance_part, flow_part, overlap_part, study_part
    from evaluation.effects.estimates import plain
    from evaluation.effects.record import warnings_of

    notes = [*cohort.notes, *matched.notes]
    record: dict[str, Any] = {
        "territory": {"level": cohort.territory.level, "code": cohort.territory.code},
        "study": study_part(cohort, matched),
        "flow": flow_part(cohort, matched),
        "balance": balance_part(cohort, matched, notes),
        "overlap": overlap_part(matched, notes),
    }
    record["warnings"] = warnings_of(notes, cohort.study.language)
    table: str = matched.balance()._repr_html_()
    return plain(record), table


def _page(title: str, matched: Matched, balance_table: str, language: Language) -> str:
    """Return a page of guarded tables: counts under the threshold read "secret"."""
    heading = html.escape(message("blind.title", language, territory=title))
    said = html.escape(message("blind.said", language))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{heading}</title></head><body><h1>{heading}</h1><p>{said}</p>"
        f"{matched._repr_html_()}{balance_table}</body></html>\n"
    )


def unblinded(work: Path, known: list[str], parameters: str) -> list[str]:
    """Note that ``parameters`` (a digest) are run with outcomes; return all that ever were, sorted.

    Parameters
    ----------
    work : Path
        Work folder, which outlives a report folder that is made again.
    known : list of str
        What the manifest of the report already counts, should the work folder have gone.
    parameters : str
        Digest of the parameters of this run.
    """
    file = work / SEEN
    try:
        noted = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        noted = []
    seen = sorted({*noted, *known, parameters})
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(seen, indent=1) + "\n")
    return seen
