"""Files written whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_CHUNK = 1 << 20


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` (utf-8, Unix line ends) beside ``path`` as ``.partial``, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as ``sha256:<hex>``."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return f"sha256:{state.hexdigest()}"
