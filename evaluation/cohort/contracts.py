"""Contracts ready for the clock: chained missions, resolved ends, durable hires as events.

With ``chain_gap_days`` contracts of a person with one employer (missions: with one user firm) are
one job when at most that many days lie between them. A permanent contract needs no chain; missions
and direct contracts never share one; a contract without end is the last of its chain, because
nobody knows how long the gap after it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort._arrays import (
    UNKNOWN,
    Bools,
    Days,
    Hashes,
    Pointers,
    day_of,
    owners,
    pointers,
)
from evaluation.cohort.durability import Contracts
from evaluation.cohort.exits import Exits, exits_from_lists
from evaluation.cohort.extract import Extract, Hires
from evaluation.cohort.levels import CDI, CTT
from evaluation.cohort.presets import PRESETS, job_preset
from evaluation.cohort.spells import next_spell_each
from evaluation.compiled import kernel
from evaluation.study import Study


@dataclass(frozen=True, slots=True)
class Events:
    """Hires and exits (n) that count, sorted by person.

    Attributes
    ----------
    ptr : (P + 1,) int64
    day : (n,) int32
        The hire (of a chain: its first contract) or the first day out.
    known : (n,) int32
        When it became a hire that counts (of a chain: the contract that made it long enough).
    """

    ptr: Pointers
    day: Days
    known: Days


@dataclass(frozen=True, slots=True)
class Holdings:
    """Days (n) on which a durable job is held, both included, sorted by person."""

    ptr: Pointers
    start: Days
    end: Days


@dataclass(frozen=True, slots=True)
class Ledger:
    """The hires of the people with everything the clock needs.

    Attributes
    ----------
    hires : Hires
        As declared, cancelled ones left out.
    worked_until : (n,) int32
        Last day counted as worked in the history: a CDI without end runs until the person
        registers again, any other contract without end counts for its first day.
    judged : Contracts
        Each contract with what came before it in its chain.
    following : (n,) int32
        Start of the next merged spell after the hire.
    head : (n,) int64
        The first contract of each one's chain: its own position where it prolongs none.
    left_lists, left_programme : Exits
        Exits that some definitions count.
    """

    hires: Hires
    worked_until: Days
    judged: Contracts
    following: Days
    head: NDArray[np.int64]
    left_lists: Exits
    left_programme: Exits

    @property
    def chained(self) -> Bools:
        """(n,) bool: contracts that prolong an earlier one."""
        return np.asarray(self.head != np.arange(len(self.head)))

    def events(self, preset: str, *, programme: bool = True) -> Events:
        """Return what counts under a preset, one event a chain; ``programme``: its exits too."""
        definition = PRESETS[preset]
        durable = definition.test(self.judged)
        kept = np.flatnonzero(durable)
        # One event a chain: at the contract that first made it long enough.
        kept = kept[np.sort(np.unique(self.head[kept], return_index=True)[1])]
        person = owners(self.hires.ptr)[kept]
        day, known = self.judged.start[kept], self.hires.start[kept]
        if definition.lists or definition.programme:
            listed, listed_day = self.left_lists.of(definition.lists)
            out, out_day = self.left_programme.of(definition.programme if programme else ())
            person = np.concatenate([person, listed, out])
            day = np.concatenate([day, listed_day, out_day])
            known = np.concatenate([known, listed_day, out_day])
            order = np.lexsort((known, day, person))
            person, day, known = person[order], day[order], known[order]
        return Events(pointers(person, len(self.hires.ptr) - 1), day, known)

    def all_hires(self) -> Events:
        """Return every hire as an event."""
        return Events(self.hires.ptr, self.hires.start, self.hires.start)

    def holdings(self, preset: str, *, whole_chain: bool = False) -> Holdings:
        """Return when durable jobs are held; without end: until the next merged spell begins.

        A chain is held from the contract that made it long enough, as one knew on the day; with
        ``whole_chain`` from its first contract, as one knows afterwards.
        """
        durable = PRESETS[job_preset(preset)].test(self.judged)
        end = np.where(self.judged.end == UNKNOWN, self.following - 1, self.judged.end)
        ptr = pointers(owners(self.hires.ptr)[durable], len(self.hires.ptr) - 1)
        start = self.judged.start if whole_chain else self.hires.start
        return Holdings(ptr, start[durable], end[durable].astype(np.int32))


def build_ledger(extract: Extract, merged: Days, study: Study) -> Ledger:
    """Return the ledger of the people's hires.

    Parameters
    ----------
    extract : Extract
        Hires sorted by person, day, end; registrations; programme exits.
    merged : (n_registrations,) int32
        Start of each registration's merged spell.
    study : Study
        ``outcome.chain_gap_days``, ``duration_unit`` and ``missing_end`` are used.
    """
    hires, registrations = extract.hires, extract.registrations
    following = next_spell_each(registrations.ptr, merged, hires.ptr, hires.start)
    unknown = hires.end == UNKNOWN
    running = np.where(hires.kind == CDI, following - 1, hires.start)
    start, end, head = _chains(hires, study.outcome.chain_gap_days)
    return Ledger(
        hires=hires,
        worked_until=np.where(unknown, running, hires.end).astype(np.int32),
        judged=Contracts(
            start,
            end,
            hires.kind,
            unit=study.outcome.duration_unit,
            missing_end=study.outcome.missing_end,
            extraction=day_of(study.files.extraction_date),
        ),
        following=following,
        head=head,
        left_lists=exits_from_lists(registrations),
        left_programme=extract.programme,
    )


def _chains(hires: Hires, gap: int) -> tuple[Days, Days, NDArray[np.int64]]:
    if gap == 0:
        return hires.start, hires.end, np.arange(len(hires.start))
    # A mission and a direct contract at one firm are two jobs; a CDI needs no prolonging.
    group = np.where(hires.kind == CTT, hires.employer, ~hires.employer)
    group = np.where((hires.employer == 0) | (hires.kind == CDI), np.uint64(0), group)
    chained: tuple[Days, Days, NDArray[np.int64]] = _chain(
        hires.ptr, hires.start, hires.end, group.astype(np.uint64), gap
    )
    return chained


@kernel
def _chain(
    ptr: Pointers, start: Days, end: Days, group: Hashes, gap: int
) -> tuple[Days, Days, Pointers]:
    """Return first day, last day and first contract of each contract's chain so far."""
    first = start.copy()
    last = end.copy()
    head = np.arange(len(start))
    for person in range(len(ptr) - 1):
        for i in range(ptr[person], ptr[person + 1]):
            if group[i] == 0:
                continue
            for j in range(i - 1, ptr[person] - 1, -1):
                if group[j] == group[i]:
                    if last[j] != UNKNOWN and start[i] - last[j] - 1 <= gap:
                        first[i] = first[j]
                        head[i] = head[j]
                        if end[i] != UNKNOWN:
                            last[i] = max(last[j], end[i])
                    break
    return first, last, head
