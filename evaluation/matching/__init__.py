"""Matching: rows of any table in, weights and matched sets out.

In: a DataFrame, the column of the treatment, covariates or a formula, a method and its options.
Out: a :class:`Matched` with row-aligned weights, sets, pairs, the score and every loss by reason.
New methods register with :func:`register_method` and receive a ``Problem``.
Must never know what a register, a cohort or an outcome is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation._lazy import attach

if TYPE_CHECKING:
    from evaluation.matching.frame import match_frame as match_frame
    from evaluation.matching.registry import method as method
    from evaluation.matching.registry import methods as methods
    from evaluation.matching.registry import register_method as register_method
    from evaluation.matching.result import Matched as Matched
    from evaluation.matching.score.propensity import PropensityModel as PropensityModel
    from evaluation.matching.score.propensity import fit_propensity as fit_propensity
    from evaluation.matching.types import Nuisance as Nuisance
    from evaluation.matching.types import Problem as Problem
    from evaluation.matching.types import Weighted as Weighted

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "frame": "match_frame",
        "result": "Matched",
        "score.propensity": "PropensityModel fit_propensity",
        "registry": "register_method method methods",
        "types": "Problem Weighted Nuisance",
    },
)
