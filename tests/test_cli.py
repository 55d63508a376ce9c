"""The command line: exit codes, languages, refusals; the verbs themselves are tested elsewhere."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evaluation
from evaluation.cli import app
from evaluation.errors import warn
from evaluation.pipeline.manifest import digests, write_manifest
from evaluation.wording import message

STUDY = """
[study]
name = "demo"
language = "en"
[register]
registrations = "r.parquet"
entries = "e.parquet"
hires = "h.parquet"
extraction_date = 2025-01-31
[cohort]
entry_window = [2023-01-01, 2023-12-31]
[run]
output = "out"
[territory.94]
matching.caliper = 0.25
"""
runner = CliRunner()
ROOT = Path(evaluation.__file__).parents[1]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def call(*words: str) -> tuple[int, str]:
    result = runner.invoke(app, [*words])
    return result.exit_code, _COLOUR.sub("", result.output)


@pytest.fixture
def study(tmp_path: Path) -> str:
    file = tmp_path / "study.toml"
    file.write_text(STUDY, "utf-8")
    return str(file)


def test_the_commands_of_the_contract_exist() -> None:
    code, text = call("--help")
    assert code == 0
    for name in ("simulate", "init", "check", "show", "run", "render", "compare", "verify",
                 "methods", "doctor"):  # fmt: skip
        assert re.search(rf"\b{name}\b", text), name


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("run", "s.toml", "--regoin", "24"), "--region"),
        (("simulate", "--outptu", "x"), "--output"),
        (("rnu", "s.toml"), "run"),
    ],
)
def test_a_misspelt_word_is_refused_with_the_nearest(words: tuple[str, ...], hint: str) -> None:
    code, text = call(*words)
    assert code == 2
    assert hint in text


def test_a_missing_study_is_refused_in_the_language_asked_for() -> None:
    code, text = call("run", "nowhere.toml")
    assert code == 2
    assert "introuvable" in text
    code, text = call("run", "nowhere.toml", "--lang", "en")
    assert code == 2
    assert "[EVAL-101]" in text
    assert "introuvable" not in text
    assert "Traceback" not in text


def test_a_fault_of_the_study_is_said_in_its_language(study: str) -> None:
    code, text = call("run", study, "--set", "matching.ratioo=1")
    assert code == 2
    assert "unknown key" in text.lower()
    assert "matching.ratio" in text


def test_debug_shows_the_traceback_wherever_it_stands() -> None:
    for words in (("--debug", "run", "nowhere.toml"), ("run", "nowhere.toml", "--debug")):
        code, text = call(*words)
        assert code == 2, words
        assert "Traceback" in text, words
        assert "EVAL-101" in text, words


def test_a_column_that_no_cohort_has_is_refused_before_anything_runs(
    study: str, tmp_path: Path
) -> None:
    code, text = call("run", study, "--region", "24", "--set", 'matching.exact=["sexe", "rsa"]')
    assert code == 2
    assert "[EVAL-400]" in text
    assert text.count("EVAL-400") == 1
    assert not (tmp_path / "out").exists()


def test_a_warning_is_a_sentence_in_the_language_of_the_study(
    study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(*_: object, **__: object) -> None:
        warn("EVAL-719", count=30, territories=["x"])
        raise KeyboardInterrupt

    monkeypatch.setattr("evaluation.verbs.read_register", noisy)
    _, text = call("compare", study, "--region", "24")
    assert message("EVAL-719.what", "en", count=30, territories=["x"]) in text
    assert "EvaluationWarning" not in text
    assert ".py" not in text


def test_an_unknown_language_is_refused(study: str) -> None:
    code, text = call("run", study, "--lang", "de")
    assert code == 2
    assert "fr, en" in text


def test_all_faults_of_a_request_come_at_once_and_nothing_is_written(
    study: str, tmp_path: Path
) -> None:
    code, text = call(
        "run", study, "--region", "99", "--region", "1", "--department", "2C",
        "--set", 'matching.method="nearst"',
    )  # fmt: skip
    assert code == 2
    assert text.count("[EVAL-112]") == 3
    assert "[EVAL-401]" in text
    assert "01" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.toml"]


def test_method_is_an_override(study: str) -> None:
    code, text = call("run", study, "--method", "entropy_balncing", "--region", "24")
    assert code == 2
    assert "entropy_balancing" in text


def test_a_register_that_is_not_there_is_refused_before_anything_runs(
    study: str, tmp_path: Path
) -> None:
    code, text = call("run", study, "--region", "24")
    assert code == 2
    assert re.search(r"\[EVAL-2\d\d\]", text)
    assert text.count("[EVAL-2") >= 3
    assert not (tmp_path / "out").exists()


def test_show_gives_value_and_origin(study: str) -> None:
    code, text = call("show", study, "--set", "matching.ratio=1")
    assert code == 0
    assert "matching.ratio = 1  # override" in text
    assert 'study.name = "demo"  # file' in text
    assert "matching.replace = false  # default" in text
    assert "territory.94.matching.caliper = 0.25  # file" in text


def test_show_refuses_what_run_would_refuse(study: str) -> None:
    words = ("--set", "matching.method=nearst", "--set", 'matching.exact=["sexe"]')
    asked = ["EVAL-400", "EVAL-401"]
    for verb in (("show", study), ("run", study, "--region", "24")):
        code, text = call(*verb, *words)
        assert code == 2, verb
        assert sorted(set(re.findall(r"EVAL-\d{3}", text))) == asked, verb
    assert call("show", study)[0] == 0


def test_a_territory_cannot_deviate_to_a_method_that_does_not_exist(study: str) -> None:
    file = Path(study)
    file.write_text(file.read_text("utf-8") + 'matching.method = "radiuss"\n', "utf-8")
    for words in (("show", study), ("run", study, "--region", "24")):
        code, text = call(*words)
        assert code == 2, words
        assert '"radius"' in text or "“radius”" in text, words


@pytest.mark.parametrize(("stated", "shown"), [(11, ""), (30, ""), (5, "is 5"), (None, "is –")])
def test_verify_does_not_trust_a_threshold_under_the_default(
    tmp_path: Path, stated: int | None, shown: str
) -> None:
    results = tmp_path / "results" / "24.json"
    results.parent.mkdir()
    results.write_text('{"flow": {"entrants": 40}}', "utf-8")
    rules = {} if stated is None else {"min_cell": stated}
    manifest = {"territories": {}, "language": "en", "parameters": {"disclosure": rules}}
    write_manifest(tmp_path, {**manifest, "files": digests(tmp_path)})
    code, text = call("verify", str(tmp_path), "--disclosure")
    assert code == (3 if shown else 0), text
    assert ("[EVAL-128]" in text) == bool(shown)
    assert shown in text
    results.write_text('{"flow": {"entrants": 7}}', "utf-8")
    write_manifest(tmp_path, {**manifest, "files": digests(tmp_path)})
    code, text = call("verify", str(tmp_path), "--disclosure")
    assert code == 3
    assert "24.json:flow.entrants" in text


def test_init_writes_a_file_once(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    assert call("init", "--output", str(file), "--profile", "dpae")[0] == 0
    assert call("show", str(file))[0] == 0
    code, text = call("init", "--output", str(file))
    assert code == 2
    assert "[EVAL-120]" in text
    assert call("init", "--output", str(tmp_path / "x.toml"), "--profile", "dpea")[0] == 2


def test_methods_are_listed() -> None:
    code, text = call("methods")
    assert code == 0
    for name in ("nearest", "radius", "ipw", "entropy_balancing"):
        assert re.search(rf"^{name} ", text, re.MULTILINE), name


def test_verify_and_render_name_a_folder_that_holds_nothing(tmp_path: Path) -> None:
    for verb in ("verify", "render"):
        assert call(verb, str(tmp_path / "none"))[0] == 2
        code, text = call(verb, str(tmp_path))
        assert code == 2, text
        assert tmp_path.name in text


def test_an_interrupted_run_exits_130(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evaluation.pipeline.conductor.check_request", interrupt)
    code, text = call("run", study)
    assert code == 130
    assert "Interrupted" in text


def test_an_unforeseen_fault_is_named_not_quoted(
    study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise KeyError("1850175123456")

    monkeypatch.setattr("evaluation.pipeline.conductor.check_request", stumble)
    code, text = call("run", study)
    assert code == 1
    assert "KeyError" in text
    assert "1850175123456" not in text


def python(*words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
    )  # fmt: skip


def test_french_text_reaches_a_console_that_lacks_its_letters() -> None:
    ran = python("-m", "evaluation", "run", "nulle part.toml", PYTHONIOENCODING="ascii")
    assert ran.returncode == 2
    assert b"EVAL-101" in ran.stderr
    assert b"Traceback" not in ran.stderr
    ran = python("-m", "evaluation", "run", "é.toml", PYTHONIOENCODING="cp1252")
    assert ran.returncode == 2
    assert "é.toml" in ran.stderr.decode("cp1252")


PACKAGES = sorted(
    path.parent.relative_to(ROOT).as_posix().replace("/", ".")
    for path in (ROOT / "evaluation").rglob("__init__.py")
    if "attach(" in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_lazy_package_gives_what_type_checkers_see(name: str) -> None:
    """The imports under TYPE_CHECKING and the names that load when used are the same."""
    package = importlib.import_module(name)
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{name}.")
        for alias in node.names
        if (node.module, alias.name) != ("evaluation._lazy", "attach")
    }
    assert sorted(seen) == package.__all__
    assert set(package.__all__) <= set(dir(package))
    for attribute, module in seen.items():
        there = getattr(importlib.import_module(str(module)), attribute)
        assert getattr(package, attribute) is there
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(package, "nothing")  # noqa: B009


def test_heavy_packages_stay_out_of_import_and_help() -> None:
    program = (
        "import sys; import evaluation; from evaluation.cli import app; "
        "heavy = {'pandas', 'numpy', 'duckdb', 'papermill', 'matplotlib', 'numba', 'pydantic'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert python("-c", program).stdout.strip() == b"[]"
