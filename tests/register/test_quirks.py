"""What registers hide, one test a quirk: found, repaired or refused, counted by file and by arm."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import evaluation as ev
from evaluation.cli import app
from evaluation.errors import EvaluationWarning
from evaluation.register import QualityReport, check_register, read_register
from evaluation.simulation import simulate
from evaluation.study import Study, load_study
from evaluation.territories import REGIONS
from tests.register.conftest import Small, as_text, people
from tests.register.extracts import CONSTANTS, de, foreign, mmo, study, write, written

ENTRANTS = set(people()[:30:2])
ISO = written("%Y-%m-%d")


def found(report: QualityReport, kind: str, column: str = "") -> dict[str, tuple[int, int | None]]:
    """Return ``{file: (count, of which entrants)}`` of a repair or fact."""
    assert report.ok, report.summary("en")
    return {
        t.file: (t.count, t.entrants)
        for t in (*report.repairs, *report.details)
        if t.kind == kind and (not column or t.column == column)
    }


def notes(report: QualityReport) -> set[str]:
    return {note.code for note in report.notes}


def arms(frame: pd.DataFrame) -> tuple[int, int]:
    return len(frame), int(frame["person_id"].isin(ENTRANTS).sum())


def add_registration(small: Small, **values: object) -> None:
    row = small.registrations.iloc[[0]].assign(registration_id="more", **values)
    small.registrations = pd.concat([small.registrations, row], ignore_index=True)


def in_two_files(small: Small) -> Study:
    """Write the register, its hires in two files of one pattern."""
    read = small.parquet()
    (small.folder / "hires.parquet").unlink()
    for year, part in (("2022", small.hires[:60]), ("2023", small.hires[60:])):
        part.convert_dtypes().to_parquet(small.folder / f"hires_{year}.parquet", index=False)
    return read


def midas(small: Small, older: pd.DataFrame, newer: pd.DataFrame) -> Study:
    """Write registrations of two vintages beside yearly contracts, keyed by the hashed number."""
    foreign(small, form="parquet")
    (small.folder / "de_2024.parquet").unlink()
    for year, frame in (("2022", older), ("2023", newer)):
        named = frame.rename(columns={"id_force": "id_midas"}).drop(columns="RMA")
        write(named, small.folder / f"de_{year}.parquet", "parquet")
    return study(small.folder, f"""
