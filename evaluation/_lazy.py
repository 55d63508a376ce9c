"""Names that load their module when first used, so that ``import evaluation`` stays fast.

In: where each public name of a package lives. Out: the three module attributes that make a package
lazy. Type checkers follow the imports that stand beside it under ``TYPE_CHECKING``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package (PEP 562).

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    homes : mapping of str to str
        The module that each module's public names stand in: ``{module: "name other_name"}``, the
        module's name relative to the package.

    Returns
    -------
    tuple
        To be unpacked into ``__getattr__, __dir__, __all__``.

    Examples
    --------
    >>> get, names, public = attach("evaluation", {"errors": "EvaluationError Fault"})
    >>> public
    ['EvaluationError', 'Fault']
    >>> get("Fault").__module__
    'evaluation.errors'
    """
    module_of = {name: module for module, names in homes.items() for name in names.split()}
    public = sorted(module_of)

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *public})

    return load, names, public
