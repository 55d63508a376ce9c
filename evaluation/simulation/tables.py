"""The raw tables of one region, as a register would deliver them.

In: people and events. Out: three Arrow tables with the contract's columns, and the legal quirks of
declared hires: missing ends, lengths instead of ends, cancelled declarations, a few duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evaluation.simulation import geography, people
from evaluation.simulation._draws import CDD, CONTRACT_TYPES, CTT
from evaluation.simulation._kernel import STILL
from evaluation.simulation.calendar import Calendar
from evaluation.simulation.columns import coded, dates, flags, integers, pseudonyms
from evaluation.simulation.life_courses import Events
from evaluation.simulation.people import People
from evaluation.territories import REGIONS

Ints = NDArray[np.int64]

EXIT_REASONS = ("01", "02", "03", "08", "09", "10", "11", "12", "13", "16", "05")
REGISTRATION_REASONS = ("1", "2", "3", "4", "5", "6", "7", "8", "E", "F", "G", "I", "K")
CATEGORIES = ("A", "B", "C", "D", "E")
BENEFITS = ("are", "ass", "aref", "none")
SECTORS = (
    "78.20Z", "47.11D", "47.11F", "56.10A", "56.10C", "81.21Z", "81.30Z", "88.10A", "87.10A",
    "85.20Z", "84.11Z", "41.20B", "43.39Z", "43.22A", "49.41A", "52.10B", "10.71C", "01.21Z",
    "01.13Z", "55.10Z", "86.10Z", "96.02A", "93.29Z", "46.39B", "28.29B",
)  # fmt: skip
PRESCRIBERS = ("employment_adviser", "social_worker")
MODALITIES = ("individual", "collective_social", "collective_professional", "rural")
PROGRAMME_EXITS = ("job", "training", "business_creation", "other")

CANCELLED_SHARE = 0.025
LENGTH_INSTEAD_OF_END = 0.20
PARQUET_DUPLICATES = 0.005
CSV_DUPLICATES = 0.08

# Rows: how the lists were left (hired, other reason, brief gap); columns: EXIT_REASONS.
_EXIT_SHARES = np.array(
    [
        [0.55, 0.01, 0.00, 0.02, 0.10, 0.01, 0.01, 0.06, 0.24, 0.00, 0.00],
        [0.08, 0.22, 0.12, 0.05, 0.06, 0.14, 0.03, 0.06, 0.18, 0.03, 0.03],
        [0.02, 0.05, 0.05, 0.02, 0.10, 0.12, 0.02, 0.03, 0.59, 0.00, 0.00],
    ]
)
# Rows: first registration, after a CDI, after another contract, brief gap, long gap.
_REASON_SHARES = np.array(
    [
        [0.05, 0.15, 0.03, 0.30, 0.06, 0.16, 0.06, 0.10, 0.02, 0.02, 0.02, 0.02, 0.01],
        [0.10, 0.38, 0.10, 0.00, 0.00, 0.00, 0.00, 0.10, 0.00, 0.00, 0.00, 0.26, 0.06],
        [0.00, 0.02, 0.01, 0.72, 0.14, 0.00, 0.00, 0.10, 0.01, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.10, 0.04, 0.00, 0.00, 0.78, 0.06, 0.00, 0.02, 0.00, 0.00],
        [0.00, 0.00, 0.00, 0.08, 0.02, 0.00, 0.35, 0.30, 0.12, 0.03, 0.10, 0.00, 0.00],
    ]
)
_ENTITLED = np.array([0.42, 0.78, 0.55, 0.30, 0.22])
_CATEGORY_SHARES = np.array([0.80, 0.06, 0.06, 0.05, 0.03])


@dataclass(frozen=True, slots=True)
class Tables:
    """The three raw tables of one region."""

    registrations: pa.Table
    entries: pa.Table
    hires: pa.Table


def raw_tables(
    region: str, persons: People, events: Events, cal: Calendar, *, rng: np.random.Generator,
    duplicates: float,
) -> Tables:  # fmt: skip
    """Return the tables of one region, rows ordered by person and date.

    Parameters
    ----------
    region : str
        INSEE code.
    persons : People
        Traits.
    events : Events
        Life courses.
    cal : Calendar
        For the extraction date.
    rng : Generator
        Draws what the life courses don't: reasons, sources, employers.
    duplicates : float
        Share of hires declared twice.
    """
    first, second, third, fourth = rng.spawn(4)
    return Tables(
        registrations=_registrations(region, persons, events.registrations, first),
        entries=_entries(region, persons, events, cal, second),
        hires=_repeated(_hires(region, persons, events.hires, cal, third), duplicates, fourth),
    )


def _registrations(region: str, persons: People, rows: Ints, rng: np.random.Generator) -> pa.Table:
    who, start, end, quit_as, cause = rows.T
    n = who.size
    code = {name: values[who] for name, values in persons.codes.items()}
    years = np.maximum(start // 365 + 2020 - persons.birth_year[who] - 17, 0)
    experience = np.minimum((years * 12 * rng.random(n)).astype(np.int64), 600)
    benefit = _benefits(cause, code["rsa"], years, rng)
    left = np.where(benefit == 0, rng.integers(30, 731, n), rng.integers(0, 181, n))
    domain = np.array(list(people.DOMAINS))[persons.occupation[who] // 1000]
    zone_codes = [zone for _, zone in geography.zones(region)]
    columns = {
        "person_id": pseudonyms("p", region, who),
        "registration_id": pseudonyms("r", region, np.arange(n)),
        "region": coded(np.zeros(n, np.int8), [region]),
        "department": coded(code["department"], REGIONS[region].departments),
        "employment_zone": coded(np.where(rng.random(n) < 0.01, -1, persons.zone[who]), zone_codes),
        "registration_date": dates(start),
        "exit_date": dates(end, end < 0),
        "exit_reason": coded(_pick(_EXIT_SHARES[np.maximum(quit_as, 1) - 1], rng),
                             EXIT_REASONS, quit_as == STILL),
        "registration_reason": coded(_pick(_REASON_SHARES[cause], rng), REGISTRATION_REASONS),
        "category": coded(_pick(_CATEGORY_SHARES[None, :].repeat(n, 0), rng), CATEGORIES),
        "sex": coded(code["sex"], people.SEX),
        "birth_year": integers(persons.birth_year[who], pa.int16()),
        "nationality": coded(code["nationality"], people.NATIONALITY),
        "family_situation": coded(code["family_situation"], people.FAMILY),
        "children": integers(code["children"], pa.int8()),
        "education": coded(code["education"], people.EDUCATION),
        "diploma": coded(code["diploma"], ("N", "D")),
        "qualification": coded(code["qualification"], people.QUALIFICATION),
        "occupation": _rome(domain, persons.occupation[who] % 1000 + 1000),
        "experience_months": integers(np.where(rng.random(n) < 0.05, -1, experience), pa.int16()),
        "benefit": coded(benefit, BENEFITS),
        "benefit_days_left": integers(np.where(benefit == 3, -1, left), pa.int16()),
    }  # fmt: skip
    columns |= {name: flags(code[name]) for name in ("rsa", "disabled", "qpv", "rural")}
    columns["mobility_km"] = integers(persons.mobility_km[who], pa.int16())
    columns |= {name: flags(code[name]) for name in ("driving_licence", "vehicle")}
    columns |= {f"barrier_{name}": flags(code[f"barrier_{name}"]) for name in people.BARRIERS}
    columns["previous_support"] = coded(code["previous_support"], people.SUPPORT)
    return pa.table(columns)


def _benefits(
    cause: Ints, rsa: NDArray[np.int8], years: Ints, rng: np.random.Generator
) -> NDArray[np.int8]:
    u = rng.random((3, cause.size))
    entitled = u[0] < _ENTITLED[cause] * np.where(rsa == 1, 0.45, 1.0)
    solidarity = (u[1] < 0.16) & (years > 12)
    training = u[2] < 0.03
    benefit = np.where(entitled, np.where(training, 2, 0), np.where(solidarity, 1, 3))
    return benefit.astype(np.int8)


def _entries(
    region: str, persons: People, events: Events, cal: Calendar, rng: np.random.Generator
) -> pa.Table:
    who, start, _ = events.entries.T
    start, end, reason = _support(events, start, who, cal, rng)
    again = np.flatnonzero((reason == 3) & (end >= 0) & (rng.random(who.size) < 0.12))
    later = end[again] + 20 + (rng.random(again.size) * 180).astype(np.int64)
    again, later = again[later < cal.end], later[later < cal.end]
    who = np.concatenate([who, who[again]])
    start = np.concatenate([start, later])
    end = np.concatenate([end, np.full(again.size, -1)])
    reason = np.concatenate([reason, np.full(again.size, 3)])
    order = np.lexsort((start, who))
    who, start, end, reason = who[order], start[order], end[order], reason[order]
    n = who.size
    department = persons.codes["department"][who]
    dedicated = np.array([1 if int(d[-2:], 16) % 5 < 2 else 0 for d in REGIONS[region].departments])
    wait = 7 + np.minimum(rng.poisson(14.0, n), 60)
    modality = _pick(np.array([[0.82, 0.07, 0.06, 0.05]]).repeat(n, 0), rng)
    return pa.table({
        "person_id": pseudonyms("p", region, who),
        "entry_date": dates(start),
        "exit_date": dates(end, end < 0),
        "exit_reason": coded(reason, PROGRAMME_EXITS, end < 0),
        "prescription_date": dates(start - wait, rng.random(n) < 0.04),
        "prescriber": coded((rng.random(n) < 0.36).astype(np.int8), PRESCRIBERS),
        "modality": coded(modality, MODALITIES),
        "organisation": coded(1 - dedicated[department], ("dedicated", "diffuse")),
    })  # fmt: skip


def _support(
    events: Events, start: Ints, who: Ints, cal: Calendar, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Return start, end (-1 = still in support at extraction) and exit reason of each entry."""
    n = start.size
    longest = 120 + (rng.beta(2.0, 1.3, n) * 275).astype(np.int64)
    durable = _first_hire(events.hires[events.hires[:, 4] == 1], who, start)
    known = events.hires[:, 2] - events.hires[:, 1] >= 60
    other = _first_hire(events.hires[known], who, start)
    u = rng.random((2, n))
    hired = np.minimum(durable, np.where(u[0] < 0.75, other, cal.end * 2))
    job = hired - start <= longest
    reason = np.where(job, 0, np.select([u[1] < 0.17, u[1] < 0.20], [1, 2], 3))
    end = np.where(job, hired, start + longest)
    return start, np.where(end < cal.end, end, -1), reason


