"""Every value held to its declaration: distinct values of each text column, aggregates of the rest.

In: a :class:`~evaluation.register.reader.Reading`. Out: :class:`Findings`: faults, repairs, missing
counts, and which columns need no repair. Counts in the engine, out of core; must never bring a
person's row into Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import duckdb

from evaluation.errors import Fault
from evaluation.register import expressions, privacy
from evaluation.register.engine import name, quote
from evaluation.register.examples import code_examples, shapes
from evaluation.register.expressions import listed, marker
from evaluation.register.quality import Repair
from evaluation.register.reader import Reading
from evaluation.register.schema import Column

_REPAIRS = {
    "mapped": "code_mapped",
    "respelt": "code_respelt",
    "censored": "after_extraction",
    "marker": "missing_marker",
}


@dataclass(slots=True)
class Findings:
    """What one file's values are worth; ``plain`` names the text columns that need no repair."""

    faults: list[Fault] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Checker:
    """Counts the values of files in the engine.

    Attributes
    ----------
    connection : DuckDBPyConnection
        Where the counting happens.
    extraction : date
        Extraction date of the study, a bound of some dates.
    min_cell : int
        A longer word is quoted as example of a code only when at least so many rows hold it.
    """

    connection: duckdb.DuckDBPyConnection
    extraction: date
    min_cell: int = 11

    def check(self, reading: Reading) -> Findings:
        """Count everything wrong with the values of one file."""
        findings = Findings()
        native = self._natives(reading)
        identifiers = self._identifiers(reading)
        for column in reading.present:
            if column.name in native:
                counts = native[column.name]
            elif column.name in identifiers:
                counts = identifiers[column.name]
            else:
                counts = self._distinct(reading, column)
            if counts.pop("changed", 1) == 0:
                findings.plain.add(column.name)
            self._judge(reading, column, counts, findings)
        findings.faults += self._identities(reading)
        for column in reading.table.columns.values():
            absent = column.name not in reading.found | reading.constants
            if column.nullable and absent:
                findings.missing[column.name] = reading.source.rows
        if reading.respelt:
            repair = Repair(reading.table.name, "", "column_name", len(reading.respelt),
                            reading.source.file)  # fmt: skip
            findings.repairs.append(repair)
        return findings

    def row(self, terms: dict[str, str], rows: str) -> dict[str, int]:
        """Return the single row of aggregates ``terms`` over ``rows`` as numbers."""
        select = f"SELECT {', '.join(terms.values())} FROM ({rows})"
        values = self.connection.execute(select).fetchall()[0]
        return {key: int(value or 0) for key, value in zip(terms, values, strict=True)}

    def _natives(self, reading: Reading) -> dict[str, dict[str, int]]:
        """Count all columns that the file types itself, in one scan."""
        terms: dict[str, str] = {}
        columns = [c for c in reading.present if reading.native(c)]
        for column in columns:
            r, v = name("r_" + column.name), name("v_" + column.name)
            for what, condition in self._conditions(column, r, v).items():
                terms[f"{column.name} {what}"] = f"count_if({condition})"
        if not terms:
            return {}
        counts = self.row(terms, reading.natives)
        return {
            c.name: {key.split()[1]: n for key, n in counts.items() if key.split()[0] == c.name}
            for c in columns
        }

    def _identifiers(self, reading: Reading) -> dict[str, dict[str, int]]:
        """Count identifiers in one scan; those with anything unusual are left to ``_distinct``."""
        columns = [
            c for c in reading.present
            if c.kind == "identifier" and reading.type_of(c.name) == "VARCHAR"
        ]  # fmt: skip
        terms: dict[str, str] = {}
        for column in columns:
            value = name(reading.found[column.name])
            unusual = f"NOT regexp_full_match({value}, {quote(column.pattern)}) OR {marker(value)}"
            terms[f"{column.name} missing"] = f"count(*) - count({value})"
            terms[f"{column.name} changed"] = f"count_if({unusual})"
        if not terms:
            return {}
        counts = self.row(terms, f"FROM {reading.source.relation}")
        return {
            c.name: {what: counts[f"{c.name} {what}"] for what in ("missing", "changed")}
            for c in columns
            if counts[f"{c.name} changed"] == 0
        }

    def _distinct(self, reading: Reading, column: Column) -> dict[str, int]:
        """Count a column by its distinct values."""
        conditions = self._conditions(column, "r", "v")
        conditions |= _respelling(reading, column, "f", "r", "v")
        text = reading.type_of(column.name) == column.sql_type == "VARCHAR"
        if text:
            conditions["changed"] = "f IS DISTINCT FROM v"
        terms = {what: f"sum(n) FILTER ({sql})" for what, sql in conditions.items()}
        return self.row(terms, reading.histogram(column))

    def _conditions(self, column: Column, r: str, v: str) -> dict[str, str]:
        """Return the SQL of each thing that can be wrong with a raw and a typed value."""
        found = {"missing": f"{r} IS NULL", "bad": bad(column, r, v)}
        low, high = column.bounds(self.extraction)
        if column.high == "extraction":
            found["late"] = f"{v} > DATE {quote(high)}"
            high = ""
        if low or high:
            found["range"] = _out_of_range(column, v, low, high)
        if column.censor:
            found["censored"] = f"{v} > DATE {quote(self.extraction.isoformat())}"
        return found

    def _judge(
        self, reading: Reading, column: Column, counts: dict[str, int], findings: Findings
    ) -> None:
        """Turn the counts of one column into faults and repairs."""
        file = reading.source.file
        data = {"file": file, "column": reading.found[column.name], "table": reading.table.name}
        if column.nullable:
            findings.missing[column.name] = counts["missing"]
        elif counts["missing"]:
            findings.faults.append(Fault("EVAL-210", {**data, "count": counts["missing"]}))
        if counts.get("bad"):
            findings.faults.append(
                self._unreadable(reading, column, {**data, "count": counts["bad"]})
            )
        low, high = column.bounds(self.extraction)
        if counts.get("range"):
            code = "EVAL-213" if column.kind == "date" else "EVAL-217"
            bounds = {"low": low or "…", "high": high or "…"}
            findings.faults.append(Fault(code, {**data, "count": counts["range"], **bounds}))
        if counts.get("late"):
            late = {**data, "count": counts["late"], "extraction": high}
            findings.faults.append(Fault("EVAL-215", late))
        if any(counts.get(what) for what in _REPAIRS):
            findings.repairs += self._repairs(reading, column, counts)

    def _repairs(self, reading: Reading, column: Column, counts: dict[str, int]) -> list[Repair]:
        """Return what was repaired in one column, and the SQL of the rows it was repaired in."""
        f, r, v = (name(prefix + column.name) for prefix in ("f_", "r_", "v_"))
        where = self._conditions(column, r, v) | _respelling(reading, column, f, r, v)
        return [
            Repair(reading.table.name, column.name, kind, counts[what], reading.source.file,
                   where=where[what])
            for what, kind in _REPAIRS.items() if counts.get(what)
        ]  # fmt: skip

    def _unreadable(self, reading: Reading, column: Column, data: dict[str, object]) -> Fault:
        if column.kind == "identifier":
            return Fault("EVAL-218", {**data, "pattern": column.pattern})
        rows, condition = reading.histogram(column), bad(column, "r", "v")
        if column.kind in ("code", "flag"):
            allowed = list(column.codes) or [*expressions.TRUE, *expressions.FALSE]
            seen = code_examples(
                self.connection, rows, condition, allowed=allowed, min_cell=self.min_cell
            )
            return Fault("EVAL-211", {**data, "examples": seen, "allowed": allowed,
                                      "name": column.name})  # fmt: skip
        data["shapes"] = shapes(self.connection, rows, condition)
        if column.kind == "text":
            return Fault("EVAL-219", {**data, "pattern": column.pattern})
        return Fault("EVAL-212" if column.kind == "date" else "EVAL-216", data)

    def _identities(self, reading: Reading) -> list[Fault]:
        """Search identifiers and undeclared columns for what identifies a person."""
        searched = _searched(reading)
        terms: dict[str, str] = {}
        columns: list[str] = []
        for number, (declared, found) in enumerate(searched):
            text = expressions.raw(found, reading.source.types[found])
            plain = declared and reading.source.types[found] == "VARCHAR"
            columns.append(f"{name(found) if plain else f'CAST({text} AS VARCHAR)'} AS c{number}")
            counts = privacy.counts(f"c{number}", person=declared == "person_id", free=not declared)
            terms |= {f"{number} {what}": sql for what, sql in counts.items()}
        if not terms:
            return []
        rows = f"SELECT {', '.join(columns)} FROM {reading.source.relation}"
        counted = self.row(terms, rows)
        faults: list[Fault] = []
        for number, (declared, found) in enumerate(searched):
            here = {k.split()[1]: n for k, n in counted.items() if k.split()[0] == str(number)}
            data = {"file": reading.source.file, "column": found, "table": reading.table.name}
            unfit = privacy.verdicts(here, person=declared == "person_id")
            faults += [Fault(code, {**data, "count": count}) for code, count in unfit.items()]
        return faults


