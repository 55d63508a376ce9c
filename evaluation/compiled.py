"""The decorator of compiled kernels, for every room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a scalar loop and keep the machine code: beside the source, else in the user's cache.

    Where neither can be written (a read-only home), the code is compiled in every process.
    Kernels that call each other stand in one file: the cache of a caller is renewed only when its
    own file changes.
    """
    try:
        compiled = njit(cache=True)(function)
    except RuntimeError:
        compiled = njit(function)
    return cast("_Function", compiled)