def _first_hire(hires: Ints, who: Ints, start: Ints) -> Ints:
    """Return the day of each entrant's first hire after entry (far future when none)."""
    size = int(max(who.max(initial=0), hires[:, 0].max(initial=0))) + 1
    entry = np.full(size, 1 << 30)
    entry[who] = start
    after = hires[hires[:, 1] > entry[hires[:, 0]]]
    first = np.full(size, 1 << 30)
    np.minimum.at(first, after[:, 0], after[:, 1])
    return first[who]


def _hires(
    region: str, persons: People, rows: Ints, cal: Calendar, rng: np.random.Generator
) -> pa.Table:
    rows, cancelled = _with_cancelled(rows, rng)
    who, day, last, kind, _ = rows.T
    n = who.size
    untold = (last < 0) & ((kind == CDD) | (kind == CTT))
    source = np.where(untold, 0, _pick(np.array([[0.68, 0.27, 0.05]]).repeat(n, 0), rng))
    by_length = (last >= 0) & (source == 0) & (rng.random(n) < LENGTH_INSTEAD_OF_END)
    employer = _employers(who, persons.size, rng)
    user = _employers(who, persons.size, rng)
    told = np.where(source == 0, day - rng.integers(0, 9, n), day + rng.integers(0, 31, n))
    unnoted = np.where(cancelled, 1, np.where(rng.random(n) < 0.2, -1, 0))
    return pa.table({
        "person_id": pseudonyms("p", region, who),
        "contract_id": pseudonyms("c", region, np.arange(n)),
        "hire_date": dates(day),
        "contract_type": coded(kind, CONTRACT_TYPES),
        "planned_end_date": dates(last, (last < 0) | by_length),
        "duration_days": integers(last - day + 1, pa.int32(), ~by_length),
        "employer_id": _employer_ids(region, employer, rng.random(n) < 0.02),
        "user_employer_id": _employer_ids(region, user, kind != CTT),
        "sector": coded(employer * 7 % len(SECTORS), SECTORS),
        "cancelled": flags(unnoted),
        "source": coded(source, ("DPAE", "MMO", "FH")),
        "declaration_date": dates(np.minimum(told, cal.end - 1), source == 2),
    })  # fmt: skip


