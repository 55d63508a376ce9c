"""What an adversary tries on everything a run leaves behind: names, rows, counts, differences."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.disclosure import audit, protect
from evaluation.effects.estimates import TerritoryEstimates
from evaluation.errors import EvaluationError, EvaluationWarning, Fault
from evaluation.matching import match_frame
from evaluation.matching.score.design import build_design
from evaluation.pipeline.manifest import digests, verify, write_manifest
from evaluation.pipeline.notebooks import notebook_path
from evaluation.pipeline.runner import run_notebook
from evaluation.pipeline.threshold import small_counts
from evaluation.pipeline.traces import in_file, in_html, in_text
from evaluation.simulation import simulate
from evaluation.wording import catalogue
from tests.effects.cohorts import cohort_of, study_of
from tests.pipeline.builders import notebook
from tests.reporting.records import (
    effect_record,
    national,
    subgroups_of,
    support,
    tiny_record,
    unusable_record,
)

MARK = "KANARI"


def shown_national(parts: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    record = national(parts)
    return record, protect(record, regions=[protect(part) for part in parts])


def test_comparators_do_not_give_back_a_withheld_number_of_entrants() -> None:
    """Thirty comparators at ratio 3 are exactly ten entrants."""
    made = effect_record(n=400)
    made["flow"].update(matched=10, comparators_used=30, lost_share=0.9)
    made["headline"]["support"] = support(10, 30, 13.0, 10.0)
    flow = protect(made)["flow"]
    assert flow["matched"] is None
    for name in ("comparators_used", "comparators_enter_later", "effective_comparators"):
        assert flow[name] is None, name


def with_zones(n: int = 500) -> dict[str, Any]:
    made = effect_record(n=n)
    model = made["balance"]["rows"][0]
    rare = {"covariate": "employment_zone", "block": "B2", "smd_after": 0.934,
            "support": {"entrants": 1, "comparators": 2}}  # fmt: skip
    rows = [{**model, **rare, "level": zone} for zone in ("9541", "9542")]
    known = {**model, **rare, "level": "2405", "smd_after": 0.01,
             "support": {"entrants": 90, "comparators": 200}}  # fmt: skip
    made["balance"]["rows"] += [known, *rows]
    made["balance"]["max_abs_smd"] = 0.934
    made["verdict"]["reasons"] = [
        {
            "code": "balance",
            "text_fr": "Écart de 0,93 (« employment_zone »).",
            "text": "",
            "cap": "",
        }
    ]
    return made


def test_a_rare_level_is_not_named_and_its_difference_is_coarse() -> None:
    made = with_zones()
    shown = protect(made)
    text = json.dumps(shown, ensure_ascii=False)
    assert "9541" not in text
    assert "9542" not in text
    levels = [r["level"] for r in shown["balance"]["rows"] if r["covariate"] == "employment_zone"]
    assert levels == ["2405", "rare"]
    assert shown["balance"]["max_abs_smd"] == 0.9
    assert "0,93" not in text
    assert {row["reason"] for row in audit(made, shown) if "9541" in row["place"]} == {"rare_level"}


def test_the_largest_difference_is_exact_where_it_belongs_to_a_published_row() -> None:
    made = with_zones()
    made["balance"]["rows"] = made["balance"]["rows"][:-2]
    made["balance"]["rows"][-1]["smd_after"] = 0.934
    shown = protect(made)
    assert shown["balance"]["max_abs_smd"] == 0.934
    assert "0,93" in shown["verdict"]["reasons"][0]["text_fr"]


def test_a_matched_set_that_is_too_small_is_not_described() -> None:
    made = with_zones()
    made["flow"]["matched"] = 6
    balance = protect(made)["balance"]
    assert [balance[name] for name in ("max_abs_smd", "mean_abs_smd", "share_below_0_1")] == [
        None, None, None,
    ]  # fmt: skip


def test_the_number_of_returns_goes_with_an_effect_that_may_not_be_published() -> None:
    made = unusable_record()
    made["verdict"]["reasons"] = [{"code": "events", "text": "Trop peu de retours (24)."}]
    assert "24" not in protect(made)["verdict"]["reasons"][0]["text"]


def test_a_warning_does_not_name_the_total_beside_a_small_loss() -> None:
    made = effect_record(n=455)
    made["flow"].update(eligible=462, lost_share=7 / 462)
    made["warnings"] = [{"code": "EVAL-412", "text": "secret lignes sur 462 sans comparateur."}]
    shown = protect(made)
    assert shown["flow"]["eligible"] is None
    assert "462" not in shown["warnings"][0]["text"]


def test_a_warning_does_not_say_that_nobody_had_an_outcome() -> None:
    made = effect_record()
    fault = Fault("EVAL-520", {"column": "c", "method": "ipw", "reason": "no_events"})
    made["warnings"] = [{"code": fault.code, "text_fr": fault.text("fr")}]
    assert "ne varie pas" not in protect(made)["warnings"][0]["text_fr"]
    assert "{count}" not in catalogue("fr")["EVAL-526.what"]


def test_the_nations_subgroups_less_the_regions_give_no_withheld_subgroup() -> None:
    parts = [effect_record("24", n=3000), effect_record("11", n=3000)]
    few = subgroups_of(900, 13.0, 10.0)
    few[0].update(entrants=4, support=support(4, 12, 13.0, 10.0))
    parts[1]["subgroups"] = few
    record = national(parts)
    record["subgroups"] = subgroups_of(3900, 13.0, 10.0)
    exact = {**record["subgroups"][0], "entrants": parts[0]["subgroups"][0]["entrants"] + 4}
    record["subgroups"][0] = exact
    regions = [protect(part) for part in parts]
    whole = protect(record, regions=regions)["subgroups"][0]["entrants"]
    known = regions[0]["subgroups"][0]["entrants"]
    assert regions[1]["subgroups"][0]["entrants"] is None
    assert whole % 10 == 0
    # What the nation says is a function of what the region says.
    assert whole == 10 * round(known / 10)


@pytest.mark.parametrize("record", [unusable_record(), tiny_record()])
def test_a_notebook_shows_of_a_headline_what_the_page_shows(record: dict[str, Any]) -> None:
    estimates = TerritoryEstimates(record, study_of())
    page = protect(record)["headline"]
    assert page["withheld"]
    words = set(estimates.protected().to_numpy().ravel())
    assert words == {"secret" if page["withheld"] == "disclosure" else "non publiable"}
    axes = estimates.plot()
    assert [text.get_text() for text in axes.texts] == [words.pop()]
    assert not axes.lines


def test_a_notebook_shows_a_published_headline_rounded_as_the_page() -> None:
    record = effect_record(n=5012, rate=13.24, other=10.31)
    effect = protect(record)["headline"]["effect_points"]
    table = TerritoryEstimates(record, study_of()).protected()
    assert [f"{effect[name]:.1f}" for name in ("estimate", "low", "high")] in table.values.tolist()
    axes = TerritoryEstimates(record, study_of()).plot()
    assert list(axes.lines[-1].get_xdata()) == [effect["estimate"]]


def test_the_national_notebook_is_as_coarse_as_the_national_page() -> None:
    """The national rate less the published regions would be that of the withheld one."""
    parts = [effect_record("24", n=1500), tiny_record("06")]
    record, page = shown_national(parts)
    for row, part in zip(record["nation"]["regions"], parts, strict=True):
        row["matched"] = part["flow"]["matched"]
    shown = TerritoryEstimates(record, study_of()).protected()
    rate = page["headline"]["rate_entrants"]["estimate"]
    assert rate == round(rate)
    assert shown.iloc[0, 0] == f"{rate:.1f}"
    alone = [effect_record("24", n=300), tiny_record("06")]
    record, page = shown_national(alone)
    assert page["headline"]["withheld"] == "disclosure"
    assert set(TerritoryEstimates(record, study_of()).protected().iloc[:, 0]) == {"secret"}


def test_the_cohort_is_shown_rounded() -> None:
    cohort = cohort_of(seed=1, entrants=500, people=4000)
    page = cohort._repr_html_()
    assert cohort.flow.eligible % 10
    assert f">{cohort.flow.eligible}<" not in page
    assert f">{10 * round(cohort.flow.eligible / 10)}<" in page


def quiet_match(frame: pd.DataFrame, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return match_frame(frame, treatment="treat", covariates=["x", "z"], **options)


def rows(treated: int, others: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    arm = np.arange(treated + others) < treated
    return pd.DataFrame({"treat": arm.astype(int), "x": rng.normal(size=arm.size),
                         "z": rng.normal(size=arm.size)})  # fmt: skip


def test_a_total_is_not_shown_beside_a_small_loss() -> None:
    frame = rows(60, 300)
    frame.loc[:4, "x"] = 40.0
    page = quiet_match(frame, caliper=0.5)._repr_html_()
    assert ">60<" not in page
    assert quiet_match(frame, caliper=0.5).summary().loc["unmatched", "treated"] < 11


def test_comparators_are_not_shown_for_few_matched_rows() -> None:
    matched = quiet_match(rows(9, 300), ratio=3)
    assert matched.summary().loc["matched", "comparison"] == 27
    assert ">27<" not in matched._repr_html_()


def test_every_display_of_a_match_follows_the_threshold_of_the_study() -> None:
    frame = rows(15, 300)
    assert ">15<" in quiet_match(frame)._repr_html_()
    assert _bars(quiet_match(frame)) == [100.0, 100.0]
    frame.attrs["study"] = study_of(disclosure={"min_cell": 20})
    matched = quiet_match(frame)
    assert matched.min_cell == 20
    assert ">15<" not in matched._repr_html_()
    assert matched.balance().min_cell == 20
    assert _bars(matched) == []


def _bars(matched: Any) -> list[float]:
    """Return the heights of the bars of the treated, before and after, with a single bin."""
    return [bar.get_height() for bar in matched.plot(bins=1).patches if bar.get_height() > 0]


def test_plain_text_of_a_match_gives_no_number_of_rows() -> None:
    assert "69" not in repr(quiet_match(rows(9, 60)))


def test_notes_name_columns_never_a_rare_level() -> None:
    zone = pd.Categorical(["2405"] * 28 + ["9541", "9542"])
    frame = pd.DataFrame({"zone": zone, "twin": [0.0] * 28 + [1.0, 0.0], "x": np.arange(30.0)})
    _, notes = build_design(frame, np.arange(30) < 10, np.ones(30))
    text = " ".join(note.text() for note in notes)
    assert "zone" in text
    assert "9541" not in text


def test_a_warning_is_printed_without_its_small_counts() -> None:
    warning = EvaluationWarning("EVAL-321", count=4, entries=5)
    assert "4" not in str(warning).replace("EVAL-321", "").replace("11", "")
    assert warning.fault.data["count"] == 4


def test_a_refusal_leaves_sentences_in_a_notebook_no_frames() -> None:
    error = EvaluationError("EVAL-719", count=3, territories=["24"])
    lines = error._render_traceback_()
    assert lines[0].startswith("[EVAL-719] moins de 11 ")
    assert not any("Traceback" in line or "File" in line for line in lines)


PERSON = "KANARI" + "pbx2eng4d"
EDITED = (
    f"import pandas as pd\npeople = pd.DataFrame({{'person_id': ['{PERSON}'] * 3, 'age': 3}})\n"
    "people",
    "print(people)",
    "people.person_id.iloc[0]",
    "people.set_index('person_id').T",
    "from IPython.display import Markdown\nMarkdown(people.person_id.iloc[0])",
    "pd.DataFrame({'age': range(40)})",
    "people.set_index('person_id').loc['KANARI' + 'pzzz9']",
)


@pytest.mark.notebook
def test_an_edited_notebook_publishes_no_person(tmp_path: Path) -> None:
    """Rows shown, printed or quoted by a crash in a notebook that somebody has changed."""
    ran = run_notebook(notebook(tmp_path, *EDITED), tmp_path / "24.ipynb", {}, language="en")
    assert ran.error.startswith("[EVAL-706]")
    book = nbformat.read(ran.notebook, as_version=4)
    outputs = [output for cell in book.cells[2:] for output in cell.get("outputs", [])]
    text = json.dumps(outputs)
    assert len(outputs) >= 6
    assert MARK not in text
    assert ">39<" not in text
    assert "Output not published" in text
    assert MARK not in ran.error


def test_traces_are_recognised_and_figures_are_not() -> None:
    assert in_text("1850175123456") == ["nir"]
    assert in_text("285012A12345678") == ["nir"]
    assert in_text("paec8wphp pbx2eng4d p4v8yuslx") == ["pseudonyms"]
    assert in_html("<table><tr><th>person_id</th></tr></table>") == ["key_column"]
    rows_ = "<tr><td>1</td></tr>" * 12
    assert in_html(f'<table border="1" class="dataframe">{rows_}</table>') == ["rows"]
    assert in_text("13,1 % contre 10,3 % (2023-01-01, lolf_p102, EVAL-412)") == []
    assert in_html("<table><tr><th>contract_id répété</th><td>377</td></tr></table>") == []
    assert in_html('<img src="data:image/png;base64,1850175123456">') == []


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("results/24.json", '{"flow": {}, "people": ["paec8wphp", "pbx2eng4d", "p4v8yuslx"]}',
         "pseudonyms"),
        ("results.csv", "person_id,age\nx,3\n", "key_column"),
        ("index.html", "<p>1850175123456</p>", "nir"),
    ],
)  # fmt: skip
def test_verify_finds_a_person_in_any_file(tmp_path: Path, name: str, text: str, kind: str) -> None:
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, "utf-8")
    assert small_counts(tmp_path, 11) == [f"{name}:{kind}"]


def test_verify_reads_notebooks_and_workbooks(tmp_path: Path) -> None:
    out = nbformat.v4.new_output("stream", text="  person_id  age\n")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[out])])
    (tmp_path / "24.ipynb").write_text(nbformat.writes(book), "utf-8")
    with zipfile.ZipFile(tmp_path / "results.xlsx", "w") as made:
        made.writestr("xl/sharedStrings.xml", "<sst><si><t>1850175123456</t></si></sst>")
    assert in_file(tmp_path / "24.ipynb") == ["key_column"]
    assert in_file(tmp_path / "results.xlsx") == ["nir"]


def test_verify_subtracts_departments_from_their_region(tmp_path: Path) -> None:
    flows = {"94": 231, "dep-2A": 224, "dep-2B": None}
    for stem, entrants in flows.items():
        target = tmp_path / "results" / f"{stem}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps({"flow": {"entrants": entrants}}), "utf-8")
    assert small_counts(tmp_path, 11) == ["94.json:flow.entrants - dep-2A, dep-2B"]


def test_verify_reports_an_unfinished_file(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>")
    write_manifest(tmp_path, {"territories": {}, "files": digests(tmp_path)})
    assert verify(tmp_path) == []
    (tmp_path / "rows.csv.partial").write_text("x")
    assert [(item.file, item.kind) for item in verify(tmp_path)] == [
        ("rows.csv.partial", "unknown")
    ]


def marked_register(folder: Path) -> list[str]:
    """Make every identifier of a register recognisable, and some people the only ones of a zone."""
    import pyarrow.parquet as pq

    entries = pd.read_parquet(folder / "entries.parquet")
    people = sorted(set(entries["person_id"]))
    zone = {person: str(9500 + k) for k, person in enumerate(people[::7][:60])}
    for name in ("registrations", "entries", "hires"):
        path = folder / f"{name}.parquet"
        table = pq.read_table(path)
        for column in ("person_id", "registration_id", "contract_id", "employer_id"):
            if column in table.column_names:
                old = table[column].to_pylist()
                new = [value if value is None else f"{MARK}{value}" for value in old]
                table = table.set_column(table.column_names.index(column), column, [new])
        if name == "registrations":
            bare = [value.removeprefix(MARK) for value in table["person_id"].to_pylist()]
            old = table["employment_zone"].to_pylist()
            new = [zone.get(person, there) for person, there in zip(bare, old, strict=True)]
            at = table.column_names.index("employment_zone")
            table = table.set_column(at, "employment_zone", [new])
        pq.write_table(table, path)
    return sorted(zone.values())


def everything(folder: Path) -> dict[str, str]:
    """Return the text of every file; of a workbook, that of its parts."""
    texts = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        if file.suffix == ".xlsx":
            with zipfile.ZipFile(file) as book:
                texts[name] = "".join(book.read(n).decode("utf-8") for n in book.namelist())
        else:
            texts[name] = file.read_text("utf-8")
    return texts


@pytest.mark.notebook
@pytest.mark.slow
def test_no_person_can_be_read_in_what_a_run_leaves(tmp_path: Path) -> None:
    data, out = tmp_path / "register", tmp_path / "report"
    simulate(data, scale=0.06, regions=("24", "94"), seed=5)
    zones = marked_register(data)
    runner = CliRunner()
    words = ["run", str(data / "study.toml"), "--output", str(out), "--workers", "1",
             "--region", "24", "--region", "94"]  # fmt: skip
    told = runner.invoke(app, words)
    assert told.exit_code == 0, told.output
    assert MARK not in told.output
    texts = everything(out)
    assert {"results/24.json", "notebooks/94.ipynb", "annex/national.html"} <= texts.keys()
    for name, text in texts.items():
        assert MARK not in text, name
        if not name.endswith(".xlsx"):
            quoted = [zone for zone in zones if f"= {zone}" in text or f'"{zone}"' in text]
            assert not quoted, (name, quoted)
    checked = runner.invoke(app, ["verify", str(out), "--disclosure"])
    assert checked.exit_code == 0, checked.output
    _same_as_published(out)

    for name in ("results/24.json", "index.html"):
        (out / name).write_text(texts[name] + " ", "utf-8")
        assert runner.invoke(app, ["verify", str(out)]).exit_code == 3
        (out / name).write_text(texts[name], "utf-8")
    (out / "annex" / "94.html").unlink()
    (out / "rows.csv").write_text("person_id\n")
    assert runner.invoke(app, ["verify", str(out)]).exit_code == 3


def _same_as_published(out: Path) -> None:
    """A withheld headline is withheld in every cell of the executed notebook."""
    for key in ("24", "94", "national"):
        results = json.loads((out / "results" / f"{key}.json").read_text("utf-8"))
        reason = results["headline"].get("withheld")
        book = nbformat.read(out / "notebooks" / f"{key}.ipynb", as_version=4)
        pages = [o.data.get("text/html", "") for cell in book.cells if cell.cell_type == "code"
                 for o in cell.outputs if o.output_type == "execute_result"]  # fmt: skip
        effects = [page for page in pages if "Effet (points)" in page]
        assert effects, key
        word = {"disclosure": "secret", "not_publishable": "non publiable"}
        if reason:
            assert all(f"<td>{word[reason]}</td>" in page for page in effects), key


@pytest.mark.notebook
@pytest.mark.slow
def test_a_notebook_run_by_hand_names_nobody(tmp_path: Path) -> None:
    """Plain papermill cleans nothing: what our objects and warnings say is all there is."""
    import papermill

    data = tmp_path / "register"
    simulate(data, scale=0.06, regions=("24",), seed=5)
    zones = marked_register(data)
    target = tmp_path / "24.ipynb"
    given = {"study": str(data / "study.toml"), "region": "24", "output": str(tmp_path / "out")}
    papermill.execute_notebook(
        notebook_path("region_report"), target, given, kernel_name="python3", progress_bar=False
    )
    outputs = [
        output
        for cell in nbformat.read(target, as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    text = json.dumps(outputs)
    assert "EvaluationWarning" in text
    assert MARK not in text
    assert not [zone for zone in zones if f"={zone}" in text or f"= {zone}" in text]
