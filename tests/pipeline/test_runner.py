"""One notebook, run: every way it can end, and what is on disk afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from evaluation.errors import EvaluationError
from evaluation.pipeline.annex import write_annex
from evaluation.pipeline.runner import run_notebook
from tests.pipeline.builders import notebook

pytestmark = pytest.mark.notebook

FIGURE = """
import sys, warnings
from evaluation.errors import warn
warn("EVAL-719", territories=["01"], count=1)
print("1850175" + "123456", file=sys.stderr)
import base64
from IPython.display import Image
dot = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
Image(data=dot)
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], dict[str, float]]:
    folder = tmp_path_factory.mktemp("done")
    path = notebook(folder, FIGURE, "print(region, overrides)", alt="Un point ; voir le tableau")
    stages: list[str] = []
    ran = run_notebook(
        path,
        folder / "notebooks" / "01.ipynb",
        {"region": "01", "overrides": ["matching.ratio=1"]},
        on_stage=stages.append,
    )
    assert ran.error == ""
    return ran.notebook, stages, ran.stages


def test_the_code_of_guadeloupe_arrives_as_text(
    done: tuple[Path, list[str], dict[str, float]],
) -> None:
    printed = nbformat.read(done[0], as_version=4).cells[-1].outputs[0].text
    assert printed == "01 ['matching.ratio=1']\n"


def test_stages_are_told_and_timed(done: tuple[Path, list[str], dict[str, float]]) -> None:
    assert done[1] == ["step1", "step2"]
    assert list(done[2]) == ["start", "step1", "step2"]
    assert all(seconds > 0 for seconds in done[2].values())


def test_the_notebook_keeps_no_clock_path_or_foreign_line(
    done: tuple[Path, list[str], dict[str, float]],
) -> None:
    text = done[0].read_text("utf-8")
    assert "1850175123456" not in text
    assert "EVAL-719" in text
    assert "EvaluationWarning" not in text
    assert "start_time" not in text
    assert str(done[0].parent) not in text
    assert str(Path(__file__).parents[2]) not in text
    assert not list(done[0].parent.glob("*.partial"))
    assert not list(done[0].parent.glob("*.failed.ipynb"))


def test_the_same_run_writes_the_same_notebook_whatever_the_number_of_hands(
    tmp_path: Path,
) -> None:
    path = notebook(tmp_path, "print(region)")
    written = []
    for workers in ("1", "2"):
        given = {"overrides": [f"run.workers={workers}", "matching.ratio=1"]}
        ran = run_notebook(path, tmp_path / workers / "24.ipynb", given)
        written.append(ran.notebook.read_bytes())
    assert written[0] == written[1]
    assert b"matching.ratio=1" in written[0]


def test_figures_carry_their_alternative_text_into_an_offline_annex(
    done: tuple[Path, list[str], dict[str, float]], tmp_path: Path
) -> None:
    page = write_annex(
        done[0], tmp_path / "01.html", title="Guadeloupe <b>", study="É & s", language="fr",
        back="../regions/01-guadeloupe.html",
    ).read_text("utf-8")  # fmt: skip
    assert 'alt="Un point ; voir le tableau"' in page
    assert "No description" not in page
    assert '<html lang="fr">' in page
    assert "<script" not in page
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page
    assert "Guadeloupe &lt;b&gt;" in page
    assert "default-src 'none'" in page


def test_a_failing_cell_is_a_result_without_a_traceback(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        'people = {"1850175123456": 1}\nprint("1850175123456")\npeople["2990175123456"]',
        "print('never')",
    )
    ran = run_notebook(path, tmp_path / "out" / "24.ipynb", {"region": "24"}, language="en")
    assert ran.error.startswith("[EVAL-706]")
    assert "KeyError" in ran.error
    assert ran.notebook == tmp_path / "out" / "24.failed.ipynb"
    assert not (tmp_path / "out" / "24.ipynb").exists()
    book = nbformat.read(ran.notebook, as_version=4)
    shown = json.dumps([cell.get("outputs", []) for cell in book.cells])
    assert "2990175123456" not in shown
    assert "1850175123456" not in shown
    assert "Traceback" not in shown
    assert "EVAL-706" in shown


def test_our_own_refusal_keeps_its_code_and_remedy_but_no_small_count(tmp_path: Path) -> None:
    source = 'from evaluation.errors import fail\nfail("EVAL-719", count=3, territories=["x"])'
    ran = run_notebook(notebook(tmp_path, source), tmp_path / "24.ipynb", {}, language="en")
    assert ran.error.startswith("[EVAL-719] fewer than 11 ")
    assert "→" in ran.error
    assert "[EVAL-719] 3" not in ran.notebook.read_text("utf-8")


def test_rows_never_stay_as_the_plain_text_behind_a_table(tmp_path: Path) -> None:
    source = 'import pandas as pd\npd.DataFrame({"person": ["1850175" + "123456"]}).style'
    source += '.hide(subset=["person"], axis="columns")'
    path = notebook(tmp_path, source, 'pd.DataFrame({"shown": [42]})')
    ran = run_notebook(path, tmp_path / "24.ipynb", {})
    outputs = [out for cell in nbformat.read(ran.notebook, 4).cells for out in cell.outputs]
    assert all("text/plain" not in out.data for out in outputs)
    assert "42" in outputs[-1].data["text/html"]


def test_a_killed_kernel_is_ours_and_leaves_no_notebook_that_looks_fine(tmp_path: Path) -> None:
    path = notebook(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(EvaluationError) as caught:
        run_notebook(path, tmp_path / "24.ipynb", {})
    assert caught.value.code == "EVAL-707"
    assert caught.value.faults[0].data["stage"] == "step1"
    assert not (tmp_path / "24.ipynb").exists()
    assert (tmp_path / "24.failed.ipynb").exists()


def test_a_cell_that_takes_too_long_is_not_taken_for_a_disk_error(tmp_path: Path) -> None:
    path = notebook(tmp_path, "import time\ntime.sleep(60)")
    with pytest.raises(EvaluationError) as caught:
        run_notebook(path, tmp_path / "24.ipynb", {}, cell_timeout=1)
    assert caught.value.code == "EVAL-708"


def test_nothing_is_written_when_a_parameter_is_wrong(tmp_path: Path) -> None:
    path = notebook(tmp_path, "1")
    with pytest.raises(EvaluationError) as caught:
        run_notebook(path, tmp_path / "out" / "24.ipynb", {"region": 1})
    assert caught.value.code == "EVAL-720"
    assert not (tmp_path / "out").exists()


def test_a_kernel_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.pipeline.runner.KERNEL", "no-such-kernel")
    with pytest.raises(EvaluationError) as caught:
        run_notebook(notebook(tmp_path, "1"), tmp_path / "24.ipynb", {})
    assert caught.value.code == "EVAL-709"


def test_exit_zero_ends_a_notebook_and_any_other_exit_fails_it(tmp_path: Path) -> None:
    path = notebook(tmp_path, "raise SystemExit(3)")
    assert "SystemExit" in run_notebook(path, tmp_path / "24.ipynb", {}).error


def test_a_folder_with_braces_is_no_template(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a {region} é", "1")
    ran = run_notebook(path, tmp_path / "b {x}" / "24.ipynb", {"region": "24"})
    assert ran.notebook.is_file()
