"""What this machine offers: physical cores, and how to keep each worker on one of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
_TOPOLOGY = Path("/sys/devices/system/cpu")


def allowed_processors() -> set[int]:
    """Return the logical processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def physical_cores(topology: Path = _TOPOLOGY) -> int:
    """Return the number of physical cores that may be used; siblings of one core count once."""
    usable = allowed_processors()
    return max(1, len(set(_siblings(usable, topology))))


def _siblings(usable: Iterable[int], topology: Path) -> list[str]:
    groups = []
    for processor in usable:
        file = topology / f"cpu{processor}" / "topology" / "thread_siblings_list"
        try:
            groups.append(file.read_text("ascii").strip())
        except OSError:
            groups.append(str(processor))
    return groups


def one_thread_each() -> None:
    """Hold this process and its kernels to one thread: sums are then stable to the bit."""
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
