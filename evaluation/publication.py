"""From unprotected estimates to published files: the one way out of the work folder.

In: the estimates of a territory and their study. Out: ``results/<key>.json``, the pages made of it
and the audit list in the work folder. Everything passes through disclosure; must never compute.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from evaluation.disclosure import audit, protect
from evaluation.effects import TerritoryEstimates
from evaluation.pipeline.audit import write_audit
from evaluation.pipeline.pages import write_page
from evaluation.results import Results
from evaluation.wording import LANGUAGES


def publish(estimates: TerritoryEstimates, *, regions: Sequence[str] = ()) -> Results:
    """Protect and write one record.

    Parameters
    ----------
    estimates : TerritoryEstimates
        Unprotected record, verdict included, and its study.
    regions : sequence of str
        For the nation: codes of the regions it is the sum of, whose published results decide what
        the nation keeps back.

    Returns
    -------
    Results
        What was written.
    """
    study = estimates.study
    folder = study.output / "results"
    parts = [json.loads((folder / f"{code}.json").read_text("utf-8")) for code in regions]
    record = estimates.record
    protected = protect(record, min_cell=study.disclosure.min_cell, regions=parts)
    results = Results.of(protected)
    key = results.place.key
    write_audit(study.work / "audit", key, audit(record, protected))
    results.write(folder / f"{key}.json")
    if results.place.level != "nation":
        for language in LANGUAGES:
            write_page(results, study.output, language)
    return results
