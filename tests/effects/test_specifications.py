"""One curve of all specifications: the headline marked, each other row one change away."""

from __future__ import annotations

import warnings

import matplotlib as mpl
import pytest

import evaluation as ev
from evaluation.comparison import HEADLINE, specifications
from evaluation.errors import EvaluationError, EvaluationWarning
from evaluation.matching.registry import method
from tests.effects.cohorts import cohort_of, study_of

mpl.use("Agg")


def test_each_row_changes_one_thing():
    rows = dict(specifications(study_of(), lambda name: method(name).options))
    assert next(iter(rows)) == HEADLINE
    assert rows[HEADLINE] == {}
    assert rows["without B5"]["blocks"] == ["B0", "B1", "B2", "B4"]
    assert rows["ipw trim=0.95"] == {"method": "ipw", "trim": 0.95}
    assert rows["caliper=0.1"] == {"caliper": 0.1}
    assert "caliper=0.2" not in rows  # the headline's own
    assert rows["outcome=lolf_p102"] == {"preset": "lolf_p102"}
    assert rows["censored_at_entry"] == {"censored": True}


@pytest.fixture(scope="module")
def curve():
    cohort = cohort_of(seed=4, entrants=400)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        made = ev.specification_curve(cohort)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            headline = ev.estimate(ev.match(cohort))
    return made, headline, said


def test_the_marked_row_is_the_headline(curve):
    made, headline, said = curve
    row = made.frame.loc[HEADLINE]
    assert row["effect"] == headline.points.estimate
    assert row["se"] == headline.points.se
    assert made.summary().index[0] == "headline (retenue)"
    asked = len(specifications(study_of(), lambda name: method(name).options))
    failed = [w for w in said if isinstance(w.message, EvaluationWarning)
              and "EVAL-521" in str(w.message)]  # fmt: skip
    assert len(made.frame) + len(failed) == asked
    assert len(made.frame) > 10
    assert made.frame[["effect", "low", "high"]].notna().all().all()
    bold = [line for line in made.plot().lines if line.get_marker() == "D"]
    assert len(bold) == 1


def test_a_headline_that_fails_is_not_hidden():
    cohort = cohort_of(seed=4, entrants=400, study=study_of(matching={"method": "nearst"}))
    with pytest.raises(EvaluationError):
        ev.specification_curve(cohort)
