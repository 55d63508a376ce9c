"""What everybody who builds on the toolkit relies on: keys, columns, schema, rounding, bytes.

The lists stand here a second time on purpose: a rename inside the package must fail a test.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evaluation as ev
from evaluation.cohort import declared_variables
from evaluation.pipeline.notebooks import notebook_path
from evaluation.results import COLUMNS
from evaluation.simulation import simulate
from evaluation.wording import Language, message
from tests.test_study import MINIMAL, write


def _words(text: str) -> list[str]:
    return text.split()


DEFAULTS: dict[str, dict[str, Any]] = {
    "study": {"title": "", "contact": "", "language": "fr"},
    "register": {"history": "", "profile": "toolkit", "cog_vintage": None},
    "cohort": {
        "pool": "not_yet_entered", "duration_classes": [0, 3, 6, 12, 24, 36],
        "merge_gap_days": 31, "history_months": 24, "anticipation_days": 0, "ages": [16, 70],
        "exclude_durable_job": True, "comparators_per_entrant": 20,
    },
    "outcome": {
        "preset": "es47", "horizon_months": 6, "curve_months": 12,
        "duration_unit": "calendar_months", "missing_end": "not_durable", "chain_gap_days": 0,
        "sensitivity": ["lolf_p102", "dares_midas", "unedic_180"],
    },
    "matching": {
        "method": "nearest", "distance": "logit", "ratio": 3, "replace": False, "caliper": 0.2,
        "exact": ["index_month", "duration_class", "sex", "rsa"],
        "blocks": ["B0", "B1", "B2", "B3", "B4", "B5", "B6"],
    },
    "effects": {
        "variance": "auto", "level": 0.95,
        "compare_methods": ["nearest", "radius", "ipw", "entropy_balancing"],
        "subgroups": ["rsa", "disabled", "age_class", "sex", "benefit", "qpv", "rural",
                      "duration_class"],
    },
    "disclosure": {"min_cell": 11},
    "run": {
        "output": "../../reports/demonstration", "work": ".work", "seed": 20180618, "workers": 0,
        "memory_limit_gb": 0,
    },
}  # fmt: skip
REQUIRED = {
    "study": ["name"], "register": ["registrations", "entries", "hires", "extraction_date"],
    "cohort": ["entry_window"],
}  # fmt: skip

COHORT = _words("""
person_id region department index_month index_date treated sampling_weight entry_date
enters_within_horizon
sex age age_class nationality family_situation children education diploma qualification
occupation_domain
spell_start elapsed_months duration_class registration_reason category experience_months quarter
employment_zone qpv rural
months_registered_24 months_category_a_15 months_category_a_24 spells_24
days_employed_q1 days_employed_q2 days_employed_q3 days_employed_q4
days_employed_q5 days_employed_q6 days_employed_q7 days_employed_q8 days_cdi_24 days_temp_agency_24
hires_24 durable_hires_24 months_since_last_job
benefit benefit_days_left rsa
disabled barrier_mobility barrier_housing barrier_health barrier_childcare barrier_digital
barrier_administrative barriers driving_licence vehicle mobility_km previous_support
""")
TYPES = {
    "int8": "treated enters_within_horizon children qpv rural months_registered_24 spells_24 "
    "months_category_a_15 months_category_a_24 durable_hires_24 rsa disabled barriers "
    "barrier_mobility barrier_health durable_6m any_job_6m month_durable placebo_6m placebo_24m "
    "durable_6m__lolf_p102 durable_6m__dares_midas durable_6m__unedic_180",
    "int16": "age elapsed_months days_employed_q1 days_employed_q8 days_cdi_24 "
    "days_temp_agency_24 hires_24 months_since_last_job",
    "float32": "experience_months benefit_days_left mobility_km",
    "float64": "sampling_weight",
    "category": "region department sex age_class education occupation_domain duration_class "
    "benefit driving_licence previous_support employment_zone quarter",
}
LEVELS = {
    "age_class": ["under_25", "25_49", "50_plus"],
    "duration_class": ["00_02", "03_05", "06_11", "12_23", "24_35", "36_plus"],
    "vehicle": ["yes", "no", "missing"],
    "benefit": ["are", "ass", "aref", "none"],
    "previous_support": ["followed", "guided", "reinforced", "intensive", "other"],
}

RESULTS = _words("""
schema_version territory.level territory.code territory.name
study.name study.entry_window study.extraction_date study.outcome study.horizon_months study.method
study.estimand study.deviations study.parameters_sha256
flow.entrants flow.eligible flow.matched flow.comparators_available flow.comparators_used
flow.comparators_enter_later flow.effective_comparators flow.lost_share
flow.steps.step flow.steps.removed_entrants flow.steps.removed_comparators
headline.rate_entrants.estimate headline.rate_entrants.low headline.rate_entrants.high
headline.rate_comparison.estimate headline.rate_comparison.low headline.rate_comparison.high
headline.effect_points.estimate headline.effect_points.low headline.effect_points.high
headline.effect_points.se headline.effect_points.p_value
headline.uplift_percent.estimate headline.uplift_percent.low headline.uplift_percent.high
headline.uplift_percent.fieller_low headline.uplift_percent.fieller_high
headline.additional_returns.estimate headline.additional_returns.low
headline.additional_returns.high headline.minimum_detectable_points
raw.rate_entrants raw.rate_others raw.difference_points
balance.max_abs_smd balance.mean_abs_smd balance.share_below_0_1
balance.rows.covariate balance.rows.level balance.rows.block balance.rows.smd_before
balance.rows.smd_after balance.rows.variance_ratio balance.rows.ecdf_max
overlap.coefficient overlap.share_outside
placebo.effect_points.estimate placebo.effect_points.low placebo.effect_points.high
placebo.effect_points.se placebo.effect_points.p_value
methods.name methods.headline methods.effect_points.estimate methods.effect_points.low
methods.effect_points.high methods.uplift_percent.estimate methods.uplift_percent.low
methods.uplift_percent.high
sensitivity.rosenbaum_gamma sensitivity.e_value sensitivity.hidden_confounder.benchmark
sensitivity.hidden_confounder.effect_points.estimate sensitivity.definitions.preset
sensitivity.definitions.effect_points.estimate sensitivity.definitions.near_cut_share
subgroups.variable subgroups.level subgroups.entrants subgroups.effect_points.estimate
subgroups.effect_points.low subgroups.effect_points.high subgroups.contrast_p_holm
monitoring verdict.grade verdict.reasons.code verdict.reasons.text
""")

CSV = (
    "territory_level,territory_code,territory_name,outcome,horizon_months,subgroup,subgroup_level,"
    "method,entrants,matched,rate_entrants,rate_comparison,effect_points,effect_low,effect_high,"
    "effect_se,p_value,uplift_percent,uplift_low,uplift_high,additional_returns,grade,withheld"
)


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contract") / "data" / "demonstration"
    simulate(folder, scale=0.15, regions=("24",))
    return folder


@pytest.fixture(scope="module")
def results(register: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole chain, verb by verb as documented; returns the results file."""
    output = tmp_path_factory.mktemp("verbs")
    return _chain(register / "study.toml", output)


