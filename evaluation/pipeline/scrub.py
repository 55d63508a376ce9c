"""What an executed notebook may keep: no traceback, no row, no small count, no path, no clock time.

A traceback can quote a person's value, the plain text of an object its rows, a warning a small
count or the path of a machine; all are replaced before anything is written. Figures receive the
alternative text that their cell declares. A notebook run by hand is not cleaned: there our own
refusals show their sentences alone, an unforeseen exception the traceback that Jupyter gives it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.disclosure import DEFAULT_MIN_CELL, safe_text
from evaluation.pipeline.traces import in_html, in_text
from evaluation.wording import Language, message

if TYPE_CHECKING:
    from nbformat import NotebookNode

_OURS = re.compile(r"^\[EVAL-\d{3}\] .*(?:\n  → .*)?", re.MULTILINE)
_WARNED = re.compile(r"EvaluationWarning: \[(EVAL-\d{3})\]")
_CLOCKS = ("start_time", "end_time", "duration", "input_path", "output_path", "parameters")
_HANDS = ("run.workers", "run.memory_limit_gb")
_MARKER = "papermill-error-cell-tag"
_IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
_TEXTS = ("text/plain", "text/markdown", "text/latex", "application/json")


def scrub(
    notebook: NotebookNode,
    parameters: Mapping[str, Any],
    language: Language,
    min_cell: int = DEFAULT_MIN_CELL,
) -> None:
    """Clean an executed notebook in place, whether it failed or not.

    Parameters
    ----------
    notebook : NotebookNode
        As papermill left it.
    parameters : mapping
        What was injected; absolute paths are shown as seen from here, or by their name.
    language : str
        Language of what replaces a traceback.
    min_cell : int
        Counts under it are replaced in messages.
    """
    notebook.cells = [c for c in notebook.cells if _MARKER not in c.metadata.get("tags", [])]
    notebook.metadata.pop("widgets", None)
    _forget(notebook.metadata)
    for cell in notebook.cells:
        _forget(cell.metadata)
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = _portable(parameters)
            # papermill draws the name of the cell it injects.
            cell.id = "injected-parameters"
        failed = any(output.output_type == "error" for output in cell.outputs)
        cell.outputs = [
            kept
            for output in cell.outputs
            if (kept := _clean(output, failed, language, min_cell)) is not None
        ]
        for output in cell.outputs:
            _describe(output, cell.metadata.get("alt", ""))


def plain_error(name: str, value: str, language: Language, min_cell: int = DEFAULT_MIN_CELL) -> str:
    """Return what may be said of an exception: our own sentences, or only its kind.

    Examples
    --------
    >>> plain_error("KeyError", "'1850175123456'", "en").startswith("[EVAL-706]")
    True
    """
    if name == "EvaluationError":
        ours = [found.group(0) for found in _OURS.finditer(value)]
        if ours:
            return safe_message("\n".join(ours), min_cell, language)
    return "\n".join(
        (
            f"[EVAL-706] {message('EVAL-706.what', language, kind=name)}",
            f"  → {message('EVAL-706.remedy', language, kind=name)}",
        )
    )


def safe_message(text: str, min_cell: int, language: Language) -> str:
    """Return a message without counts under the threshold; codes stay."""
    parts = re.split(r"(\[EVAL-\d{3}\])", text)
    return "".join(
        part if place % 2 else safe_text(part, min_cell=min_cell, language=language)
        for place, part in enumerate(parts)
    )


def _clean(
    output: NotebookNode, failed: bool, language: Language, min_cell: int
) -> NotebookNode | None:
    if output.output_type == "error":
        text = plain_error(output.ename, output.evalue, language, min_cell)
        output.evalue, output.traceback = text, [text]
        return output
    if failed:
        return None
    if output.output_type == "stream" and output.name == "stderr":
        # The sentences stand, protected, on the territory's page.
        codes = list(dict.fromkeys(_WARNED.findall(output.text)))
        output.text = message("annex.warned", language, codes=codes) + "\n"
        return output if codes else None
    data = output.get("data", {})
    if any(mime in data for mime in ("text/html", *_IMAGES)):
        data.pop("text/plain", None)
    return _without_people(output, language)


def _without_people(output: NotebookNode, language: Language) -> NotebookNode:
    """Replace what a cell printed of persons: a notebook may have been edited."""
    data = output.get("data", {})
    shown = [str(output.get("text", "")), *(str(data.get(m, "")) for m in _TEXTS)]
    if any(in_text(text, fewest=1) for text in shown) or in_html(str(data.get("text/html", ""))):
        said = message("annex.rows", language)
        if output.output_type == "stream":
            output.text = f"{said}\n"
        else:
            output.data, output.metadata = {"text/plain": said}, {}
    return output


def _describe(output: NotebookNode, alt: str) -> None:
    for mime in _IMAGES:
        if alt and mime in output.get("data", {}):
            output.metadata.setdefault(mime, {}).setdefault("alt", alt)


def _forget(metadata: NotebookNode) -> None:
    papermill = metadata.get("papermill")
    if papermill is not None:
        for name in _CLOCKS:
            papermill.pop(name, None)


def _portable(parameters: Mapping[str, Any]) -> str:
    """Return the injected cell with paths as seen from here, or by their name alone.

    How many processes worked, and with how much memory, is no part of what was computed.
    """
    shown = {name: _shown_path(value) for name, value in parameters.items()}
    if isinstance(overrides := shown.get("overrides"), list):
        shown["overrides"] = [text for text in overrides if not str(text).startswith(_HANDS)]
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in shown.items())])


def _shown_path(value: Any) -> Any:
    if not isinstance(value, str) or not os.path.isabs(value):
        return value
    path, here = Path(value), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name