registrations = "de_*.parquet"
entries = "entries*"
hires = "MMO_*.parquet"
profile = "midas"
cog_vintage = 2024
[register.profiles]
entries = "toolkit"
{CONSTANTS}""")  # fmt: skip


def test_01_labels_that_change_with_the_vintage(small: Small) -> None:
    """One right is a letter in one year and words in the next; one flag is 1, "1" or "1.0"."""
    frame = de(small, ISO)
    older = frame[:20].assign(RSAVERS=["C", None] * 10, QPV=1)
    newer = frame[20:].assign(RSAVERS=["RSA droit commun", None] * 10, QPV=["1.0", "1"] * 10)
    read = midas(small, older, newer)
    recoded = found(check_register(read), "recoded", "rsa")
    # entrants are every second person of the first thirty: those with the right
    assert recoded == {"de_2022.parquet": (10, 10), "de_2023.parquet": (10, 5)}
    rows = read_register(read).connection(threads=1).execute(
        "SELECT rsa, qpv FROM registrations ORDER BY registration_id"
    ).fetchall()  # fmt: skip
    assert rows == [(True, True), (False, True)] * 20


def test_02_dates_in_two_orders_by_year(small: Small) -> None:
    """Text dates are year-day-month up to one year, year-month-day after it."""
    read = foreign(small)
    contracts = mmo(small, written("%Y-%d-%m"))
    write(contracts[contracts.index % 2 == 0], small.folder / "MMO_2_2022.csv")
    swapped = found(check_register(read), "date_ydm", "hire_date")
    assert swapped == {"MMO_2_2022.csv": (60, 45)}
    days = read_register(read).connection(threads=1).execute(
        "SELECT hire_date FROM hires ORDER BY contract_id"
    ).fetchall()  # fmt: skip
    assert [day for (day,) in days] == list(small.hires.sort_values("contract_id")["hire_date"])


def test_03_contracts_repeated_in_yearly_files(small: Small) -> None:
    """A contract stands in the file of every year it touches: one row a person and number."""
    report = check_register(foreign(small))
    assert found(report, "duplicate_contract") == {"MMO_2_2023.csv": (60, 45)}
    assert "EVAL-261" in notes(report)


def test_04_contracts_without_end(small: Small) -> None:
    """A missing end is a running contract or an unknown one: counted, then ``missing_end``."""
    small.spoil("hires", "planned_end_date", None, 6)
    report = check_register(in_two_files(small))
    assert found(report, "hires_without_end") == {"hires_2022.parquet": (4, 2)}
    assert "EVAL-268" in notes(report)


def test_05_contracts_that_end_before_they_begin(small: Small) -> None:
    """A contract whose end precedes its start is refused, its row counted."""
    small.spoil("hires", "planned_end_date", date(2021, 1, 1), 3)
    read = in_two_files(small)
    report = check_register(read)
    assert found(report, "end_before_hire") == {"hires_2022.parquet": (3, 2)}
    assert read_register(read).quality.kept["hires"] == 117
    assert "EVAL-260" in notes(report)


def test_06_agency_missions(small: Small) -> None:
    """Temporary agency work: many one-day missions, some without any known duration."""
    agency = small.hires["contract_type"] == "CTT"
    ends = small.hires["planned_end_date"].where(~agency, small.hires["hire_date"])
    small.hires = small.hires.assign(planned_end_date=ends)
    first = small.hires.index[agency][0]
    small.hires.loc[first, "planned_end_date"] = None
    report = check_register(small.parquet())
    missions = small.hires[agency]
    assert found(report, "agency_missions") == {"hires.parquet": arms(missions)}
    assert found(report, "agency_one_day") == {"hires.parquet": arms(missions.drop(first))}
    assert found(report, "agency_without_end") == {"hires.parquet": arms(missions.loc[[first]])}
    assert "EVAL-269" in notes(report)


def test_07_renewed_fixed_term_contracts(small: Small) -> None:
    """A renewal is declared anew: two four-month contracts in a row are no longer one."""
    first = small.hires[small.hires["contract_type"] == "CDD"].iloc[[0]]
    begin = first["planned_end_date"].iloc[0] + timedelta(days=1)
    again = first.assign(contract_id="again", hire_date=begin,
                         planned_end_date=begin + timedelta(days=120))  # fmt: skip
    small.hires = pd.concat([small.hires, again], ignore_index=True)
    report = check_register(small.parquet())
    assert found(report, "hires_renewed") == {"hires.parquet": arms(again)}


def test_08_registered_while_in_work(small: Small) -> None:
    """Registration and work overlap: categories C and E, and contracts that are still running."""
    running = small.hires.iloc[[1]].assign(
        contract_id="running", person_id="p00000x", contract_type="CDD",
        hire_date=date(2021, 12, 1), planned_end_date=date(2022, 6, 30),
    )  # fmt: skip
    small.hires = pd.concat([small.hires, running], ignore_index=True)
    report = check_register(small.parquet())
    in_work = small.registrations[small.registrations["category"].isin(["C", "E"])]
    assert found(report, "registered_in_work") == {"registrations.parquet": arms(in_work)}
    contracts = small.hires.dropna(subset="planned_end_date").merge(
        small.registrations[["person_id", "registration_date"]], on="person_id"
    )
    during = contracts[
        (contracts["hire_date"] < contracts["registration_date"])
        & (contracts["planned_end_date"] >= contracts["registration_date"])
    ].drop_duplicates("person_id")
    assert "p00000x" in set(during["person_id"])
    assert found(report, "registered_on_contract") == {"registrations.parquet": arms(during)}


def test_09_registered_again_after_a_gap(small: Small) -> None:
    """A gap of at most 31 days prolongs the spell; a longer one opens another."""
    person = small.registrations.iloc[1]
    add_registration(small, person_id=person["person_id"], exit_date=None,
                     registration_date=person["exit_date"] + timedelta(days=31))  # fmt: skip
    small.spoil("registrations", "exit_reason", "13", 1)
    report = check_register(small.parquet())
    assert found(report, "registered_again") == {"registrations.parquet": (1, 0)}
    small.registrations.loc[40, "registration_date"] += timedelta(days=1)
    assert found(check_register(small.parquet()), "registered_again") == {}


def test_10_declared_reasons_of_exit(tmp_path: Path) -> None:
    """Exits are declared wrongly: the reason "back to work" never makes an outcome."""
    simulate(tmp_path, scale=0.02, regions=["24"], seed=3)
    read = load_study(tmp_path / "study.toml")
    before = ev.build_cohort(ev.read_register(read), region="24").frame
    path = tmp_path / "registrations.parquet"
    frame = pd.read_parquet(path)
    work = frame["exit_reason"] == "01"
    assert work.any()
    frame.assign(exit_reason=frame["exit_reason"].mask(work, "12")).to_parquet(path, index=False)
    register = ev.read_register(read)
    pd.testing.assert_frame_equal(ev.build_cohort(register, region="24").frame, before)
    assert register.quality.facts["exits_to_work"] == 0


def test_11_work_outside_the_sources(small: Small) -> None:
    """Coverage of hires differs by region (borders, public employers): shown by region and arm."""
    place = small.registrations.set_index("person_id")["region"]
    small.hires = small.hires[small.hires["person_id"].map(place) != "94"]
    coverage = check_register(small.parquet()).coverage
    people_there = small.registrations[small.registrations["region"] == "94"]
    persons, entrants = arms(people_there)
    assert coverage["94"] == {
        "persons": persons, "with_hire": 0, "entrants": entrants, "entrants_with_hire": 0,
    }  # fmt: skip
    assert coverage["24"]["with_hire"] == coverage["24"]["persons"] == 8


def many(small: Small) -> None:
    """Make 240 people who have all left, half of them entrants, hired before they left only."""
    for table in ("registrations", "entries", "hires"):
        parts = []
        for copy in range(6):
            part = small.table(table).copy()
            for key in ("person_id", "registration_id", "contract_id"):
                if key in part:
                    part[key] = part[key] + f"-{copy}"
            parts.append(part)
        setattr(small, table, pd.concat(parts, ignore_index=True))
    entrants = small.registrations["person_id"].iloc[::2]
    small.entries = pd.DataFrame({"person_id": entrants, "entry_date": date(2023, 11, 20)})
    for column in ("exit_date", "exit_reason"):
        small.entries[column] = None
    left = small.registrations.assign(exit_date=date(2024, 6, 1), exit_reason="12")
    small.registrations = left


def test_12_people_who_left_the_lists(small: Small) -> None:
    """Hires must be everybody's: without those of leavers, of one arm above all, no outcome."""
    many(small)
    assert "EVAL-265" in notes(check_register(small.parquet()))
    other = small.registrations["person_id"].iloc[1]
    after = small.hires.iloc[[0]].assign(
        person_id=other, contract_id="after", hire_date=date(2024, 7, 1), planned_end_date=None,
        contract_type="CDI", declaration_date=None,
    )  # fmt: skip
    small.hires = pd.concat([small.hires, after], ignore_index=True)
    report = check_register(small.parquet())
    assert found(report, "persons_left") == {"": (240, 120)}
    assert found(report, "hires_after_exit") == {"hires.parquet": (1, 0)}
    (note,) = (note for note in report.notes if note.code == "EVAL-270")
    assert note.data == {"table": "hires", "entrants": 0, "entrants_left": 120, "others": 1,
                         "others_left": 120}  # fmt: skip