def _chain(path: Path, output: Path) -> Path:
    study = ev.load_study(path, output=str(output))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ev.EvaluationWarning)
        cohort = ev.build_cohort(ev.read_register(study), region="24")
        matched = ev.match(cohort)
        effect = ev.estimate(matched)
        estimates = ev.estimate_territory(cohort, matched=matched, effect=effect)
        ev.publish(estimates)
    return output / "results" / "24.json"


def test_every_key_of_the_study_file_and_its_default(tmp_path: Path) -> None:
    found = ev.load_study(write(tmp_path)).sections()
    for section, keys in REQUIRED.items():
        for key in keys:
            del found[section][key]
    assert found == DEFAULTS


@pytest.mark.parametrize(
    "line", [line for line in MINIMAL.strip().splitlines() if not line.startswith("[")]
)
def test_what_is_required_is_named_when_it_is_missing(tmp_path: Path, line: str) -> None:
    with pytest.raises(ev.EvaluationError) as caught:
        ev.load_study(write(tmp_path, MINIMAL.replace(line, "")))
    assert [fault.code for fault in caught.value.faults] == ["EVAL-105"]
    assert line.split(" =")[0] in str(caught.value)


def test_cohort_columns_types_and_levels(register: Path) -> None:
    study = ev.load_study(register / "study.toml")
    frame = ev.build_cohort(ev.read_register(study), region="24").frame
    months = range(1, 13)
    after = [f"durable_{k}m" for k in months]
    after += ["durable_6m__lolf_p102", "durable_6m__dares_midas", "durable_6m__unedic_180"]
    after += [f"any_job_{k}m" for k in months] + ["month_durable"]
    columns = list(frame.columns)
    assert columns[: len(COHORT)] == COHORT
    assert [name for name in columns if name in after] == after
    assert {f"placebo_{k}m" for k in range(1, 25)} <= set(columns)
    assert columns == list(declared_variables(study))
    for dtype, names in TYPES.items():
        assert {name: str(frame[name].dtype) for name in names.split()} == dict.fromkeys(
            names.split(), dtype
        )
    for name, levels in LEVELS.items():
        assert list(frame[name].cat.categories) == levels, name
    assert not [c for c in columns if str(frame[c].dtype) in ("Int64", "boolean", "Float64")]
    stored = list((study.work / "cohort").glob("24.parquet"))
    assert len(stored) == 1


