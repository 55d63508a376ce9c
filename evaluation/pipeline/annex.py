"""The technical annex: an executed notebook as one HTML file that opens no network connection."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.pipeline.files import write_whole
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from nbformat import NotebookNode

_TEMPLATES = Path(__file__).parent / "templates"


def write_annex(
    notebook: Path,
    target: Path,
    *,
    title: str,
    study: str,
    language: Language,
    back: str = "",
) -> Path:
    """Render an executed notebook with the package's own template.

    Parameters
    ----------
    notebook : Path
        Executed, cleaned notebook.
    target : Path
        The HTML file.
    title, study : str
        Name of the territory and of the study.
    language : str
        Language of the page, written in its ``lang``.
    back : str
        Relative address of the page this is the annex of, "" for none.

    Returns
    -------
    Path
        ``target``.
    """
    import nbformat

    executed = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    write_whole(target, render_annex(executed, title=title, study=study, language=language,
                                     back=back))  # fmt: skip
    return target


def render_annex(
    notebook: NotebookNode, *, title: str, study: str, language: Language, back: str = ""
) -> str:
    """Return the page of an executed notebook, see :func:`write_annex`."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HTMLExporter.extra_template_basedirs = [str(_TEMPLATES)]
    config.HTMLExporter.template_name = "annex"
    config.HTMLExporter.language_code = language
    config.HTMLExporter.exclude_anchor_links = True
    exporter = HTMLExporter(config=config, log=_silent())  # type: ignore[no-untyped-call]
    resources: dict[str, Any] = {
        "annex": {
            "title": message("annex.title", language, territory=title),
            "subtitle": message("annex.subtitle", language, study=study),
            "skip": message("annex.skip", language),
            "code": message("annex.code", language),
            "style": (_TEMPLATES / "annex" / "annex.css").read_text("utf-8"),
            "back": back,
            "back_text": message("annex.back", language),
        }
    }
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    return "\n".join(line.rstrip() for line in page.splitlines() if line.strip()) + "\n"


def _silent() -> logging.Logger:
    log = logging.getLogger("evaluation.annex")
    log.setLevel(logging.ERROR)
    return log
