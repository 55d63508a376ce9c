"""Is this installation fit to run a study? One line per question."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import EvaluationError
from evaluation.pipeline.machine import physical_cores
from evaluation.pipeline.notebooks import notebook_path
from evaluation.pipeline.request import NOTEBOOKS
from evaluation.wording import Language, message

_DISTRIBUTION = "accompagnement-evaluation"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer; ``needed`` findings that are not ``ok`` prevent a run."""

    ok: bool
    text: str
    needed: bool = True


def findings(language: Language) -> list[Finding]:
    """Return what was found, most important first."""
    python = message("cli.doctor_python", language, version=platform.python_version())
    return [
        Finding(sys.version_info >= (3, 11), python),
        *_packages(language),
        _kernel(language),
        *_notebooks(language),
        _bytecode(language),
        Finding(True, message("cli.doctor_cores", language, count=physical_cores())),
        _disk(language),
    ]


def _packages(language: Language) -> Iterator[Finding]:
    for name in _required():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(False, message("cli.doctor_missing", language, name=name))
        else:
            yield Finding(True, message("cli.doctor_package", language, name=name, version=version))


def _required() -> list[str]:
    """Return the packages that the installed distribution declares, extras left out."""
    try:
        declared = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return [_DISTRIBUTION]
    plain = [line for line in declared if "extra ==" not in line]
    return [re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0] for line in plain]


def _kernel(language: Language) -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding(False, message("cli.doctor_no_kernel", language))
    return Finding(True, message("cli.doctor_kernel", language))


def _notebooks(language: Language) -> Iterator[Finding]:
    for name in sorted(set(NOTEBOOKS.values())):
        try:
            notebook_path(name)
        except EvaluationError as error:
            yield Finding(False, error.text(language))
        else:
            yield Finding(True, message("cli.doctor_notebook", language, name=name))


def _bytecode(language: Language) -> Finding:
    """Look at one large package: whoever compiled it compiled the environment."""
    spec = importlib.util.find_spec("pandas")
    compiled = bool(spec and spec.cached and Path(spec.cached).is_file())
    key = "cli.doctor_bytecode" if compiled else "cli.doctor_no_bytecode"
    return Finding(compiled, message(key, language), needed=False)


def _disk(language: Language) -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Finding(free > 1, message("cli.doctor_disk", language, free=f"{free:.0f}"), needed=False)
