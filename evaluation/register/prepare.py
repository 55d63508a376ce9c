"""A file seen through its profile: the columns that the profile derives, beside its own.

In: a source, a profile, the monthly activity if there is one. Out: :class:`Prepared`, the same
source with derived columns, what was used for them, what was left aside. Must never judge a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from evaluation.errors import Fault, nearest
from evaluation.register import expressions
from evaluation.register.dates import DateOrder, evidence, parsed
from evaluation.register.engine import name, quote
from evaluation.register.examples import code_examples
from evaluation.register.names import meaning
from evaluation.register.profile import Profile
from evaluation.register.quality import Repair
from evaluation.register.schema import Table
from evaluation.register.sources import Source
from evaluation.register.transforms import (
    TRANSFORMS,
    Derivation,
    plain,
    translated,
    unit_of,
    unknown_unit,
)

HOURS = "monthly hours"
ACTIVITY = "activity"
_COUNTED = ("recode", "unit", "among", "positive")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source with the columns of its profile.

    Attributes
    ----------
    source : Source
        With derived columns named ``<columns used> → <toolkit column>``.
    derived : dict of str to str
        Toolkit column → its derived column.
    consumed : frozenset of str
        Columns of the file that the derivations use.
    repairs, faults : tuple
        Rows left aside, codes recoded; EVAL-223 dates whose order cannot be known, EVAL-234 a
        unit that nobody declared.
    """

    source: Source
    derived: dict[str, str] = field(default_factory=dict)
    consumed: frozenset[str] = frozenset()
    repairs: tuple[Repair, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class _Draft:
    """What is being derived from one file."""

    source: Source
    path: Path
    table: Table
    profile: Profile
    connection: duckdb.DuckDBPyConnection
    active: bool
    terms: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    consumed: set[str] = field(default_factory=set)
    repairs: list[Repair] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    orders: dict[str, DateOrder] = field(default_factory=dict)
    raws: dict[str, str] = field(default_factory=dict)

    def find(self, column: str) -> str | None:
        """Return the file's spelling of a column."""
        found = meaning(column, self.source.types)
        if len(found) > 1:
            twice = Fault("EVAL-207", {"file": self.source.file, "columns": found})
            self.faults += [twice] if twice not in self.faults else []
        return found[0] if found else None

    def there(self, way: Derivation) -> bool:
        """Return whether everything a derivation needs is present."""
        if way.transform == "path" and not self.place(way):
            return False
        return all(
            c[1:] in self.terms if c.startswith("@") else self.find(c) is not None
            for c in way.columns
        )

    def place(self, way: Derivation) -> str:
        """Return what the folders of the file say, "" when they say nothing."""
        found = re.search(str(way.options["pattern"]), self.path.as_posix())
        return found.group(1) if found else ""

    def text(self, column: str) -> str:
        """Return the SQL of a needed column as trimmed text."""
        if column.startswith("@"):
            return f"({self.terms[column[1:]]})"
        found = self.find(column) or column
        self.consumed.add(found)
        reading = f"CAST({expressions.raw(found, self.source.types[found])} AS VARCHAR)"
        self.raws[reading] = name(f"text of {found}")
        return reading


def prepare(
    source: Source,
    table: Table,
    profile: Profile,
    *,
    path: Path,
    connection: duckdb.DuckDBPyConnection,
    active: bool = False,
) -> Prepared:
    """Derive the columns that a profile declares for one file.

    Parameters
    ----------
    source : Source
        The file.
    table : Table
        The declaration.
    profile : Profile
        Says how each column is made.
    path : Path
        Where the file lies: old extracts say their region by their folder.
    connection : DuckDBPyConnection
        Counts which order of dates reads most values; holds the table ``activity`` when ``active``.
    active : bool
        Whether monthly activity may be joined.
    """
    draft = _Draft(source, path, table, profile, connection, active)
    kept = _kept_rows(draft)
    wanted = profile.derive.get(table.name, {})
    _decide_orders(draft, wanted)
    for column, ways in wanted.items():
        way = next((way for way in ways if draft.there(way)), None)
        if way is not None:
            label = ", ".join(c.removeprefix("@") for c in way.columns) or way.transform
            draft.terms[column] = _sql(draft, column, way)
            draft.faults += _unknown_units(draft, column, way)
            draft.labels[column] = f"{label} → {column}"
        else:
            draft.faults += _absent(draft, ways)
    if not draft.terms and kept is source:
        return Prepared(source, faults=tuple(draft.faults))
    relation, types = _relation(draft, kept)
    prepared = replace(kept, relation=relation, types=types)
    _count_recodes(draft, prepared, wanted)
    return Prepared(prepared, draft.labels, frozenset(draft.consumed), tuple(draft.repairs),
                    tuple(draft.faults))  # fmt: skip


def _unknown_units(draft: _Draft, column: str, way: Derivation) -> list[Fault]:
    """Refuse numbers whose unit neither the profile nor the study declares."""
    if way.transform != "unit":
        return []
    texts = [draft.text(c) for c in way.columns]
    unknown = unknown_unit(texts, way.options)
    units = f"SELECT {unit_of(texts[1])} AS r, count(*) AS n FROM {draft.source.relation} "
    rows = f"{units} WHERE {unknown} GROUP BY ALL"
    count = draft.connection.execute(f"SELECT coalesce(sum(n), 0) FROM ({rows})").fetchall()[0][0]
    if not count:
        return []
    known = [str(unit) for unit in way.options["factors"]]
    data = {"file": draft.source.file, "column": draft.find(way.columns[1]), "count": int(count),
            "table": draft.table.name, "name": column, "allowed": known,
            "examples": code_examples(draft.connection, rows, "true", allowed=known)}  # fmt: skip
    return [Fault("EVAL-234", data)]


def _absent(draft: _Draft, ways: tuple[Derivation, ...]) -> list[Fault]:
    """Refuse when a column is missing for what the study itself asked for."""
    lost = [c for way in ways if way.required for c in way.columns if draft.find(c) is None]
    return [
        Fault("EVAL-205", {"file": draft.source.file, "column": column,
                           "nearest": nearest(column, draft.source.types) or "–"})
        for column in lost
    ]  # fmt: skip


def _kept_rows(draft: _Draft) -> Source:
    """Leave aside the rows of a shared file that do not belong to this table, and count them."""
    wanted = draft.profile.keep.get(draft.table.name)
    column = draft.find(wanted) if wanted else None
    if column is None:
        return draft.source
    filled = f"{expressions.raw(column, draft.source.types[column])} IS NOT NULL"
    relation = f"(SELECT * FROM {draft.source.relation} WHERE {filled})"
    count = int(draft.connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])
    aside = draft.source.rows - count
    if aside:
        draft.repairs.append(Repair(draft.table.name, "", "other_table", aside, draft.source.file))
    return replace(draft.source, relation=relation, rows=count)


