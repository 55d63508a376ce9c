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
from dataclasses import asdict
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks import _estimators as study  # noqa: E402
from benchmarks import _verdicts as verdicts  # noqa: E402

REPLICATIONS, OTHERS = 1_000, 200
QUICK = 20
MATRICES = (
    ("coverage of the effect in points, %", "coverage", ".1f", 100.0),
    ("coverage of the uplift, %", "uplift_coverage", ".1f", 100.0),
    ("rejection of no effect, % (size where the effect is null)", "rejection", ".1f", 100.0),
    ("bias, points", "bias", "+.2f", 1.0),
    ("root mean squared error, points", "rmse", ".2f", 1.0),
    ("mean standard error / standard deviation", "se_ratio", ".2f", 1.0),
)
Row = dict[str, Any]
Task = tuple[str, int, tuple[str, ...]]


def one(task: Task) -> Row:
    """Run a task in a process of its own kind; importable, because it is sent to workers."""
    cell, replication, names = task
    row = study.replicate(study.CELLS[cell], replication, names)
    row["peak_rss_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return row


class Kept:
    """The replications made so far: one file a cell, one JSON line a replication.

    Only the parent process writes, a whole line at a time; a last line cut short by an
    interruption is taken off when the file is read again.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._same_setting(folder / "setting.json")
        for cell in study.CELLS:
            self.rows += self._read(folder / f"{cell}.jsonl")

    def _same_setting(self, file: Path) -> None:
        setting = {name: asdict(cell) for name, cell in study.CELLS.items()}
        setting["first_seed"] = study.FIRST_SEED
        if file.is_file() and json.loads(file.read_text("utf-8")) != setting:
            raise SystemExit(f"{file.parent.name} holds replications of other cells")
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(setting), encoding="utf-8", newline="\n")
        partial.replace(file)

    def _read(self, file: Path) -> list[Row]:
        if not file.is_file():
            return []
        whole = file.read_bytes()
        complete = whole[: whole.rfind(b"\n") + 1]
        if len(complete) < len(whole):
            partial = file.with_suffix(".partial")
            partial.write_bytes(complete)
            partial.replace(file)
        return [json.loads(line) for line in complete.decode("utf-8").splitlines()]

    def add(self, row: Row) -> None:
        self.rows.append(row)
        if self.folder is not None:
            file = self.folder / f"{row['cell']}.jsonl"
            with file.open("a", encoding="utf-8", newline="\n") as lines:
                lines.write(json.dumps(row, separators=(",", ":")) + "\n")

    def done(self) -> set[tuple[str, int, str]]:
        return {
            (row["cell"], row["replication"], name) for row in self.rows for name in row["found"]
        }


def tasks(
    cells: list[str], names: list[str], replications: int, done: set[tuple[str, int, str]]
) -> Iterator[Task]:
    """Yield what is left to do, all cells of a replication before the next."""
    for replication in range(replications):
        for cell in cells:
            left = tuple(
                name for name in names
                if study.ESTIMATORS[name].runs(cell, replication, OTHERS)
                and (cell, replication, name) not in done
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


def show(table: verdicts.Table, cells: list[str], null: list[str]) -> None:
    """Print the tables, in Markdown, and why an estimator is not the headline."""
    print("\n".join(verdicts.overview(table, cells, null)))
    for title, key, form, factor in MATRICES:
        print(f"\n{title}\n")
        print("\n".join(verdicts.matrix(table, cells, key, form, factor)))
    print()
    for name, mine in table.items():
        told = verdicts.faults(mine, cells, null) if mine else ["not run"]
        print(f"{name}: {'; '.join(told) if told else 'inside the bands'}")
        reasons = sum((each["reasons"] for each in mine.values()), verdicts.Counter())
        if reasons:
            print(f"  refused: {', '.join(f'{code} ({n})' for code, n in reasons.most_common(3))}")


def dropped(cells: list[str], names: list[str], replications: int, asked: bool) -> None:
    """Say what is not run, and why."""
    for name, each in study.ESTIMATORS.items():
        if name not in names and not asked:
            print(f"{name}: left out, no method {each.method!r}")
        elif name in names and each.slow:
            mine = [cell for cell in cells if cell in study.CORNERS]
            print(f"{name}: slow ({each.slow}), in {len(mine)} of {len(cells)} cells")
    if replications > OTHERS:
        others = [name for name in names if not study.ESTIMATORS[name].candidate]
        print(f"no candidates, {OTHERS} replications: {', '.join(others) or 'none'}")


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
    parser.add_argument("--cell", action="append", choices=list(study.CELLS), metavar="NAME",
                        help=f"one of {', '.join(study.CELLS)}; may be repeated")  # fmt: skip
    parser.add_argument("--estimator", action="append", choices=list(study.ESTIMATORS),
                        metavar="NAME",
                        help=f"one of {', '.join(study.ESTIMATORS)}; may be repeated")  # fmt: skip
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    asked = arguments(words)
    began = time.perf_counter()
    replications = asked.replications or (QUICK if asked.quick else REPLICATIONS)
    cells = asked.cell or list(study.QUICK_CELLS if asked.quick else study.CELLS)
    names = [name for name in study.available() if name in (asked.estimator or study.ESTIMATORS)]
    dropped(cells, names, replications, bool(asked.estimator))
    kept = Kept(asked.keep)
    run(list(tasks(cells, names, replications, kept.done())), asked.workers, kept)
    rows = [row for row in kept.rows if row["cell"] in cells and row["replication"] < replications]
    table = verdicts.tabulate(rows, cells, names)
    null = [cell for cell in cells if study.CELLS[cell].effect == 0]
    show(table, cells, null)
    chosen = verdicts.choose(table, cells, null)
    shown = chosen or (study.DEFAULT if study.DEFAULT in names else names[0])
    print(json.dumps({
        "headline": {"estimator": shown, **verdicts.headline(table[shown], null)},
        "chosen": chosen,
        "seconds": seconds_of(rows, began),
        "peak_rss_gb": max(row["peak_rss_gb"] for row in rows),
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
