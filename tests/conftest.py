"""Settings shared by all tests: one BLAS thread, so that numbers are stable to the bit."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
