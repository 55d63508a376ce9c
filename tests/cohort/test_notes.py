"""The notes of a cohort: one of a kind, whatever the number of columns it tells about."""

from __future__ import annotations

from evaluation.cohort.notes import imputation_note
from evaluation.errors import Fault
from evaluation.wording import LANGUAGES


def filled(column: str, count: int, value: float) -> Fault:
    return Fault("EVAL-323", {"column": column, "count": count, "value": value})


def test_columns_filled_by_their_median_are_told_in_one_note() -> None:
    assert imputation_note([]) == []
    alone = filled("mobility_km", 72, 20.0)
    assert imputation_note([alone]) == [alone]
    (note,) = imputation_note([filled("experience_months", 30, 91.0), alone])
    assert note.code == "EVAL-323"
    for language in LANGUAGES:
        text = note.text(language)
        assert "experience_months, mobility_km" in text
        assert "102" in text
        assert "91, 20" in text