@pytest.mark.parametrize("language", ["fr", "en"])
def test_warnings_and_refusals_speak_the_language_of_the_study(
    register: Path, language: Language
) -> None:
    study = ev.load_study(register / "study.toml", language=language)
    cohort = ev.build_cohort(ev.read_register(study), region="24")
    with pytest.warns(ev.EvaluationWarning) as seen:
        ev.match(cohort, caliper=0.001)
    ours = [item.message for item in seen if isinstance(item.message, ev.EvaluationWarning)]
    lost = next(warning for warning in ours if warning.fault.code == "EVAL-412")
    assert message("EVAL-412.remedy", language) in str(lost)
    assert {warning.language for warning in ours} == {language}
    with pytest.raises(ev.EvaluationError) as caught:
        ev.match(cohort, calliper=0.2)
    assert str(caught.value) == caught.value.text(language)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ev.EvaluationWarning)
        with pytest.raises(ev.EvaluationWarning):
            ev.match(cohort, caliper=0.001)


def test_an_option_that_estimate_does_not_know_names_the_nearest(register: Path) -> None:
    study = ev.load_study(register / "study.toml")
    cohort = ev.build_cohort(ev.read_register(study), region="24")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ev.EvaluationWarning)
        matched = ev.match(cohort)
    with pytest.raises(ev.EvaluationError) as caught:
        ev.estimate(matched, varience="auto")
    assert caught.value.code == "EVAL-517"
    assert caught.value.faults[0].data["nearest"] == "variance"


