"""Does the clock invent an effect? Null programmes, the default clock beside three wrong ones.

Each draw simulates one region whose programme does nothing, with unobserved heterogeneity (a
frailty on hires) and seasons (of entries and of hires), builds its cohort on the default clock and
estimates the effect of the programme: the truth is zero, so the mean over draws is the bias. On
every tenth draw the wrong clocks are run on the same people; what they add is measured against the
default of the same draws, because most of the noise (the entrants' own outcomes) is shared.

A draw is cheap because the tables go straight from the simulation into the engine (reading and
repairing files has its own benchmark), five comparators an entrant and stratum are kept, and
comparators are weighted by the odds of a logistic score within the study's exact strata: entry is
logistic in the recorded covariates, so this weighting leaves the clock alone to be judged, loses
no entrant and is the quickest of the methods. One JSON line a draw is kept in --keep: an
interrupted run goes on where it stopped.

    python benchmarks/clock.py --draws 200 --entrants 10000 --workers 2 --keep clock-draws
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

FIRST_SEED = 90_000
REGION = "11"
ENTRANTS_AT_SCALE_1 = 11_000
"""Eligible entrants of the region in a simulation of scale 1."""
WITHIN = 0.1
"""Largest mean effect, in points, that the default clock may invent."""


class SimulatedRegister:
    """A simulated region as a register: its tables in memory, as clean as a read register."""

    def __init__(self, study: Any, tables: Any, digest: str) -> None:
        self.study, self.tables, self.digest = study, tables, digest

    def connection(self) -> Any:
        import duckdb
        import pyarrow as pa

        connection = duckdb.connect(config={"threads": 1})
        region = pa.array([REGION] * 1).cast(pa.string())
        hires = self.tables.hires.append_column(
            "region", pa.repeat(region[0], self.tables.hires.num_rows)
        )
        nowhere_else = pa.repeat(pa.scalar(False), self.tables.registrations.num_rows)
        for table, rows in (
            ("registrations", self.tables.registrations.append_column("elsewhere", nowhere_else)),
            ("entries", self.tables.entries),
            ("hires", hires),
        ):
            connection.register(f"{table}_rows", rows)
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {table}_rows")
        return connection


def simulated(seed: int, scale: float, folder: Path, per_entrant: int) -> SimulatedRegister:
    from evaluation.simulation.calendar import calendar
    from evaluation.simulation.generate import simulate_region
    from evaluation.simulation.parameters import checked
    from evaluation.simulation.study_file import study_text
    from evaluation.study import load_study

    choices = checked(
        scale=scale, regions=(REGION,), seed=seed, effect_points=0.0, hidden_confounding=0.0,
        region_sd=0.0, file_format="parquet",
    )  # fmt: skip
    place = simulate_region(REGION, choices, calendar())
    if place.truth.effect_points != 0.0:
        raise SystemExit(f"seed {seed}: the programme does something")
    file = folder / "study.toml"
    file.write_text(study_text("clock", "parquet"), encoding="utf-8", newline="\n")
    study = load_study(file, [f"cohort.comparators_per_entrant={per_entrant}"])
    return SimulatedRegister(study, place.tables, f"clock-{seed}-{scale}")


def estimated(register: SimulatedRegister, clock: str, method: str) -> dict[str, float]:
    import evaluation as ev
    from evaluation.clocks import cohort_on_clock

    cohort = cohort_on_clock(register, clock, region=REGION)
    effect = ev.estimate(ev.match(cohort, method=method))
    return {
        "effect": effect.points.estimate,
        "se": effect.points.se,
        "rate_entrants": 100 * effect.rate_treated.estimate,
        "rate_comparison": 100 * effect.rate_comparison.estimate,
        "entrants": int(effect.support.entrants),
    }


def one_draw(
    seed: int, scale: float, clocks: list[str], method: str, per_entrant: int
) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    with TemporaryDirectory() as folder:
        register = simulated(seed, scale, Path(folder), per_entrant)
        found = {clock: estimated(register, clock, method) for clock in clocks}
    return {"seed": seed, "clocks": found, "seconds": time.perf_counter() - began,
            "peak_rss_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}  # fmt: skip


def mean_and_error(values: list[float]) -> tuple[float, float | None]:
    import numpy as np

    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(np.mean(values)), error


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, by clock, the mean effect, its Monte-Carlo error and the gap to the default."""
    from evaluation.clocks import CLOCKS

    told = {}
    for clock in CLOCKS:
        mine = [row["clocks"] for row in rows if clock in row["clocks"]]
        if not mine:
            continue
        mean, error = mean_and_error([each[clock]["effect"] for each in mine])
        gap, gap_error = mean_and_error(
            [each[clock]["effect"] - each["default"]["effect"] for each in mine]
        )
        covers = [abs(each[clock]["effect"]) <= 1.959964 * each[clock]["se"] for each in mine]
        told[clock] = {
            "draws": len(mine), "mean": mean, "mc_error": error, "gap_to_default": gap,
            "gap_mc_error": gap_error, "intervals_with_zero": sum(covers) / len(covers),
            "entrants": sum(each[clock]["entrants"] for each in mine) / len(mine),
        }  # fmt: skip
    return told


