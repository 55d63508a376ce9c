"""``manifest.json``: how every file of a report was made, and whether it still is that file.

Written by the parent process only, after each territory, so that an interrupted run is resumed
from what it says.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import evaluation
from evaluation.errors import fail
from evaluation.pipeline.files import digest, write_whole

NAME = "manifest.json"
SCHEMA_VERSION = 1
_PACKAGES = (
    "duckdb", "formulaic", "jinja2", "nbconvert", "numba", "numpy", "pandas", "papermill",
    "pyarrow", "pydantic", "scipy", "statsmodels",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A file that is not what the manifest says: ``changed``, ``missing`` or ``unknown``."""

    file: str
    kind: str


@cache
def code_digest() -> str:
    """Return the digest of the package's own files and notebooks: what could move a number."""
    from evaluation.pipeline.notebooks import notebook_path

    package = Path(evaluation.__file__).resolve().parent
    files = [f for s in ("*.py", "*.toml", "*.j2", "*.css") for f in package.rglob(s)]
    files += sorted(notebook_path("region_report").parent.glob("*.ipynb"))
    state = sha256()
    for file in sorted(files, key=lambda path: path.as_posix()):
        state.update(file.name.encode())
        state.update(file.read_bytes())
    return f"sha256:{state.hexdigest()}"


def versions() -> dict[str, str]:
    """Return the versions that numbers may depend on."""
    found = {"python": platform.python_version(), "evaluation": evaluation.__version__}
    for name in _PACKAGES:
        found[name] = importlib.metadata.version(name)
    return found


def read_manifest(output: Path) -> dict[str, Any]:
    """Return the manifest of a report folder, ``{}`` when there is none or it cannot be read."""
    try:
        found = json.loads((output / NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "territories" in found else {}


def write_manifest(output: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest whole, keys sorted."""
    text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True)
    write_whole(output / NAME, text + "\n")


def digests(output: Path) -> dict[str, str]:
    """Return ``{relative path: digest}`` of every published file but the manifest."""
    return {name: digest(output / name) for name in published(output)}


def published(output: Path) -> list[str]:
    """Return the files of a report folder, sorted, manifest and unfinished files left out."""
    files = (path for path in output.rglob("*") if path.is_file())
    names = (path.relative_to(output).as_posix() for path in files)
    return sorted(n for n in names if n != NAME and not n.endswith(".partial"))


def verify(output: Path) -> list[Mismatch]:
    """Compare the files of a report folder with its manifest.

    Raises
    ------
    EvaluationError
        EVAL-717 when there is no manifest.
    """
    manifest = read_manifest(output)
    if not manifest:
        fail("EVAL-717", folder=output.name, file=NAME)
    expected: dict[str, str] = manifest.get("files", {})
    # An unfinished file has no place in a report that is handed on.
    left = (path for path in output.rglob("*.partial") if path.is_file())
    there = {*published(output), *(path.relative_to(output).as_posix() for path in left)}
    found = [Mismatch(name, "missing") for name in expected.keys() - there]
    found += [Mismatch(name, "unknown") for name in there - expected.keys()]
    found += [
        Mismatch(name, "changed")
        for name in there & expected.keys()
        if digest(output / name) != expected[name]
    ]
    return sorted(found, key=lambda item: item.file)
