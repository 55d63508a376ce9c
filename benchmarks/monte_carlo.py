"""How often does the interval cover? Every estimator on frames whose truth is known.

Each replication draws a frame (entrants, comparators, about twenty covariates of a register) whose
expected effect on any set of entrants is known exactly, and runs the estimators on it through the
public verbs, each with the variance that it takes by itself. Over replications: coverage of that
effect by the intervals in points and in percent, rejections where there is no effect, bias, root
mean squared error, mean standard error over the standard deviation, and the share of intervals
that were refused (failures). The headline is the estimator inside the bands in every cell whose
worst error is least.

One JSON line a replication and cell is added to --keep: an interrupted study goes on where it
stopped, and an estimator named later is run on the same frames.

    python benchmarks/monte_carlo.py --quick
    python benchmarks/monte_carlo.py --keep monte-carlo --workers 2
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import nullcontext
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks import _estimators as study  # noqa: E402
from benchmarks import _tables as tables  # noqa: E402
from benchmarks import _verdicts as verdicts  # noqa: E402
from benchmarks._kept import Kept, Row  # noqa: E402
from evaluation.pipeline.lock import run_lock  # noqa: E402

REPLICATIONS, OTHERS = 1_000, 200
QUICK = 20
Task = tuple[str, int, tuple[str, ...]]
Cells = dict[str, int]
"""Replications by cell."""


def one(task: Task) -> Row:
    """Run a task in a process of its own kind; importable, because it is sent to workers."""
    cell, replication, names = task
    row = study.replicate(study.CELLS[cell], replication, names)
    row["peak_rss_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return row


def plan(
    cells: list[str], names: list[str], replications: int, *, named: bool, quick: bool = False
) -> dict[str, Cells]:
    """Return how many replications of which cells each estimator takes part in.

    Estimators that were named are run in full; of the others only the candidates are.
    """
    corners = () if quick else study.CORNERS
    planned = {}
    for name in names:
        estimator = study.ESTIMATORS[name]
        mine = cells if named or not estimator.slow else [c for c in cells if c in corners]
        whole = named or estimator.candidate
        planned[name] = dict.fromkeys(mine, replications if whole else min(OTHERS, replications))
    return planned


def tasks(planned: dict[str, Cells], done: set[tuple[str, int, str]]) -> Iterator[Task]:
    """Yield what is left to do, all cells of a replication before the next."""
    cells = list(dict.fromkeys(cell for mine in planned.values() for cell in mine))
    for replication in range(max(max(m.values(), default=0) for m in planned.values())):
        for cell in cells:
            left = tuple(
                name for name, mine in planned.items()
                if replication < mine.get(cell, 0) and (cell, replication, name) not in done
            )  # fmt: skip
            if left:
                yield cell, replication, left


def run(todo: list[Task], workers: int, kept: Kept) -> None:
    """Run tasks on processes and keep every row as it comes."""
    if workers == 1:
        for number, task in enumerate(todo, 1):
            kept.add(one(task))
            _progress(number, len(todo))
        return
    waiting = iter(todo)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: set[Future[Row]] = {pool.submit(one, t) for t in islice(waiting, 4 * workers)}
        number = 0
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(one, task) for task in islice(waiting, len(ended))}
            for future in ended:
                kept.add(future.result())
                number += 1
                _progress(number, len(todo))


def _progress(number: int, total: int) -> None:
    if number % 50 == 0 or number == total:
        print(f"{number}/{total} replications", file=sys.stderr, flush=True)


def dropped(planned: dict[str, Cells], cells: list[str], replications: int) -> None:
    """Say what is not run, and why."""
    for name, estimator in study.ESTIMATORS.items():
        mine = planned.get(name)
        if mine is None:
            continue
        if len(mine) < len(cells):
            print(f"{name}: slow ({estimator.slow}), in {len(mine)} of {len(cells)} cells")
        elif max(mine.values()) < replications:
            print(f"{name}: no candidate, {max(mine.values())} replications")


def seconds_of(rows: list[Row], began: float) -> dict[str, float]:
    """Return mean processor seconds per replication of the draw and of each estimator."""
    spent: dict[str, list[float]] = {}
    for row in rows:
        for name, seconds in row["seconds"].items():
            spent.setdefault(name, []).append(seconds)
    means = {name: round(sum(each) / len(each), 4) for name, each in spent.items()}
    return {**means, "total": round(time.perf_counter() - began, 1)}


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 replications, three cells")
    parser.add_argument("--replications", type=int, default=None,
                        help=f"of the candidates; the others have at most {OTHERS}")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=None, help="folder of the replications made")
    parser.add_argument("--show", action="store_true",
                        help="the tables of what is kept so far; nothing is run")  # fmt: skip
    parser.add_argument("--cell", action="append", choices=list(study.CELLS), metavar="NAME",
                        help=f"one of {', '.join(study.CELLS)}; may be repeated")  # fmt: skip
    parser.add_argument("--estimator", action="append", choices=list(study.ESTIMATORS),
                        metavar="NAME",
                        help=f"one of {', '.join(study.ESTIMATORS)}; may be repeated")  # fmt: skip
    parser.add_argument("--fill", type=Path, default=None,
                        help="page whose figures to write again (docs/monte_carlo.md)")  # fmt: skip
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    asked = arguments(words)
    began = time.perf_counter()
    replications = asked.replications or (QUICK if asked.quick else REPLICATIONS)
    cells = asked.cell or list(study.QUICK_CELLS if asked.quick else study.CELLS)
    names = [name for name in study.available() if name in (asked.estimator or study.ESTIMATORS)]
    if absent := set(asked.estimator or ()) - set(names):
        raise SystemExit(f"no method is registered for {', '.join(sorted(absent))}")
    for name in study.ESTIMATORS.keys() - set(study.available()):
        print(f"{name}: left out, no such method is registered")
    planned = plan(cells, names, replications, named=bool(asked.estimator), quick=asked.quick)
    dropped(planned, cells, replications)
    with run_lock(asked.keep) if asked.keep and not asked.show else nullcontext():
        kept = Kept(asked.keep, look=asked.show)
        if not asked.show:
            run(list(tasks(planned, kept.done())), asked.workers, kept)
    rows = [row for row in kept.rows if row["cell"] in cells and row["replication"] < replications]
    if not rows:
        raise SystemExit("no replication is kept")
    table = verdicts.tabulate(rows, cells, names)
    null = [cell for cell in cells if study.CELLS[cell].effect == 0]
    chosen = verdicts.choose(table, cells, null)
    lines = tables.report(rows, table, cells, null, chosen)
    print("\n".join(lines))
    if asked.fill:
        tables.fill(asked.fill, lines)
    shown = chosen or (study.DEFAULT if study.DEFAULT in names else names[0])
    versions = {row["sources"] for row in rows}
    if len(versions) > 1:
        print(f"Replications of {len(versions)} versions of the code stand together.")
    print(json.dumps({
        "headline": {"estimator": shown, **verdicts.headline(table[shown], null)},
        "chosen": chosen,
        "seconds": seconds_of(rows, began),
        "peak_rss_gb": max(row["peak_rss_gb"] for row in rows),
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