def _decide_orders(draft: _Draft, wanted: dict[str, tuple[Derivation, ...]]) -> None:
    """Find the order of every text date; one that cannot tell follows the others of the file."""
    allowed = draft.profile.dates.get(draft.table.name, ())
    if not allowed:
        return
    ways = [next((w for w in ways if draft.there(w)), None) for ways in wanted.values()]
    columns = {w.columns[0] for w in ways if w is not None and w.transform in ("date", "year")}
    open_ones: dict[str, tuple[DateOrder, ...]] = {}
    empty: set[str] = set()
    for column in sorted(columns):
        found = draft.find(column) or column
        if expressions.family(draft.source.types[found]) == "date":
            draft.orders[column] = "ymd"
        elif draft.profile.date_order is not None:
            draft.orders[column] = draft.profile.date_order
        else:
            seen = evidence(draft.text(column), draft.source.relation, allowed, draft.connection)
            draft.orders[column] = seen.orders[0]
            if not seen.filled:
                empty.add(column)
            if len(seen.orders) > 1:
                open_ones[column] = seen.orders
    sure = {draft.orders[c] for c in draft.orders if c not in open_ones and c not in empty
            and expressions.family(draft.source.types[draft.find(c) or c]) != "date"}  # fmt: skip
    for column, orders in open_ones.items():
        if len(sure) == 1 and sure <= set(orders):
            draft.orders[column] = min(sure)
        else:
            data = {"file": draft.source.file, "column": draft.find(column),
                    "table": draft.table.name, "orders": list(orders)}  # fmt: skip
            draft.faults.append(Fault("EVAL-223", data))


def _sql(draft: _Draft, column: str, way: Derivation) -> str:
    made = _made(draft, column, way)
    return translated(draft.text(way.columns[0]), way.codes, made) if way.codes else made


