"""Where each page stands, relative to the folder that holds ``index.html``."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from evaluation.wording import Language

if TYPE_CHECKING:
    from evaluation.results import Results

_FOLDERS = {"region": "regions/", "department": "departments/", "nation": ""}


def page_path(results: Results, language: Language) -> str:
    """Return ``regions/24-centre-val-de-loire.html``; the other language adds ``.en`` or ``.fr``.

    Parameters
    ----------
    results : Results
        Any territory; the nation's page is ``index.html``.
    language : str
        Language of the page; the study's own language has the short name.
    """
    place = results.place
    stem = "index" if place.level == "nation" else f"{place.code}-{place.slug}"
    suffix = "" if language == results.study.language else f".{language}"
    return f"{_FOLDERS[place.level]}{stem}{suffix}.html"


def link(target: str, source: str) -> str:
    """Return the address of ``target`` as seen from the page ``source`` (both as above)."""
    return posixpath.relpath(target, posixpath.dirname(source) or ".")
