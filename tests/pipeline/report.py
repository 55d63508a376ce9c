"""What a notebook would write for one territory, from the invented records of the report tests."""

from __future__ import annotations

import json

from evaluation.disclosure import protect
from evaluation.pipeline.files import write_whole
from evaluation.pipeline.jobs import Job
from evaluation.pipeline.pages import write_page
from evaluation.results import Results
from evaluation.study import load_study
from evaluation.wording import LANGUAGES
from tests.reporting.records import effect_record, national


def publish_small(job: Job) -> None:
    """Write estimates, results and pages of a job's territory."""
    given = job.parameters
    study = load_study(
        given["study"], given["overrides"], output=given["output"], language=given["language"]
    )
    if job.key == "national":
        files = sorted((study.work / "estimates").glob("[0-9]*.json"))
        record = national([json.loads(file.read_text("utf-8")) for file in files])
    else:
        record = effect_record(given["region"])
    record["study"]["parameters_sha256"] = study.sha256
    record["study"]["language"] = study.language
    write_whole(study.work / "estimates" / f"{job.key}.json", json.dumps(record))
    results = Results.of(protect(record))
    results.write(job.results)
    if job.key != "national":
        for language in LANGUAGES:
            write_page(results, study.output, language)
    write_whole(job.output / "notebooks" / f"{job.key}.ipynb", "{}\n")