def show(told: dict[str, dict[str, Any]]) -> None:
    print(f"{'clock':<14}{'draws':>6}{'entrants':>10}{'effect':>9}{'MC err.':>9}{'gap':>9}"
          f"{'MC err.':>9}{'95 % with 0':>13}")  # fmt: skip
    for clock, row in told.items():
        errors = [f"{row[k]:9.3f}" if row[k] is not None else f"{'-':>9}"
                  for k in ("mc_error", "gap_mc_error")]  # fmt: skip
        print(
            f"{clock:<14}{row['draws']:>6}{row['entrants']:>10.0f}{row['mean']:>9.3f}{errors[0]}"
            f"{row['gap_to_default']:>9.3f}{errors[1]}{row['intervals_with_zero']:>13.2f}"
        )


def kept(folder: Path | None, setting: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the draws already made under the same setting."""
    if folder is None:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "setting.json"
    if file.is_file() and json.loads(file.read_text("utf-8")) != setting:
        raise SystemExit(f"{folder.name} holds draws of another setting: {file.read_text('utf-8')}")
    file.write_text(json.dumps(setting), encoding="utf-8", newline="\n")
    done = {}
    for path in sorted(folder.glob("draw-*.json")):
        row = json.loads(path.read_text("utf-8"))
        done[row["seed"]] = row
    return done


def keep(folder: Path | None, row: dict[str, Any]) -> None:
    if folder is None:
        return
    partial = folder / f"draw-{row['seed']}.partial"
    partial.write_text(json.dumps(row), encoding="utf-8", newline="\n")
    partial.replace(folder / f"draw-{row['seed']}.json")


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--entrants", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=None, help="folder of the draws made")
    parser.add_argument("--wrong-every", type=int, default=10,
                        help="wrong clocks on every k-th draw; 0: never")  # fmt: skip
    parser.add_argument("--comparators", type=int, default=5, help="an entrant and stratum")
    parser.add_argument("--method", default="ipw")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    from evaluation.clocks import CLOCKS

    asked = arguments(words)
    began = time.perf_counter()
    scale = asked.entrants / ENTRANTS_AT_SCALE_1
    setting = {"entrants": asked.entrants, "comparators": asked.comparators,
               "method": asked.method}  # fmt: skip
    done = kept(asked.keep, setting)
    seeds = range(FIRST_SEED, FIRST_SEED + asked.draws)
    clocks = {
        seed: list(CLOCKS) if asked.wrong_every and i % asked.wrong_every == 0 else ["default"]
        for i, seed in enumerate(seeds)
    }
    todo = [seed for seed in seeds if not set(clocks[seed]) <= set(done.get(seed, {"clocks": ()})
                                                                 ["clocks"])]  # fmt: skip
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        tasks = [
            pool.submit(one_draw, seed, scale, clocks[seed], asked.method, asked.comparators)
            for seed in todo
        ]
        for number, task in enumerate(as_completed(tasks), 1):
            row = task.result()
            keep(asked.keep, row)
            done[row["seed"]] = row
            print(f"{number}/{len(tasks)} seed {row['seed']}: "
                  f"{row['clocks']['default']['effect']:+.3f} points, {row['seconds']:.0f} s",
                  file=sys.stderr, flush=True)  # fmt: skip
    rows = [done[seed] for seed in seeds]
    told = summary(rows)
    show(told)
    default = told["default"]
    print(json.dumps({
        "headline": {"mean": default["mean"], "mc_error": default["mc_error"],
                     "within": WITHIN, "ok": abs(default["mean"]) <= WITHIN},
        "clocks": told,
        "seconds": {"draw": sum(row["seconds"] for row in rows) / len(rows),
                    "total": time.perf_counter() - began},
        "peak_rss_gb": max(row["peak_rss_gb"] for row in rows),
    }))  # fmt: skip
    return 0 if abs(default["mean"]) <= WITHIN else 1


if __name__ == "__main__":
    sys.exit(main())
