"""One register with a known truth: draw, solve the effect, write, region by region."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evaluation.errors import fail
from evaluation.simulation import geography, parameters
from evaluation.simulation.calendar import Calendar, calendar
from evaluation.simulation.columns import coded, dates, pseudonyms
from evaluation.simulation.life_courses import Events, effect_of, live
from evaluation.simulation.parameters import Choices, FileFormat, checked
from evaluation.simulation.people import draw_people
from evaluation.simulation.study_file import study_name, study_text
from evaluation.simulation.tables import CSV_DUPLICATES, PARQUET_DUPLICATES, Tables, raw_tables
from evaluation.simulation.truth import Truth, chances, solve
from evaluation.simulation.writers import TABLE_NAMES, RegisterWriter
from evaluation.territories import REGIONS

TRUTH_FILES = ("truth.json", "truth_people.parquet", "study.toml")


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was written, and the truth behind it.

    Attributes
    ----------
    folder : Path
        Where the register stands.
    counts : dict of str to int
        Rows of ``registrations``, ``entries``, ``hires``; ``people``; ``entrants`` (eligible first
        entries of the window).
    seconds : float
        Time taken.
    truth : dict
        National truth, as in ``truth.json`` (percent and percentage points).
    """

    folder: Path
    counts: dict[str, int]
    seconds: float
    truth: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """One simulated region: its tables, its entrants and their true chances."""

    code: str
    people: int
    tables: Tables
    events: Events
    truth: Truth


def simulate(
    output: Path | str,
    *,
    scale: float = 0.2,
    regions: Sequence[str] = (),
    seed: int = 20180618,
    effect_points: float = 2.8,
    hidden_confounding: float = 0.0,
    region_sd: float = 0.0,
    file_format: FileFormat = "parquet",
) -> Simulated:
    """Write a synthetic register whose true effect is known.

    Parameters
    ----------
    output : Path
        Folder to write in; made when it does not exist.
    scale : float
        1 = 1.5 million jobseekers, about 60 000 entrants.
    regions : sequence of str
        INSEE codes; none = all 18. A region's rows do not depend on which others are written.
    seed : int
        Root of every draw.
    effect_points : float
        Mean true effect in percentage points; 0 = a programme that does nothing.
    hidden_confounding : float
        Log-odds of a persistent hidden trait (30 % of people, in no table) on entry and, with the
        opposite sign, log-hazard on hires before and after entry.
    region_sd : float
        Standard deviation of the true effects of the 18 regions, percentage points.
    file_format : str
        ``parquet``, or ``csv`` with the habits of a French spreadsheet.

    Returns
    -------
    Simulated

    Raises
    ------
    EvaluationError
        EVAL-801 number out of bounds, EVAL-802 unknown region, EVAL-803 unknown format, EVAL-804
        an effect that cannot be reached, EVAL-805 a folder that cannot be written, EVAL-806 a
        folder that holds a register which is no simulation.

    Notes
    -----
    Person i has four competing clocks, constant within a calendar month: durable hires
    λ_i(t) = exp(a'x_i + 0.55 u_i) s(t), short hires σ_i(t) = exp(0.6 a'x_i + 0.45 u_i + 0.60 v_i)
    r(t), other exits from the lists, and, while listed and never entered, programme entry
    π_i(t) = exp(b'x_i − 0.30 D_i(t)) c(t) k(duration class). The traits x are columns of the
    register; the frailties u, v are in no table and not in π; D is the number of days employed
    (in hundreds) in the 18 calendar months that end six months before the month of t. So entry is
    ignorable given x, D, month and duration class, a score linear in them removes the confounding,
    and hires of the last six months before entry are a valid placebo. A durable job suspends all
    clocks and ends the registration; a short hire ends it with probability 0.08. λ does not depend
    on being listed, which makes the truth an integral of hazards (see ``truth``). After entry λ
    and σ are multiplied by exp(θ g(month since entry)), lock-in first; θ is solved in each region
    so that the mean of p1 − p0_not_yet over its entrants of the window is the wanted effect.
    """
    began = perf_counter()
    choices = checked(
        scale=scale, regions=regions, seed=seed, effect_points=effect_points,
        hidden_confounding=hidden_confounding, region_sd=region_sd, file_format=file_format,
    )  # fmt: skip
    folder = Path(output)
    partial = _prepare(folder)
    try:
        counts, truth = _write(choices, folder, partial)
        _publish(partial, folder)
    except OSError as error:
        fail("EVAL-805", folder=folder.name, reason=error.strerror or type(error).__name__)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Simulated(folder, counts, perf_counter() - began, truth)


