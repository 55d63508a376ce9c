"""Where the notebooks are and what they may be given: parameters read without running anything."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import Fault, fail, nearest, refuse

if TYPE_CHECKING:
    from nbformat import NotebookNode

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "list": (list,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of a parameters cell: ``name: kind = default``."""

    name: str
    kind: str
    default: Any


def notebook_path(name: str) -> Path:
    """Return the notebook ``name`` (no suffix): inside the package, or in the repository around it.

    Raises
    ------
    EvaluationError
        EVAL-701 when there is none, with the nearest existing name.
    """
    package = Path(__file__).resolve().parents[1]
    folders = [package / "notebooks", package.parent / "notebooks"]
    found = [file for folder in folders if (file := folder / f"{name}.ipynb").is_file()]
    if not found:
        known = sorted({file.stem for folder in folders for file in folder.glob("*.ipynb")})
        fail("EVAL-701", file=f"{name}.ipynb", nearest=nearest(name, known))
    return found[0]


def read_notebook(path: Path) -> NotebookNode:
    """Return the notebook of a file.

    Raises
    ------
    EvaluationError
        EVAL-701 no such file, EVAL-702 not a notebook.
    """
    import nbformat

    if not path.is_file():
        names = [file.stem for file in path.parent.glob("*.ipynb")]
        fail("EVAL-701", file=path.name, nearest=nearest(path.stem, names))
    try:
        notebook: NotebookNode = nbformat.reads(path.read_text("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except Exception:  # a malformed file makes nbformat raise whatever it stumbles over
        fail("EVAL-702", file=path.name)
    return notebook


def parameters_of(notebook: NotebookNode, file: str) -> dict[str, Parameter]:
    """Return the parameters a notebook declares.

    Raises
    ------
    EvaluationError
        EVAL-703 when not exactly one cell, the first code cell, is tagged ``parameters``;
        EVAL-705 when a line of it is no annotated literal.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1 or tagged[0] is not code[0]:
        fail("EVAL-703", file=file, count=len(tagged))
    try:
        lines = ast.parse(tagged[0].source).body
    except SyntaxError as error:
        fail("EVAL-705", file=file, line=error.lineno or 1)
    found = {}
    for line in lines:
        parameter = _parameter(line)
        if parameter is None:
            fail("EVAL-705", file=file, line=line.lineno)
        found[parameter.name] = parameter
    return found


def _parameter(line: ast.stmt) -> Parameter | None:
    if not isinstance(line, ast.AnnAssign) or line.value is None:
        return None
    if not isinstance(line.target, ast.Name) or not isinstance(line.annotation, ast.Name):
        return None
    try:
        return Parameter(line.target.id, line.annotation.id, ast.literal_eval(line.value))
    except ValueError:
        return None


def check_values(values: dict[str, Any], known: dict[str, Parameter], file: str) -> None:
    """Refuse values that the notebook would pass over or misread, all at once.

    Raises
    ------
    EvaluationError
        EVAL-704 unknown parameter (with the nearest), EVAL-720 a value of another type: the
        region ``1`` is not ``"01"``.
    """
    faults: list[Fault] = []
    for name, value in values.items():
        if name not in known:
            close = nearest(name, known)
            faults.append(Fault("EVAL-704", {"file": file, "name": name, "nearest": close}))
            continue
        kind = known[name].kind
        allowed = _TYPES.get(kind, (object,))
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind != "bool"):
            given = type(value).__name__
            data = {"file": file, "name": name, "kind": kind, "given": given}
            faults.append(Fault("EVAL-720", data))
    refuse(faults)
