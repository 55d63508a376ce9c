"""The study file: every parameter of an evaluation, read once and checked whole.

In: a TOML file and overrides ``section.key=value``. Out: a frozen :class:`Study` with the origin
of each value. Knows names, types and bounds of parameters; must never open a register file.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evaluation._study_faults import as_fault
from evaluation.errors import EvaluationError, Fault, fail, nearest, refuse
from evaluation.territories import DEPARTMENTS, REGIONS, Territory, territory
from evaluation.wording import Language

Preset = Literal[
    "es47", "lolf_p102", "dares_midas", "unedic_180", "dares_sortants", "access_1_month", "any_job",
    "training", "training_lists", "business_creation", "business_creation_lists",
    "positive_exit", "positive_exit_lists",
]  # fmt: skip
OUTCOME_FAMILIES: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("es47", "lolf_p102", "dares_midas", "unedic_180", "dares_sortants"), "durable"
    ),
    **dict.fromkeys(("access_1_month", "any_job"), "job"),
    **dict.fromkeys(("training", "training_lists"), "training"),
    **dict.fromkeys(("business_creation", "business_creation_lists"), "business_creation"),
    **dict.fromkeys(("positive_exit", "positive_exit_lists"), "positive_exit"),
}
"""What each preset asks: only presets of one family are definitions of the same thing."""
Pool = Literal["not_yet_entered", "censored_at_entry", "never_entered"]
Profile = Literal["toolkit", "flat", "fhs", "dpae", "mmo", "midas"]
Block = Literal["B0", "B1", "B2", "B3", "B4", "B5", "B6"]
Distance = Literal[
    "logit", "probability", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"
]
Subgroup = Literal[
    "rsa", "disabled", "age_class", "sex", "benefit", "qpv", "rural", "duration_class"
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class About(_Section):
    """``[study]``: what the study is called and in which language it speaks."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=60)]
    title: Annotated[str, Field(max_length=200)] = ""
    contact: Annotated[str, Field(max_length=200)] = ""
    language: Language = "fr"


class RegisterFiles(_Section):
    """``[register]``: the extracts, relative to the study file; globs allowed.

    ``profiles`` names another profile for one table, ``columns`` gives the extract's own name of a
    column, ``constants`` the value of a column that the extract lacks and ``codes`` what a value of
    the extract means, each by table; ``options`` picks among a profile's named recodes;
    ``activity`` names monthly hours worked.
    """

    registrations: str
    entries: str
    hires: str
    history: str = ""
    profile: Profile = "toolkit"
    extraction_date: date
    cog_vintage: Annotated[int, Field(ge=1990, le=2100)] | None = None
    activity: str = ""
    profiles: dict[str, Profile] = Field(default_factory=dict)
    columns: dict[str, dict[str, str]] = Field(default_factory=dict)
    constants: dict[str, dict[str, str | bool | int]] = Field(default_factory=dict)
    codes: dict[str, dict[str, dict[str, str | bool | int | float]]] = Field(default_factory=dict)
    options: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _vintage(self) -> RegisterFiles:
        foreign = {self.profile, *self.profiles.values()} - {"toolkit"}
        if foreign and self.cog_vintage is None:
            raise ValueError("cog_vintage = 2024")
        return self


class CohortRules(_Section):
    """``[cohort]``: who is compared with whom, from when."""

    entry_window: tuple[date, date]
    pool: Pool = "not_yet_entered"
    duration_classes: tuple[Annotated[int, Field(ge=0, le=600)], ...] = (0, 3, 6, 12, 24, 36)
    merge_gap_days: Annotated[int, Field(ge=0, le=365)] = 31
    history_months: Annotated[int, Field(ge=15, le=60)] = 24
    anticipation_days: Annotated[int, Field(ge=0, le=180)] = 0
    ages: tuple[int, int] = (16, 70)
    exclude_durable_job: bool = True
    comparators_per_entrant: Annotated[int, Field(ge=0)] = 20

    @model_validator(mode="after")
    def _ordered(self) -> CohortRules:
        if self.entry_window[0] > self.entry_window[1]:
            raise ValueError("entry_window[0] ≤ entry_window[1]")
        if self.ages[0] > self.ages[1]:
            raise ValueError("ages[0] ≤ ages[1]")
        classes = self.duration_classes
        if not classes or classes[0] != 0 or list(classes) != sorted(set(classes)):
            raise ValueError("duration_classes = [0, a, b, …], 0 < a < b < …")
        return self


