"""The replications made so far, on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import _estimators as study

Row = dict[str, Any]


class Kept:
    """The replications made so far: one file a cell, one JSON line a replication.

    Only the parent process writes, a whole line at a time; a last line cut short by an
    interruption is taken off when the study goes on. To ``look`` writes nothing, so that it may be
    done while a study runs.
    """

    def __init__(self, folder: Path | None, *, look: bool = False) -> None:
        self.folder, self.look = folder, look
        self.rows: list[Row] = []
        self.sources = sources()
        if folder is None:
            return
        self._same_setting(folder / "setting.json")
        for cell in study.CELLS:
            self.rows += self._read(folder / f"{cell}.jsonl")

    def _same_setting(self, file: Path) -> None:
        setting = {name: asdict(cell) for name, cell in study.CELLS.items()}
        setting["first_seed"] = study.FIRST_SEED
        if file.is_file() and json.loads(file.read_text("utf-8")) != setting:
            raise SystemExit(f"{file.parent.name} holds replications of other cells")
        if not self.look:
            _written(file, json.dumps(setting).encode("utf-8"))

    def _read(self, file: Path) -> list[Row]:
        if not file.is_file():
            return []
        whole = file.read_bytes()
        complete = whole[: whole.rfind(b"\n") + 1]
        if len(complete) < len(whole) and not self.look:
            _written(file, complete)
        return [json.loads(line) for line in complete.decode("utf-8").splitlines()]

    def add(self, row: Row) -> None:
        row["sources"] = self.sources
        self.rows.append(row)
        if self.folder is not None:
            file = self.folder / f"{row['cell']}.jsonl"
            with file.open("a", encoding="utf-8", newline="\n") as lines:
                lines.write(json.dumps(row, separators=(",", ":")) + "\n")

    def done(self) -> set[tuple[str, int, str]]:
        return {
            (row["cell"], row["replication"], name) for row in self.rows for name in row["found"]
        }


def _written(file: Path, text: bytes) -> None:
    partial = file.with_suffix(".partial")
    partial.write_bytes(text)
    partial.replace(file)


def sources() -> str:
    """Return a digest of the matching and effects rooms, kept with every row."""
    import evaluation

    home = Path(evaluation.__file__).parent
    digest = hashlib.sha256()
    for room in ("matching", "effects"):
        for file in sorted((home / room).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
