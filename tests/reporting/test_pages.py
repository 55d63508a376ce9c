"""Pages of regions and of the nation: sound HTML, whole sentences, nothing hidden or foreign."""

from __future__ import annotations

import itertools
import re

import pytest

from evaluation.disclosure import protect
from evaluation.reporting import answer, page_path, render_national, render_region
from evaluation.results import Results
from evaluation.territories import REGIONS
from evaluation.wording import LANGUAGES
from tests.reporting.pages import Page
from tests.reporting.records import CASES, effect_record, nation_records, national, record, results

FAILURES = [{"code": "28", "level": "region", "name": "Normandie", "error_code": "EVAL-302",
             "text": "Normandie : aucune entrée <b>."}]  # fmt: skip
OUTSIDE = re.compile(r"(?:https?:)?//[a-z]", re.IGNORECASE)


def region_page(case="effect", language="fr", **options) -> str:
    made = results(case, **options)
    other = page_path(made, "en" if language == "fr" else "fr").rpartition("/")[2]
    return render_region(made, language=language, other_page=other, index_page="../index.html")


def national_page(language="fr", *, p_value=0.65) -> str:
    parts = nation_records()
    shown = [protect(part) for part in parts]
    whole = national(parts)
    whole["nation"]["heterogeneity"]["p_value"] = p_value
    nation = Results.of(protect(whole, regions=shown))
    regions = [Results.of(item) for item in shown if item["territory"]["code"] != "28"]
    return render_national(nation, regions, FAILURES, language=language)


EVERY_PAGE = [(case, language) for case in (*CASES, "national") for language in LANGUAGES]


def page_of(case, language):
    return national_page(language) if case == "national" else region_page(case, language)


