"""Does the whole chain find the truth? Twenty simulated nations, regional and national intervals.

Each seed: simulate a register with known effects, read it, build and match the cohorts of the 18
regions, estimate the headline effect, and hold its 95 % interval against the expected effect on
the matched entrants (probabilities, not realised draws). One JSON line per region and seed is
kept in the folder given by --keep, so that an interrupted study goes on where it stopped.

    python benchmarks/acceptance.py --seeds 20 --scale 1 --workers 2
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

FIRST_SEED = 4700
Z = 1.959963984540054


def region_row(study_file: str, code: str, overrides: list[str]) -> dict[str, object]:
    """Return estimate, interval and truth of one region, in percentage points."""
    import numpy as np
    import pandas as pd

    import evaluation as ev

    clock = [time.perf_counter()]
    study = ev.load_study(study_file, overrides)
    cohort = ev.build_cohort(ev.read_register(study), region=code)
    clock.append(time.perf_counter())
    matched = ev.match(cohort)
    clock.append(time.perf_counter())
    effect = ev.estimate(matched)
    clock.append(time.perf_counter())
    frame = cohort.frame
    kept = frame.loc[(frame["treated"] == 1) & (matched.weights.to_numpy() > 0)]
    truth = pd.read_parquet(Path(study_file).parent / "truth_people.parquet")
    truth["index_month"] = pd.to_datetime(truth["index_month"])
    keys = kept[["person_id"]].assign(index_month=pd.to_datetime(kept["index_month"]))
    keys["person_id"] = keys["person_id"].astype(object)
    truth["person_id"] = truth["person_id"].astype(object)
    told = keys.merge(truth, on=["person_id", "index_month"], how="left", validate="1:1")
    if told["p1"].isna().any():
        raise SystemExit(f"{code}: {int(told['p1'].isna().sum())} matched entrants without truth")
    outcome = frame[cohort.outcome].to_numpy(float)
    treated = frame["treated"].to_numpy() == 1
    sampling = frame["sampling_weight"].to_numpy()
    rate_1, rate_0 = (
        outcome[treated].mean(),
        np.average(outcome[~treated], weights=sampling[~treated]),
    )
    spread = (
        np.var(outcome[treated]) / treated.sum()
        + float(np.sum((sampling[~treated] * (outcome[~treated] - rate_0)) ** 2))
        / float(sampling[~treated].sum()) ** 2
    )
    return {
        "region": code,
        "entrants": int(treated.sum()),
        "matched": len(kept),
        "estimate": effect.points.estimate,
        "low": effect.points.low,
        "high": effect.points.high,
        "se": effect.points.se,
        "rate_entrants": 100 * effect.rate_treated.estimate,
        "rate_comparison": 100 * effect.rate_comparison.estimate,
        "truth": 100 * float((told["p1"] - told["p0_not_yet"]).mean()),
        "truth_rate_entrants": 100 * float(told["p1"].mean()),
        "truth_rate_comparison": 100 * float(told["p0_not_yet"].mean()),
        "raw": 100 * float(rate_1 - rate_0),
        "raw_se": 100 * float(spread) ** 0.5,
        "seconds": {
            "cohort": clock[1] - clock[0],
            "match": clock[2] - clock[1],
            "estimate": clock[3] - clock[2],
        },
    }


def one_seed(seed: int, scale: float, workers: int, keep: Path, overrides: list[str]) -> list[dict]:
    """Simulate one nation and estimate its regions; reuse what is kept."""
    done = keep / f"seed-{seed}-scale-{scale:g}.json"
    if done.exists():
        return json.loads(done.read_text("utf-8"))
    import evaluation as ev
    from evaluation.simulation import simulate
    from evaluation.territories import REGIONS

    folder = keep / "register"
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    simulate(folder, scale=scale, seed=seed)
    simulated = time.perf_counter()
    study_file = str(folder / "study.toml")
    ev.read_register(ev.load_study(study_file, overrides))
    read = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(region_row, study_file, code, overrides) for code in REGIONS]
        rows = [job.result() for job in as_completed(jobs)]
    for row in rows:
        row |= {"seed": seed, "simulate": simulated - start, "read": read - simulated}
    rows.sort(key=lambda row: row["region"])
    done.write_text(json.dumps(rows), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    return rows


def nation(rows: list[dict]) -> dict[str, float]:
    """Pool regions by their matched entrants: V = sum w^2 V_r (the regions are disjoint)."""
    total = sum(row["matched"] for row in rows)
    weights = [row["matched"] / total for row in rows]
    pairs = list(zip(weights, rows, strict=True))
    se = sum((w * row["se"]) ** 2 for w, row in pairs) ** 0.5
    everyone = sum(row["entrants"] for row in rows)
    raw_se = sum((row["entrants"] / everyone * row["raw_se"]) ** 2 for row in rows) ** 0.5
    return {
        "estimate": sum(w * row["estimate"] for w, row in pairs),
        "se": se,
        "truth": sum(w * row["truth"] for w, row in pairs),
        "rate_entrants": sum(w * row["rate_entrants"] for w, row in pairs),
        "rate_comparison": sum(w * row["rate_comparison"] for w, row in pairs),
        "raw": sum(row["entrants"] / everyone * row["raw"] for row in rows),
        "raw_se": raw_se,
        "kept": total / everyone,
    }


def main() -> int:
    """Run the study, print the table, end with one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--keep", type=Path, default=Path("data/acceptance"))
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    covered = total = national = raw_covered = 0
    errors: list[float] = []
    print("| seed | regions covered | national estimate | 95 % interval | truth | raw | kept |")
    print("|---|---|---|---|---|---|---|")
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        rows = one_seed(seed, options.scale, options.workers, options.keep, options.overrides)
        inside = sum(row["low"] <= row["truth"] <= row["high"] for row in rows)
        whole = nation(rows)
        low, high = whole["estimate"] - Z * whole["se"], whole["estimate"] + Z * whole["se"]
        covered, total = covered + inside, total + len(rows)
        national += low <= whole["truth"] <= high
        raw_covered += abs(whole["raw"] - whole["truth"]) <= Z * whole["raw_se"]
        errors.append(whole["estimate"] - whole["truth"])
        print(
            f"| {seed} | {inside}/{len(rows)} | {whole['estimate']:.2f} "
            f"({whole['rate_entrants']:.1f} − {whole['rate_comparison']:.1f}) "
            f"| [{low:.2f} ; {high:.2f}] | {whole['truth']:.2f} | {whole['raw']:.2f} "
            f"| {100 * whole['kept']:.1f} % |",
            flush=True,
        )
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    bias = sum(errors) / len(errors)
    result = {
        "regional_coverage": covered / total,
        "national_covered": f"{national} of {options.seeds}",
        "raw_covered": f"{raw_covered} of {options.seeds}",
        "national_mean_error": bias,
        "seconds": {"total": time.perf_counter() - start},
        "peak_rss_gb": peak / 2**20,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
