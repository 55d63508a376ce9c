"""The ``evaluation`` command: parses, calls a verb, prints.

In: words of a command line. Out: an exit code (0 done, 1 a territory failed, 2 a fault found
before anything ran, 3 verify mismatch, 130 interrupted). Holds no logic; rooms load when needed.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
import typer.core

from evaluation import __version__
from evaluation.errors import EvaluationError, EvaluationWarning, Fault, fail, refuse
from evaluation.wording import LANGUAGES, Language, message

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.pipeline import Request
    from evaluation.study import Study

FAILED, REFUSED, MISMATCH, INTERRUPTED = 1, 2, 3, 130


@dataclass(slots=True)
class Session:
    """What a command has learnt so far of how to speak."""

    language: Language = "fr"
    debug: bool = False


_session = Session()


class _Program(typer.core.TyperGroup):
    """Turns whatever a verb raises into a message and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` wherever it stands."""
        asked = ["--debug"] if "--debug" in args else []
        rest = super().parse_args(ctx, asked + [word for word in args if word != "--debug"])
        return list(rest)

    def invoke(self, ctx: Any) -> Any:
        _session.language, _session.debug = "fr", bool(ctx.params.get("debug"))
        try:
            with _spoken_warnings():
                return super().invoke(ctx)
        except EvaluationError as error:
            _trace_if_debug()
            _say(error.text(_session.language))
            raise typer.Exit(REFUSED) from None
        except KeyboardInterrupt:
            _say(message("cli.interrupted", _session.language))
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, OSError) as other:
            if isinstance(other, OSError):
                _trace_if_debug()
                _say(_os_fault(other).text(_session.language))
                raise typer.Exit(FAILED) from None
            raise
        except Exception as other:
            # Typer's own usage errors carry an exit code and print themselves.
            if hasattr(other, "exit_code"):
                raise
            _trace_if_debug()
            _say(Fault("EVAL-199", {"kind": type(other).__name__}).text(_session.language))
            raise typer.Exit(FAILED) from None


def _trace_if_debug() -> None:
    """Show the traceback above the message; the exit code stays what it is without it."""
    if _session.debug:
        _say(traceback.format_exc())


@contextlib.contextmanager
def _spoken_warnings() -> Iterator[None]:
    """Say our own warnings in the language of the command, without the line of code they are at."""
    shown = warnings.showwarning

    def speak(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if isinstance(message, EvaluationWarning):
            message.language = _session.language
            _say(str(message))
        else:
            shown(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", EvaluationWarning)
        warnings.showwarning = speak
        yield


def _os_fault(error: OSError) -> Fault:
    file = Path(error.filename).name if error.filename else "?"
    return Fault("EVAL-126", {"file": file, "reason": error.strerror or type(error).__name__})


app = typer.Typer(
    cls=_Program,
    name="evaluation",
    help="Evaluate an employment programme by matched comparison, region by region.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="Study file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="Override one value, e.g. matching.ratio=1."),
]
Regions = Annotated[
    list[str] | None, typer.Option("--region", metavar="CODE", help="Region code (repeat).")
]
Methods = Annotated[
    list[str] | None, typer.Option("--method", metavar="NAME", help="Matching method (repeat).")
]
Report = Annotated[Path, typer.Argument(metavar="REPORT_DIR", help="Folder of index.html.")]
Lang = Annotated[str, typer.Option("--lang", metavar="fr|en", help="Language.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"evaluation {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Evaluate an employment programme by matched comparison, region by region."""


@app.command()
def simulate(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder to write.")],
    scale: Annotated[float, typer.Option(help="1 = 60,000 entrants.")] = 0.2,
    region: Regions = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 20180618,
    effect_points: Annotated[float, typer.Option(help="True effect, in points.")] = 2.8,
    hidden_confounding: Annotated[float, typer.Option(help="Log-odds of a hidden trait.")] = 0.0,
    region_sd: Annotated[float, typer.Option(help="Spread of regional effects, points.")] = 0.0,
    file_format: Annotated[str, typer.Option("--format", metavar="parquet|csv")] = "parquet",
) -> None:
    """Write a synthetic register whose truth is known, and its study file."""
    from evaluation.simulation import simulate as write

    if file_format not in ("parquet", "csv"):
        fail("EVAL-125", value=file_format, allowed=["parquet", "csv"])
    write(
        output,
        scale=scale,
        regions=tuple(region or ()),
        seed=seed,
        effect_points=effect_points,
        hidden_confounding=hidden_confounding,
        region_sd=region_sd,
        file_format=file_format,  # type: ignore[arg-type]
    )
    count = sum(1 for file in output.iterdir() if file.is_file())
    typer.echo(message("cli.simulated", _session.language, count=count, path=output))


@app.command()
def init(
    output: Annotated[Path, typer.Option("--output", metavar="STUDY.toml", help="File to write.")],
    profile: Annotated[str, typer.Option(metavar="NAME", help="Form of the extracts.")] = "toolkit",
) -> None:
    """Write a complete, commented study file."""
    from evaluation.pipeline.starter import write_starter

    write_starter(output, profile)
    typer.echo(message("cli.written", _session.language, path=output))


@app.command()
def check(study: StudyFile) -> None:
    """Check a study file and its extracts without running anything."""
    from evaluation.pipeline.request import study_faults
    from evaluation.register import check_register
    from evaluation.register.page import page_path

    loaded = _load(study)
    quality = check_register(loaded)
    typer.echo(quality.summary(_session.language, faults=False))
    path = page_path(loaded)
    typer.echo("\n" + message("register.page.saved", _session.language, path=path))
    faults = [*study_faults(loaded), *quality.faults]
    if faults:
        _say("\n".join(fault.text(_session.language) for fault in faults))
        fail("EVAL-124", count=len(faults))
    typer.echo(message("cli.check_ok", _session.language))


@app.command()
def show(study: StudyFile, set_: Overrides = None) -> None:
    """Show every effective value of a study and where it comes from."""
    from evaluation.pipeline.request import study_faults

    loaded = _load(study, set_ or ())
    refuse(study_faults(loaded))
    for section, values in loaded.sections().items():
        for name, value in values.items():
            origin = loaded.origins.get(f"{section}.{name}", "default")
            typer.echo(f"{section}.{name} = {_toml(value)}  # {origin}")
    for place, deviations in loaded.deviations.items():
        for key, value in deviations.items():
            typer.echo(f"territory.{place}.{key} = {_toml(value)}  # file")


@app.command()
def run(
    study: StudyFile,
    region: Regions = None,
    department: Annotated[
        list[str] | None, typer.Option("--department", metavar="CODE", help="Département code.")
    ] = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="Headline method.")] = "",
    set_: Overrides = None,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes (0: cores).")] = None,
    output: Annotated[Path | None, typer.Option("--output", metavar="DIR")] = None,
    lang: Lang = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what has not changed.")] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="Match and show balance; read no outcome.")
    ] = False,
) -> None:
    """Run territories and write the report folder (the 18 regions by default)."""
    from evaluation.pipeline import Request
    from evaluation.pipeline import run as run_territories
    from evaluation.pipeline.summary import print_summary

    overrides = list(set_ or ())
    overrides += [f"matching.method={_quoted(method)}"] if method else []
    overrides += [f"run.workers={workers}"] if workers is not None else []
    loaded = _load(study, overrides, output=str(output) if output else "", lang=lang)
    request = Request(loaded, tuple(overrides), tuple(region or ()), tuple(department or ()), fresh)
    if blind:
        _run_blind(request)
        return
    report = run_territories(request, _console(stderr=True))
    print_summary(report, _console(), loaded.language)
    for fault in report.faults:
        _say(fault.text(loaded.language))
    typer.echo(message("summary.page", loaded.language, path=report.index))
    if report.failed:
        _say(message("summary.failures", loaded.language, count=len(report.failed)))
        for line in report.failed:
            _say(f"{line.title}: {line.error}")
            if line.notebook:
                path = loaded.output / line.notebook
                _say(message("summary.failed_notebook", loaded.language, path=path))
        raise typer.Exit(FAILED)


def _run_blind(request: Request) -> None:
    from evaluation.pipeline.blind import run_blind
    from evaluation.wording.numbers import number

    language = request.study.language
    lines = run_blind(request)
    for line in lines:
        if line.error:
            _say(f"{line.title}: {line.error}")
            continue
        shown = number(line.max_abs_smd, language, digits=3)
        words = {"territory": line.title, "smd": shown, "path": line.page}
        typer.echo(message("blind.line", language, **words))
    typer.echo(message("blind.accept", language))
    if any(line.error for line in lines):
        raise typer.Exit(FAILED)


@app.command()
def render(report: Report, lang: Lang = "") -> None:
    """Make pages, index, csv and xlsx again from the results, nothing recomputed."""
    from evaluation.pipeline import render_folder

    folder = _folder(report)
    _speak_as(folder)
    _speak(lang)
    index = render_folder(folder, (_session.language,) if lang else LANGUAGES)
    typer.echo(message("summary.page", _session.language, path=index))


@app.command()
def compare(
    study: StudyFile,
    region: Annotated[str, typer.Option("--region", metavar="CODE", help="Region code.")],
    method: Methods = None,
) -> None:
    """Compare matching methods on one region."""
    from evaluation import verbs

    loaded = _load(study)
    cohort = verbs.build_cohort(verbs.read_register(loaded), region=region)
    _table(verbs.compare(cohort, method or ()).summary())


@app.command()
def verify(
    report: Report,
    disclosure: Annotated[
        bool, typer.Option("--disclosure", help="Look for published counts under the threshold.")
    ] = False,
) -> None:
    """Compare the files of a report with its manifest."""
    from evaluation.pipeline.manifest import read_manifest
    from evaluation.pipeline.manifest import verify as mismatches
    from evaluation.pipeline.threshold import disclosure_faults

    folder = _folder(report)
    _speak_as(folder)
    found = mismatches(folder)
    for item in found:
        _say(f"{item.file}: {message(f'cli.mismatch_{item.kind}', _session.language)}")
    if found:
        files = [item.file for item in found[:3]]
        _say(Fault("EVAL-718", {"count": len(found), "files": files}).text(_session.language))
        raise typer.Exit(MISMATCH)
    manifest = read_manifest(folder)
    count = len(manifest["files"])
    typer.echo(message("cli.verified", _session.language, count=count))
    if disclosure:
        faults = disclosure_faults(folder)
        for fault in faults:
            _say(fault.text(_session.language))
        if faults:
            raise typer.Exit(MISMATCH)
        least = manifest["parameters"]["disclosure"]["min_cell"]
        typer.echo(message("cli.undisclosed", _session.language, min_cell=least))


@app.command()
def methods() -> None:
    """List the matching methods and their options."""
    from evaluation.matching.registry import method, methods

    for name in methods():
        known = ", ".join(f"{key}={value!r}" for key, value in method(name).options.items())
        typer.echo(f"{name}  ({method(name).family})  {known}".rstrip())


@app.command()
def doctor() -> None:
    """Check this installation."""
    from evaluation.pipeline.doctor import findings

    words = {ok: message(f"cli.doctor_{'ok' if ok else 'bad'}", "fr") for ok in (True, False)}
    found = findings(_session.language)
    for finding in found:
        typer.echo(f"[{words[finding.ok]}] {finding.text}")
    if not all(finding.ok for finding in found if finding.needed):
        raise typer.Exit(FAILED)


def _load(
    path: Path, overrides: list[str] | tuple[str, ...] = (), *, output: str = "", lang: str = ""
) -> Study:
    """Read the study; what is wrong with it is said in ``--lang``, else in its own language."""
    from evaluation.study import load_study, peek_language

    _session.language = peek_language(path)
    _speak(lang)
    study = load_study(path, overrides, output=output, language=lang)
    _session.language = study.language
    return study


def _speak(lang: str) -> None:
    if lang and lang not in LANGUAGES:
        fail("EVAL-122", value=lang, allowed=list(LANGUAGES))
    if lang:
        _session.language = lang


def _speak_as(folder: Path) -> None:
    """Speak the language of the study that a report was made from."""
    from evaluation.pipeline.manifest import read_manifest

    _speak(str(read_manifest(folder).get("language") or ""))


def _folder(report: Path) -> Path:
    if not report.is_dir():
        fail("EVAL-123", folder=report.name)
    return report.resolve()


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=True)


def _table(frame: Any) -> None:
    """Print a small DataFrame as aligned text, whole."""
    typer.echo(frame.to_string())


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _toml(value: Any) -> str:
    import json

    return '""' if value is None else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    import json

    return json.dumps(text)


@contextlib.contextmanager
def _tolerant_streams() -> Iterator[None]:
    """Let French text reach a console that can't show all of it, instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    yield


def main() -> None:
    """Run the command."""
    with _tolerant_streams():
        app()