class OutcomeRules(_Section):
    """``[outcome]``: which hire counts, and when."""

    preset: Preset = "es47"
    horizon_months: Annotated[int, Field(ge=1, le=24)] = 6
    curve_months: Annotated[int, Field(ge=1, le=24)] = 12
    duration_unit: Literal["calendar_months", "days"] = "calendar_months"
    missing_end: Literal["not_durable", "durable", "until_extraction"] = "not_durable"
    chain_gap_days: Annotated[int, Field(ge=0, le=92)] = 0
    sensitivity: tuple[Preset, ...] = ("lolf_p102", "dares_midas", "unedic_180")


class MatchingRules(_Section):
    """``[matching]``: the headline comparison."""

    method: str = "nearest"
    distance: Distance = "logit"
    ratio: Annotated[int, Field(ge=1, le=100)] = 3
    replace: bool = False
    caliper: Annotated[float, Field(gt=0)] | None = 0.2
    exact: tuple[str, ...] = ("index_month", "duration_class", "sex", "rsa")
    blocks: tuple[Block, ...] = get_args(Block)


class EffectRules(_Section):
    """``[effects]``: inference and comparisons."""

    variance: Literal["auto", "set_person", "abadie_imbens", "sandwich", "bootstrap"] = "auto"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    compare_methods: Annotated[tuple[str, ...], Field(min_length=4)] = (
        "nearest", "radius", "ipw", "entropy_balancing",
    )  # fmt: skip
    subgroups: tuple[Subgroup, ...] = get_args(Subgroup)


class DisclosureRules(_Section):
    """``[disclosure]``: the smallest count that may be published."""

    min_cell: Annotated[int, Field(ge=1, le=1000)] = 11


class RunRules(_Section):
    """``[run]``: where results go and how many hands work."""

    output: str = "../../reports/demonstration"
    work: str = ".work"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 20180618
    workers: Annotated[int, Field(ge=0, le=512)] = 0
    memory_limit_gb: Annotated[float, Field(ge=0)] = 0


_SECTIONS: dict[str, type[_Section]] = {
    "study": About,
    "register": RegisterFiles,
    "cohort": CohortRules,
    "outcome": OutcomeRules,
    "matching": MatchingRules,
    "effects": EffectRules,
    "disclosure": DisclosureRules,
    "run": RunRules,
}
_EXTRACT_KEYS = ("activity", "profiles", "columns", "constants", "codes", "options")
_DEVIATING = ("cohort", "outcome", "matching", "effects")