def _with_cancelled(rows: Ints, rng: np.random.Generator) -> tuple[Ints, NDArray[np.bool_]]:
    """Add declarations of hires that did not take place, a few days before one that did."""
    ghosts = rows[rng.random(rows.shape[0]) < CANCELLED_SHARE].copy()
    shift = rng.integers(1, 15, ghosts.shape[0])
    ghosts[:, 1] -= shift
    ghosts[:, 2] = np.where(ghosts[:, 2] < 0, -1, ghosts[:, 2] - shift)
    ghosts = ghosts[ghosts[:, 1] >= 0]
    both = np.vstack([rows, ghosts])
    cancelled = np.arange(both.shape[0]) >= rows.shape[0]
    order = np.lexsort((cancelled, both[:, 1], both[:, 0]))
    return both[order], cancelled[order]


def _employers(who: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Return employer numbers: few large ones, and a preferred one a person."""
    pool = size // 6 + 40
    own = (pool * rng.random(size) ** 3).astype(np.int64)
    other = (pool * rng.random(who.size) ** 3).astype(np.int64)
    return np.where(rng.random(who.size) < 0.3, own[who], other)


def _employer_ids(region: str, employer: Ints, missing: NDArray[np.bool_]) -> pa.Array:
    names = pseudonyms("e", region, np.arange(int(employer.max(initial=0)) + 1))
    indices = pa.array(employer.astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, names)


def _repeated(table: pa.Table, share: float, rng: np.random.Generator) -> pa.Table:
    """Return the table with a share of its rows given twice, as overlapping extracts do."""
    times = 1 + (rng.random(table.num_rows) < share)
    return table.take(pa.array(np.repeat(np.arange(table.num_rows), times)))


def _pick(shares: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int8]:
    """Draw one position a row from rows of shares."""
    cumulative = np.cumsum(shares, axis=1)
    u = rng.random((shares.shape[0], 1)) * cumulative[:, -1:]
    position: NDArray[np.int8] = (u >= cumulative).sum(axis=1).astype(np.int8)
    return position


def _rome(domain: NDArray[np.str_], number: Ints) -> pa.Array:
    names, positions = np.unique(np.char.add(domain, number.astype("U4")), return_inverse=True)
    return coded(positions, names.tolist())
