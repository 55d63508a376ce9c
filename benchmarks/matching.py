"""How long does a matched comparison take? Score, match, balance, effect, at any size.

Through the public verbs, as a researcher would: a logistic score with a caliper of 0.2 standard
deviations, exact on the region, nearest comparator without replacement (or another --method);
then the whole balance table; then the effect with errors clustered by matched set and person. The
compiled kernels are warmed up on a small sample first; that time is printed apart.

    python benchmarks/matching.py --treated 50000 --ratio 10
    python benchmarks/matching.py --table
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
import warnings
from itertools import pairwise
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

SIZES = (1_000, 5_000, 20_000, 50_000, 200_000)
STEPS = ("score", "match", "balance", "effect", "total")
WARM = (400, 4)
WITH_CALIPER = ("nearest", "full", "generalised_full")


def options_of(method: str, words: list[str]) -> dict[str, Any]:
    """Return the options of a run: the field's usual ones, then those given as KEY=VALUE."""
    options: dict[str, Any] = {"method": method, "exact": ["region"]}
    if method in WITH_CALIPER:
        options["caliper"] = 0.2
    for word in words:
        key, _, value = word.partition("=")
        try:
            options[key] = json.loads(value)
        except json.JSONDecodeError:
            options[key] = value
    return {key: value for key, value in options.items() if value is not None}


def timed(
    treated: int, ratio: int, options: dict[str, Any], covariates: list[str]
) -> dict[str, Any]:
    """Run the three steps once; seconds of each, the effect and what is true."""
    import evaluation as ev
    from benchmarks.matched_sample import COVARIATES, draw
    from evaluation.matching.score import propensity

    sample = draw(treated, ratio)
    frame = sample.frame
    fitted: list[float] = []
    fit = propensity.fit_propensity

    def watched(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        model = fit(*given, **named)
        fitted.append(time.perf_counter() - began)
        return model

    from evaluation.matching import frame as home

    home.fit_propensity = watched
    try:
        clock = [time.perf_counter()]
        matched = ev.match(frame, treatment="treat", covariates=covariates or COVARIATES, **options)
        clock.append(time.perf_counter())
        balance = matched.balance()
        largest = float(balance.frame["smd_after"].abs().max())
        clock.append(time.perf_counter())
        effect = ev.estimate(matched, "employed")
        clock.append(time.perf_counter())
    finally:
        home.fit_propensity = fit
    match, table, last = (b - a for a, b in pairwise(clock))
    score = sum(fitted)
    return {
        "treated": treated, "ratio": ratio,
        "matched": int((matched.weights[frame["treat"] == 1] > 0).sum()),
        "max_abs_smd": largest,
        "effect_points": effect.points.estimate, "se": effect.points.se,
        "true_points": sample.att_points,
        "seconds": {"score": score, "match": match - score, "balance": table, "effect": last,
                    "total": clock[-1] - clock[0]},
        "peak_rss_gb": peak(),
    }  # fmt: skip


def peak() -> float:
    """Return the largest resident memory so far, children included, in GB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1e6


def show(row: dict[str, Any]) -> None:
    seconds = "".join(f"{row['seconds'][step]:9.2f}" for step in STEPS)
    print(
        f"{row['treated']:>9}{row['treated'] * row['ratio']:>13}{row['matched']:>9}{seconds}"
        f"{row['peak_rss_gb']:8.2f}{row['max_abs_smd']:8.3f}"
        f"{row['effect_points']:8.2f} ± {1.96 * row['se']:.2f} ({row['true_points']:.2f})",
        flush=True,
    )


def head() -> None:
    steps = "".join(f"{step:>9}" for step in STEPS)
    sizes = f"{'treated':>9}{'comparators':>13}{'matched':>9}"
    print(f"{sizes}{steps}{'GB':>8}{'SMD':>8}  effect (true)")


def table(sizes: list[int], ratio: int, words: list[str]) -> dict[str, Any]:
    """Run every size in a process of its own; return the last row and the slopes."""
    head()
    rows = []
    for size in sizes:
        command = [sys.executable, __file__, "--treated", str(size), "--ratio", str(ratio), *words]
        made = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(made.stdout.strip().splitlines()[-1]))
        show(rows[-1])
    slopes = {
        step: math.log(rows[-1]["seconds"][step] / rows[-2]["seconds"][step])
        / math.log(rows[-1]["treated"] / rows[-2]["treated"])
        for step in STEPS
    } if len(rows) > 1 else {}  # fmt: skip
    for step, slope in slopes.items():
        print(f"slope of {step}, last two sizes: {slope:.2f}")
    return {"rows": rows, "slopes": slopes, "seconds": rows[-1]["seconds"],
            "peak_rss_gb": max(row["peak_rss_gb"] for row in rows)}  # fmt: skip


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--treated", type=int, default=50_000)
    parser.add_argument("--ratio", type=int, default=10, help="comparators per treated row")
    parser.add_argument("--method", default="nearest")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--covariate", action="append", default=[], help="all twelve by default")
    parser.add_argument("--table", action="store_true", help="the scaling table")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    asked = arguments(words)
    if asked.table:
        given = ["--method", asked.method]
        given += [word for name in asked.covariate for word in ("--covariate", name)]
        given += [word for pair in asked.option for word in ("--option", pair)]
        print(json.dumps(table(list(SIZES), asked.ratio, given)))
        return 0
    options = options_of(asked.method, asked.option)
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    timed(*WARM, options, asked.covariate)
    warm = time.perf_counter() - began
    row = timed(asked.treated, asked.ratio, options, asked.covariate)
    head()
    show(row)
    print(f"first use of the kernels and imports: {warm:.2f} s")
    print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
