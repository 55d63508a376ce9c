"""One run in the parent process: which territories, their jobs, and the manifest as it grows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import Fault, warn
from evaluation.pipeline.audit import join_audit
from evaluation.pipeline.blind import unblinded
from evaluation.pipeline.executor import Event, Perform, run_jobs
from evaluation.pipeline.files import digest
from evaluation.pipeline.jobs import Job, Outcome
from evaluation.pipeline.machine import physical_cores
from evaluation.pipeline.manifest import (
    SCHEMA_VERSION,
    code_digest,
    digests,
    read_manifest,
    versions,
    write_manifest,
)
from evaluation.pipeline.notebooks import notebook_path
from evaluation.pipeline.pages import failures_of, read_results, write_index
from evaluation.pipeline.progress import Board
from evaluation.pipeline.request import Request
from evaluation.pipeline.resume import content_key, unchanged
from evaluation.territories import NATION, REGIONS, Territory, territory
from evaluation.wording import LANGUAGES

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.register import Register


class Session:
    """The state of one run: the manifest grows as territories end."""

    def __init__(
        self,
        request: Request,
        places: list[Territory],
        register: Register,
        console: Console,
        work: Perform,
    ) -> None:
        self.request = request
        self.study = request.study
        self.places = places
        self.register = register
        self.console = console
        self.work = work
        self.output = request.study.output
        self.workers = min(request.study.run.workers or physical_cores(), max(1, len(places)))
        self.manifest = self._opened()

    def _opened(self) -> dict[str, Any]:
        old = read_manifest(self.output)
        study = self.study
        parameters = study.sections() | {"territory": study.deviations}
        # Places belong to this machine, not to the report.
        parameters["run"] = {"seed": study.run.seed}
        files = [{"table": f.table, "file": f.file} for f in self.register.quality.files]
        known = old.get("unblinded", {}).get("parameters", [])
        seen = unblinded(study.work, known, study.sha256)
        return {
            "schema_version": SCHEMA_VERSION,
            "study": study.name,
            "title": study.title,
            "language": study.language,
            "parameters": parameters,
            "origins": study.origins,
            "parameters_sha256": study.sha256,
            "unblinded": {"specifications": len(seen), "parameters": seen},
            "overrides": list(self.request.overrides),
            "seed": study.run.seed,
            "versions": versions(),
            "code": code_digest(),
            "register": {"digest": self.register.digest, "files": files},
            "started": _now(),
            "ended": None,
            "territories": old.get("territories", {}),
            "stale": [],
            "files": {},
        }

    def territories(self) -> list[Outcome]:
        """Run every territory that has changed; return all outcomes in the order asked."""
        kept = [place for place in self.places if self._is_kept(place)]
        jobs = [self._job(place) for place in self.places if place not in kept]
        outcomes = [self._keep(place) for place in kept]
        with Board(self.console, len(self.places), self.study.language) as board:
            for outcome in outcomes:
                board.tell(Event(outcome.key, outcome=outcome))
            for event in run_jobs(jobs, self.workers, self.work):
                board.tell(event)
                if event.outcome is not None:
                    self._note(event.outcome)
                    outcomes.append(event.outcome)
        order = {place.key: rank for rank, place in enumerate(self.places)}
        return sorted(outcomes, key=lambda outcome: order[outcome.key])

    def nation(self) -> list[Outcome]:
        """Pool the regions by the national notebook, when there is one to pool."""
        regions = [
            e for k, e in self._current().items() if k in REGIONS and e["status"] != "failed"
        ]
        if not regions:
            self._withdraw(NATION)
            self.manifest["territories"].pop(NATION.key, None)
            return []
        self._forget_stale_estimates()
        if self._is_kept(NATION):
            return [self._keep(NATION)]
        outcomes = []
        with Board(self.console, 1, self.study.language) as board:
            for event in run_jobs([self._job(NATION)], 1, self.work):
                board.tell(event)
                if event.outcome is not None:
                    self._note(event.outcome)
                    outcomes.append(event.outcome)
        return outcomes

    def finish(self) -> list[Fault]:
        """Write what only the parent writes: index, tables, manifest."""
        current = self._current()
        failed = {key for key, entry in current.items() if entry["status"] == "failed"}
        found = read_results(self.output)
        stale = sorted(found.keys() - current.keys())
        kept = {key: r for key, r in found.items() if key in current and key not in failed}
        faults = [warn("EVAL-719", territories=stale, count=len(stale))] if stale else []
        shown = {**self.manifest, "territories": current}
        main = self.study.language
        title = self.study.title
        failures = failures_of(shown)
        faults += write_index(self.output, kept, failures, LANGUAGES, main=main, title=title)
        join_audit(self.study.work / "audit")
        self.manifest |= {"stale": stale, "ended": _now(), "files": digests(self.output)}
        write_manifest(self.output, self.manifest)
        return faults

    def _current(self) -> dict[str, Any]:
        """Return the entries that this study, as it is now, has made or would keep."""
        return {
            key: entry
            for key, entry in self.manifest["territories"].items()
            if entry.get("study_key") == self._study_key()
        }

    def _study_key(self) -> str:
        return f"{self.study.sha256} {self.register.digest}"

    def _forget_stale_estimates(self) -> None:
        """Remove aggregates that another register or another study made: none may be pooled."""
        current = self._current()
        for file in (self.study.work / "estimates").glob("*.json"):
            if file.stem != NATION.key and file.stem not in current:
                file.unlink(missing_ok=True)

    def _content_key(self, place: Territory) -> str:
        """Return what an output depends on; for the nation, on the regions as they are now."""
        made_of = ""
        if place == NATION:
            current = {k: e for k, e in self._current().items() if k in REGIONS}
            made_of = " ".join(current[key].get("estimates", key) for key in sorted(current))
        return content_key(self.study, place, f"{self.register.digest} {made_of}")

    def _is_kept(self, place: Territory) -> bool:
        if self.request.fresh:
            return False
        entry = self.manifest["territories"].get(place.key, {})
        return unchanged(entry, self._content_key(place), self.output, self._estimates(place.key))

    def _keep(self, place: Territory) -> Outcome:
        entry = self.manifest["territories"][place.key]
        return Outcome(place.key, place.name, "kept", notebook=entry.get("notebook", ""))

    def _estimates(self, key: str) -> Path:
        return self.study.work / "estimates" / f"{key}.json"

    def _job(self, place: Territory) -> Job:
        study = self.study
        parameters: dict[str, Any] = {
            "study": str(study.path),
            "overrides": list(self.request.overrides),
            "output": str(self.output),
            "language": study.language,
        }
        if place.level != "nation":
            parameters |= {"region": "", "department": "", place.level: place.code}
        name = "national_summary" if place.level == "nation" else "region_report"
        folder = {"region": "regions/", "department": "departments/", "nation": ""}[place.level]
        page = f"{folder}{place.code}-{place.slug}.html" if folder else "index.html"
        return Job(
            key=place.key,
            title=place.name,
            notebook=notebook_path(name),
            parameters=parameters,
            output=self.output,
            study_title=study.title,
            page=page,
            language=study.language,
            min_cell=study.disclosure.min_cell,
        )

    def _note(self, outcome: Outcome) -> None:
        """Write one ended territory into the manifest, at once: a run may be interrupted."""
        place = NATION if outcome.key == NATION.key else _place(outcome.key)
        entry = {k: v for k, v in asdict(outcome).items() if k != "key"}
        entry |= {
            "study_key": self._study_key(),
            "content_key": self._content_key(place),
        }
        if outcome.status == "failed":
            self._withdraw(place)
        else:
            names = self._files(place)
            entry["files"] = {name: digest(self.output / name) for name in names}
            estimates = self._estimates(outcome.key)
            entry["estimates"] = digest(estimates) if estimates.exists() else ""
        self.manifest["territories"][outcome.key] = entry
        write_manifest(self.output, self.manifest)

    def _withdraw(self, place: Territory) -> None:
        """Take back what an earlier run published of a territory that now fails."""
        for name in self._files(place):
            (self.output / name).unlink(missing_ok=True)
        self._estimates(place.key).unlink(missing_ok=True)

    def _files(self, place: Territory) -> list[str]:
        names = [f"results/{place.key}.json", f"annex/{place.key}.html",
                 f"notebooks/{place.key}.ipynb"]  # fmt: skip
        if place.level != "nation":
            page = Path(self._job(place).page)
            names += sorted(
                path.relative_to(self.output).as_posix()
                for path in (self.output / page.parent).glob(f"{page.stem}*.html")
            )
        return [name for name in names if (self.output / name).is_file()]


def _place(key: str) -> Territory:
    level, _, code = key.rpartition("-")
    return territory(department=code) if level else territory(region=code)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