class Study(BaseModel):
    """All parameters of one evaluation (CONTRACT: study.toml), frozen.

    Attributes
    ----------
    study, register, cohort, outcome, matching, effects, disclosure, run : section models
        The tables of the file, defaults filled in.
    deviations : dict
        ``{territory key: {"section.key": value}}`` from ``[territory.<code>]``.
    path : Path or None
        The file it came from; all relative paths start there.
    origins : dict
        ``{"section.key": "default" | "file" | "override" | "territory"}``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: About
    register_: RegisterFiles = Field(alias="register")
    cohort: CohortRules
    outcome: OutcomeRules = OutcomeRules()
    matching: MatchingRules = MatchingRules()
    effects: EffectRules = EffectRules()
    disclosure: DisclosureRules = DisclosureRules()
    run: RunRules = RunRules()
    deviations: dict[str, dict[str, Any]] = Field(default_factory=dict)
    path: Path | None = None
    origins: dict[str, str] = Field(default_factory=dict)

    @property
    def files(self) -> RegisterFiles:
        """The ``[register]`` table."""
        return self.register_

    @property
    def name(self) -> str:
        """Name of the study, its folder under ``reports/``."""
        return self.study.name

    @property
    def title(self) -> str:
        """Title of the study, its name when none is given."""
        return self.study.title or self.study.name

    @property
    def language(self) -> Language:
        """Language of the reports."""
        return self.study.language

    @property
    def folder(self) -> Path:
        """Folder of the study file."""
        return self.path.parent if self.path else Path.cwd()

    @cached_property
    def output(self) -> Path:
        """Folder that holds ``index.html``."""
        return (self.folder / self.run.output).resolve()

    @cached_property
    def work(self) -> Path:
        """Folder of rows and unprotected aggregates."""
        return (self.folder / self.run.work).resolve()

    def sections(self) -> dict[str, dict[str, Any]]:
        """Return every effective value as ``{section: {key: value}}``, JSON types only.

        Keys that only describe foreign extracts stand there when the study gives them.
        """
        sections = {name: self._section(name).model_dump(mode="json") for name in _SECTIONS}
        for key in _EXTRACT_KEYS:
            if not sections["register"][key]:
                del sections["register"][key]
        return sections

    def _section(self, name: str) -> _Section:
        section: _Section = getattr(self, "register_" if name == "register" else name)
        return section

    @cached_property
    def sha256(self) -> str:
        """Digest of the parameters that can change a number (places and hands excluded)."""
        kept = self.sections()
        kept["run"] = {"seed": self.run.seed}
        kept["study"] = {"name": self.name}
        kept["territory"] = self.deviations
        return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()

    def with_values(self, values: Mapping[str, Any], origin: str = "override") -> Study:
        """Return a copy with ``{"section.key": value}`` changed, checked like a file."""
        tables = self.sections()
        faults = [f for key in values for f in _unknown_key(key, "--set")]
        refuse(faults)
        for key, value in values.items():
            section, _, name = key.partition(".")
            tables[section][name] = value
        origins = {**self.origins, **dict.fromkeys(values, origin)}
        return _build(tables, self.deviations, self.path, origins)

    def for_territory(self, place: Territory) -> Study:
        """Return the study with the deviations of one territory applied."""
        values = self.deviations.get(place.key, {})
        return self.with_values(values, "territory") if values else self


def load_study(
    path: str | Path,
    overrides: Iterable[str] = (),
    *,
    output: str = "",
    language: str = "",
    region: str | None = None,
    department: str | None = None,
) -> Study:
    """Read a study file and check it whole.

    Parameters
    ----------
    path : str or Path
        The TOML file; a relative path is looked for in the current folder, then in its parents
        up to the one that holds ``pyproject.toml``.
    overrides : iterable of str
        ``"section.key=value"``, values in TOML, a bare word is a string.
    output : str
        Folder of the report instead of ``run.output``, relative to the current folder; "" for the
        study's own.
    language : str
        Language instead of ``study.language``; "" for the study's own.
    region, department : str, optional
        The territory that will be asked for ("" for the one that is not): a wrong code is refused
        here, before a register is read. It changes nothing in the study.

    Raises
    ------
    EvaluationError
        EVAL-101 no such file, EVAL-102 not TOML, EVAL-103 unknown key (with the nearest name),
        EVAL-104 illegal value, EVAL-105 missing key, EVAL-106 output and work overlap,
        EVAL-107 an override that is no ``key=value``, EVAL-108 a word close to an allowed one;
        all faults at once. EVAL-110, 111, 112 the territory. All speak ``language``, else the
        study's.
    """
    try:
        study = _read(path, overrides, output, language)
        if region is not None or department is not None:
            territory(
                region="" if region is None else region,
                department="" if department is None else department,
            )
    except EvaluationError as error:
        error.language = "en" if language == "en" else "fr" if language else peek_language(path)
        raise
    return study


def _read(path: str | Path, overrides: Iterable[str], output: str, language: str) -> Study:
    file = find_file(path)
    try:
        tables = tomllib.loads(file.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail("EVAL-102", file=file.name, reason=str(error))
    deviations, faults = _deviations(tables.pop("territory", {}), file.name)
    faults += _unknown(tables, file.name)
    values, override_faults = _parse_overrides(overrides)
    refuse(faults + override_faults)
    values |= {"run.output": str(Path(output).resolve())} if output else {}
    values |= {"study.language": language} if language else {}
    origins = {f"{s}.{k}": "file" for s, keys in tables.items() for k in keys}
    for key, value in values.items():
        section, _, name = key.partition(".")
        tables.setdefault(section, {})[name] = value
        origins[key] = "override"
    study = _build(tables, deviations, file, origins)
    for values_there in deviations.values():
        study.with_values(values_there, "territory")
    return study


def peek_language(path: str | Path) -> Language:
    """Return the language of a study file that may be faulty, ``fr`` when it does not say."""
    try:
        language = tomllib.loads(find_file(path).read_text("utf-8-sig"))["study"]["language"]
    except (EvaluationError, OSError, ValueError, KeyError, TypeError):
        return "fr"
    return "en" if language == "en" else "fr"


def find_file(path: str | Path) -> Path:
    """Return an existing file; relative paths climb from here to the project's root."""
    wanted = Path(path)
    here = Path.cwd()
    folders = [here, *here.parents]
    project = next((i for i, f in enumerate(folders) if (f / "pyproject.toml").is_file()), 0)
    found = [f / wanted for f in folders[: project + 1] if (f / wanted).is_file()]
    if not found:
        fail("EVAL-101", file=str(path))
    return found[0].resolve()


