"""Small extracts as other systems deliver them, made from the hand-made register."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evaluation.errors import EvaluationWarning
from evaluation.register import check_register, read_register
from evaluation.study import Study, load_study
from tests.register.conftest import Small, as_text
from tests.register.sas7bdat import Variable, write_sas

HEAD = """
[study]
name = "foreign"
[cohort]
entry_window = [2023-01-01, 2023-12-31]
[run]
output = "out"
work = "work"
[register]
extraction_date = 2024-12-31
"""
CONSTANTS = """
[register.constants.registrations]
benefit = "none"
disabled = false
previous_support = "other"
"""
COMMUNES = {"45": "45234", "2A": "2A004", "01": "01053", "971": "97105", "75": "75101"}
DATES = ("DATINS", "DATANN", "datnais", "DebutCTT", "FinCTT")
NATURE = {"CDI": "01", "CDD": "02", "CTT": "03"}


def study(folder: Path, register: str) -> Study:
    path = folder / "study.toml"
    path.write_text(HEAD + register, "utf-8")
    return load_study(path)


def write(frame: pd.DataFrame, path: Path, form: str = "csv") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "csv":
        frame.to_csv(path, sep=";", index=False)
    elif form == "sas7bdat":
        write_sas(path, [variable(name, frame[name]) for name in frame.columns])
    else:
        frame.convert_dtypes().to_parquet(path, index=False)


def variable(name: str, values: pd.Series) -> Variable:
    """Return a column as SAS holds it: numbers, days with a date format, or texts."""
    cells = [None if v is None or v != v else v for v in values.astype(object)]
    if any(isinstance(v, str) for v in cells):
        width = max(len(str(v).encode("cp1252")) for v in cells if v is not None)
        return Variable(name, cells, width=width)
    return Variable(name, cells, format="DDMMYY" if name in DATES else "BEST")


def de(small: Small, date_text: Callable[[object], object]) -> pd.DataFrame:
    """Return the registrations as table ``de``."""
    frame = small.registrations
    years = pd.Series([f"{year}-06-15" for year in frame["birth_year"]])
    return pd.DataFrame(
        {
            "id_force": frame["person_id"], "NDEM": frame["registration_id"],
            "DATINS": frame["registration_date"].map(date_text),
            "DATANN": frame["exit_date"].map(date_text),
            "MOTINS": frame["registration_reason"], "MOTANN": frame["exit_reason"],
            "CATREGR": frame["category"].map(dict(zip("ABCDE", "12345", strict=True))),
            "SEXE": frame["sex"], "datnais": years.map(date_text), "NATION": "01",
            "SITMAT": "C", "NENF": frame["children"], "NIVFOR": frame["education"],
            "DIPLOME": frame["diploma"], "QUALIF": frame["qualification"],
            "DEPCOM": frame["department"].map(COMMUNES), "ROME": frame["occupation"],
            "EXPER": [i % 3 for i in range(len(frame))],
            "EXPEUNIT": ["A", "M"] * (len(frame) // 2), "MOBDIST": 30,
            "MOBUNIT": ["KM", "MN"] * (len(frame) // 2), "ZRR": "0", "QPV": "1",
            "RMA": ["0", "1"] * (len(frame) // 2),
        }
    )  # fmt: skip


def mmo(small: Small, date_text: Callable[[object], object]) -> pd.DataFrame:
    """Return the hires as contracts of the social declarations."""
    frame = small.hires
    return pd.DataFrame(
        {
            "id_force": frame["person_id"], "L_Contrat_SQN": frame["contract_id"],
            "DebutCTT": frame["hire_date"].map(date_text),
            "FinCTT": frame["planned_end_date"].map(date_text),
            "Nature": frame["contract_type"].map(NATURE), "siret_AF": frame["employer_id"],
        }
    )  # fmt: skip


def written(pattern: str) -> Callable[[object], object]:
    def text(value: object) -> object:
        if value is None or value != value:
            return None
        return pd.Timestamp(value).strftime(pattern)  # type: ignore[arg-type]

    return text


def sas_days(value: object) -> object:
    if value is None or value != value:
        return None
    return (pd.Timestamp(value) - pd.Timestamp("1960-01-01")).days  # type: ignore[arg-type]


def foreign(
    small: Small,
    date_text: Callable[[object], object] | None = None,
    *,
    more: str = "",
    form: str = "csv",
    change: Callable[[pd.DataFrame, pd.DataFrame], None] | None = None,
) -> Study:
    """Write ``de`` and contracts beside toolkit entries, and the study that reads them."""
    text = date_text or written("%Y-%m-%d")
    registrations, hires = de(small, text), mmo(small, text)
    if change is not None:
        change(registrations, hires)
    write(registrations, small.folder / f"de_2024.{form}", form)
    write(hires[hires.index % 2 == 0], small.folder / f"MMO_2_2022.{form}", form)
    # a contract stands in the file of every year it touches
    write(hires, small.folder / f"MMO_2_2023.{form}", form)
    write(as_text(small.entries, french=False), small.folder / "entries.csv")
    return study(small.folder, f"""
registrations = "de_*"
entries = "entries*"
hires = "MMO_*"
profile = "fhs"
{more if "cog_vintage" in more else "cog_vintage = 2024" + chr(10) + more}
[register.profiles]
hires = "mmo"
entries = "toolkit"
{CONSTANTS}""")  # fmt: skip


def column(read: Study, name: str, table: str = "registrations", by: str = "") -> list[object]:
    order = by or {"registrations": "registration_id", "hires": "contract_id"}[table]
    with _quiet():
        rows = read_register(read).connection(threads=1).execute(
            f"SELECT {name} FROM {table} ORDER BY {order}"
        ).fetchall()  # fmt: skip
    return [row[0] for row in rows]


def _quiet() -> warnings.catch_warnings[None]:
    return warnings.catch_warnings(action="ignore", category=EvaluationWarning)


def codes(read: Study) -> set[str]:
    return {fault.code for fault in check_register(read).faults}
