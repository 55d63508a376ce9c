"""The sample-wide diagnostics: one declaration gives figure, limit, wording and plot."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from evaluation.diagnostics import MEASURES, diagnose, kept_of, weights_of
from evaluation.matching import match_frame
from evaluation.verdict import THRESHOLDS
from evaluation.wording import message

mpl.use("Agg")


def rows(n: int = 900, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    treat = (rng.random(n) < 1 / (1 + np.exp(1.6 - 0.6 * x))).astype(int)
    return pd.DataFrame({"treat": treat, "x": x, "zone": rng.choice(list("abc"), n)})


@pytest.fixture
def matched():
    return match_frame(rows(), treatment="treat", covariates=["x"], exact=["zone"], caliper=0.2)


def test_every_measure_has_words_a_figure_and_a_plot(matched):
    found = matched.diagnostics()
    assert list(found.frame.index) == list(MEASURES)
    for measure in MEASURES.values():
        for language in ("fr", "en"):
            assert message(f"diagnostics.measures.{measure.name}", language)
        assert measure.plot(matched).get_figure() is not None
    assert found.frame["value"].notna().all()


def test_figures_are_those_of_their_own_tables(matched):
    found = diagnose(matched).frame["value"]
    assert found["max_abs_smd"] == matched.balance().frame["smd_after"].abs().max()
    assert found["effective_persons"] == weights_of(matched).effective_persons
    assert found["kept_share"] == kept_of(matched).share


@pytest.mark.parametrize(
    ("name", "rule"),
    [("max_abs_smd", "balance"), ("share_outside", "overlap"),
     ("effective_persons", "effective_comparators")],
)  # fmt: skip
def test_limits_are_those_of_the_verdict(name, rule):
    assert MEASURES[name].limit == THRESHOLDS[rule][0]


def test_kept_share_is_one_less_the_share_lost_of_the_verdict():
    assert MEASURES["kept_share"].limit == pytest.approx(1 - THRESHOLDS["lost"][0])


def test_a_broken_limit_is_said():
    far = match_frame(rows(), treatment="treat", covariates=["x"], caliper=0.01, ratio=2)
    found = far.diagnostics()
    said = found.summary("en")["kept"]
    assert set(said) == {"yes", "no"}
    assert [word == "yes" for word in said] == found.frame["good"].tolist()


def test_a_small_loss_hides_what_it_can_be_read_from(matched):
    """Fewer than 11 entrants were lost: the share kept would give their number."""
    assert 0 < matched.diagnostics().lost < 11
    shown = matched.diagnostics().summary("en").iloc[:, 0]
    assert shown["entrants kept"] == "secret"
    assert shown["effective comparators (Kish, by person)"] != "secret"


def test_small_samples_show_secret_only():
    few = match_frame(
        rows(60, seed=2).assign(treat=lambda f: (f["x"].rank() > 55).astype(int)),
        treatment="treat", covariates=["x"], distance=np.arange(60.0),
    )  # fmt: skip
    html = few.diagnostics()._repr_html_()
    assert html.count("secret") == 2 * len(MEASURES)


def test_without_a_distance_overlap_is_left_out():
    found = match_frame(rows(), treatment="treat", covariates=["x"], method="entropy_balancing")
    names = set(found.diagnostics().frame.index)
    assert names == set(MEASURES) - {"overlap_coefficient", "share_outside"}


def test_plot_of_the_share_kept_leaves_small_strata_out():
    frame = rows()
    frame.loc[frame.index[:12], "zone"] = "d"
    matched = match_frame(frame, treatment="treat", covariates=["x"], exact=["zone"], caliper=0.01)
    kept = kept_of(matched, by=frame["zone"])
    drawn = [label.get_text() for label in kept.plot().get_yticklabels()]
    assert "d" not in drawn
    assert drawn == kept.shown.sort_values("share", ascending=False)["stratum"].tolist()
