"""The whole way through: what comes out, whatever the form of what comes in."""

from __future__ import annotations

import gzip
import multiprocessing
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.register import QualityReport, check_register, read_register
from evaluation.register.schema import TABLES, tables
from evaluation.study import Study, load_study
from tests.register.conftest import Small, as_text


def contents(study: Study) -> dict[str, bytes]:
    return {t: (study.work / "register" / f"{t}.parquet").read_bytes() for t in TABLES}


def test_views_hold_every_declared_column_in_its_type(small: Small) -> None:
    register = read_register(small.parquet())
    connection = register.connection(threads=1)
    for name, table in tables().items():
        found = {r[0]: r[1] for r in connection.execute(f"DESCRIBE {name}").fetchall()}
        expected = {c.name: c.sql_type for c in table.columns.values()}
        if name == "hires":
            expected["region"] = "VARCHAR"
        if name == "registrations":
            expected["elsewhere"] = "BOOLEAN"
        assert found == expected


def test_values_survive(small: Small) -> None:
    register = read_register(small.parquet())
    rows = register.connection().execute(
        "SELECT person_id, region, exit_date, experience_months, driving_licence, barrier_mobility,"
        " children, occupation FROM registrations ORDER BY registration_id"
    ).fetchall()  # fmt: skip
    first, second = rows[0], rows[1]
    source = small.registrations
    assert first == ("p00000x", "24", None, None, None, True, 0, "K1304")
    assert second == ("p00001x", "94", source.exit_date[1], 12, True, None, 1, "D1106")


def test_absent_optional_columns_are_null(small: Small) -> None:
    small.registrations = small.registrations.drop(columns=["employment_zone", "vehicle"])
    register = read_register(small.parquet())
    found = register.connection().execute(
        "SELECT count(*), count(employment_zone), count(vehicle) FROM registrations"
    ).fetchall()  # fmt: skip
    assert found == [(40, 0, 0)]
    assert register.quality.missing["registrations"]["vehicle"] == 40


@pytest.mark.parametrize(
    ("separator", "encoding", "french", "suffix"),
    [
        (";", "utf-8-sig", True, ".csv"),
        (",", "cp1252", False, ".csv"),
        ("\t", "utf-8", True, ".txt"),
        ("|", "utf-16", False, ".csv"),
    ],
)
def test_csv_and_parquet_give_the_same_bytes(
    small: Small, separator: str, encoding: str, french: bool, suffix: str
) -> None:
    parquet = small.parquet()
    expected = read_register(parquet)
    files = contents(parquet)
    for name in TABLES:
        (small.folder / f"{name}.parquet").unlink()
    # a text that only the right encoding can read, in a column that is not used
    small.hires = small.hires.assign(libelle_agence="Angoulême – œuvre")
    study = small.csv(separator=separator, encoding=encoding, french=french, suffix=suffix)
    with pytest.warns(EvaluationWarning, match="EVAL-206"):
        found = read_register(study)
    assert contents(study) == files
    assert found.digest_content == expected.digest_content
    assert found.digest != expected.digest
    shown = separator.replace("\t", "tab")
    assert found.quality.files[-1].form == f"csv {shown} {encoding.removesuffix('-sig')}"