def test_13_competing_exits(small: Small) -> None:
    """Retirement, exemption, illness and maternity end a search without a job."""
    reasons = ["05", "04", "03", "05", "13", "09"]
    starts = small.registrations["registration_date"]
    small.registrations["exit_date"] = starts + timedelta(days=200)
    small.registrations["exit_reason"] = [*reasons, *["12"] * 34]
    report = check_register(small.parquet())
    file = "registrations.parquet"
    assert found(report, "exits_to_retirement") == {file: (3, 1)}
    assert found(report, "exits_to_sick_leave") == {file: (1, 1)}
    assert found(report, "exits_not_updated") == {file: (2, 1)}


def test_14_a_region_overseas_that_is_absent(small: Small) -> None:
    """A national extract often lacks Mayotte: said by name, so that no total claims it."""
    codes = [code for code in REGIONS if code != "06"]
    placed = [codes[i % len(codes)] for i in range(40)]
    small.registrations = small.registrations.assign(
        region=placed, department=[REGIONS[code].departments[0] for code in placed]
    )
    report = check_register(small.parquet())
    (note,) = (note for note in report.notes if note.code == "EVAL-266")
    assert note.data["regions"] == ["06 Mayotte"]
    assert len(report.coverage) == 17


def test_15_several_entries_of_a_person(small: Small) -> None:
    """The first entry of the window counts; later ones are kept and reported."""
    later = small.entries.iloc[:2].assign(entry_date=date(2023, 12, 1), exit_date=None)
    again = small.entries.iloc[[3]]
    small.parquet()
    (small.folder / "entries.parquet").unlink()
    small.entries.convert_dtypes().to_parquet(small.folder / "entries_1.parquet", index=False)
    more = pd.concat([later, again], ignore_index=True)
    more.convert_dtypes().to_parquet(small.folder / "entries_2.parquet", index=False)
    report = check_register(small.study())
    assert found(report, "further_entries") == {"entries_2.parquet": (2, 2)}
    assert found(report, "duplicate_entry") == {"entries_2.parquet": (1, 1)}
    assert read_register(small.study()).quality.kept["entries"] == 17


