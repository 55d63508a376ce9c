"""The cohort on disk: three files a territory, valid for one content of inputs and code."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.cohort.types import Cohort, Flow, FlowStep
from evaluation.cohort.variables import declared_variables
from evaluation.errors import Fault
from evaluation.study import Study
from evaluation.territories import Territory


def fingerprint(study: Study, digest: str, territory: Territory) -> str:
    """Return the hash of everything that can change the cohort of a territory."""
    sections = study.sections()
    parts = {
        "register": digest,
        "territory": [territory.level, territory.code],
        "cohort": sections["cohort"],
        "outcome": sections["outcome"],
        "extraction_date": str(study.files.extraction_date),
        "seed": study.run.seed,
        "code": code_version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def code_version() -> str:
    """Return the hash of the room's own source, so that no cohort outlives its code."""
    digest = hashlib.sha256()
    for file in sorted(files("evaluation.cohort").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith((".py", ".toml")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def load(study: Study, territory: Territory, key: str) -> Cohort | None:
    """Return the stored cohort if it is the one of ``key``, else None."""
    rows, frozen, facts = _paths(study, territory)
    try:
        stored = json.loads(facts.read_text("utf-8"))
        if stored["fingerprint"] != key:
            return None
        frame = _read(rows, stored["frames"][rows.name])
        earlier = _read(frozen, stored["frames"][frozen.name])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    if frame is None or earlier is None:
        return None
    steps = tuple(FlowStep(**step) for step in stored["flow"].pop("steps"))
    return Cohort(
        frame=frame,
        frozen=earlier,
        flow=Flow(**stored["flow"], steps=steps),
        study=study,
        territory=territory,
        variables=declared_variables(study, observed=stored["months_observed"]),
        months_observed=stored["months_observed"],
        notes=tuple(Fault(code, data) for code, data in stored["notes"]),
        quality=stored["quality"],
    )


def save(cohort: Cohort, key: str) -> None:
    """Write the three files, each whole or not at all, the facts last."""
    rows, frozen, facts = _paths(cohort.study, cohort.territory)
    rows.parent.mkdir(parents=True, exist_ok=True)
    facts.unlink(missing_ok=True)
    frames = {rows.name: _write(cohort.frame, rows), frozen.name: _write(cohort.frozen, frozen)}
    stored = {
        "fingerprint": key,
        "frames": frames,
        "flow": asdict(cohort.flow),
        "months_observed": cohort.months_observed,
        "notes": [[note.code, note.data] for note in cohort.notes],
        "quality": cohort.quality,
    }
    partial = facts.with_name(f"{facts.name}.{os.getpid()}.partial")
    text = json.dumps(stored, sort_keys=True, indent=1, default=str)
    partial.write_text(text + "\n", encoding="utf-8", newline="\n")
    partial.replace(facts)


def _paths(study: Study, territory: Territory) -> tuple[Path, Path, Path]:
    folder = study.work / "cohort"
    key = territory.key
    return folder / f"{key}.parquet", folder / f"{key}-frozen.parquet", folder / f"{key}.json"


def _write(frame: pd.DataFrame, path: Path) -> dict[str, Any]:
    """Write one frame; return its size and the levels that Parquet would forget."""
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    for position, field in enumerate(arrow.schema):
        if pa.types.is_timestamp(field.type):
            arrow = arrow.set_column(position, field.name, arrow.column(position).cast(pa.date32()))
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    levels = {
        name: list(frame[name].cat.categories)
        for name in frame.columns
        if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
    pq.write_table(
        arrow.replace_schema_metadata(None), partial, compression="zstd", compression_level=1,
        use_dictionary=list(levels), write_statistics=False,
    )  # fmt: skip
    partial.replace(path)
    return {"bytes": path.stat().st_size, "rows": len(frame), "levels": levels}


def _read(path: Path, facts: dict[str, Any]) -> pd.DataFrame | None:
    if path.stat().st_size != facts["bytes"]:
        return None
    arrow = pq.read_table(path)
    columns: dict[str, Any] = {}
    for name in arrow.column_names:
        column = arrow.column(name)
        if name in facts["levels"]:
            values = column.to_pandas()
            columns[name] = pd.Categorical(values.astype(object), categories=facts["levels"][name])
        elif pa.types.is_date(column.type):
            columns[name] = column.cast(pa.timestamp("s")).to_numpy()
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            columns[name] = pd.Series(column.to_pandas(), dtype="str")
        else:
            columns[name] = column.to_numpy()
    return pd.DataFrame(columns)
