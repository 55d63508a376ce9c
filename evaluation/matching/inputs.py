"""Read what a matching needs out of a frame, refusing whatever would give a silent wrong number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.errors import Fault, fail, nearest, refuse
from evaluation.matching.missing import REFUSE, Missing, filled, how_by_column
from evaluation.matching.score.design import is_category
from evaluation.matching.types import Bools, Floats, Ints

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user asks to be comparable.

    Attributes
    ----------
    treatment : str
        Column of the treatment.
    columns : tuple of str
        Columns of the frame behind the covariates.
    categories : frozenset of str
        Numeric columns declared as categories, ``C(x)``.
    formula : str or None
        The right-hand side, when it holds more than columns.
    """

    treatment: str
    columns: tuple[str, ...]
    categories: frozenset[str] = frozenset()
    formula: str | None = None


def read_terms(
    treatment: str | None, covariates: Sequence[str] | None, formula: str | None
) -> Terms:
    """Return treatment and covariates from lists or from a formula.

    Raises
    ------
    EvaluationError
        EVAL-410 neither or both given, EVAL-433 unreadable formula, EVAL-434 two treatments,
        EVAL-411 the treatment among the covariates.
    """
    if (covariates is None) == (formula is None):
        fail("EVAL-410")
    if formula is None:
        if treatment is None or covariates is None or isinstance(covariates, str):
            fail("EVAL-410")
        terms = Terms(treatment, tuple(dict.fromkeys(covariates)))
    else:
        terms = _read_formula(formula, treatment)
    if terms.treatment in terms.columns:
        fail("EVAL-411", column=terms.treatment)
    return terms


def _read_formula(formula: str, treatment: str | None) -> Terms:
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula)
        left = [str(term) for term in parsed.lhs] if hasattr(parsed, "lhs") else []
        right = parsed.rhs if hasattr(parsed, "rhs") else parsed
        variables = tuple(str(v) for v in right.required_variables)
        factors = [[str(f) for f in term.factors] for term in right]
    except (FormulaicError, AttributeError, SyntaxError, ValueError) as error:
        fail("EVAL-433", formula=formula, reason=type(error).__name__)
    if len(left) > 1 or (not left and treatment is None):
        fail("EVAL-433", formula=formula, reason="treatment ~ covariates")
    named = left[0] if left else treatment
    if treatment is not None and treatment != named:
        fail("EVAL-434", treatment=treatment, formula=formula)
    simple, categories = True, set()
    for term in factors:
        if term == ["1"] or not term:
            continue
        inside = term[0][2:-1] if term[0].startswith("C(") else term[0]
        if len(term) > 1 or inside not in variables:
            simple = False
        elif term[0] != inside:
            categories.add(inside)
    text = formula.split("~", 1)[1] if "~" in formula else formula
    return Terms(str(named), variables, frozenset(categories), None if simple else text)


def check_columns(frame: pd.DataFrame, wanted: dict[str, Sequence[str]]) -> None:
    """Refuse columns that do not exist (EVAL-400) or stand twice in the frame (EVAL-430).

    Parameters
    ----------
    frame : DataFrame
        The rows.
    wanted : dict of str to sequence of str
        Columns by the option that names them.
    """
    known = [str(name) for name in frame.columns]
    faults = []
    for role, columns in wanted.items():
        for column in columns:
            count = known.count(str(column))
            if count == 0:
                near = nearest(str(column), known) if len(known) < 60 else _near_one(column, known)
                faults.append(Fault("EVAL-400", {"column": column, "role": role, "nearest": near}))
            elif count > 1:
                faults.append(Fault("EVAL-430", {"column": column, "count": count}))
    refuse(faults)


def _near_one(column: str, known: list[str]) -> str:
    answer = nearest(str(column), known)
    return answer if answer in known else ", ".join(known[:_SHOWN]) + ", …"


def read_treatment(frame: pd.DataFrame, column: str) -> Bools:
    """Return who is treated, (n,) bool.

    Raises
    ------
    EVAL-408 missing values, EVAL-407 other codes than 0 and 1, EVAL-409 an arm without rows.
    """
    values = frame[column]
    missing = int(values.isna().sum())
    if missing:
        fail("EVAL-408", column=column, count=missing, total=len(frame))
    numeric = pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values)
    codes = pd.unique(values)
    if not numeric or not set(codes.tolist()) <= {0, 1}:
        shown = sorted(map(str, codes)) if len(codes) <= _SHOWN else []
        one = shown[-1] if shown else "…"
        quoted = one if numeric else repr(one)
        fail("EVAL-407", column=column, examples=shown, count=len(codes), recode=quoted)
    treated: Bools = values.to_numpy().astype(bool)
    arms = {"1": int(treated.sum()), "0": int((~treated).sum())}
    for arm, count in arms.items():
        if count == 0:
            fail("EVAL-409", column=column, arm=arm, total=len(frame))
    return treated


