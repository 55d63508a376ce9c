"""The report: its frame, its page, and what it must not show."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from evaluation.errors import Fault
from evaluation.register import QualityReport, check_register
from evaluation.register.quality import FileRead, Repair
from evaluation.wording import LANGUAGES, Language, catalogue
from tests.register.conftest import Small

REPORT = QualityReport(
    files=(FileRead("hires", "hires.csv", 1200, "csv ; cp1252"),),
    repairs=(
        Repair("registrations", "region", "code_respelt", 1234, "registrations.csv"),
        Repair("hires", "contract_id", "duplicate_contract", 7),
    ),
    missing={"hires": {"sector": 5, "planned_end_date": 600, "source": 0}},
    faults=(
        Fault("EVAL-210", {"file": "hires.csv", "column": "source", "table": "hires", "count": 4}),
    ),
    notes=(Fault("EVAL-260", {"table": "hires", "count": 6}),),
)


class Tables(HTMLParser):
    """Collects what accessibility needs."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_frame_holds_every_count() -> None:
    frame = REPORT.frame.set_index(["table", "column", "kind"])["count"]
    assert frame["hires", "contract_id", "duplicate_contract"] == 7
    assert frame["hires", "planned_end_date", "missing"] == 600
    assert frame["hires", "source", "EVAL-210"] == 4
    assert frame["hires", "", "rows_read"] == 1200


def test_a_report_survives_json() -> None:
    assert QualityReport.from_dict(REPORT.to_dict()) == REPORT


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_withholds_small_counts(language: Language) -> None:
    page = REPORT.to_html(language)
    parser = Tables()
    parser.feed(page)
    assert ("html", {"lang": language}) in parser.tags
    tags = [tag for tag, _ in parser.tags]
    assert tags.count("table") == tags.count("caption") == 3
    assert all("scope" in attrs for tag, attrs in parser.tags if tag == "th")
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert "http" not in page
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)
    assert ("1\u202f234" if language == "fr" else "1,234") in text
    assert ("50,0 %" if language == "fr" else "50.0%") in text
    assert text.count("secret") == 4
    assert not re.search(r"\b[4567]\b", text)


def test_the_notebook_shows_the_protected_page() -> None:
    assert REPORT._repr_html_() in REPORT.to_html("fr")
    assert "secret" in REPORT._repr_html_()


def test_every_kind_of_repair_and_every_code_has_its_words(small: Small) -> None:
    import evaluation.register as room

    folder = next(iter(room.__path__))
    from pathlib import Path

    source = "\n".join(f.read_text("utf-8") for f in Path(folder).glob("*.py"))
    raised = set(re.findall(r'"(EVAL-2\d\d)"', source))
    kinds = set(re.findall(r'Repair\(\s*"?\w+"?(?:\.table\.name)?, "\w*", "(\w+)"', source))
    for language in LANGUAGES:
        words = catalogue(language)
        assert {f"{code}.{part}" for code in raised for part in ("what", "remedy")} <= set(words)
        assert {f"register.repair.{kind}" for kind in kinds} <= set(words)
        declared = {key[:8] for key in words if key.startswith("EVAL-2")}
        assert declared == raised
    assert len(kinds) >= 6


def test_a_clean_register_says_so(small: Small) -> None:
    report = check_register(small.parquet())
    assert report.summary("en") == "Nothing to report."
    assert "Les extraits sont acceptés." in report.to_html("fr")