def test_zipped_csv_with_quotes_and_line_breaks(small: Small) -> None:
    expected = read_register(small.parquet()).digest_content
    study = small.csv()
    for name in TABLES:
        (small.folder / f"{name}.parquet").unlink()
    path = small.folder / "hires.csv"
    lines = path.read_text("utf-8").splitlines()
    lines = [f'{lines[0]};"note ""libre"""', *(f'{line};"a;b\nc"' for line in lines[1:])]
    with gzip.open(small.folder / "hires.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(lines))
    path.unlink()
    with pytest.warns(EvaluationWarning, match="note"):
        assert read_register(study).digest_content == expected


def test_row_order_files_and_column_order_do_not_matter(small: Small) -> None:
    expected = read_register(small.parquet()).digest_content
    for name in TABLES:
        (small.folder / f"{name}.parquet").unlink()
        frame = small.table(name).sample(frac=1, random_state=3)
        half = len(frame) // 2
        frame[:half].convert_dtypes().to_parquet(small.folder / f"{name}_2.parquet", index=False)
        frame[half:][frame.columns[::-1]].to_csv(
            small.folder / f"{name}_1.csv", sep=";", index=False
        )
    assert read_register(small.study()).digest_content == expected


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_threads_do_not_matter(small: Small, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation.register import engine

    plain = engine.connect
    expected = read_register(small.parquet()).digest_content
    (small.folder / "work [1] d'été" / "register" / "manifest.json").unlink()
    monkeypatch.setattr(
        engine, "connect", lambda work, **kw: plain(work, **kw, threads=int(threads))
    )
    assert read_register(small.study()).digest_content == expected


def test_sorted_in_the_documented_order(small: Small) -> None:
    small.registrations = small.registrations.sample(frac=1, random_state=1)
    small.hires = small.hires.sample(frac=1, random_state=1)
    register = read_register(small.parquet())
    orders = {
        "registrations": ["region", "person_id", "registration_date", "registration_id"],
        "entries": ["person_id", "entry_date"],
        "hires": ["region", "person_id", "hire_date", "contract_id"],
    }
    for table, keys in orders.items():
        frame = pd.read_parquet(register.path(table))
        keyed = frame[keys].reset_index(drop=True)
        pd.testing.assert_frame_equal(keyed, keyed.sort_values(keys, ignore_index=True))


def test_hires_stand_once_per_region_of_their_person(small: Small) -> None:
    moved = small.registrations.iloc[[0]].assign(
        registration_id="moved", region="94", department="2B", exit_date=None
    )
    twice = small.registrations.iloc[[0]].assign(registration_id="twice")
    small.registrations = pd.concat([small.registrations, moved, twice], ignore_index=True)
    stranger = small.hires.iloc[[0]].assign(person_id="stranger")
    small.hires = pd.concat([small.hires, stranger], ignore_index=True)
    register = read_register(small.parquet())
    found = register.connection().execute(
        "SELECT person_id, region, count(*) FROM hires WHERE person_id IN "
        "('p00000x', 'stranger') GROUP BY ALL ORDER BY ALL"
    ).fetchall()  # fmt: skip
    assert found == [("p00000x", "24", 3), ("p00000x", "94", 3)]
    assert register.quality.count("unregistered") == 1


def test_read_once(small: Small) -> None:
    study = small.parquet()
    first = read_register(study)
    path = first.path("hires")
    written = path.stat().st_mtime_ns
    assert read_register(study) == first
    assert path.stat().st_mtime_ns == written
    small.hires = small.hires.iloc[:-1]
    again = read_register(small.parquet())
    assert again.digest != first.digest
    assert again.quality.kept["hires"] == first.quality.kept["hires"] - 1
    with pytest.raises(EvaluationError, match="EVAL-252"):
        first.connection()


def test_a_register_that_was_tampered_with_is_read_again(small: Small) -> None:
    study = small.parquet()
    first = read_register(study)
    first.path("entries").write_bytes(b"PAR1")
    assert read_register(study).connection().execute("SELECT count(*) FROM entries").fetchall() == [
        (15,)
    ]


def test_another_window_needs_no_second_reading_but_is_checked(small: Small) -> None:
    study = small.parquet()
    first = read_register(study)
    elsewhere = study.with_values({"cohort.entry_window": ["2019-01-01", "2019-12-31"]})
    with pytest.raises(EvaluationError, match="2023-02"):
        read_register(elsewhere)
    assert read_register(study).digest == first.digest


def _read(path: Path) -> str:
    return read_register(load_study(path)).digest_content


def test_two_processes_at_once(small: Small) -> None:
    study = small.parquet()
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        digests = pool.map(_read, [study.path] * 4)
    assert len(set(digests)) == 1
    left = [p.name for p in study.work.iterdir() if p.name.endswith(".partial")]
    assert left == []


def test_a_register_travels_to_another_process(small: Small) -> None:
    register = read_register(small.parquet())
    copy = pickle.loads(pickle.dumps(register))
    assert copy.connection().execute("SELECT count(*) FROM registrations").fetchall() == [(40,)]


def test_checking_leaves_nothing_behind_and_finds_nothing(small: Small) -> None:
    study = small.parquet()
    report = check_register(study)
    assert report.ok
    assert report.rows("hires") == 120
    left = {p.name for p in (study.work / "register").iterdir()}
    assert left == {"check.html", "check.csv"}
    page = (study.work / "register" / "check.html").read_text("utf-8")
    assert page == report.to_html()
    assert [p.name for p in study.work.iterdir() if p.name.endswith(".partial")] == []


def test_a_refused_register_writes_no_table(small: Small) -> None:
    study = small.spoil("registrations", "sex", "9").parquet()
    with pytest.raises(EvaluationError, match="EVAL-211"):
        read_register(study)
    assert list((study.work / "register").glob("*.parquet")) == []
    assert [p.name for p in study.work.iterdir() if p.name.endswith(".partial")] == []


def test_connection_stays_inside_the_work_folder(small: Small) -> None:
    register = read_register(small.parquet(), memory_limit_gb=0.5)
    names = ("memory_limit", "temp_directory", "autoinstall_known_extensions",
             "autoload_known_extensions")  # fmt: skip
    select = ", ".join(f"current_setting('{name}')" for name in names)
    limit, spill, install, load = register.connection().execute(f"SELECT {select}").fetchall()[0]
    assert limit == "512.0 MiB"
    assert Path(spill).is_relative_to(register.study.work)
    assert (install, load) == (False, False)


def test_a_failure_of_the_engine_is_said_without_its_own_words(small: Small) -> None:
    with pytest.raises(EvaluationError, match="EVAL-253") as caught:
        read_register(small.parquet(), memory_limit_gb=0.00001)
    assert caught.value.__suppress_context__


def habit(small: Small, table: str, change: Callable[[list[str]], list[str]]) -> None:
    """Rewrite the lines of a CSV file."""
    path = small.folder / f"{table}.csv"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(change(lines)) + "\n", "utf-8", newline="\r\n")


def spaced(lines: list[str]) -> list[str]:
    """Write the header as a person would."""
    names = {"registration_date": "Registration Date", "category": "  CATÉGORY ", "sex": "Sex"}
    head = [names.get(n, n) for n in lines[0].split(";")]
    return [";".join(head), *lines[1:]]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: ["sep=;", *lines],
        lambda lines: ["", *lines],
        lambda lines: [f"{line};" for line in lines],
        lambda lines: [lines[0], *(f"{line};;" for line in lines[1:])],
        lambda lines: [f"{lines[0]};;", *lines[1:]],
        lambda lines: [";".join(f'"{f}"' for f in line.split(";")) for line in lines],
        spaced,
        lambda lines: [line.replace("/2022;", "/2022 00:00:00;") for line in lines],
        lambda lines: [line.replace("/2023;", "/2023 08:30;") for line in lines],
        lambda lines: [line.replace("/01/2022", ".01.2022") for line in lines],
        lambda lines: [line.replace("/01/2022", "JAN2022:00:00:00") for line in lines],
    ],
    ids=["sep", "blank-first", "trailing", "trailing-rows", "trailing-header", "quoted", "header",
         "time", "clock", "points", "sas-datetime"],
)  # fmt: skip
def test_habits_of_french_csv(small: Small, change: Callable[[list[str]], list[str]]) -> None:
    expected = read_register(small.csv()).digest_content
    habit(small, "registrations", change)
    report = check_register(small.study())
    assert report.ok, report.summary("en")
    assert read_register(small.study()).digest_content == expected


