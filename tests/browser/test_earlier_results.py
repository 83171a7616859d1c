"""The tab of earlier results in a browser: many of them, sorted, filtered, and ticked to compare."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from nc_hf.report import Report
from nc_hf.space.store import StoredResult
from tests.browser.accessibility import hear_console, violations
from tests.browser.driver import Visitor
from tests.browser.driver import browser as browser
from tests.hub.fixtures import STAND_IN
from tests.kept_results import keep_many
from tests.reports import REFERENCE
from tests.space import Space

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COUNT = 250
Shelf = tuple[Space, list[StoredResult]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A Space with many results, and these."""
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("shelf")
    kept = keep_many(folder / "kept", Report.load(REFERENCE), COUNT)
    running = Space(folder / "space", STAND_IN, NC_HF_SPACE_FOLDER=str(folder / "kept"))
    yield running, kept
    running.close()


@pytest.fixture
def page(browser: Browser, shelf: Shelf) -> Iterator[Page]:
    """The tab, opened at a computer."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    heard = hear_console(page)
    opened(page, shelf[0].url)
    yield page
    context.close()
    assert heard == []


def opened(page: Page, url: str) -> None:
    Visitor(page, url).tab("Earlier results")
    expect(page.locator("#earlier-results .count")).to_have_text(f"{COUNT} results.")


def rows(page: Page) -> Locator:
    return page.locator("#earlier-results tbody tr:not([hidden])")


def column(page: Page, label: str) -> list[str]:
    """What a column is sorted by, from the top, in the rows that are shown."""
    return [
        cell.get_attribute("data-sort") or ""
        for cell in page.locator(f"#earlier-results tbody tr:not([hidden]) td[data-label='{label}']").all()
    ]


def test_every_column_sorts_both_ways_and_says_so(page: Page) -> None:
    heads = page.locator("#earlier-results thead th[aria-sort]")
    expect(heads).to_have_text(["Measured"])  # the newest first
    for label, heading, first in (
        ("NC1", "NC1 ↓", "ascending"),
        ("NC4", "NC4 ↑", "descending"),
        ("Loss", "Loss", "ascending"),
    ):
        button = page.locator("#earlier-results thead").get_by_role("button", name=heading)
        for way in (first, "descending" if first == "ascending" else "ascending"):
            button.press("Enter")  # by keyboard, as everything here
            expect(heads).to_have_text([heading])
            expect(heads).to_have_attribute("aria-sort", way)
            values = [float(value) for value in column(page, label)]
            assert values == sorted(values, reverse=way == "descending")
            assert len(set(values)) > 50


def test_what_was_not_measured_comes_last_either_way(page: Page) -> None:
    page.evaluate("document.querySelectorAll('#earlier-results tbody tr')[5].cells[6].dataset.sort = ''")
    button = page.locator("#earlier-results thead").get_by_role("button", name="NC1")
    page.locator("#earlier-results .more").click()
    for _ in range(2):
        button.click()
        assert column(page, "NC1")[-1] == ""


def test_filters_join_and_count(page: Page, shelf: Shelf) -> None:
    page.locator("#earlier-results select[data-filter=text]").select_option("tinystories")
    page.locator("#earlier-results select[data-filter=budget]").select_option("200,000")
    page.locator("#earlier-results input[type=search]").fill("MODEL-1")
    fitting = [
        kept
        for kept in shelf[1]
        if kept.request.corpus == "tinystories"
        and kept.request.max_tokens == 200_000
        and "model-1" in kept.request.model
    ]
    assert 0 < len(fitting) < COUNT
    expect(rows(page)).to_have_count(len(fitting))
    expect(page.locator("#earlier-results .count")).to_have_text(f"{len(fitting)} of {COUNT} results.")


def test_the_first_hundred_are_shown_and_all_on_demand(page: Page) -> None:
    expect(rows(page)).to_have_count(100)
    page.get_by_role("button", name=f"Show all {COUNT}").click()
    expect(rows(page)).to_have_count(COUNT)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Earlier results"


def test_a_choice_outlives_a_look_at_another_tab(page: Page) -> None:
    page.locator("#earlier-results thead").get_by_role("button", name="NC4").click()
    page.locator("#earlier-results input[type=search]").fill("model-24")
    box = rows(page).first.locator("input")
    box.check()
    name = box.get_attribute("value")
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("tab", name="Earlier results").click()
    expect(page.locator("#earlier-results input[type=search]")).to_have_value("model-24")
    expect(rows(page).first.locator("input")).to_have_attribute("value", str(name))
    expect(rows(page).first.locator("input")).to_be_checked()
    expect(page.locator("#earlier-results .count")).to_contain_text(f"of {COUNT}")


def test_ticked_results_are_compared_in_the_order_of_the_table(page: Page, shelf: Shelf) -> None:
    compare, note = page.locator("#earlier-results .compare"), page.locator("#earlier-ticked")
    expect(compare).to_have_attribute("aria-disabled", "true")
    page.locator("#earlier-results thead").get_by_role("button", name="Loss").click()
    rows(page).nth(0).locator("input").check()
    rows(page).nth(1).locator("input").check()
    expect(note).to_contain_text("of different texts, budgets or metrics")
    compare.click(force=True)
    expect(page.locator("#earlier-results table")).to_be_visible()  # nothing happened
    rows(page).nth(1).locator("input").uncheck()
    rows(page).nth(4).locator("input").check()
    expect(note).to_have_text("2 ticked.")
    names = [rows(page).nth(place).locator("th a").inner_text() for place in (0, 4)]
    STAND_IN.requests.clear()
    compare.press("Enter")
    table = page.locator("#compare-table table")
    expect(table.locator("thead th")).to_have_text(["Metric", *names])
    expect(page.locator("#models textarea")).to_have_value("\n".join(names))
    best = max((kept for kept in shelf[1]), key=lambda kept: kept.report.metrics["nc4_agreement"].value)
    assert best.request.name == names[0]
    expect(page.locator("#compare-budget input")).to_have_value(str(best.request.max_tokens))
    assert STAND_IN.requests == []  # what is kept is read, and nobody asked


def test_a_row_leads_to_its_result(page: Page) -> None:
    link = rows(page).first.locator("th a")
    name = link.inner_text()
    link.click()
    expect(page.locator("#verdict .subject")).to_contain_text(name)
    assert re.search(r"\?result=[0-9a-f]{32}$", page.url)


def test_a_result_that_is_gone_says_so(page: Page, shelf: Shelf) -> None:
    page.goto(f"{shelf[0].url}?result={'f' * 32}")
    expect(page.locator("#status [role=alert]")).to_contain_text("No result is kept under this link")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_it_fits_and_axe_finds_nothing(browser: Browser, shelf: Shelf, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    opened(page, shelf[0].url)
    rows(page).first.locator("input").check()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    assert violations(page, "#earlier-results") == []
    began = page.evaluate("performance.now()")
    page.locator("#earlier-results thead").get_by_role("button", name="NC1").click()
    assert page.evaluate("performance.now()") - began < 3_000  # a tenth of it where nothing else runs
    context.close()
