"""Three wrong clocks, kept for teaching: how a bad time zero invents an effect that is not there.

In: a register whose programme does nothing (or anything). Out: the cohort that a wrong clock would
build, to be matched and estimated like any other. No study can ask for one: only a notebook and a
benchmark that name it do. Must never write where real cohorts lie.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from evaluation.errors import fail, nearest
from evaluation.study import Study
from evaluation.territories import territory

if TYPE_CHECKING:
    import pandas as pd

    from evaluation.cohort.extract import RegisterLike
    from evaluation.cohort.types import Cohort

Clock = Literal["default", "never_entered", "month_start", "two_clocks"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)
WRONG_CLOCKS: tuple[Clock, ...] = CLOCKS[1:]


def cohort_on_clock(register: RegisterLike, clock: str, *, region: str) -> Cohort:
    """Return the cohort of one region on the default clock or on a wrong one.

    Parameters
    ----------
    register : Register
        As for :func:`evaluation.build_cohort`.
    clock : str
        ``default``: the toolkit's own. ``never_entered``: comparators are people who never enter,
        which conditions on their future. ``month_start``: entrants and comparators are followed
        from the first day of the entry month, days on which an entrant had to stay unhired to
        enter at all. ``two_clocks``: entrants from their entry, comparators from the month's first
        day.
    region : str
        INSEE code.

    Returns
    -------
    Cohort
        Built anew, kept under ``work/clocks/<clock>``. In ``two_clocks`` the frozen covariates are
        those of each arm's own clock.

    Raises
    ------
    EvaluationError
        EVAL-330 unknown clock; EVAL-3xx of the cohort.

    References
    ----------
    Suissa, S. (2008). Immortal time bias in pharmacoepidemiology. American Journal of Epidemiology
    167(4), 492-499. https://doi.org/10.1093/aje/kwm324

    Fredriksson, P. and Johansson, P. (2008). Dynamic treatment assignment: the consequences for
    evaluations using observational data. Journal of Business & Economic Statistics 26(4), 435-445.
    https://doi.org/10.1198/073500108000000033
    """
    from evaluation.cohort.build import build_cohort

    place = territory(region=region)
    if clock == "default":
        return build_cohort(_pooled(register, "not_yet_entered", clock), place, use_cache=False)
    if clock == "never_entered":
        return build_cohort(_pooled(register, clock, clock), place, use_cache=False)
    if clock not in CLOCKS:
        fail("EVAL-330", clock=clock, nearest=nearest(clock, CLOCKS), allowed=list(CLOCKS))
    right = _pooled(register, "not_yet_entered", clock)
    early = build_cohort(_MonthStart(right), place, use_cache=False)
    if clock == "month_start":
        return early
    return _two_arms(build_cohort(right, place, use_cache=False), early)


@dataclass(frozen=True, slots=True)
class _Pool:
    """A register read under another pool of comparators."""

    register: RegisterLike
    study: Study

    @property
    def digest(self) -> str:
        return self.register.digest

    def connection(self) -> Any:
        return self.register.connection()


def _pooled(register: RegisterLike, pool: str, clock: str) -> _Pool:
    """Return the register under a pool, its cohorts kept apart from the study's own."""
    apart = str(register.study.work / "clocks" / clock)
    return _Pool(register, register.study.with_values({"cohort.pool": pool, "run.work": apart}))


@dataclass(frozen=True, slots=True)
class _MonthStart:
    """A register in which everybody seems to enter on the first day of the month."""

    register: RegisterLike

    @property
    def study(self) -> Study:
        return self.register.study

    @property
    def digest(self) -> str:
        return f"{self.register.digest}-month-start"

    def connection(self) -> Any:
        """Return a connection whose entries are dated back to the month's first day."""
        connection = self.register.connection()
        connection.execute("CREATE TEMP TABLE entries_as_dated AS SELECT * FROM entries")
        # A temporary table goes before the register's own of the same name.
        connection.execute(
            "CREATE TEMP TABLE entries AS SELECT * REPLACE "
            "(date_trunc('month', entry_date)::DATE AS entry_date) FROM entries_as_dated"
        )
        return connection


def _two_arms(entrants: Cohort, comparators: Cohort) -> Cohort:
    """Return the entrants of one cohort beside the comparators of another, sorted as ever."""
    frame = _stacked(entrants.frame, comparators.frame)
    order = frame.sort_values(
        ["region", "index_month", "treated", "person_id"], ascending=[True, True, False, True]
    ).index
    frozen = _stacked(entrants.frozen, comparators.frozen)
    return replace(
        entrants,
        frame=frame.loc[order].reset_index(drop=True),
        frozen=frozen.loc[order].reset_index(drop=True),
        flow=replace(
            entrants.flow,
            comparators_available=comparators.flow.comparators_available,
            comparators_sampled=comparators.flow.comparators_sampled,
        ),
    )


def _stacked(entrants: pd.DataFrame, comparators: pd.DataFrame) -> pd.DataFrame:
    """Stack the treated rows of one frame on the others of another, levels of both kept."""
    import pandas as pd

    parts = [entrants[entrants["treated"] == 1], comparators[comparators["treated"] == 0]]
    levels = {}
    for name in entrants.columns:
        dtype = entrants[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            found = [list(part[name].cat.categories) for part in parts]
            known = set(found[0])
            more = [level for level in found[1] if level not in known]
            levels[name] = pd.CategoricalDtype(sorted(found[0] + more) if more else found[0])
    return pd.concat([part.astype(levels) for part in parts], ignore_index=True)