COMMUNES = {
    "75101": ("75", "11"), "13201": ("13", "93"), "69381": ("69", "84"), "1053": ("01", "84"),
    "2A004": ("2A", "94"), "2b033": ("2B", "94"), "97105": ("971", "01"), "97601": ("976", "06"),
}  # fmt: skip


def test_16_codes_of_communes(small: Small) -> None:
    """Arrondissements, Corsica, overseas, and zeros that a spreadsheet lost."""

    def change(frame: pd.DataFrame, _hires: pd.DataFrame) -> None:
        frame["DEPCOM"] = [*COMMUNES] * 5

    rows = read_register(foreign(small, change=change)).connection(threads=1).execute(
        "SELECT department, region FROM registrations ORDER BY registration_id"
    ).fetchall()  # fmt: skip
    assert rows == [*COMMUNES.values()] * 5


def test_16_lost_zeros_and_old_regions_are_counted_or_refused(small: Small) -> None:
    """Region "1" is 01, counted by arm; a region of before 2016 is refused until its vintage is."""
    plain = small.registrations["region"]
    small.registrations["region"] = plain.str.lstrip("0")
    changed = small.registrations[plain == "01"]
    respelt = found(check_register(small.parquet()), "code_respelt", "region")
    assert respelt == {"registrations.parquet": arms(changed)}
    small.registrations["region"] = plain.replace("84", "82")
    (fault,) = check_register(small.parquet()).faults
    assert (fault.code, fault.data["count"], fault.data["examples"]) == ("EVAL-226", 8, ["82"])


def test_17_spreadsheets_of_the_french_locale(small: Small) -> None:
    """Semicolons, decimal commas, Windows encoding, days first, words for "missing"."""
    expected = read_register(small.parquet()).digest_content
    for table in ("registrations", "entries", "hires"):
        (small.folder / f"{table}.parquet").unlink()
    small.registrations["children"] = [f"{n},0" for n in small.registrations["children"]]
    small.spoil("registrations", "exit_reason", "NA", 1)
    small.hires = small.hires.assign(agence="Nîmes – œuvre")
    read = small.csv(separator=";", encoding="cp1252")
    with pytest.warns(EvaluationWarning, match="agence"):
        register = read_register(read)
    assert register.digest_content == expected
    assert {f.form for f in register.quality.files} == {"csv ; utf-8", "csv ; cp1252"}
    assert found(register.quality, "missing_marker") == {"registrations.csv": (1, 1)}


