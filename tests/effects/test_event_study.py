"""Event study: hand-computed gaps, known truths, shaded months, and nothing shown that is rare."""

from __future__ import annotations

import json
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest

from evaluation.effects import estimate_event_study
from evaluation.effects.event_study import months_seen
from evaluation.effects.intervals import quantile
from evaluation.errors import EvaluationError
from evaluation.matching import match_frame
from tests.effects.build import matched_of

matplotlib.use("Agg")


def histories(
    seed: int = 1, sets: int = 1500, *, rate: float = 0.04, level: float = 0.0, effect: float = 0.0,
    before: int = 12, after: int = 6,
) -> pd.DataFrame:  # fmt: skip
    """Return pairs; treated have ``level`` more hires in every month, ``effect`` more after."""
    rng = np.random.default_rng(seed)
    treated = np.tile([1, 0], sets)
    frame = pd.DataFrame({"treated": treated, "x": rng.normal(size=2 * sets)})
    for name, last, more in (("placebo", before, 0.0), ("durable", after, effect)):
        chance = rate + (level + more) * treated
        months = rng.geometric(np.repeat(chance[:, None], 1, axis=1)).ravel()
        for k in range(1, last + 1):
            frame[f"{name}_{k}m"] = (months <= k).astype("int8")
    return frame


def paired(frame: pd.DataFrame, covariates: pd.DataFrame | None = None):
    rows = len(frame)
    return matched_of(
        frame, frame["treated"].to_numpy() == 1, np.ones(rows), sets=np.arange(rows) // 2,
        covariates=covariates,
    )  # fmt: skip


def studied(frame: pd.DataFrame, **options):
    options = {"before": 12, "after": 6} | options
    return estimate_event_study(paired(frame), **options)


def test_every_figure_is_the_difference_in_differences_by_hand():
    frame = histories()
    study = studied(frame, reference=[-12, -11, -10])
    t = frame["treated"] == 1

    def gap(name: str, k: int) -> float:
        events = frame[f"{name}_{k}m"] - (frame[f"{name}_{k - 1}m"] if k > 1 else 0)
        return 100 * float(events[t].mean() - events[~t].mean())

    base = np.mean([gap("placebo", k) for k in (10, 11, 12)])
    rows = study.frame.set_index("month")
    assert list(rows.index) == [*range(-12, 0), *range(1, 7)]
    for month in rows.index:
        want = gap("placebo" if month < 0 else "durable", abs(month)) - base
        assert rows.loc[month, "effect_points"] == pytest.approx(want, abs=1e-10)
    assert study.average.estimate == pytest.approx(rows.loc[1:, "effect_points"].mean())
    assert list(rows.index[rows["reference"]]) == [-12, -11, -10]
    assert rows.loc[1, "events_treated"] == frame.loc[t, "durable_1m"].sum()


def test_the_error_is_that_of_the_differenced_outcome():
    frame = histories(2)
    study = studied(frame, reference=[-1])
    events = frame["durable_3m"] - frame["durable_2m"] - frame["placebo_1m"]
    gaps = events[frame["treated"] == 1].to_numpy() - events[frame["treated"] == 0].to_numpy()
    se = 100 * gaps.std() / np.sqrt(len(gaps) - 1)
    rows = study.frame.set_index("month")
    assert rows.loc[3, "se"] == pytest.approx(se, rel=1e-6)
    assert np.isnan(rows.loc[-1, "low"])
    assert rows.loc[-1, "effect_points"] == 0


@pytest.mark.property
def test_a_lasting_level_cancels_an_effect_does_not_and_the_band_covers():
    inside, averages, held = [], [], []
    for seed in range(120):
        study = studied(histories(seed, sets=800, effect=0.0))
        rows = study.frame
        inside.append(bool(((rows["band_low"] <= 0) & (rows["band_high"] >= 0)).all()))
        level = studied(histories(seed, sets=800, level=0.03, before=3, after=3), after=3, before=3)
        averages.append(level.average.estimate)
        held.append(level.average.low <= 0 <= level.average.high)
    assert np.mean(inside) >= 0.9
    noise = np.std(averages) / np.sqrt(len(averages))
    assert abs(np.mean(averages)) < 3 * noise
    assert np.mean(held) >= 0.9
    strong = studied(histories(1, sets=4000, effect=0.03))
    assert strong.average.low > 0
    first = strong.frame.set_index("month").loc[1]
    assert first["band_low"] > 0
    # Months of first and last hires are nearly independent: the band is close to Šidák's bound.
    assert 2.9 < strong.critical <= quantile(0.95 ** (1 / 18))


