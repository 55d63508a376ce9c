"""How long does a nation take? The register read, then the 18 cohorts, out of core.

Makes once (and keeps in --keep) a national register: at scale 1 some 5 million people simulated,
200 000 entrants of a twelve-month window with 24 months of history before it. Then does what a
study does: `read_register` (every check, every repair, the repaired Parquet), and the cohorts
region by region, the largest first, on --workers processes, both within --memory-gb.

    python benchmarks/cohort.py --keep national
    python benchmarks/cohort.py --keep national --region 93

Making the register, the first compilation of the kernels and nothing else stand outside `total`.
`peak_rss_gb` adds the largest resident memory of each process, whenever it was reached.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from evaluation.simulation.tables import Tables

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

SEED = 20_180_618
SIMULATED = 10 / 3
"""Scale of the simulation at scale 1: 5 million people."""
MORE_SHORT_HIRES = 1.46
"""The simulation has 5 hires a person, a national register has 6 to 7."""
FIRST, LAST = "2021-01-01", "2023-12-31"
"""The window of the study and 24 months before it: registrations outside are not extracted."""
WARM_SCALE = 0.0005
ENGINE_SHARE = {"register": 0.55, "cohort": 0.35}
"""Part of the memory that the database may plan with; arrays and file buffers need the rest."""

Result = TypeVar("Result")


@contextmanager
def many_short_hires() -> Iterator[None]:
    """Simulate as many short hires as a national register holds."""
    from evaluation.simulation import parameters

    usual = parameters.SHORT_RATE
    parameters.SHORT_RATE = MORE_SHORT_HIRES * usual
    try:
        yield
    finally:
        parameters.SHORT_RATE = usual


def extracted(tables: Tables) -> Tables:
    """Keep the registrations of the window and of its history, and the people who have one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from evaluation.simulation.tables import Tables

    first, last = (pa.scalar(day).cast(pa.date32()) for day in (FIRST, LAST))
    begun, left = (tables.registrations[c] for c in ("registration_date", "exit_date"))
    still = pc.fill_null(pc.greater(left, first), True)
    registrations = tables.registrations.filter(pc.and_(still, pc.less_equal(begun, last)))
    known = pc.unique(registrations["person_id"])
    entries, hires = (
        table.filter(pc.is_in(table["person_id"], value_set=known))
        for table in (tables.entries, tables.hires)
    )
    return Tables(registrations, entries, hires)


def make(folder: Path, scale: float) -> dict[str, int]:
    """Write the register of a scale into ``folder``; return its sizes."""
    import pyarrow.compute as pc

    from evaluation.simulation import parameters, study_file
    from evaluation.simulation.calendar import calendar
    from evaluation.simulation.generate import simulate_region
    from evaluation.simulation.writers import RegisterWriter
    from evaluation.territories import REGIONS

    choices = parameters.checked(
        scale=scale * SIMULATED, regions=(), seed=SEED, effect_points=2.8,
        hidden_confounding=0.0, region_sd=0.0, file_format="parquet",
    )  # fmt: skip
    cal = calendar()
    people = 0
    folder.mkdir(parents=True, exist_ok=True)
    with many_short_hires(), RegisterWriter(folder, "parquet") as writer:
        for code in sorted(REGIONS):
            tables = extracted(simulate_region(code, choices, cal).tables)
            people += pc.count_distinct(tables.registrations["person_id"]).as_py()
            writer.write(tables)
            print(f"region {code} simulated", file=sys.stderr, flush=True)
    text = study_file.study_text("national", "parquet")
    (folder / "study.toml").write_text(text, encoding="utf-8", newline="\n")
    return {"people": people, **writer.rows}


def kept_register(folder: Path, scale: float) -> dict[str, int]:
    """Return the sizes of the register in ``folder``, made when it is not there."""
    facts = folder / "sizes.json"
    if facts.is_file():
        stored = json.loads(facts.read_text("utf-8"))
        if stored.pop("scale") != scale:
            raise SystemExit(f"{folder.name} holds a register of another scale")
        return stored
    sizes = apart(make, folder, scale)
    text = json.dumps({"scale": scale, **sizes})
    facts.write_text(text, encoding="utf-8", newline="\n")
    return sizes


def apart(function: Callable[..., Result], *given: Any) -> Result:
    """Run a function in a process of its own, which gives its memory back."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def used() -> tuple[int, float, float]:
    """Return the process, its largest resident memory (GB) and its processor time (s)."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return os.getpid(), own.ru_maxrss * 1024 / 1e9, own.ru_utime + own.ru_stime


def overrides(folder: str, step: str, memory: float, workers: int) -> list[str]:
    share = ENGINE_SHARE[step] * memory / workers
    return [f'run.work="{folder}"', f"run.memory_limit_gb={share:.3f}", f"run.workers={workers}"]