def read_covariates(
    frame: pd.DataFrame,
    terms: Terms,
    *,
    missing: Missing = REFUSE,
    treated: Bools | None = None,
) -> tuple[pd.DataFrame, list[Fault]]:
    """Return the covariates (n, k) on a fresh index, categories as ``category``.

    Parameters
    ----------
    frame : DataFrame (n, ...)
    terms : Terms
    missing : str or dict
        What to do with holes, see :func:`evaluation.matching.missing.how_by_column`.
    treated : (n,) bool, optional
        Arms, for the counts of holes.

    Returns
    -------
    covariates : DataFrame (n, k)
        Indicators of holes stand after their column.
    notes : list of Fault
        What was filled (EVAL-477).

    Raises
    ------
    EvaluationError
        EVAL-405 missing values (every column with its count), EVAL-406 infinite values, EVAL-438
        dates, EVAL-439 a category with nearly as many levels as rows.
    """
    how = how_by_column(missing, terms.columns)
    check_complete(frame, [name for name in terms.columns if how[name] == REFUSE], "covariates")
    check_finite(frame, [name for name in terms.columns if how[name] != REFUSE])
    arms = np.zeros(len(frame), bool) if treated is None else treated
    columns: dict[str, pd.Series] = {}
    faults: list[Fault] = []
    notes: list[Fault] = []
    for name in terms.columns:
        column = frame[name].reset_index(drop=True)
        if _is_date(column):
            faults.append(Fault("EVAL-438", {"column": name}))
            continue
        whole, note = filled(column, how[name], arms, category=name in terms.categories)
        notes += [note] if note else []
        for label, values in whole.items():
            if label in terms.categories or is_category(values):
                columns[label] = _as_category(values)
                levels = columns[label].cat.categories.size
                if levels > 50 and levels > len(frame) / 4:
                    data = {"column": name, "count": int(levels), "total": len(frame)}
                    faults.append(Fault("EVAL-439", data))
            else:
                columns[label] = _as_number(values)
    refuse(faults)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame))), notes


def check_complete(frame: pd.DataFrame, columns: Sequence[str], role: str) -> None:
    """Refuse missing (EVAL-405) and infinite (EVAL-406) values, all columns at once."""
    faults = []
    for name in columns:
        missing = int(frame[name].isna().sum())
        if missing:
            data = {"column": name, "count": missing, "total": len(frame), "role": role}
            faults.append(Fault("EVAL-405", data))
    refuse(faults + _infinite(frame, columns))


def check_finite(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse infinite values (EVAL-406), all columns at once."""
    refuse(_infinite(frame, columns))


def _infinite(frame: pd.DataFrame, columns: Sequence[str]) -> list[Fault]:
    faults = []
    for name in columns:
        if pd.api.types.is_float_dtype(frame[name]):
            values = frame[name].to_numpy(np.float64, na_value=np.nan)
            count = int(np.isinf(values).sum())
            faults += [Fault("EVAL-406", {"column": name, "count": count})] if count else []
    return faults


def _as_category(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("category")
    return column.astype("string").astype(object).astype("category")


def _as_number(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        return column.astype(np.int8)
    return column if isinstance(column.dtype, np.dtype) else column.astype(np.float64)


def _is_date(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    is_object = column.dtype == object
    return is_object and pd.api.types.infer_dtype(column) in ("date", "datetime", "datetime64")


def design_frame(frame: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """Return the columns of the score: the covariates, or the formula expanded."""
    if terms.formula is None:
        return covariates
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        matrix = model_matrix(f"1 + {terms.formula}", covariates, na_action="raise")
    except (FormulaicError, ValueError, TypeError) as error:
        fail("EVAL-433", formula=terms.formula, reason=type(error).__name__)
    expanded = pd.DataFrame(matrix).drop(columns="Intercept").astype(np.float64)
    # indicators of holes are no part of the formula, and must enter the score all the same
    return expanded.join(covariates[[name for name in covariates if name not in terms.columns]])


def read_person(frame: pd.DataFrame, person: Any) -> Ints:
    """Return the code of the person behind each row, (n,); each row its own by default."""
    if person is None:
        return np.arange(len(frame), dtype=np.int64)
    return read_codes(frame, person, "person")


def read_codes(frame: pd.DataFrame, key: Any, role: str) -> Ints:
    """Return integer codes of a column or array without missing values, (n,)."""
    values = pd.Series(_values(frame, key, role))
    missing = int(values.isna().sum())
    if missing:
        fail("EVAL-405", column=_name(key, role), count=missing, total=len(frame), role=role)
    codes, _ = pd.factorize(values)
    return np.asarray(codes, np.int64)


def read_weights(frame: pd.DataFrame, weights: Any) -> Floats:
    """Return sampling weights (n,), positive and finite (EVAL-437); ones by default."""
    if weights is None:
        return np.ones(len(frame))
    values = np.asarray(_values(frame, weights, "sampling_weight"), np.float64)
    wrong = int((~(np.isfinite(values) & (values > 0))).sum())
    if wrong:
        fail("EVAL-437", column=_name(weights, "sampling_weight"), count=wrong, total=len(frame))
    return values


def _values(frame: pd.DataFrame, key: Any, role: str) -> np.ndarray:
    if isinstance(key, str):
        return frame[key].to_numpy()
    values = np.asarray(key)
    if values.shape != (len(frame),):
        fail("EVAL-426", length=str(values.shape), expected=len(frame), option=role)
    return values


def _name(key: Any, role: str) -> str:
    return key if isinstance(key, str) else role
