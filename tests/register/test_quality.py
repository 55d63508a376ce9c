"""The report: its frame, its page, and what it must not show."""

from __future__ import annotations

import html
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from evaluation.errors import Fault
from evaluation.register import QualityReport, check_register
from evaluation.register.quality import FileRead, Repair, Tally
from evaluation.register.sections import sections
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
    notes=(
        Fault("EVAL-260", {"table": "hires", "count": 9}),
        Fault("EVAL-261", {"table": "hires", "count": 7}),
    ),
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
    # the repair and the share missing; the fault and the refused rows stay exact
    assert text.count("secret") == 2
    assert ("moins de 11" if language == "fr" else "fewer than 11") in text
    assert not re.search(r"\b[567]\b", text)
    assert re.search(r"\b4\b.*\b9\b", text, re.S)


def test_the_notebook_shows_the_protected_page() -> None:
    shown = re.sub(r"<[^>]+>", " ", REPORT._repr_html_())
    assert "secret" in shown
    # what travels with a notebook has no exact count of refused rows either
    assert not re.search(r"\b[45679]\b", shown)


def test_every_kind_of_repair_and_every_code_has_its_words(small: Small) -> None:
    import evaluation.register as room

    folder = next(iter(room.__path__))
    from pathlib import Path

    source = "\n".join(f.read_text("utf-8") for f in Path(folder).glob("*.py"))
    raised = set(re.findall(r'"(EVAL-2\d\d)"', source))
    for language in LANGUAGES:
        words = catalogue(language)
        assert {f"{code}.{part}" for code in raised for part in ("what", "remedy")} <= set(words)
        declared = {key[:8] for key in words if key.startswith("EVAL-2")}
        assert declared == raised
        kinds = {key.split(".")[2] for key in words if re.match(r"register\.(repair|fact)\.", key)}
        unused = {k for k in kinds if f'"{k}"' not in source and not k.startswith("date_")}
        assert unused <= {"entries_linked", "hires_linked"}


def test_small_parts_are_withheld_with_what_would_give_them_back() -> None:
    """A small file or arm hides its siblings: a total minus one part is the other."""
    small = QualityReport(
        details=(
            Tally("hires", "", "agency_missions", 300, "a.csv", 40),
            Tally("hires", "", "agency_missions", 4, "b.csv", 1),
            Tally("hires", "", "hires_cancelled", 90, "a.csv", 5),
        ),
        facts={"agency_missions": 304, "hires_cancelled": 90},
    )
    rows = {row[0]: row[1:] for row in sections(small, "en")[0].rows}
    assert rows["temporary agency missions"] == ("2 files", "304", "41", "263")
    assert rows["cancelled hires"] == ("a.csv", "90", "secret", "secret")
    exact = small.frame.set_index(["kind", "file"])[["count", "entrants"]]
    assert exact.loc[("agency_missions", "b.csv")].tolist() == [4, 1]


def test_a_clean_register_says_so(small: Small) -> None:
    report = check_register(small.parquet())
    assert "EVAL-" not in report.summary("en")
    assert QualityReport().summary("en") == "Nothing to report."
    assert "Les extraits sont acceptés." in report.to_html("fr")


def test_terminal_and_page_show_the_same_cells(small: Small) -> None:
    small.spoil("hires", "planned_end_date", date(2020, 1, 1), 2)
    report = check_register(small.parquet())
    text, page = report.summary("fr"), report.to_html("fr")
    for section in sections(report, "fr"):
        for row in section.rows:
            assert all(cell in text and html.escape(cell) in page for cell in row)
    assert re.search("fin prévue avant l'embauche, ligne écartée +2 ", text)
