"""Compiled kernels are kept where they can be, and work where nothing can be written."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numba
import pytest

SOURCE = """
from evaluation.compiled import kernel

@kernel
def twice(number: int) -> int:
    return 2 * number
"""


def loaded(folder: Path) -> Any:
    (folder / "small_kernel.py").write_text(SOURCE, "utf-8")
    spec = importlib.util.spec_from_file_location("small_kernel", folder / "small_kernel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kept(folder: Path) -> list[str]:
    return sorted(
        path.suffix for path in folder.rglob("small_kernel*") if path.suffix in (".nbc", ".nbi")
    )


@pytest.mark.parametrize("package_is_writable", [True, False])
@pytest.mark.parametrize("home_is_writable", [True, False])
def test_machine_code_is_kept_beside_the_source_or_in_the_home(
    package_is_writable: bool, home_is_writable: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    package, home = tmp_path / "package", tmp_path / "home"
    package.mkdir()
    # A file in the place of a folder refuses everybody, the administrator included.
    if not package_is_writable:
        (package / "__pycache__").touch()
    home.mkdir() if home_is_writable else home.touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(home))
    assert loaded(package).twice(21) == 42
    expected = [".nbc", ".nbi"]
    assert kept(package) == (expected if package_is_writable else [])
    if home_is_writable:
        assert kept(home) == ([] if package_is_writable else expected)