def _respelling(reading: Reading, column: Column, f: str, r: str, v: str) -> dict[str, str]:
    """Return the SQL of each way in which a found value ``f`` is written another way."""
    found: dict[str, str] = {}
    if column.kind in ("code", "text"):
        mapped = sorted(set(reading.code_maps.get(column.name, {})) - set(column.codes))
        is_mapped = f"{r} IN {listed(mapped)}" if mapped else "false"
        found["mapped"] = is_mapped
        found["respelt"] = f"{v} <> {r} AND NOT {is_mapped}"
    if reading.type_of(column.name) == "VARCHAR":
        found["marker"] = marker(f)
    return found


def bad(column: Column, r: str, v: str) -> str:
    """Return the SQL condition that a value is there and cannot be read as declared."""
    if column.pattern:
        return f"NOT regexp_full_match({v}, {quote(column.pattern)})"
    return f"{r} IS NOT NULL AND {v} IS NULL"


def _out_of_range(column: Column, v: str, low: str, high: str) -> str:
    def bound(text: str) -> str:
        return f"DATE {quote(text)}" if column.kind == "date" else text

    sides = [f"{v} < {bound(low)}"] if low else []
    sides += [f"{v} > {bound(high)}"] if high else []
    return " OR ".join(sides)


def _searched(reading: Reading) -> list[tuple[str, str]]:
    """Return (declared column or "", column of the file) of all columns worth searching."""
    declared = [(c.name, reading.found[c.name]) for c in reading.present if c.kind == "identifier"]
    free = [
        ("", column)
        for column in reading.ignored
        if expressions.family(reading.source.types[column]) in ("text", "integer", "number")
    ]
    return declared + free
