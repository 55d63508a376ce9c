"""A first study file: complete and commented, its defaults those of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from evaluation.errors import fail, nearest
from evaluation.pipeline.files import write_whole
from evaluation.study import EffectRules, MatchingRules, Profile

_TEMPLATE = Path(__file__).parent / "templates" / "study.toml"


def write_starter(target: Path, profile: str = "toolkit") -> None:
    """Write a study file to fill in.

    Raises
    ------
    EvaluationError
        EVAL-120 the file exists, EVAL-121 unknown profile.
    """
    if profile not in get_args(Profile):
        fail("EVAL-121", profile=profile, nearest=nearest(profile, get_args(Profile)))
    if target.exists():
        fail("EVAL-120", file=target.name)
    write_whole(target, starter(profile))


def starter(profile: str = "toolkit") -> str:
    """Return the text of the study file.

    ``[matching]`` and ``[effects]`` are written from the code's own defaults, which the benchmark
    of methods may move; the files and what else is to be said of them come from the profile.
    """
    text = _TEMPLATE.read_text("utf-8")
    tables = {"matching": MatchingRules().model_dump(), "effects": EffectRules().model_dump()}
    for name, values in tables.items():
        lines = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
        text = text.replace(f"{{{name}}}\n", f"{lines}\n")
    from evaluation.register.profile import starter_of

    said = {"profile": profile, **starter_of(profile)}
    for table in ("registrations", "entries", "hires"):
        said[table] = f'"{said[table]}"'.ljust(35 - len(table))
    for key, value in said.items():
        text = text.replace(f"{{{key}}}\n" if key == "more" else f"{{{key}}}", value)
    return text


def _toml(value: Any) -> str:
    """Return a scalar or a list as TOML (JSON's notation of both is TOML's)."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
