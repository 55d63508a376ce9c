"""Which territories need not run again: same parameters, same register, same code, same files."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.pipeline.files import digest
from evaluation.pipeline.manifest import code_digest

if TYPE_CHECKING:
    from evaluation.study import Study
    from evaluation.territories import Territory


def content_key(study: Study, place: Territory, register_digest: str) -> str:
    """Return the digest of everything a territory's results and pages depend on."""
    here = study.for_territory(place)
    parts = (
        here.sha256,
        study.sha256,
        study.title,
        study.study.contact,
        study.language,
        register_digest,
        code_digest(),
        place.key,
    )
    return f"sha256:{sha256(chr(0).join(parts).encode()).hexdigest()}"


def unchanged(entry: dict[str, Any], key: str, output: Path, estimates: Path) -> bool:
    """Return whether a manifest entry still stands for what an identical run would write."""
    if entry.get("status") == "failed" or entry.get("content_key") != key:
        return False
    files: dict[str, str] = entry.get("files", {})
    if not files or not estimates.exists() or digest(estimates) != entry.get("estimates"):
        return False
    return all((output / name).is_file() and digest(output / name) == value
               for name, value in files.items())  # fmt: skip