def test_results_hold_every_key_and_no_number_that_is_none(results: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    shown = json.loads(results.read_text("utf-8"), parse_constant=refuse)
    paths = set(_paths(shown))
    assert not [key for key in RESULTS if key not in paths]
    assert {row["name"] for row in shown["methods"]} == set(DEFAULTS["effects"]["compare_methods"])
    assert [row["headline"] for row in shown["methods"]].count(True) == 1
    presets = [row["preset"] for row in shown["sensitivity"]["definitions"]]
    assert presets == DEFAULTS["outcome"]["sensitivity"]
    assert {row["variable"] for row in shown["subgroups"]} == set(DEFAULTS["effects"]["subgroups"])
    assert ",".join(COLUMNS) == CSV


def _paths(tree: Any, at: str = "") -> list[str]:
    if isinstance(tree, dict):
        inner = [path for key, value in tree.items() for path in _paths(value, f"{at}.{key}")]
        return [at.lstrip("."), *inner]
    if isinstance(tree, list):
        return [at.lstrip("."), *(path for item in tree for path in _paths(item, at))]
    return [at.lstrip(".")]


def test_results_are_rounded_as_published(results: Path) -> None:
    shown = json.loads(results.read_text("utf-8"))
    figures = [*_figures(shown)]
    assert len(figures) > 20
    for name, figure in figures:
        for key in ("estimate", "low", "high"):
            value = figure[key]
            if value is None:
                continue
            assert value == round(value, 0 if name == "uplift_percent" else 1), (name, figure)
        for key in ("se", "p_value"):
            value = figure.get(key)
            if value:
                digits = 1 - math.floor(math.log10(abs(value)))
                assert value == pytest.approx(round(value, digits), rel=1e-12), (name, figure)
    exact = json.loads((_work(results) / "24.json").read_text("utf-8"))
    whole = exact["headline"]["effect_points"]["estimate"]
    assert whole != round(whole, 1)


def _work(results: Path) -> Path:
    found = sorted(results.parents[2].parent.rglob(".work/estimates"))
    return found[0]


def _figures(tree: Any, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    if isinstance(tree, list):
        return [found for item in tree for found in _figures(item, name)]
    if not isinstance(tree, dict):
        return []
    here = [(name, tree)] if {"estimate", "low", "high"} <= tree.keys() else []
    return here + [found for key, value in tree.items() for found in _figures(value, key)]


@pytest.mark.property
@pytest.mark.slow
def test_results_do_not_depend_on_the_order_of_rows_or_on_files(
    register: Path, results: Path, tmp_path: Path
) -> None:
    other = tmp_path / "data" / "shuffled"
    shutil.copytree(register, other, ignore=shutil.ignore_patterns(".work"))
    rng = np.random.default_rng(1)
    for name in ("registrations", "entries", "hires"):
        table = pd.read_parquet(other / f"{name}.parquet", dtype_backend="pyarrow")
        rows = rng.permutation(len(table))
        for part, half in enumerate(np.array_split(rows, 2)):
            table.iloc[half].to_parquet(other / f"{name}_{part}.parquet", index=False)
        (other / f"{name}.parquet").unlink()
    again = _chain(other / "study.toml", tmp_path / "out")
    assert again.read_bytes() == results.read_bytes()
    pages = sorted(path.name for path in (results.parents[1] / "regions").iterdir())
    assert len(pages) == 2
    for page in pages:
        one, two = (file.parents[1] / "regions" / page for file in (results, again))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.notebook
def test_papermill_by_hand_refuses_a_region_that_lost_its_zero(tmp_path: Path) -> None:
    """First of all: the tables of this study do not exist, and nobody has looked for them."""
    words = [str(notebook_path("region_report")), str(tmp_path / "out.ipynb")]
    words += ["-p", "study", str(write(tmp_path)), "-p", "region", "01"]
    words += ["-p", "output", str(tmp_path / "report"), "--no-progress-bar"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *words], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "EVAL-111" in done.stderr
    assert "EVAL-2" not in done.stderr
    assert "-r region 01" in done.stderr
    assert "unknown parameter" not in done.stderr
    assert not (tmp_path / "report").exists()
    assert not (tmp_path / ".work").exists()


@pytest.mark.parametrize(("language", "spoken"), [(None, "fr"), ("fr", "fr"), ("en", "en")])
def test_plain_data_speak_french_unless_asked_otherwise(
    language: Language | None, spoken: Language
) -> None:
    rng = np.random.default_rng(4)
    arm = np.arange(300) < 60
    frame = pd.DataFrame({"treat": arm.astype(int), "x": rng.normal(size=300),
                          "y": rng.random(300) < 0.3})  # fmt: skip
    told = {"treatment": "treat", "covariates": ["x"], "outcome": "y", "caliper": 0.01}
    with pytest.warns(ev.EvaluationWarning) as seen:
        compared = ev.compare(frame, ["nearest"], language=language, **told)
    assert next(iter(compared.summary().columns)) == message("compare.effect", spoken)
    ours = [item.message for item in seen if isinstance(item.message, ev.EvaluationWarning)]
    assert {warning.language for warning in ours} == {spoken}
    with pytest.raises(ev.EvaluationError) as caught:
        ev.compare(frame, ["nearst"], language=language, **told)
    assert str(caught.value) == caught.value.text(spoken)


def test_a_language_that_nobody_speaks_is_refused() -> None:
    with pytest.raises(ev.EvaluationError, match="EVAL-122"):
        ev.compare(pd.DataFrame({"treat": [0, 1]}), language="de", treatment="treat")


@pytest.mark.notebook
@pytest.mark.slow
def test_a_notebook_runs_from_its_own_folder(register: Path, results: Path, tmp_path: Path) -> None:
    """The relative path of the study climbs to the folder that holds pyproject.toml."""
    project = tmp_path / "project"
    (project / "notebooks").mkdir(parents=True)
    (project / "pyproject.toml").write_text("", "utf-8")
    shutil.copy(notebook_path("region_report"), project / "notebooks")
    shutil.copytree(register, project / "data" / "demonstration")
    words = ["--to", "notebook", "--execute", "region_report.ipynb", "--output", "done.ipynb"]
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", *words],
        cwd=project / "notebooks", capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    written = project / "reports" / "demonstration" / "results" / "24.json"
    assert written.read_bytes() == results.read_bytes()


def test_notebooks_carry_no_tag_that_hides_a_failure() -> None:
    for name in ("region_report", "national_summary", "lalonde_benchmark", "clock"):
        cells = json.loads(notebook_path(name).read_text("utf-8"))["cells"]
        tags = {tag for cell in cells for tag in cell["metadata"].get("tags", [])}
        assert tags <= {"parameters"}, name