@pytest.mark.parametrize(("case", "language"), EVERY_PAGE)
def test_page_is_sound_html(case, language):
    html = page_of(case, language)
    page = Page(html)
    assert page.faults == []
    root = page.root
    assert root.all("html")[0].attributes["lang"] == language
    assert len(root.all("h1")) == 1
    assert [len(root.all(name)) for name in ("main", "header", "footer", "nav")] == [1, 1, 1, 1]
    levels = [int(h.name[1]) for h in root.all("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    skip = root.all("a")[0]
    assert skip.attributes["href"] == "#content"
    assert "content" in identifiers


@pytest.mark.parametrize(("case", "language"), EVERY_PAGE)
def test_every_drawing_speaks_and_every_table_has_headers(case, language):
    root = Page(page_of(case, language)).root
    figures = root.all("figure")
    assert figures or case in ("tiny", "unusable")
    for drawing in root.all("svg"):
        assert drawing.attributes["role"] == "img"
        named = drawing.attributes["aria-labelledby"].split()
        parts = {part.attributes.get("id"): part.text for part in drawing.all("title", "desc")}
        assert [bool(parts.get(name)) for name in named] == [True, True]
        assert re.search(r"\d|–", parts[named[1]])
    for figure in figures:
        assert figure.all("figcaption")
        siblings = figure.parent.children
        after = siblings[siblings.index(figure) + 1 :]
        assert any(item.all("table") for item in after)
    for table in root.all("table"):
        assert table.all("caption")[0].text.strip()
        assert all("scope" in head.attributes for head in table.all("th"))
        width = len(table.all("thead")[0].all("th"))
        rows = table.all("tbody")[0].all("tr")
        assert {len(row.all("th", "td")) for row in rows} == {width}


@pytest.mark.parametrize(("case", "language"), EVERY_PAGE)
def test_page_needs_nothing_from_outside_and_is_light(case, language):
    html = page_of(case, language)
    assert "default-src 'none'" in html
    assert not OUTSIDE.search(html)
    assert "@import" not in html
    assert not re.search(r"<(?:link|iframe|object|img)\b", html)
    assert len(html.encode()) < (400_000 if case == "national" else 500_000)


@pytest.mark.parametrize(("case", "language"), EVERY_PAGE)
def test_no_placeholder_nor_python_value_reaches_the_reader(case, language):
    root = Page(page_of(case, language)).root
    text = root.all("body")[0].text.replace(root.all("script")[0].text, "")
    assert not re.search(r"\{\w*\}|\bNone\b|\bnan\b|\bTrue\b|\bFalse\b", text)
    assert "report." not in text


@pytest.mark.parametrize("case", [*CASES, "national"])
def test_french_typography(case):
    root = Page(page_of(case, "fr")).root
    text = root.all("main")[0].text
    assert not re.search(r"\w [:;!?%»]", text)
    assert not re.search(r"\d\.\d", text.replace("\u202f", ""))
    # "(-1" is a code, quoted as it stands in the data.
    assert not re.search(r"(?<![\w–(-])-\d", text)
    assert "'" not in text


@pytest.mark.parametrize(("case", "language"), EVERY_PAGE)
def test_same_bytes_twice(case, language):
    assert page_of(case, language) == page_of(case, language)


def test_the_five_answers():
    said = {case: answer(results(case), language="fr") for case in CASES}
    assert said["effect"].startswith(
        "L’accompagnement global augmente de 2,9\u00a0points (entre 1,8"
    )
    assert said["negative"].startswith(
        "L’accompagnement global réduit de 2,8\u00a0points (entre 1,9"
    )
    assert "ne peut détecter qu’un effet d’au moins" in said["inconclusive"]
    assert "aussi bien avec l’absence d’effet" in said["inconclusive"]
    assert "pas assez solide" in said["unusable"]
    assert "secret statistique" in said["tiny"]
    assert len(set(said.values())) == 5


def test_one_in_n_only_when_the_interval_excludes_zero():
    assert "soit 1 pour 34" in region_page("effect")
    assert "soit 1 pour" not in region_page("inconclusive")
    assert "soit 1 pour" not in region_page("negative")


@pytest.mark.parametrize("case", ["tiny", "unusable"])
def test_a_withheld_headline_leaves_no_number_of_the_group(case):
    made = CASES[case]()
    html = region_page(case)
    for figure in (made["headline"]["effect_points"], made["headline"]["rate_entrants"]):
        shown = f"{figure['estimate']:.1f}".replace(".", ",")
        assert shown not in Page(html).root.all("main")[0].text
    assert "curve-wide" not in html
    assert "methods-wide" not in html


def test_limits_stand_on_page_one():
    first = next(
        item for item in Page(region_page()).root.all("div")
        if "page-one" in (item.attributes.get("class") or "")
    )  # fmt: skip
    for words in ("tirage au sort", "à la place d’autres personnes", "d’autres appuis",
                  "indépendant", "n’ont pas pu être appariés"):  # fmt: skip
        assert words in first.text


ODD = ['<script>alert("x")</script>', "a\"b'c&d", "مايوت القديمة", "L" * 200, "{name}%s"]


@pytest.mark.parametrize("label", ODD)
def test_odd_labels_are_shown_as_text(label):
    made = record("24", name=label, title=label, contact=label)
    made["balance"]["rows"][0]["covariate"] = label
    made["methods"][1]["name"] = label
    made["flow"]["steps"][0]["step"] = label
    made["warnings"] = [{"code": "X", "text": label}]
    shown = Results.of(protect(made))
    for language in LANGUAGES:
        html = render_region(shown, language=language)
        page = Page(html)
        assert page.faults == []
        assert len(page.root.all("script")) == 1
        assert page.root.all("h1")[0].text == label


def test_national_page_lists_links_and_failures():
    root = Page(national_page()).root
    links = {a.attributes["href"] for a in root.all("a") if "regions/" in a.attributes["href"]}
    wanted = {f"regions/{code}-{results('effect', code).place.slug}.html" for code in REGIONS}
    assert links == wanted - {"regions/28-normandie.html"}
    assert "Normandie : aucune entrée <b>." in root.all("main")[0].text.replace("\u202f", " ")
    english = Page(national_page("en")).root
    assert {a.attributes["href"] for a in english.all("a") if "regions/" in a.attributes["href"]} \
        == {link.replace(".html", ".en.html") for link in links}  # fmt: skip


def test_national_table_sorts_by_buttons_and_map_has_eighteen_tiles():
    root = Page(national_page()).root
    table = next(t for t in root.all("table") if "data-sortable" in t.attributes)
    heads = table.all("thead")[0].all("th")
    assert all(head.all("button") for head in heads)
    assert heads[0].attributes["aria-sort"] == "ascending"
    assert all("data-value" in cell.attributes for cell in table.all("tbody")[0].all("td"))
    assert sum("tile " in (r.attributes.get("class") or "") for r in root.all("rect")) == 18


def test_nation_refuses_to_rank():
    assert "aucun classement des régions n’est justifié" in national_page(p_value=0.65)
    assert "les rangs ne s’interprètent pas" in national_page(p_value=0.001)


def test_paths():
    region, nation = results("effect"), Results.of(protect(national()))
    assert page_path(region, "fr") == "regions/24-centre-val-de-loire.html"
    assert page_path(region, "en") == "regions/24-centre-val-de-loire.en.html"
    assert (page_path(nation, "fr"), page_path(nation, "en")) == ("index.html", "index.en.html")
    made = effect_record()
    made["territory"] = {"level": "department", "code": "52", "name": "Haute-Marne"}
    made["study"]["language"] = "en"
    department = Results.of(protect(made))
    assert page_path(department, "en") == "departments/52-haute-marne.html"
    assert page_path(department, "fr") == "departments/52-haute-marne.fr.html"


def test_only_the_results_decide_the_page(tmp_path):
    made = results("inconclusive")
    again = Results.read(made.write(tmp_path / "94.json"))
    assert render_region(again, language="en") == render_region(made, language="en")


def test_a_reason_of_another_room_is_worded_and_an_unknown_one_too():
    made = effect_record()
    for row, reason in zip(made["subgroups"], ("balance", "power", "something_new"), strict=False):
        row["effect_points"] = {"estimate": None, "low": None, "high": None, "withheld": reason}
    shown = Results.of(protect(made))
    text = Page(render_region(shown, language="fr")).root.all("main")[0].text
    assert all(word in text for word in ("déséquilibré", "trop peu de retours", "non estimé"))
    assert "something_new" not in text


def test_sensitivity_bounds_are_said_only_when_there_is_a_conclusion():
    assert "Rosenbaum" in region_page("effect")
    assert "Rosenbaum" not in region_page("inconclusive")