def _build(
    tables: Mapping[str, Mapping[str, Any]],
    deviations: dict[str, dict[str, Any]],
    path: Path | None,
    origins: dict[str, str],
) -> Study:
    file = path.name if path else "study"
    try:
        study = Study.model_validate(
            {**tables, "deviations": deviations, "path": path, "origins": origins}
        )
    except ValidationError as error:
        raise EvaluationError.of(as_fault(item, file) for item in error.errors()) from None
    nested = study.output == study.work or study.output in study.work.parents
    if nested or study.work in study.output.parents:
        fail("EVAL-106", file=file, output=study.run.output, work=study.run.work)
    return study


def _unknown(tables: Mapping[str, Any], file: str) -> list[Fault]:
    faults: list[Fault] = []
    for section, keys in tables.items():
        if not isinstance(keys, dict):
            known = {k: s for s, model in _SECTIONS.items() for k in model.model_fields}
            hint = f"[{known[section]}]" if section in known else nearest(section, _SECTIONS)
            faults.append(Fault("EVAL-103", {"file": file, "key": section, "nearest": hint}))
        elif section not in _SECTIONS:
            hint = nearest(section, [*_SECTIONS, "territory"])
            faults.append(Fault("EVAL-103", {"file": file, "key": section, "nearest": hint}))
        else:
            faults += [f for key in keys for f in _unknown_key(f"{section}.{key}", file)]
    return faults


def _unknown_key(key: str, file: str) -> list[Fault]:
    section, _, name = key.partition(".")
    if section in _SECTIONS and name in _SECTIONS[section].model_fields:
        return []
    everything = [f"{s}.{k}" for s, model in _SECTIONS.items() for k in model.model_fields]
    if section in _SECTIONS:
        close = nearest(name, _SECTIONS[section].model_fields)
        hint = f"{section}.{close}" if "," not in close else close
    else:
        hint = nearest(key, everything)
    return [Fault("EVAL-103", {"file": file, "key": key, "nearest": hint})]


def _deviations(
    table: Mapping[str, Any], file: str
) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    deviations: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    keys = [*REGIONS, *(f"dep-{code}" for code in DEPARTMENTS)]
    for place, sections in table.items():
        if place not in keys:
            faults.append(Fault("EVAL-103", {"file": file, "key": f"territory.{place}",
                                             "nearest": nearest(place, REGIONS)}))  # fmt: skip
            continue
        flat = {
            f"{section}.{key}": value
            for section, values in sections.items()
            for key, value in (values.items() if isinstance(values, dict) else [("", values)])
        }
        for key in flat:
            if key.partition(".")[0] not in _DEVIATING:
                hint = ", ".join(_DEVIATING)
                faults.append(Fault("EVAL-103", {"file": file, "key": f"territory.{place}.{key}",
                                                 "nearest": hint}))  # fmt: skip
            else:
                faults += _unknown_key(key, file)
        deviations[place] = flat
    return deviations, faults


def _parse_overrides(overrides: Iterable[str]) -> tuple[dict[str, Any], list[Fault]]:
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for text in overrides:
        key, equals, raw = str(text).partition("=")
        key = key.strip()
        if not equals or not key:
            faults.append(Fault("EVAL-107", {"value": text}))
            continue
        unknown = _unknown_key(key, "--set")
        faults += unknown
        if not unknown:
            values[key] = _toml_value(raw.strip())
    return values, faults


def _toml_value(raw: str) -> Any:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw
