"""Small notebooks for tests of the runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

PARAMETERS = 'region: str = "24"\noverrides: list = []\n'


def notebook(folder: Path, *sources: str, parameters: str = PARAMETERS, **first: Any) -> Path:
    """Write a notebook: a parameters cell, then one cell per source, each its own stage."""
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    for number, source in enumerate(sources, 1):
        metadata = {"stage": f"step{number}", **(first if number == 1 else {})}
        cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path = folder / "small.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(made), "utf-8")
    return path
