"""Contracts ready for the clock: chained missions, resolved ends, durable hires as events."""

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
    kernel,
    owners,
    pointers,
)
from evaluation.cohort.durability import PRESETS, Contracts
from evaluation.cohort.extract import Hires, Registrations
from evaluation.cohort.levels import CDI, CTT
from evaluation.cohort.spells import next_spell_each
from evaluation.study import Study


@dataclass(frozen=True, slots=True)
class Events:
    """Hires (n) that count, sorted by person.

    Attributes
    ----------
    ptr : (P + 1,) int64
    day : (n,) int32
        The hire (of a chain: its first contract).
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
    chained : (n,) bool
        Contracts that prolong an earlier one.
    following : (n,) int32
        Start of the next merged spell after the hire.
    creations : (person (c,), day (c,))
        Exits to create a business.
    """

    hires: Hires
    worked_until: Days
    judged: Contracts
    chained: Bools
    following: Days
    previous: NDArray[np.int64]
    creations: tuple[NDArray[np.int64], Days]

    def events(self, preset: str) -> Events:
        """Return the hires that are durable under a preset, one event a chain."""
        durable = PRESETS[preset].test(self.judged)
        earlier = self.previous >= 0
        already = np.zeros(len(durable), dtype=np.bool_)
        already[earlier] = durable[self.previous[earlier]]
        kept = durable & ~already
        person = owners(self.hires.ptr)[kept]
        day, known = self.judged.start[kept], self.hires.start[kept]
        if PRESETS[preset].creations:
            person = np.concatenate([person, self.creations[0]])
            day = np.concatenate([day, self.creations[1]])
            known = np.concatenate([known, self.creations[1]])
            order = np.lexsort((known, day, person))
            person, day, known = person[order], day[order], known[order]
        return Events(pointers(person, len(self.hires.ptr) - 1), day, known)

    def all_hires(self) -> Events:
        """Return every hire as an event."""
        return Events(self.hires.ptr, self.hires.start, self.hires.start)

    def holdings(self, preset: str) -> Holdings:
        """Return when durable jobs are held; without end: until the next merged spell begins."""
        durable = PRESETS[preset].test(self.judged)
        end = np.where(self.judged.end == UNKNOWN, self.following - 1, self.judged.end)
        ptr = pointers(owners(self.hires.ptr)[durable], len(self.hires.ptr) - 1)
        return Holdings(ptr, self.hires.start[durable], end[durable].astype(np.int32))


def build_ledger(hires: Hires, registrations: Registrations, merged: Days, study: Study) -> Ledger:
    """Return the ledger of the people's hires.

    Parameters
    ----------
    hires : Hires
        Sorted by person, day, end.
    registrations : Registrations
    merged : (n_registrations,) int32
        Start of each registration's merged spell.
    study : Study
        ``outcome.chain_gap_days``, ``duration_unit`` and ``missing_end`` are used.
    """
    following = next_spell_each(registrations.ptr, merged, hires.ptr, hires.start)
    unknown = hires.end == UNKNOWN
    running = np.where(hires.kind == CDI, following - 1, hires.start)
    start, end, previous = _chains(hires, study.outcome.chain_gap_days)
    created = registrations.creation == 1
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
        chained=previous >= 0,
        following=following,
        previous=previous,
        creations=(owners(registrations.ptr)[created], registrations.end[created]),
    )


def _chains(hires: Hires, gap: int) -> tuple[Days, Days, NDArray[np.int64]]:
    if gap == 0:
        return hires.start, hires.end, np.full(len(hires.start), -1, dtype=np.int64)
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
    """Return first day, last day and predecessor of each contract's chain so far."""
    first = start.copy()
    last = end.copy()
    previous = np.full(len(start), -1, np.int64)
    for person in range(len(ptr) - 1):
        for i in range(ptr[person], ptr[person + 1]):
            if group[i] == 0:
                continue
            for j in range(i - 1, ptr[person] - 1, -1):
                if group[j] == group[i]:
                    if last[j] != UNKNOWN and start[i] - last[j] - 1 <= gap:
                        first[i] = first[j]
                        previous[i] = j
                        if end[i] != UNKNOWN:
                            last[i] = max(last[j], end[i])
                    break
    return first, last, previous
