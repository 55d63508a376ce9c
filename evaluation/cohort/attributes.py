"""What a registration says of a person, as levels and numbers, for the rows that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.cohort.extract import PEOPLE, ROWS
from evaluation.cohort.levels import (
    BARRIERS,
    FLAGS,
    MISSING,
    NUMBERS,
    REGISTRATION_LEVELS,
)
from evaluation.errors import Fault, refuse

_SOURCE = {
    "occupation_domain": "left(r.occupation::VARCHAR, 1)",
    "driving_licence": "CASE r.driving_licence WHEN true THEN 'yes' WHEN false THEN 'no' END",
    "vehicle": "CASE r.vehicle WHEN true THEN 'yes' WHEN false THEN 'no' END",
}
_TABLE = "_cohort_needed"
_ABSENT = np.float32(np.nan)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Registrations (u) read for the frame, and the registration of each of its rows.

    Attributes
    ----------
    codes : dict of (u,) int16
        Position in :data:`levels.REGISTRATION_LEVELS`; flags 0/1; barriers 0/1, −1 missing.
    numbers : dict of (u,) float32
        NaN where missing.
    birth_year : (u,) int16
    person_id, employment_zone : (u,) object
    rid : (u,) int64
        Ascending.
    """

    codes: dict[str, NDArray[np.int16]]
    numbers: dict[str, NDArray[np.float32]]
    birth_year: NDArray[np.int16]
    person_id: NDArray[np.object_]
    employment_zone: NDArray[np.object_]
    rid: NDArray[np.int64]

    def locate(self, rid: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the position of registrations in the arrays."""
        return np.searchsorted(self.rid, rid)


def read_attributes(connection: Any, rid: NDArray[np.int64]) -> Attributes:
    """Read the registrations ``rid`` (any order, repeated or not).

    Raises
    ------
    EvaluationError
        EVAL-307 when a column holds codes outside its list or lacks required values.
    """
    wanted = np.unique(rid)
    needed = pd.DataFrame({"rid": wanted})
    connection.register(_TABLE, needed)
    try:
        read = connection.execute(f"""
            SELECT {", ".join(_columns())}
            FROM {_TABLE} n JOIN {ROWS} r ON r.rowid = n.rid JOIN {PEOPLE} p ON p.code = r.code
            ORDER BY n.rid""").fetchnumpy()
    finally:
        connection.unregister(_TABLE)
    codes = {
        name: np.asarray(read[name], dtype=np.int16)
        for name in (*REGISTRATION_LEVELS, *FLAGS, *BARRIERS)
    }
    _check(connection, codes)
    return Attributes(
        codes=codes,
        numbers={name: _float(read[name]) for name in NUMBERS},
        birth_year=np.asarray(read["birth_year"], dtype=np.int16),
        person_id=np.asarray(read["person_id"], dtype=object),
        employment_zone=np.asarray(read["employment_zone"], dtype=object),
        rid=wanted,
    )


def _columns() -> list[str]:
    levels = [
        f"CAST(coalesce(list_position({list(names)}, {_value(column)}), "
        f"CASE WHEN {_value(column)} IS NULL THEN {_missing(names)} ELSE 0 END) - 1 "
        f"AS SMALLINT) AS {column}"
        for column, names in REGISTRATION_LEVELS.items()
    ]
    flags = [f"CAST(coalesce(r.{n}::BOOLEAN::INTEGER, -1) AS SMALLINT) AS {n}" for n in FLAGS]
    flags += [f"CAST(coalesce(r.{n}::BOOLEAN::INTEGER, -1) AS SMALLINT) AS {n}" for n in BARRIERS]
    numbers = [f"CAST(coalesce(r.{n}, 'nan'::FLOAT) AS FLOAT) AS {n}" for n in NUMBERS]
    rest = [
        "CAST(coalesce(r.birth_year, 0) AS SMALLINT) AS birth_year",
        "p.person_id::VARCHAR AS person_id",
        f"coalesce(r.employment_zone::VARCHAR, '{MISSING}') AS employment_zone",
    ]
    return [*levels, *flags, *numbers, *rest]


def _value(column: str) -> str:
    return _SOURCE.get(column, f"r.{column}::VARCHAR")


def _missing(names: tuple[str, ...]) -> int:
    return names.index(MISSING) + 1 if MISSING in names else 0


def _float(values: Any) -> NDArray[np.float32]:
    return np.asarray(np.ma.filled(values, _ABSENT), dtype=np.float32)


def _check(connection: Any, codes: dict[str, NDArray[np.int16]]) -> None:
    faults = [
        Fault(
            "EVAL-307",
            {
                "file": "registrations",
                "column": "occupation" if name == "occupation_domain" else name,
                "count": int((values < 0).sum()),
                "allowed": list(REGISTRATION_LEVELS.get(name, ("true", "false"))),
                "examples": _examples(connection, name),
            },
        )
        for name, values in codes.items()
        if name not in BARRIERS and (values < 0).any()
    ]
    refuse(faults)


def _examples(connection: Any, column: str) -> list[str]:
    """Return up to three codes that the list does not know; flags have none to show."""
    if column not in REGISTRATION_LEVELS:
        return []
    found = connection.execute(
        f"SELECT DISTINCT {_value(column)} FROM {ROWS} r WHERE {_value(column)} IS NOT NULL "
        f"AND list_position({list(REGISTRATION_LEVELS[column])}, {_value(column)}) IS NULL "
        "ORDER BY 1 LIMIT 3"
    ).fetchall()
    return [str(code) for (code,) in found]
