"""In Chromium, from file://: no error, no request, no overflow, keyboard, one printed page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reporting.records import CASES
from tests.reporting.test_pages import national_page, region_page

pytestmark = pytest.mark.browser
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update",
           "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("pages")
    for case in CASES:
        (made / f"{case}.html").write_text(region_page(case), "utf-8")
    (made / "index.html").write_text(national_page(), "utf-8")
    return made


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=found, args=OPTIONS)
        yield opened
        opened.close()


@pytest.mark.parametrize("name", [*CASES, "index"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_opens_quietly_without_overflow(browser, folder, name, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    said, asked = [], []
    page.on("console", lambda item: said.append(item.text))
    page.on("pageerror", lambda item: said.append(str(item)))
    page.on("request", lambda item: asked.append(item.url))
    page.goto((folder / f"{name}.html").as_uri())
    assert said == []
    assert all(url.startswith("file:") for url in asked)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_chart_text_is_readable_on_a_phone(browser, folder):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    for name in ("effect", "index"):
        page.goto((folder / f"{name}.html").as_uri())
        smallest = page.evaluate(
            """Math.min(...[...document.querySelectorAll('svg text')]
            .filter(t => t.getClientRects().length && t.textContent)
            .map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a))"""
        )
        assert smallest >= 12
    page.close()


def test_no_chart_text_is_cut_off(browser, folder):
    """Every visible text lies inside its drawing."""
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800})
        for name in ("effect", "inconclusive", "index"):
            page.goto((folder / f"{name}.html").as_uri())
            cut = page.evaluate(
                """[...document.querySelectorAll('svg text')].filter(t => {
                if (!t.getClientRects().length) return false;
                const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
                return a.left < b.left - 2 || a.right > b.right + 2;
                }).map(t => t.textContent)"""
            )
            assert cut == []
        page.close()


def test_table_sorts_from_the_keyboard(browser, folder):
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())
    head = page.locator("table[data-sortable] thead th").nth(2)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    values = page.locator("table[data-sortable] tbody tr td:nth-child(3)").evaluate_all(
        "cells => cells.map(cell => cell.dataset.value)"
    )
    shown = [float(value) for value in values if value]
    assert shown == sorted(shown)
    assert values[-1] == ""
    assert "Effet" in page.locator("#sorted").text_content()
    page.close()


def test_page_one_is_one_printed_page(browser, folder):
    page = browser.new_page(viewport={"width": 688, "height": 1000})
    page.emulate_media(media="print")
    for name in (*CASES, "index"):
        page.goto((folder / f"{name}.html").as_uri())
        height = page.evaluate("document.querySelector('.page-one').getBoundingClientRect().bottom")
        # A4 less two margins of 13 mm, at 96 dots an inch.
        assert height < (297 - 26) / 25.4 * 96
    page.close()


def test_dark_mode_has_contrast(browser, folder):
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto((folder / "effect.html").as_uri())
        ratios = page.evaluate(
            """['--ink','--soft','--t','--c','--good','--bad','--warm'].map(name => {
            const probe = document.body.appendChild(document.createElement('p'));
            const light = value => { probe.style.color = `var(${value})`;
              const c = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(v => {
                v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
              return .2126 * c[0] + .7152 * c[1] + .0722 * c[2]; };
            return Math.min(...['--bg', '--panel'].map(back => {
              const pair = [light(name), light(back)].sort((a, b) => b - a);
              return (pair[0] + .05) / (pair[1] + .05); }));
            })"""
        )
        assert min(ratios) >= 4.5
        page.close()
