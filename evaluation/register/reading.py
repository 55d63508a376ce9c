"""The two verbs of the room: check everything, and read once.

In: a study. Out: a :class:`Register` or one error with every fault of every file;
:func:`check_register` returns the same findings without raising. Must never build a cohort.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from evaluation.errors import EvaluationError, Fault, fail, refuse, warn
from evaluation.register import cache, engine, sections
from evaluation.register.activity import read_activity
from evaluation.register.adapted import profile_of
from evaluation.register.arms import missing_by_arm, split_repairs
from evaluation.register.checks import Checker
from evaluation.register.cleaning import (
    Cleaned,
    clean_entries,
    clean_hires,
    clean_registrations,
)
from evaluation.register.geography import check_vintage, explained, region_map
from evaluation.register.links import check_links, check_window, has
from evaluation.register.locate import locate, locate_activity, shown_names
from evaluation.register.names import simple
from evaluation.register.page import FOLDER, save
from evaluation.register.prepare import prepare
from evaluation.register.profile import Profile
from evaluation.register.quality import FileRead, QualityReport, Repair, Tally
from evaluation.register.quirks import Quirks, find_quirks
from evaluation.register.reader import Reading, read_header
from evaluation.register.rows import Rows, check_rows, typed_rows
from evaluation.register.schema import TABLES, TableName, tables
from evaluation.register.sources import Source, open_source
from evaluation.register.writing import write_tables
from evaluation.study import Study


@dataclass(frozen=True, slots=True, repr=False)
class Register:
    """The register of a study, typed, repaired and sorted.

    Attributes
    ----------
    study : Study
        Parameters.
    quality : QualityReport
        What was found while reading.
    digest : str
        Digest of the input files' contents and of the parameters that change how they are read.
    digest_content : str
        Digest of the written tables: the same for the same register in another file format.
    memory_limit_gb : float or None
        Gibibytes of each connection; None or 0 for 60 % of the machine's memory shared by the
        study's workers.
    """

    study: Study
    quality: QualityReport
    digest: str
    digest_content: str
    memory_limit_gb: float | None = None

    def __repr__(self) -> str:
        # a notebook keeps what is printed: no path, and no small number of rows
        report = self.quality
        shown = {t: sections.number(n, report, report.language) for t, n in report.kept.items()}
        kept = ", ".join(f"{table} {rows}" for table, rows in shown.items())
        return f"<Register {self.study.study.name}: {kept}>"

    @property
    def folder(self) -> Path:
        """Folder of the three Parquet files."""
        return self.study.work / FOLDER

    def path(self, table: TableName) -> Path:
        """Return the Parquet file of a table."""
        return self.folder / f"{table}.parquet"

    def connection(self, *, threads: int | None = None) -> duckdb.DuckDBPyConnection:
        """Open a database with the views ``registrations``, ``entries`` and ``hires``.

        Parameters
        ----------
        threads : int, optional
            Threads of the engine; None for all cores. Whoever runs one process a core wants 1.

        Raises
        ------
        EvaluationError
            EVAL-252 the files are no longer those that were read.
        """
        if cache.read_manifest(self.folder).get("digest") != self.digest:
            fail("EVAL-252", folder=self.folder.name)
        limit = self.memory_limit_gb or self.study.run.memory_limit_gb or None
        connection = engine.connect(
            self.study.work, memory_limit_gb=limit, threads=threads, share=_workers(self.study)
        )
        for table in TABLES:
            connection.execute(
                f"CREATE VIEW {table} AS SELECT * FROM {engine.parquet(self.path(table))}"
            )
        return connection


def read_register(study: Study, *, memory_limit_gb: float | None = None) -> Register:
    """Check, repair and type the register of a study; read again only what has changed.

    Parameters
    ----------
    study : Study
        Names the files and the extraction date.
    memory_limit_gb : float, optional
        Memory of the engine in gibibytes; default ``run.memory_limit_gb``, else 60 % of the
        machine's.

    Returns
    -------
    Register
        Over ``work/register/{registrations,entries,hires}.parquet``.

    Raises
    ------
    EvaluationError
        Every fault of every file at once, EVAL-201 to EVAL-250; EVAL-251 when another program
        holds the written files; EVAL-253 when memory or disk do not suffice.

    Warns
    -----
    EvaluationWarning
        EVAL-206 columns ignored. Rows dropped and people not found (EVAL-260 to EVAL-264) stand
        in ``quality.notes``.
    """
    folder = study.work / FOLDER
    files, faults = locate(study)
    refuse(_with_other_files(study, files, faults, memory_limit_gb))
    with cache.locked(folder):
        manifest = cache.read_manifest(folder)
        inputs = cache.describe_inputs(files, manifest, locate_activity(study)[0])
        digest = cache.input_digest(study, inputs)
        if not cache.is_current(folder, manifest, digest):
            manifest = _read(study, files, inputs, digest, memory_limit_gb)
    refuse(check_window(manifest["entry_days"], study.cohort.entry_window))
    quality = replace(
        QualityReport.from_dict(manifest["quality"]),
        min_cell=study.disclosure.min_cell,
        language=study.language,
    )
    return Register(study, quality, digest, manifest["digest_content"], memory_limit_gb)


def check_register(study: Study, *, memory_limit_gb: float | None = None) -> QualityReport:
    """Find everything wrong in all files of a study, without raising and without keeping rows.

    The report is also written as a page, ``work/register/check.html``, small counts withheld, and
    as a table of exact counts, ``work/register/check.csv``.

    Returns
    -------
    QualityReport
        ``faults`` (what would be refused), ``notes``, ``repairs``, ``missing``.
    """
    files, faults = locate(study)
    study.work.mkdir(parents=True, exist_ok=True)
    with engine.scratch(study.work) as scratch, engine.guarded(study.work):
        connection = engine.connect(study.work, memory_limit_gb=_limit(study, memory_limit_gb))
        try:
            quality = _inspect(study, files, faults, connection, scratch).quality
        finally:
            connection.close()
    save(quality, study)
    return quality


@dataclass(slots=True)
class _Inspection:
    """What one pass over the files found, and the SQL of the rows to keep."""

    quality: QualityReport
    kept: dict[TableName, str] = field(default_factory=dict)
    entry_days: dict[str, int] = field(default_factory=dict)


def _with_other_files(
    study: Study,
    files: Mapping[TableName, Sequence[Path]],
    faults: list[Fault],
    memory_limit_gb: float | None,
) -> list[Fault]:
    """Return all faults when a file is missing: the files that are there are checked as well."""
    if not faults:
        return []
    return list(check_register(study, memory_limit_gb=memory_limit_gb).faults)


def _read(
    study: Study,
    files: Mapping[TableName, Sequence[Path]],
    inputs: list[dict[str, Any]],
    digest: str,
    memory_limit_gb: float | None,
) -> dict[str, Any]:
    """Read all files, write the three tables and return their manifest."""
    with engine.scratch(study.work) as scratch, engine.guarded(study.work):
        connection = engine.connect(study.work, memory_limit_gb=_limit(study, memory_limit_gb))
        try:
            inspection = _inspect(study, files, [], connection, scratch)
            refuse(list(inspection.quality.faults))
            kept = write_tables(inspection.kept, scratch, connection)
        finally:
            connection.close()
        # counts stay in the report, where small ones are withheld; names of columns may be said
        for note in inspection.quality.notes:
            if note.code == "EVAL-206":
                warn(note.code, stacklevel=3, **note.data)
        outputs = cache.describe_outputs(scratch)
        manifest = {
            "digest": digest,
            "digest_content": cache.content_digest(outputs),
            "inputs": inputs,
            "outputs": outputs,
            "entry_days": inspection.entry_days,
            "quality": replace(inspection.quality, kept=kept).to_dict(),
        }
        cache.publish(scratch, study.work / FOLDER, manifest)
    return manifest


def _inspect(
    study: Study,
    files: Mapping[TableName, Sequence[Path]],
    faults: list[Fault],
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> _Inspection:
    """Find every fault and repair of all files."""
    try:
        profile = profile_of(study.files, study.path.name if study.path else "study")
    except EvaluationError as error:
        # without its profile no column of any file can be recognised
        return _Inspection(QualityReport(faults=(*faults, *error.faults)))
    active, unreadable = _activity(study, profile, connection, scratch)
    seen = _readings(study, files, profile, connection, scratch, active=active)
    readings = seen.readings
    faults = [*faults, *unreadable, *seen.faults]
    notes = [note for reading in _all(readings) for note in _ignored(reading)]
    notes += _unsplit(profile, readings, active=active)
    repairs = list(seen.repairs)
    missing: dict[str, dict[str, int]] = {}
    checker = Checker(connection, study.files.extraction_date, study.disclosure.min_cell)
    rows: dict[TableName, list[Rows]] = {table: [] for table in TABLES}
    for number, reading in enumerate(_all(readings)):
        found = checker.check(reading)
        vintage = check_vintage(reading, study.files.cog_vintage, connection)
        found.faults = explained(found.faults, vintage)
        checked = replace(reading, plain=frozenset(found.plain))
        typed = typed_rows(checked, connection, scratch / f"{number}.typed.parquet")
        rows[reading.table.name].append(typed)
        faults += [*reading.faults, *found.faults, *check_rows(typed, connection)]
        repairs += found.repairs
        counts = missing.setdefault(reading.table.name, {})
        for column, count in found.missing.items():
            counts[column] = counts.get(column, 0) + count
    links = check_links(rows, connection)
    faults += links.faults + check_window(links.entry_days, study.cohort.entry_window)
    cleaned = _clean(study, rows, connection)
    quirks = Quirks()
    by_arm: tuple[Tally, ...] = ()
    if not faults:
        # counts of a register that is refused would mislead
        quirks = find_quirks(study, cleaned, connection)
        repairs = split_repairs(repairs, _all(readings), connection)
        by_arm = missing_by_arm([part for parts in rows.values() for part in parts], connection)
    quality = QualityReport(
        files=tuple(_file(reading) for reading in _all(readings)),
        repairs=(*repairs, *links.repairs, *(r for c in cleaned.values() for r in c.repairs)),
        missing=missing,
        facts={**links.facts, **quirks.facts},
        details=(*by_arm, *quirks.details),
        coverage=quirks.coverage,
        faults=tuple(faults),
        notes=(
            *notes,
            *links.notes,
            *(n for c in cleaned.values() for n in c.notes),
            *quirks.notes,
        ),
        min_cell=study.disclosure.min_cell,
        language=study.language,
    )
    kept = {table: c.sql for table, c in cleaned.items()}
    return _Inspection(quality, kept, links.entry_days)


@dataclass(slots=True)
class _Seen:
    """The files of all tables, their headers recognised."""

    readings: dict[TableName, list[Reading]]
    repairs: list[Repair] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def _activity(
    study: Study, profile: Profile, connection: duckdb.DuckDBPyConnection, scratch: Path
) -> tuple[bool, list[Fault]]:
    """Read the monthly activity, if the study names any; return whether it can be joined."""
    paths, _ = locate_activity(study)
    if not paths:
        return False, []
    if not profile.activity:
        key = "register.activity"
        return False, [Fault("EVAL-229", {"key": key, "profile": study.files.profile})]
    faults = read_activity(paths, profile, connection, scratch)
    return not faults, faults


def _unsplit(
    profile: Profile, readings: Mapping[TableName, Sequence[Reading]], *, active: bool
) -> list[Fault]:
    """Say when the letters of categories 1 to 3 come from the administrative number alone."""
    number = any("→" in r.found.get("category", "") for r in readings["registrations"])
    if active or not profile.activity or not number:
        return []
    return [Fault("EVAL-267", {"table": "registrations"})]


def _readings(
    study: Study,
    files: Mapping[TableName, Sequence[Path]],
    profile: Profile,
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    *,
    active: bool,
) -> _Seen:
    seen = _Seen({table: [] for table in TABLES})
    regions = region_map(study.files.cog_vintage)
    for table, paths in files.items():
        declared = tables()[table]
        known = profile.names(table)
        shown = shown_names(paths)
        for number, path in enumerate(paths):
            try:
                source = open_source(
                    table, path, known=known, staged=scratch / f"{table}-{number}.text.parquet",
                    connection=connection,
                )  # fmt: skip
            except EvaluationError as error:
                seen.faults += error.faults
                continue
            source = replace(source, file=shown[path])
            made = prepare(source, declared, profile, path=path, connection=connection,
                           active=active and table == "registrations")  # fmt: skip
            if source.blank:
                seen.repairs.append(Repair(table, "", "blank_row", source.blank, source.file))
            seen.repairs += made.repairs
            seen.faults += made.faults
            used = made.consumed | _elsewhere(source, path, table, files, profile)
            reading = read_header(
                made.source, declared, profile, derived=made.derived, consumed=used,
                regions=regions,
            )  # fmt: skip
            seen.readings[table].append(reading)
    return seen


def _elsewhere(
    source: Source,
    path: Path,
    table: TableName,
    files: Mapping[TableName, Sequence[Path]],
    profile: Profile,
) -> frozenset[str]:
    """Return the columns of a file that another table, read from the same file, makes use of."""
    others = [t for t in profile.shares.get(table, ()) if path in files.get(t, ())]  # type: ignore[call-overload]
    named = {n for other in others for n in profile.names(other)}  # type: ignore[arg-type]
    return frozenset(c for c in source.types if simple(c) in named)


def _clean(
    study: Study,
    readings: Mapping[TableName, Sequence[Rows]],
    connection: duckdb.DuckDBPyConnection,
) -> dict[TableName, Cleaned]:
    extraction = study.files.extraction_date
    cleaned: dict[TableName, Cleaned] = {}
    if readings["registrations"]:
        cleaned["registrations"] = clean_registrations(
            readings["registrations"], extraction=extraction
        )
    if readings["entries"]:
        cleaned["entries"] = clean_entries(readings["entries"], connection, extraction=extraction)
    if has(readings["hires"], "person_id", "hire_date", "planned_end_date"):
        cleaned["hires"] = clean_hires(readings["hires"], connection, extraction=extraction)
    return cleaned


def _ignored(reading: Reading) -> list[Fault]:
    if not reading.ignored:
        return []
    data = {"file": reading.source.file, "columns": list(reading.ignored),
            "count": len(reading.ignored), "table": reading.table.name}  # fmt: skip
    return [Fault("EVAL-206", data)]


def _all(readings: Mapping[TableName, Sequence[Reading]]) -> list[Reading]:
    return [reading for table in readings.values() for reading in table]


def _file(reading: Reading) -> FileRead:
    source = reading.source
    return FileRead(source.table, source.file, source.rows, source.form)


def _limit(study: Study, memory_limit_gb: float | None) -> float | None:
    return memory_limit_gb or study.run.memory_limit_gb or None


def _workers(study: Study) -> int:
    return study.run.workers or os.cpu_count() or 1
