"""From a register and a territory to a cohort: the order in which everything is decided."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from evaluation.cohort import cache
from evaluation.cohort._arrays import Days
from evaluation.cohort.attributes import read_attributes
from evaluation.cohort.contracts import Events, Ledger, build_ledger
from evaluation.cohort.extract import (
    Extract,
    RegisterLike,
    people_tables,
    read_arrays,
    window_days,
)
from evaluation.cohort.frame import (
    Columns,
    Rows,
    assemble,
    clock_columns,
    fill_numbers,
    history_columns,
    key_columns,
    registration_columns,
)
from evaluation.cohort.frozen import FREEZE_MONTHS, KEYS, freeze
from evaluation.cohort.history import build_history
from evaluation.cohort.months import add_months_each
from evaluation.cohort.notes import (
    build_notes,
    imputation_note,
    rewarn,
    warn_pool,
    warn_programme,
)
from evaluation.cohort.outcomes import first_month, last_month, months_observed
from evaluation.cohort.presence import presence
from evaluation.cohort.presets import job_preset, sensitivity_presets
from evaluation.cohort.quality import hire_quality, programme_only
from evaluation.cohort.riskset import (
    ELIGIBLE,
    STEPS,
    Places,
    Strata,
    place_comparators,
    place_entrants,
    strata_of,
    window_months,
)
from evaluation.cohort.sampling import sample
from evaluation.cohort.spells import in_force_each, merge_spells
from evaluation.cohort.types import Cohort, Flow, FlowStep
from evaluation.cohort.variables import PLACEBO_MONTHS, declared_variables
from evaluation.errors import fail
from evaluation.study import Study
from evaluation.territories import Territory


def build_cohort(register: RegisterLike, territory: Territory, *, use_cache: bool = True) -> Cohort:
    """Build the cohort of one territory: who is compared with whom, from when.

    Parameters
    ----------
    register : Register
        Gives ``study``, ``digest`` and ``connection()`` (views registrations, entries, hires).
    territory : Territory
        A region or a département; the nation is pooled from regions.
    use_cache : bool
        Read ``work/cohort/<key>.*`` when it holds this very content.

    Returns
    -------
    Cohort
        ``frame`` and ``frozen`` sorted by region, month, treated (1 first), person.

    Raises
    ------
    EvaluationError
        EVAL-301 nobody registered in the territory, EVAL-302 no entrant, EVAL-303 no comparator,
        EVAL-304 horizon not observed, EVAL-305 the nation, EVAL-306 no entrant left after the
        filters, EVAL-307 codes outside their list.
    """
    if territory.level == "nation":
        fail("EVAL-305")
    study = register.study.for_territory(territory)
    observed = months_observed(study)
    key = cache.fingerprint(study, register.digest, territory)
    if use_cache and (stored := cache.load(study, territory, key)) is not None:
        rewarn(stored.notes)
        return stored
    with (
        closing(register.connection()) as connection,
        people_tables(connection, study, territory),
    ):
        cohort = _Builder(connection, study, territory, observed).cohort()
    cache.save(cohort, key)
    return cohort


class _Builder:
    """The state of one construction: arrays of the territory's people and the kept rows."""

    def __init__(self, connection: Any, study: Study, territory: Territory, observed: int) -> None:
        self.connection, self.study, self.territory = connection, study, territory
        self.observed = observed
        self.extract: Extract = read_arrays(connection, study, territory)
        self._refuse_empty()
        reg = self.extract.registrations
        self.merged: Days = merge_spells(reg.ptr, reg.start, reg.end, study.cohort.merge_gap_days)
        self.ledger: Ledger = build_ledger(self.extract, self.merged, study)
        preset, jobs = study.outcome.preset, job_preset(study.outcome.preset)
        self.counted: Events = self.ledger.events(preset)
        self.durable: Events = self.counted if jobs == preset else self.ledger.events(jobs)

    def cohort(self) -> Cohort:
        warned = warn_pool(self.study)
        entrants, candidates, strata = self._risk_sets()
        eligible = candidates.pick(candidates.stage == ELIGIBLE)
        if not len(eligible.person):
            fail("EVAL-303", place=self.territory.name, entrants=len(strata.dates))
        treated = entrants.pick(entrants.stage == ELIGIBLE)
        kept, weight = sample(
            eligible,
            treated,
            profile=self.extract.registrations.profile,
            key=self.extract.key,
            strata=strata,
            per_entrant=self.study.cohort.comparators_per_entrant,
        )
        rows = self._rows(treated, eligible.pick(kept), weight)
        columns, frozen, imputed = self._columns(rows)
        unequal = warn_programme(programme_only(self.study, self.ledger, rows))
        declared = declared_variables(self.study, observed=self.observed)
        return Cohort(
            frame=assemble(columns, list(declared)),
            frozen=assemble(frozen, list(declared)),
            flow=_flow(entrants, candidates, len(kept), self.study.cohort.pool),
            study=self.study,
            territory=self.territory,
            variables=declared,
            months_observed=self.observed,
            notes=(*warned, *unequal,
                   *build_notes(self.study, self.extract, entrants, eligible, strata,
                                self.observed), *imputation_note(imputed)),
            quality=hire_quality(self.study, self.extract, self.ledger, rows),
        )  # fmt: skip

    def _refuse_empty(self) -> None:
        if not (self.extract.registrations.inside == 1).any():
            begin, end = self.study.cohort.entry_window
            fail(
                "EVAL-301", place=self.territory.name, key=self.territory.key, begin=begin, end=end
            )

    def _risk_sets(self) -> tuple[Places, Places, Strata]:
        rules = self.study.cohort
        held = self.ledger.holdings(self.study.outcome.preset)
        entrants = place_entrants(self.extract, self.merged, held, rules)
        if not len(entrants.person):
            begin, end = rules.entry_window
            fail("EVAL-302", place=self.territory.name, begin=begin, end=end)
        treated = entrants.pick(entrants.stage == ELIGIBLE)
        if not len(treated.person):
            removed = {s: int((entrants.stage == i).sum()) for i, s in enumerate(STEPS)}
            main = max(removed, key=lambda step: removed[step])
            fail("EVAL-306", place=self.territory.name, count=len(entrants.person), step=main)
        months = window_months(*window_days(self.study))
        strata = strata_of(treated, months, len(rules.duration_classes))
        candidates = place_comparators(self.extract, self.merged, held, strata, treated, rules)
        return entrants, candidates, strata

    def _rows(self, treated: Places, kept: Places, weight: np.ndarray) -> Rows:
        person = np.concatenate([treated.person, kept.person])
        month = np.concatenate([treated.month, kept.month])
        arm = np.repeat(np.array([1, 0], dtype=np.int8), [len(treated.person), len(kept.person)])
        order = np.lexsort((person, -arm, month))
        places = Places(
            *(
                np.concatenate([getattr(treated, name), getattr(kept, name)])[order]
                for name in ("person", "day", "row", "month", "group", "stage")
            )
        )
        weights = np.concatenate([np.ones(len(treated.person)), weight])[order]
        return Rows(places, arm[order], weights, self.extract.first_entry[places.person])

    def _columns(self, rows: Rows) -> tuple[Columns, Columns, list[Any]]:
        """Return the columns of the frame, of the frozen frame, and the notes on imputation."""
        reg, places = self.extract.registrations, rows.places
        as_of = (places.day - self.study.cohort.anticipation_days).astype(np.int32)
        frozen_at = add_months_each(as_of, -FREEZE_MONTHS)
        now = self._row_at(rows, as_of)
        then = self._row_at(rows, frozen_at)
        current, known = np.where(now >= 0, now, places.row), then >= 0
        past = np.where(known, then, current)
        who = read_attributes(self.connection, reg.rid[np.concatenate([places.row, current, past])])
        horizon = add_months_each(places.day, self.study.outcome.horizon_months)
        declared = registration_columns(who, who.locate(reg.rid[current]), _years(as_of))
        earlier = registration_columns(who, who.locate(reg.rid[past]), _years(frozen_at))
        columns: Columns = {
            **key_columns(rows, who, who.locate(reg.rid[places.row]), horizon),
            **declared,
            **clock_columns(rows, self.merged[places.row], self.study),
            **self._history(rows, as_of, 0),
            **self._outcomes(rows),
            **self._placebo(rows),
        }
        notes = fill_numbers(columns)
        frozen = {
            **{name: columns[name] for name in KEYS},
            **freeze(earlier, known),
            **self._history(rows, as_of, FREEZE_MONTHS),
        }
        fill_numbers(frozen)
        return columns, frozen, notes

    def _row_at(self, rows: Rows, day: Days) -> np.ndarray:
        reg = self.extract.registrations
        found: np.ndarray = in_force_each(reg.ptr, reg.start, reg.end, rows.places.person, day)
        return found

    def _history(self, rows: Rows, as_of: Days, skip: int) -> Columns:
        months = self.study.cohort.history_months
        history = build_history(
            rows.places.person,
            as_of,
            registrations=self.extract.registrations,
            merged=self.merged,
            ledger=self.ledger,
            durable=self.durable,
            months=months,
            skip=skip,
        )
        return history_columns(history, months, skip)

    def _outcomes(self, rows: Rows) -> Columns:
        rules, places = self.study.outcome, rows.places
        last = max(rules.curve_months, rules.horizon_months)
        durable = first_month(places.person, places.day, self.counted, last)
        job = first_month(places.person, places.day, self.ledger.all_hires(), last)
        held = self.ledger.holdings(rules.preset, whole_chain=True)
        present = presence(places.person, places.day, held, self.observed)
        columns: Columns = {"month_durable": durable}
        for month in range(1, self.observed + 1):
            columns[f"durable_{month}m"] = _within(durable, month)
            columns[f"any_job_{month}m"] = _within(job, month)
            columns[f"presence_{month}m"] = present[month - 1]
        for preset in sensitivity_presets(self.study):
            events = self.ledger.events(preset)
            found = first_month(places.person, places.day, events, rules.horizon_months)
            name = f"durable_{rules.horizon_months}m__{preset}"
            columns[name] = _within(found, rules.horizon_months)
        return columns

    def _placebo(self, rows: Rows) -> Columns:
        places = rows.places
        months = min(self.study.cohort.history_months, PLACEBO_MONTHS)
        durable = last_month(places.person, places.day, self.counted, months)
        job = last_month(places.person, places.day, self.ledger.all_hires(), FREEZE_MONTHS)
        columns: Columns = {f"placebo_{k}m": _within(durable, k) for k in range(1, months + 1)}
        columns["placebo_any_6m"] = _within(job, FREEZE_MONTHS)
        return columns


def _within(month: np.ndarray, last: int) -> np.ndarray:
    return ((month > 0) & (month <= last)).astype(np.int8)


def _years(days: Days) -> np.ndarray:
    return days.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970


def _flow(entrants: Places, candidates: Places, sampled: int, pool: str) -> Flow:
    steps = STEPS if pool == "never_entered" else STEPS[:-1]
    return Flow(
        entrants=len(entrants.person),
        eligible=int((entrants.stage == ELIGIBLE).sum()),
        comparators_available=int((candidates.stage == ELIGIBLE).sum()),
        comparators_sampled=sampled,
        steps=tuple(
            FlowStep(name, int((entrants.stage == i).sum()), int((candidates.stage == i).sum()))
            for i, name in enumerate(steps)
        ),
    )
