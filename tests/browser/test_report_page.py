"""The file of a report in a real browser without a network: drawn, quiet, fit for any width and reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from nc_hf.report import Report
from tests.browser.driver import browser as browser
from tests.reports import SCHEMA_6
from tests.varied_reports import like_the_published

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOUNTED = "[...document.querySelectorAll('figure[data-chart]')].every((each) => each.classList.contains('mounted'))"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(like_the_published(Report.load(SCHEMA_6)).to_html(), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn_without_a_network_and_says_nothing_to_the_console(
    browser: Browser, file: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    page, said, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function(MOUNTED, timeout=120_000)
    assert said == []
    assert asked == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.locator("figure[data-chart] .panel svg")
    assert drawn.count() == page.locator(".panel").count() > 5
    assert all((box := svg.bounding_box()) and box["width"] > 200 for svg in drawn.all())
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    context.close()


def test_charts_follow_the_theme_and_print_on_white(browser: Browser, file: Path) -> None:
    context = browser.new_context(color_scheme="light", offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_function(MOUNTED, timeout=120_000)
    light = ink_of(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{INK} !== '{light}'", timeout=60_000)
    page.emulate_media(color_scheme="dark", media="print")
    assert page.locator(".still").first.is_visible()
    assert not page.locator(".panels").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()


INK = "document.querySelector('.panel svg text').getAttribute('fill')"


def ink_of(page: Page) -> str:
    return str(page.evaluate(INK))
