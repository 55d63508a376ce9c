"""Pages, index and tables of a report folder, made from whatever results lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import Fault, fail
from evaluation.pipeline.files import write_whole
from evaluation.pipeline.manifest import digests, read_manifest, write_manifest
from evaluation.wording import LANGUAGES, Language, message

if TYPE_CHECKING:
    from evaluation.results import Results


def read_results(output: Path) -> dict[str, Results]:
    """Return the published results of a report folder by file stem, sorted."""
    from evaluation.results import Results

    return {file.stem: Results.read(file) for file in sorted((output / "results").glob("*.json"))}


def write_page(results: Results, output: Path, language: Language) -> Path:
    """Write a territory's page in one language."""
    from evaluation.reporting import page_path, render_region

    other: Language = "en" if language == "fr" else "fr"
    path = output / page_path(results, language)
    page = render_region(
        results,
        language=language,
        other_page=Path(page_path(results, other)).name,
        index_page=f"../{index_name(language, results.study.language)}",
    )
    write_whole(path, page)
    return path


def index_name(language: Language, main: Language) -> str:
    """Return the name of the national page in one language."""
    return "index.html" if language == main else f"index.{language}.html"


def write_index(
    output: Path,
    kept: dict[str, Results],
    failures: Sequence[dict[str, Any]],
    languages: Sequence[Language],
    *,
    main: Language,
    title: str,
) -> list[Fault]:
    """Write the national page, ``results.csv`` and ``results.xlsx``; return what could not be.

    Without a national result (no region could be estimated) the page lists what there is.
    """
    from evaluation.reporting import render_national, write_exports

    national = kept.get("national")
    parts = [results for key, results in kept.items() if key != "national"]
    for language in languages:
        if national is None:
            page = _bare_index(parts, failures, language, title)
        else:
            page = render_national(national, parts, failures, language=language)
        write_whole(output / index_name(language, main), page)
    if kept:
        return write_exports(output, list(kept.values()))
    return []


def _bare_index(
    parts: Sequence[Results], failures: Sequence[dict[str, Any]], language: Language, title: str
) -> str:
    from jinja2 import Environment, FileSystemLoader

    from evaluation.reporting import page_path

    folder = Path(__file__).parent / "templates"
    template = Environment(loader=FileSystemLoader(folder), autoescape=True).get_template(
        "bare_index.html.j2"
    )
    return template.render(
        lang=language,
        title=title,
        style=(folder / "annex" / "annex.css").read_text("utf-8"),
        words={name: message(f"index.{name}", language) for name in ("none", "pages", "failures")},
        pages=[(part.territory.name, page_path(part, language)) for part in parts],
        failures=failures,
    )


def render_folder(output: Path, languages: Sequence[Language] = LANGUAGES) -> Path:
    """Make all pages and tables of a report folder again from its results, nothing recomputed.

    Returns
    -------
    Path
        The national page in the study's language.

    Raises
    ------
    EvaluationError
        EVAL-716 when the folder holds no results.
    """
    kept = read_results(output)
    if not kept:
        fail("EVAL-716", folder=output.name)
    manifest = read_manifest(output)
    main: Language = manifest.get("language", "fr")
    stale = set(manifest.get("stale", []))
    current = {key: results for key, results in kept.items() if key not in stale}
    for key, results in current.items():
        if key != "national":
            for language in languages:
                write_page(results, output, language)
    title = manifest.get("title") or next(iter(kept.values())).study.title
    write_index(output, current, failures_of(manifest), languages, main=main, title=title)
    if manifest:
        write_manifest(output, {**manifest, "files": digests(output)})
    return output / index_name(main, main)


def failures_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the territories that failed, as the national page shows them."""
    return [
        {
            "code": key.removeprefix("dep-"),
            "level": "department" if key.startswith("dep-") else "region",
            "name": entry["title"],
            **_told(entry["error"]),
        }
        for key, entry in sorted(manifest.get("territories", {}).items())
        if entry["status"] == "failed"
    ]


def _told(error: str) -> dict[str, str]:
    """Return the code and the first sentence of an error: the remedy is for who runs the study."""
    code, _, text = error.partition("\n")[0].removeprefix("[").partition("] ")
    return {"error_code": code, "text": text}