def test_months_that_the_matching_counts_are_shaded():
    assert months_seen(["age", "elapsed_months"]) == frozenset()
    assert months_seen(["days_employed_q1"]) == {1, 2, 3}
    assert months_seen(["months_category_a_15"]) == set(range(1, 16))
    assert months_seen(["durable_hires_24"], frozen=True) == set(range(7, 25))
    assert set(range(1, 25)) <= months_seen(["months_since_last_job"])
    frame = histories()
    columns = frame[["x"]].rename(columns={"x": "days_employed_q2"})
    study = estimate_event_study(paired(frame, columns), before=12, after=6, width=2)
    rows = study.frame.set_index("month")
    assert list(rows.index[rows["seen"]]) == [-6, -4]
    assert not rows.loc[2:, "seen"].any()


def test_a_real_match_of_each_family_gives_a_finite_study():
    frame = histories(3, sets=600, rate=0.06)
    for method, options in {"nearest": {}, "aipw": {}, "ipw": {}, "radius": {},
                            "nearest ": {"replace": True}}.items():  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matched = match_frame(
                frame, treatment="treated", covariates=["x"], method=method.strip(), seed=1,
                **options,
            )  # fmt: skip
            rows = estimate_event_study(matched, before=6, after=6, width=3).frame
        assert np.isfinite(rows[["effect_points", "se", "band_low"]].to_numpy()).all(), method
        assert (rows["band_low"] <= rows["low"]).all()


def test_rare_periods_hide_the_whole_display_and_wider_ones_show_it():
    rare = histories(4, sets=300, rate=0.02)
    narrow, wide = studied(rare), studied(rare, width=6)
    assert "secret" in narrow._repr_html_()
    assert not any(
        character.isdigit() for cell in narrow.protected().iloc[:, 0] for character in cell
    )
    axes = narrow.plot()
    assert [text.get_text() for text in axes.texts] == ["secret"]
    assert not axes.lines
    assert "secret" not in wide._repr_html_()
    assert wide.plot().lines
    assert repr(wide) == "<EventStudy>"
    assert json.loads(json.dumps(wide.to_dict(), allow_nan=False))["width"] == 6
    assert next(iter(wide.protected("en").columns)) == "Difference in differences (points)"


def test_a_period_in_which_nobody_was_hired_hides_nothing_and_has_no_limits():
    frame = histories(4, sets=1500)
    frame["placebo_6m"] = 0
    study = studied(frame, width=6)
    rows = study.frame.set_index("month")
    assert rows.loc[-6, "events_treated"] == 0
    assert rows.loc[-6, ["low", "band_low"]].isna().all()
    assert "secret" not in study._repr_html_()
    assert "–" in study._repr_html_()
    frame.loc[frame.index[:4], "placebo_6m"] = 1
    assert "secret" in studied(frame, width=6)._repr_html_()


def test_missing_months_are_said_and_illegal_options_refused():
    frame = histories()
    with pytest.warns(match="EVAL-552"):
        study = estimate_event_study(paired(frame), before=12, after=9)
    assert [note.code for note in study.notes] == ["EVAL-552"]
    assert study.frame["month"].max() == 6
    with pytest.raises(EvaluationError, match="EVAL-553"):
        studied(frame, stem="presence")
    for wrong in ({"width": 0}, {"before": True}, {"after": 30}, {"reference": [-30]},
                  {"reference": []}):  # fmt: skip
        with pytest.raises(EvaluationError, match="EVAL-554"):
            studied(frame, **wrong)
    with pytest.raises(EvaluationError, match="EVAL-512"):
        studied(frame, level=0.2)


def test_rows_in_another_order_give_the_same_study():
    frame = histories(5)
    pairs = np.random.default_rng(1).permutation(len(frame) // 2)
    order = np.column_stack([2 * pairs, 2 * pairs + 1]).ravel()
    first = studied(frame).frame
    second = studied(frame.iloc[order].reset_index(drop=True)).frame
    pd.testing.assert_frame_equal(first, second, rtol=1e-8)