def _made(draft: _Draft, column: str, way: Derivation) -> str:
    if way.transform == "path":
        parts = [quote(draft.place(way)), *(plain(draft.text(c)) for c in way.columns)]
        return " || '-' || ".join(parts)
    texts = [draft.text(c) for c in way.columns]
    if way.transform in ("date", "year"):
        order = draft.orders.get(way.columns[0], "ymd")
        day = parsed(texts[0], order)
        if order != "ymd":
            count = draft.connection.execute(
                f"SELECT count({texts[0]}) FROM {draft.source.relation}"
            ).fetchall()[0][0]
            draft.repairs.append(
                Repair(draft.table.name, column, f"date_{order}", int(count), draft.source.file,
                       where=f"{texts[0]} IS NOT NULL")
            )  # fmt: skip
        shown = f"CAST({day} AS VARCHAR)" if way.transform == "date" else f"strftime({day}, '%Y')"
        return f"coalesce({shown}, {texts[0]})"
    if way.transform == "category":
        return texts[0]
    return TRANSFORMS[way.transform](texts, way.options)


def _relation(draft: _Draft, kept: Source) -> tuple[str, dict[str, str]]:
    """Return the SQL of the file with its derived columns, and the types of all columns."""
    added = {draft.labels[c]: sql for c, sql in draft.terms.items()}
    terms = "".join(f", CAST({sql} AS VARCHAR) AS {name(label)}" for label, sql in added.items())
    inner = kept.relation
    if draft.raws:
        # each text is read once, however often the derivations repeat it
        texts = "".join(f", {sql} AS {alias}" for sql, alias in draft.raws.items())
        inner = f"(SELECT *{texts} FROM {kept.relation})"
        for sql, alias in draft.raws.items():
            terms = terms.replace(sql, alias)
    aside = f" EXCLUDE ({', '.join(draft.raws.values())})" if draft.raws else ""
    relation = f"(SELECT *{aside}{terms} FROM {inner})"
    category = draft.labels.get("category")
    if category and draft.active:
        relation = _with_hours(draft, relation, category)
    return relation, {**kept.types, **dict.fromkeys(added, "VARCHAR")}


def _with_hours(draft: _Draft, relation: str, category: str) -> str:
    """Split categories 1 to 3 by the hours worked in the month of registration.

    No hour: A; up to the limit (78): B; more: C. Without monthly activity the administrative
    number stands for the letter.
    """

    def column(wanted: str) -> str:
        names = draft.profile.source_names("registrations", wanted)
        direct = next((found for n in names if (found := draft.find(n))), names[0])
        return name(draft.labels.get(wanted, direct))

    limit = float(draft.profile.activity["limit"])
    hours, code = name(HOURS), f"s.{name(category)}"
    month = f"strftime(TRY_CAST(s.{column('registration_date')} AS DATE), '%Y%m')"
    split = (
        f"CASE WHEN regexp_full_match({code}, '[123](\\.0)?') THEN CASE "
        f"WHEN coalesce(a.{hours}, 0) = 0 THEN 'A' WHEN a.{hours} <= {limit} THEN 'B' "
        f"ELSE 'C' END ELSE {code} END"
    )
    return (
        f"(SELECT s.* REPLACE ({split} AS {name(category)}) FROM {relation} AS s "
        f"LEFT JOIN {ACTIVITY} AS a ON a.person = CAST(s.{column('person_id')} AS VARCHAR) "
        f"AND a.month = {month})"
    )


def _count_recodes(
    draft: _Draft, prepared: Source, wanted: dict[str, tuple[Derivation, ...]]
) -> None:
    """Count the values that a recode changed, and those it left empty."""
    for column, label in draft.labels.items():
        way = next(way for way in wanted[column] if draft.there(way))
        if way.transform not in _COUNTED and not way.codes:
            continue
        first = draft.text(way.columns[0])
        changed = {
            "recoded": f"{first} IS NOT NULL AND {name(label)} <> {first}",
            "not_translated": f"{first} IS NOT NULL AND {name(label)} IS NULL",
        }
        terms = ", ".join(f"count_if({condition})" for condition in changed.values())
        row = draft.connection.execute(f"SELECT {terms} FROM {prepared.relation}").fetchall()[0]
        draft.repairs += [
            Repair(draft.table.name, column, kind, int(count), draft.source.file, where=where)
            for (kind, where), count in zip(changed.items(), row, strict=True)
            if count
        ]