def simulate_region(code: str, choices: Choices, cal: Calendar) -> Place:
    """Simulate one region; nothing in it depends on the others.

    Parameters
    ----------
    code : str
        INSEE code.
    choices : Choices
        Of the caller.
    cal : Calendar
        Days and months.
    """
    rng = np.random.default_rng(np.random.SeedSequence([choices.seed, int(code)]))
    size = max(20, round(parameters.PEOPLE * choices.scale * geography.region_share(code)))
    people = draw_people(
        code, size, hidden_confounding=choices.hidden_confounding, last_day=cal.end - 30, rng=rng
    )
    # Paths up to entry never depend on the effect: a first pass finds who enters, and when.
    first = live(people, cal, effect_of(0.0), rows=(0, 0, size // 3 + 50))
    truth = solve(chances(people, first, cal), wanted_effect(code, choices))
    rows = (size * 5 // 2 + 100, size * 13 // 2 + 500, size // 3 + 50)
    events = live(people, cal, effect_of(truth.size), rows=rows)
    duplicates = CSV_DUPLICATES if choices.file_format == "csv" else PARQUET_DUPLICATES
    tables = raw_tables(code, people, events, cal, rng=rng, duplicates=duplicates)
    return Place(code, size, tables, events, truth)


def wanted_effect(code: str, choices: Choices) -> float:
    """Return the true effect of a region in points.

    Deviations are normal draws, one a region from its own seed, centred on the national mean
    (weighted by size) and scaled so that their standard deviation over the 18 regions is
    ``region_sd``; they are the same whichever regions are written.
    """
    if choices.region_sd == 0.0:
        return choices.effect_points
    codes = sorted(REGIONS)
    draws = np.array([
        np.random.default_rng(np.random.SeedSequence([choices.seed, int(other), 1])).normal()
        for other in codes
    ])  # fmt: skip
    shares = np.array([geography.region_share(other) for other in codes])
    deviations = (draws - shares @ draws) / draws.std()
    return choices.effect_points + choices.region_sd * float(deviations[codes.index(code)])


def _prepare(folder: Path) -> Path:
    """Return a temporary folder inside the output, which must be ours to overwrite."""
    held = [f"{name}.{end}" for name in TABLE_NAMES for end in ("parquet", "csv")]
    present = [name for name in held if (folder / name).exists()]
    if present and not (folder / "truth.json").exists():
        fail("EVAL-806", folder=folder.name, examples=present)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except OSError as error:
        fail("EVAL-805", folder=folder.name, reason=error.strerror or type(error).__name__)


def _write(choices: Choices, folder: Path, partial: Path) -> tuple[dict[str, int], dict[str, Any]]:
    cal = calendar()
    people = 0
    records: dict[str, Any] = {}
    held: list[NDArray[np.float64]] = []
    schema = pa.schema([
        ("person_id", pa.string()), ("region", pa.string()), ("index_month", pa.date32()),
        ("p1", pa.float64()), ("p0_not_yet", pa.float64()), ("p0_never", pa.float64()),
    ])  # fmt: skip
    with (
        RegisterWriter(partial, choices.file_format) as writer,
        pq.ParquetWriter(partial / "truth_people.parquet", schema, compression="zstd") as chosen,
    ):
        for code in choices.regions:
            place = simulate_region(code, choices, cal)
            writer.write(place.tables)
            chosen.write_table(_truth_people(place, cal).cast(schema))
            records[code] = _record([_columns(place.truth)])
            held.append(_columns(place.truth))
            people += place.people
    national = _record(held)
    truth = {
        "parameters": parameters.as_dict(choices),
        "national": national,
        "regions": records,
    }
    (partial / "truth.json").write_text(
        json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
    )
    text = study_text(study_name(folder.resolve().name), choices.file_format)
    (partial / "study.toml").write_text(text, encoding="utf-8", newline="\n")
    return {"people": people, "entrants": national["n"], **writer.rows}, national


def _publish(partial: Path, folder: Path) -> None:
    """Move the finished files in place, and take away those of an earlier simulation."""
    written = {file.name for file in partial.iterdir()}
    for name in (f"{table}.{end}" for table in TABLE_NAMES for end in ("parquet", "csv")):
        if name not in written:
            (folder / name).unlink(missing_ok=True)
    for name in sorted(written):
        os.replace(partial / name, folder / name)


def _truth_people(place: Place, cal: Calendar) -> pa.Table:
    who, day = place.events.entrants[:, 0], place.events.entrants[:, 1]
    return pa.table({
        "person_id": pseudonyms("p", place.code, who),
        "region": coded(np.zeros(who.size, np.int8), [place.code]),
        "index_month": dates(cal.month_start[cal.month_of[day + cal.shift]]),
        "p1": place.truth.p1,
        "p0_not_yet": place.truth.p0_not_yet,
        "p0_never": place.truth.p0_never,
    })  # fmt: skip


def _columns(truth: Truth) -> NDArray[np.float64]:
    return np.column_stack([truth.p1, truth.p0_not_yet, truth.p0_never, truth.enters_later])


def _record(parts: list[NDArray[np.float64]]) -> dict[str, Any]:
    """Return the truth of a set of entrants, in percent and percentage points."""
    chosen = np.vstack(parts)
    n = chosen.shape[0]
    if n == 0:
        empty = ("rate_entrants", "rate_comparison", "rate_never", "effect_points",
                 "effect_points_never", "uplift_percent", "enters_later_percent")  # fmt: skip
        return {"n": 0, **dict.fromkeys(empty)}
    p1, p0, never, later = (100 * math.fsum(column) / n for column in chosen.T)
    return {
        "n": n,
        "rate_entrants": p1,
        "rate_comparison": p0,
        "rate_never": never,
        "effect_points": p1 - p0,
        "effect_points_never": p1 - never,
        "uplift_percent": 100 * (p1 - p0) / p0,
        "enters_later_percent": later,
    }