def register_of(study: str, work: str, memory: float) -> dict[str, Any]:
    """Read, check, repair and write the register."""
    import evaluation as ev

    began = time.perf_counter()
    register = ev.read_register(ev.load_study(study, overrides(work, "register", memory, 1)))
    seconds = time.perf_counter() - began
    pid, peak, cpu = used()
    return {"kept": register.quality.kept, "seconds": seconds, "cpu": cpu, "pid": pid, "gb": peak}


def cohort_of(code: str, study: str, work: str, memory: float, workers: int) -> dict[str, Any]:
    """Build and write the cohort of one region."""
    import evaluation as ev

    warnings.simplefilter("ignore")
    began, spent = time.perf_counter(), used()[2]
    loaded = ev.load_study(study, overrides(work, "cohort", memory, workers))
    cohort = ev.build_cohort(ev.read_register(loaded), region=code)
    seconds = time.perf_counter() - began
    pid, peak, cpu = used()
    return {"region": code, "entrants": cohort.flow.eligible,
            "available": cohort.flow.comparators_available, "rows": len(cohort.frame),
            "seconds": seconds, "cpu": cpu - spent, "pid": pid, "gb": peak}  # fmt: skip


def warm(folder: str) -> None:
    """Compile every kernel on a handful of people, so that no region waits for it."""
    place = Path(folder)
    make(place, WARM_SCALE)
    register_of(str(place / "study.toml"), str(place / "work"), 1.0)
    cohort_of("11", str(place / "study.toml"), str(place / "work"), 1.0, 1)


def cohorts(codes: list[str], workers: int, build: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Build the cohorts of some regions, in the given order, on some processes."""
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for task in as_completed([pool.submit(build, code) for code in codes]):
            row = task.result()
            rows.append(row)
            show(row)
    return rows


def show(row: dict[str, Any]) -> None:
    print(f"{row['region']:>6}{row['entrants']:>10}{row['available']:>13}{row['rows']:>11}"
          f"{row['seconds']:>9.2f}{row['cpu']:>9.2f}{row['gb']:>7.2f}", flush=True)  # fmt: skip


def measure(folder: Path, codes: list[str], memory: float, workers: int) -> dict[str, Any]:
    """Read the register and build the cohorts; return seconds and memory."""
    study = str(folder / "study.toml")
    with TemporaryDirectory(dir=folder, prefix="work-") as work:
        began = time.perf_counter()
        read = apart(register_of, study, work, memory)
        middle = time.perf_counter()
        print(f"register: {read['seconds']:.2f} s, {read['cpu']:.1f} s of processor, "
              f"{read['gb']:.2f} GB, rows kept {read['kept']}")  # fmt: skip
        print(f"{'region':>6}{'entrants':>10}{'comparators':>13}{'rows':>11}{'seconds':>9}"
              f"{'cpu':>9}{'GB':>7}")  # fmt: skip
        build = partial(cohort_of, study=study, work=work, memory=memory, workers=workers)
        rows = cohorts(codes, workers, build)
        ended = time.perf_counter()
    peaks: dict[int, float] = {}
    for row in rows:
        peaks[row["pid"]] = max(row["gb"], peaks.get(row["pid"], 0.0))
    return {
        "regions": len(rows), "entrants": sum(row["entrants"] for row in rows),
        "comparators": sum(row["available"] for row in rows),
        "rows": sum(row["rows"] for row in rows),
        "seconds": {"register": middle - began, "cohorts": ended - middle,
                    "total": ended - began},
        "cpu_seconds": {"register": read["cpu"], "cohorts": sum(row["cpu"] for row in rows)},
        "peak_rss_gb": used()[1] + max(read["gb"], sum(peaks.values())),
    }  # fmt: skip


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="1: the nation")
    parser.add_argument("--keep", type=Path, default=None, help="folder of the register made")
    parser.add_argument("--memory-gb", type=float, default=6.0, help="of all processes together")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--region", action="append", default=[], metavar="CODE")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    from evaluation.simulation.geography import region_share
    from evaluation.territories import REGIONS

    asked = arguments(words)
    largest_first = sorted(asked.region or REGIONS, key=lambda code: -region_share(code))
    with ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(TemporaryDirectory()))
        sizes = kept_register(folder.resolve(), asked.scale)
        began = time.perf_counter()
        apart(warm, stack.enter_context(TemporaryDirectory()))
        first_use = time.perf_counter() - began
        print(" ".join(f"{name}={count}" for name, count in sizes.items()))
        row = measure(folder.resolve(), largest_first, asked.memory_gb, asked.workers)
    row["seconds"]["first_use"] = first_use
    fits = row["peak_rss_gb"] <= asked.memory_gb
    print(json.dumps({"scale": asked.scale, **sizes, **row, "memory_gb": asked.memory_gb,
                      "within_memory": fits}))  # fmt: skip
    return 0 if fits else 1


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