def test_blank_rows_are_left_out_and_counted(small: Small) -> None:
    expected = read_register(small.csv()).digest_content
    blanks = [";" * 11, ";;", "   ", "", "\x1a"]
    habit(small, "hires", lambda lines: [*lines[:5], ";" * 11, *lines[5:], *blanks])
    report = check_register(small.study())
    assert report.ok, report.summary("en")
    assert report.count("blank_row") == 5
    assert read_register(small.study()).digest_content == expected


def test_a_value_beyond_the_header_is_refused(small: Small) -> None:
    small.csv()
    habit(small, "hires", lambda lines: [lines[0], f"{lines[1]};", *(f"{x};y" for x in lines[2:])])
    (fault,) = check_register(small.study()).faults
    assert (fault.code, fault.data["count"], fault.data["fields"]) == ("EVAL-222", 119, 12)


def test_two_columns_of_one_name_are_refused(small: Small) -> None:
    small.csv()
    habit(small, "hires", lambda lines: [f"{lines[0].replace('source', 'Source')};SOURCE"]
          + [f"{line};x" for line in lines[1:]])  # fmt: skip
    (fault,) = check_register(small.study()).faults
    assert (fault.code, fault.data["columns"]) == ("EVAL-207", ["Source", "SOURCE"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1 200", 1200), ("1\u202f200", 1200), ("1\u00a0200,0", 1200), ("12,0", 12), ("1 2", None)],
)
def test_numbers_with_thousands_apart(written: str, expected: int | None) -> None:
    import duckdb

    from evaluation.register.expressions import typed

    sql = typed(tables()["registrations"].columns["experience_months"], "r", "VARCHAR", {})
    assert duckdb.execute(f"SELECT {sql} FROM (SELECT ? AS r)", [written]).fetchall() == [
        (expected,)
    ]


def test_latin_9_reads_as_windows_french(small: Small) -> None:
    expected = read_register(small.csv()).digest_content
    path = small.folder / "hires.csv"
    lines = path.read_text("utf-8").splitlines()
    text = "\n".join([f"{lines[0]};libellé", *(f"{line};Orléans" for line in lines[1:])])
    path.write_bytes(text.encode("iso8859-15"))
    with pytest.warns(EvaluationWarning, match="libellé"):
        assert read_register(small.study()).digest_content == expected


def test_a_zip_archive_holds_one_file(small: Small) -> None:
    expected = read_register(small.csv()).digest_content
    path = small.folder / "hires.csv"
    archive = small.folder / "hires.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(path, "livraison/hires.csv")
        out.writestr("__MACOSX/hires.csv", "x")
    content = path.read_bytes()
    path.unlink()
    read = read_register(small.study())
    assert read.digest_content == expected
    assert read.quality.files[-1].form == "csv zip ; utf-8"
    for member in ("second.csv", "[Content_Types].xml"):
        with zipfile.ZipFile(archive, "w") as out:
            out.writestr("first.csv", content)
            out.writestr(member, content)
        assert [f.code for f in check_register(small.study()).faults] == ["EVAL-204"]
    archive.write_bytes(archive.read_bytes()[:60])
    assert [f.code for f in check_register(small.study()).faults] == ["EVAL-204"]
    archive.write_bytes(gzip.compress(b"PAR1...."))
    (fault,) = check_register(small.study()).faults
    assert fault.data["reason"] == "Parquet (gz)"


def test_files_of_years_and_regions_need_not_be_alike(small: Small) -> None:
    small.hires = small.hires.assign(sector=None)
    expected = read_register(small.parquet()).digest_content
    for name in TABLES:
        (small.folder / f"{name}.parquet").unlink()
    small.csv()
    (small.folder / "hires.csv").unlink()
    text = as_text(small.hires, french=True)
    for year, part in text.groupby(text["hire_date"].str[-4:]):
        part = part[part.columns[::-1]] if year == "2023" else part.drop(columns="sector")
        folder = small.folder / f"Reg{year[-2:]}"
        folder.mkdir()
        part.iloc[::-1].to_csv(folder / f"hires_{year}.csv", sep=";", index=False)
    other = text.iloc[:0].drop(columns="sector")
    study = small.study(hires="Reg*/hires_*.csv")
    assert read_register(study).digest_content == expected
    read = check_register(study)
    assert sum(f.rows for f in read.files if f.table == "hires") == 120
    assert read.missing["hires"]["sector"] == 120
    other.to_csv(small.folder / "Reg23" / "hires_2022.csv", sep=";", index=False)
    assert codes_of(check_register(study)) == {"EVAL-209"}


def codes_of(report: QualityReport) -> set[str]:
    return {fault.code for fault in report.faults}
