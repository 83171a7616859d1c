"""The tab that compares in a browser: its charts, its marks, and the link that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from nc_hf.report import Report
from nc_hf.report.charts.style import GLYPHS
from nc_hf.space.store import Store, identify
from tests.browser.accessibility import hear_console, violations
from tests.browser.driver import PATIENCE, Visitor
from tests.browser.driver import browser as browser
from tests.hub.fixtures import STAND_IN
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.kept_results import kept_result
from tests.reports import REFERENCE
from tests.space import STORIES, Space, stories_files

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = ["EleutherAI/pythia-70m@step1000", "EleutherAI/pythia-160m", "someone/tinystories-33M"]
LINK = f"?compare={','.join(NAMES)}&corpus=builtin&tokens=50000&preset=core"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Space, Path]]:
    """A Space that finds its results in a folder, and the folder."""
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("stocked")
    fill(folder / "kept")
    running = Space(folder / "space", STAND_IN, NC_HF_SPACE_FOLDER=str(folder / "kept"))
    yield running, folder / "kept"
    running.close()


def fill(folder: Path) -> None:
    """Keep a result of each model, under the key that its request has on the stand-in."""
    models_on(STAND_IN)
    store, report = Store(folder), Report.load(REFERENCE)
    for number, name in enumerate(NAMES):
        model, _, revision = name.partition("@")
        made = kept_result(report, number, model=model, revision=revision or None, nc1_trace_ratio=0.9 - 0.3 * number)
        store.keep(replace(made, key=identify(made.request, False).key))


def models_on(hub: StandIn) -> None:
    for seed, name in enumerate(NAMES):
        model, _, revision = name.partition("@")
        repository = hub.add(model, gpt2_files(seed))
        if revision:
            repository.tags[revision] = repository.branches["main"]


@pytest.fixture
def page(browser: Browser, stocked: tuple[Space, Path], hub: StandIn, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Somebody who came by the link, on a telephone in the dark or at a computer."""
    width, scheme = getattr(request, "param", (1200, "light"))
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    heard = hear_console(page)
    models_on(hub)
    page.set_default_timeout(60_000)
    page.goto(stocked[0].url + LINK)
    yield page
    context.close()
    assert heard == []


@pytest.mark.parametrize("page", [(390, "dark"), (390, "light"), (1200, "dark"), (1200, "light")], indirect=True)
def test_a_link_opens_on_the_comparison_with_one_order_and_one_mark_a_model(page: Page) -> None:
    compare = page.get_by_role("tab", name="Compare")
    expect(compare).to_have_attribute("aria-selected", "true", timeout=PATIENCE)
    heads = page.locator("#compare-table thead th")
    expect(heads).to_have_text(["Metric", *NAMES])
    marked = "(head) => getComputedStyle(head, '::before').content"
    shown = [head.evaluate(marked) for head in heads.all()[1:]]
    assert all(glyph in found for glyph, found in zip(GLYPHS.values(), shown, strict=False)), shown
    charts = page.locator("#compare-charts figure.mounted")
    expect(charts).to_have_count(2, timeout=PATIENCE)
    colours = [head.evaluate("(head) => getComputedStyle(head, '::before').color") for head in heads.all()[1:]]
    points = charts.first.locator(".panel").first.locator(".mark-symbol path")
    assert points.evaluate_all("all => all.map((each) => getComputedStyle(each).fill)") == colours
    legend = charts.last.locator(".panel").first.locator(".role-legend-label text")
    expect(legend).to_have_text(NAMES)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    assert violations(page, "#comparison") == []
    assert page.evaluate("location.search") == LINK


def test_what_is_not_kept_fills_the_form_and_starts_nothing(
    browser: Browser, stocked: tuple[Space, Path], hub: StandIn
) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 844})
    page = context.new_page()
    models_on(hub)
    page.goto(stocked[0].url + LINK.replace("50000", "3000"))
    expect(page.locator("#compare-status")).to_contain_text(f"Not measured yet: {', '.join(NAMES)}.", timeout=PATIENCE)
    expect(page.locator("#models textarea")).to_have_value("\n".join(NAMES))
    expect(page.locator("#compare-budget input")).to_have_value("3000")
    expect(page.locator("#comparison")).to_be_hidden()
    page.goto(stocked[0].url + "?compare=a/b")
    expect(page.locator("#compare-status [role=alert]")).to_contain_text("2 to 6 different models")
    context.close()


def test_models_that_cut_the_text_differently_are_told_apart(
    browser: Browser, stocked: tuple[Space, Path], hub: StandIn, shared_data: Path
) -> None:
    hub.add("tiny/one", gpt2_files())
    hub.add(STORIES, stories_files(shared_data))
    context = browser.new_context(viewport={"width": 1200, "height": 844})
    visitor = Visitor(context.new_page(), stocked[0].url)
    visitor.tab("Compare")
    page = visitor.page
    page.locator("#models textarea").fill(f"tiny/one\n{STORIES}")
    page.locator("#compare-corpus").get_by_text("Built-in", exact=True).click()
    page.locator("#compare-budget input").fill("2000")
    page.locator("#compare-start").click()
    caution = page.locator("#compare-table .caution").filter(has_text="the tokenizer differs")
    expect(caution).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#compare-table .most")).to_have_count(0)
    assert f"compare=tiny/one,{STORIES}" in page.url
    context.close()