def test_files_of_one_name_in_two_folders_are_told_apart(small: Small) -> None:
    """Old extracts have one folder a region: their files bear the same name."""
    frame = small.registrations
    small.parquet()
    (small.folder / "registrations.parquet").unlink()
    for region, part in (("Reg1", frame[:30]), ("Reg2", frame[30:])):
        lost = part.assign(region=part["region"].str.lstrip("0"))
        write(as_text(lost, french=False), small.folder / region / "de.csv")
    report = check_register(small.study(registrations="Reg*/de.csv"))
    assert found(report, "code_respelt", "region") == {
        "Reg1/de.csv": arms(frame[:30].query("region == '01'")),
        "Reg2/de.csv": arms(frame[30:].query("region == '01'")),
    }


def test_parts_add_up_whatever_the_files(small: Small) -> None:
    """Files add up to the register and arms to the file, and one file tells the same total."""
    small.spoil("hires", "planned_end_date", None, 50)
    whole = check_register(small.parquet())
    (small.folder / "hires.parquet").unlink()
    parts = check_register(in_two_files(small))
    assert whole.facts == parts.facts
    for kind, count in parts.facts.items():
        tallies = [t for t in parts.details if t.kind == kind]
        assert not tallies or sum(t.count for t in tallies) == count
        assert all(0 <= (t.entrants or 0) <= t.count for t in tallies)
    missing: dict[tuple[str, str], int] = {}
    for tally in parts.details:
        if tally.kind == "missing":
            key = tally.table, tally.column
            missing[key] = missing.get(key, 0) + tally.count
    declared = {(t, c): n for t, cs in parts.missing.items() for c, n in cs.items() if n}
    assert missing == declared


def test_the_command_prints_files_arms_and_page(small: Small) -> None:
    """``evaluation check`` shows counts by file and arm, small ones withheld, and saves a page."""
    many(small)
    small.spoil("hires", "planned_end_date", date(2021, 1, 1), 3)
    read = small.parquet()
    done = CliRunner().invoke(app, ["check", str(read.path)])
    assert done.exit_code == 0, done.output
    page = read.work / "register" / "check.html"
    assert str(page) in done.output
    line = next(row for row in done.output.splitlines() if row.strip().startswith("missions d'int"))
    kept = small.hires.iloc[3:]
    missions = kept[kept["contract_type"] == "CTT"]
    count, inside = len(missions), int(missions["person_id"].isin(small.entries["person_id"]).sum())
    assert line.split()[-3:] == [str(count), str(inside), str(count - inside)]
    refused = next(row for row in done.output.splitlines() if "ligne écartée  " in row)
    assert refused.split()[-3:] == ["3", "secret", "secret"]
    exact = pd.read_csv(page.with_suffix(".csv")).set_index("kind")
    assert exact.loc["end_before_hire", "entrants"] == 2


def test_the_command_names_what_no_run_could_do(small: Small) -> None:
    """A horizon that is not observed is refused by ``evaluation check``, beside the register."""
    small.spoil("registrations", "sex", "9")
    read = small.parquet()
    text = read.path.read_text("utf-8").replace("2023-12-31]", "2024-12-31]")
    read.path.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["check", str(read.path)])
    assert done.exit_code == 2
    assert [code in done.output for code in ("EVAL-304", "EVAL-211", "EVAL-124")] == [True] * 3


def test_a_register_is_shown_by_its_name_and_rows(small: Small) -> None:
    """No path and no small count stands in what a notebook prints."""
    register = read_register(small.parquet())
    assert repr(register) == "<Register small: registrations 40, entries 15, hires 120>"
    few = small.entries[:9]
    small.entries = few
    assert "entries secret" in repr(read_register(small.parquet()))
