"""A seeded sample with known effects, to time and to check matching at any size.

Selection follows a linear predictor plus Gumbel noise (the N largest are treated), so that entry is
logistic in the covariates; overlap is moderate; the outcome is a binary job. The draws and their
order are those of the generator with which R's packages were timed, so that figures compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FIRST_SEED = 20_260_000
COVARIATES = [
    "region", "female", "age", "educ", "disabled", "months_unemp", "prior_earn", "spells",
    "lone_parent", "ethnicity", "local_unemp", "emp_share",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows and what is true of them.

    Attributes
    ----------
    frame : DataFrame (n_treated * (1 + ratio), 15)
        ``treat``, the covariates, ``employed`` (0/1) and ``earn_post``; arms mixed.
    att_points : float
        Mean effect of the treated on ``employed``, percentage points, in probabilities.
    """

    frame: pd.DataFrame
    att_points: float


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - values.mean()) / values.std()


def _category(codes: NDArray[np.int64], letter: str, levels: int, first: int = 0) -> pd.Categorical:
    width = 2 if levels > 10 else 1
    names = [f"{letter}{first + level:0{width}d}" for level in range(levels)]
    return pd.Categorical.from_codes(codes, names)


def draw(treated: int, ratio: int, seed: int | None = None) -> Sample:
    """Draw ``treated`` treated rows and ``ratio`` times as many comparators.

    Parameters
    ----------
    treated, ratio : int
        Size; the default seed depends on both.
    seed : int, optional
        Of the draws.
    """
    rng = np.random.default_rng(FIRST_SEED + treated + ratio if seed is None else seed)
    n = treated * (1 + ratio)
    weights = np.arange(30, 12, -1)
    region = rng.choice(18, n, p=weights / weights.sum())
    female = rng.random(n) < 0.47
    age = np.round(np.clip(rng.gamma(9, 4.2, n), 16, 64), 1)
    educ = np.clip(np.round(rng.normal(2 + (age < 30) * 0.3, 1.1, n)), 0, 4).astype(int)
    disabled = rng.random(n) < 0.08 + 0.003 * (age - 16)
    months = np.minimum(36, rng.negative_binomial(1.2, 0.12, n))
    earned = np.where(rng.random(n) < 0.28, 0.0, np.exp(rng.normal(8.9 + 0.12 * educ, 0.8, n)))
    earned = np.round(np.minimum(earned, 120_000), 2)
    spells = rng.poisson(1.0 + 0.05 * months, n)
    lone = rng.random(n) < 0.06 + 0.10 * female
    group = rng.choice(4, n, p=[0.72, 0.14, 0.09, 0.05])
    local = np.round(rng.normal(6 + 0.15 * region, 1.5, n), 3)
    share = np.round(rng.beta(2 + 0.00004 * earned, 2 + 0.1 * months, n), 4)
    of_region = rng.normal(0, 0.25, 18)[region]
    z_age, z_months = _standard(age), _standard(months.astype(float))
    z_earned, z_share = _standard(earned), _standard(share)
    entry = (
        -0.35 * z_age + 0.12 * z_age**2 * 0.3 + 0.30 * z_months - 0.28 * z_earned
        + 0.25 * _standard(spells.astype(float)) + 0.15 * _standard(local) - 0.25 * z_share
        + 0.30 * lone - 0.20 * female + 0.25 * disabled - 0.15 * educ
        + np.array([0, 0.3, -0.2, 0.1])[group] + of_region
    )  # fmt: skip
    treat = np.zeros(n, np.int64)
    treat[np.argpartition(-(entry + rng.gumbel(size=n)), treated)[:treated]] = 1
    job = (
        -0.5 + 0.35 * z_share + 0.25 * z_earned - 0.35 * z_months - 0.15 * z_age + 0.12 * educ
        - 0.3 * disabled - 0.1 * lone + 0.3 * of_region
    )  # fmt: skip
    without = 1 / (1 + np.exp(-job))
    inside = 1 / (1 + np.exp(-(job + 0.35 + 0.10 * female - 0.05 * z_age)))
    employed = (rng.random(n) < np.where(treat == 1, inside, without)).astype(int)
    later = np.round(employed * np.exp(rng.normal(9 + 0.1 * educ, 0.6, n)), 2)
    frame = pd.DataFrame({
        "treat": treat, "region": _category(region, "R", 18, first=1),
        "female": female.astype(int), "age": age, "educ": _category(educ, "E", 5),
        "disabled": disabled.astype(int), "months_unemp": months.astype(int), "prior_earn": earned,
        "spells": spells.astype(int), "lone_parent": lone.astype(int),
        "ethnicity": _category(group, "G", 4), "local_unemp": local, "emp_share": share,
        "employed": employed, "earn_post": later,
    })  # fmt: skip
    return Sample(frame, 100 * float((inside - without)[treat == 1].mean()))
