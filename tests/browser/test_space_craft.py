"""The page's craft: nothing jumps, the eye and the focus follow what happens, a start that invites."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import PATIENCE, Visitor
from tests.browser.driver import browser as browser
from tests.hub.fixtures import STAND_IN
from tests.hub.models import gpt2_files
from tests.hub.server import Fault, StandIn
from tests.published import NAME, files_of_pull, readable_model
from tests.space import STORIES, Space, add_real_data
from tests.space import space as space

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

SIZES = [(1440, 900), (1024, 768), (390, 844)]
TABS = ("Compare", "Earlier results", "Explanation", "Measure")
NOTE_SHIFTS = """() => { window.shifts = []; new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
}).observe({type: 'layout-shift', buffered: true}); }"""
SLOWER = 6
"""Times that a phone's processor is slower: what comes late is seen to come."""
NOT_OURS = {"image-redundant-alt"}  # the icons in Gradio's footer


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}px")
def sized(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    width, height = request.param
    phone = width < 500
    context = browser.new_context(viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone)
    page = context.new_page()
    page.add_init_script(f"({NOTE_SHIFTS})()")
    yield page
    context.close()


def shifted(page: Page) -> float:
    return float(page.evaluate("window.shifts.reduce((sum, value) => sum + value, 0)"))


def in_view(page: Page, selector: str) -> bool:
    top, bottom, height = page.locator(selector).evaluate(
        "(e) => { const box = e.getBoundingClientRect(); return [box.top, box.bottom, innerHeight]; }"
    )
    return bool(top >= 0 and bottom <= height)


def test_nothing_jumps_and_the_eye_and_the_focus_follow(sized: Page, space: Space, hub: StandIn) -> None:
    hub.add("tiny/steady", gpt2_files())
    sized.context.new_cdp_session(sized).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    visitor = Visitor(sized, space.url)
    expect(sized.locator("#invitation svg").first).to_be_visible()
    sized.wait_for_timeout(1_500)
    width = sized.locator("main.contain").evaluate("(e) => e.getBoundingClientRect().width")
    for tab in TABS:
        visitor.tab(tab)
        sized.wait_for_timeout(300)
        assert sized.locator("main.contain").evaluate("(e) => e.getBoundingClientRect().width") == width, tab
    visitor.measure("tiny/steady")
    expect(sized.locator("#status .progress, #verdict h2").first).to_be_visible()
    visitor.result()
    expect(sized.locator("#verdict h2")).to_be_focused(timeout=PATIENCE)
    sized.wait_for_timeout(500)
    assert in_view(sized, "#verdict h2")
    assert sized.locator("main.contain").evaluate("(e) => e.getBoundingClientRect().width") == width
    assert shifted(sized) < 0.05


def test_the_plane_is_shown_until_something_is_asked(sized: Page, space: Space, hub: StandIn) -> None:
    hub.add("tiny/invited", gpt2_files())
    visitor = Visitor(sized, space.url)
    plane = sized.locator("#invitation figure[data-chart=plane]")
    expect(plane.locator(".panel svg")).to_have_count(4)
    expect(plane).to_contain_text("the 230 models of Linguistic Collapse")
    visitor.measure("tiny/invited")
    expect(plane).to_be_hidden()
    visitor.result()
    expect(plane).to_be_hidden()
    visitor.open(sized.url)
    expect(sized.locator("#verdict h2")).to_be_visible()
    expect(plane).to_be_hidden()


def test_the_status_is_in_view_and_has_the_focus_while_it_works(sized: Page, space: Space, hub: StandIn) -> None:
    name = f"tiny/status{sized.viewport_size['width']}"  # type: ignore[index]
    hub.add(name, gpt2_files())
    hub.faults.append(Fault(rf"GET /{name}/resolve/.*safetensors", delay=3.0, times=1))
    visitor = Visitor(sized, space.url)
    visitor.measure(name)
    expect(sized.locator("#status")).to_be_focused()
    expect(sized.locator("#status .progress")).to_be_visible()
    assert in_view(sized, "#status")
    visitor.result()


def test_an_error_has_the_focus_too(sized: Page, space: Space) -> None:
    visitor = Visitor(sized, space.url)
    visitor.measure("tiny/nowhere")
    assert "There is no tiny/nowhere" in visitor.complaint()
    expect(sized.locator("#status")).to_be_focused()
    assert in_view(sized, "#status")


def test_a_shared_link_opens_on_the_result_with_the_form_folded(sized: Page, space: Space, hub: StandIn) -> None:
    hub.add("tiny/folded", gpt2_files())
    visitor = Visitor(sized, space.url)
    visitor.measure("tiny/folded")
    visitor.result()
    expect(sized.locator("#model input")).to_be_visible()  # who measured goes on from here
    sized.goto(sized.url)
    expect(sized.locator("#verdict h2")).to_be_visible()
    expect(sized.locator("#model input")).to_be_hidden()
    sized.locator("#form button").first.click()
    expect(sized.locator("#model input")).to_have_value("tiny/folded")


def test_a_model_is_told_of_before_it_is_measured(sized: Page, space: Space, hub: StandIn) -> None:
    hub.add("tiny/known", gpt2_files())
    hub.add("tiny/closed", gpt2_files(), gated=True)
    visitor = Visitor(sized, space.url)
    about = sized.locator("#about")
    visitor.fill("tiny/known")
    expect(about).to_contain_text("parameters", timeout=PATIENCE)
    expect(about).to_contain_text("of weights")
    visitor.fill("tiny/closed")
    expect(about).to_contain_text("is gated", timeout=PATIENCE)


def test_a_chip_opens_a_result_that_is_kept(sized: Page, space: Space, hub: StandIn, shared_data: Path) -> None:
    add_real_data(hub, shared_data)
    visitor = Visitor(sized, space.url)
    visitor.measure(STORIES, corpus="TinyStories", budget=2_000)
    visitor.result()
    visitor.open(space.url)
    sized.locator("#chips a.kept", has_text=STORIES).click()
    expect(sized.locator("#verdict h2")).to_be_visible(timeout=PATIENCE)
    expect(sized.locator("#about")).to_contain_text("its result opens at once", timeout=PATIENCE)


def test_a_token_has_a_card_and_a_link_of_its_own(
    browser: Browser, space: Space, hub: StandIn, shared_data: Path
) -> None:
    add_real_data(hub, shared_data)
    visitor = Visitor(browser.new_page(), space.url)
    page = visitor.page
    visitor.measure(STORIES, corpus="TinyStories", budget=2_000)
    visitor.result()
    panels = page.locator("figure[data-chart=tokens]").get_attribute("data-panels")
    first = json.loads(panels or "")[0]["data"]["values"][0]
    page.evaluate("(id) => { location.hash = `#token-${id}`; }", first["id"])
    card = page.locator(f"#token-{first['id']}")
    expect(card).to_be_visible(timeout=PATIENCE)
    expect(card).to_be_focused()
    expect(card.locator("h3 code")).to_have_text(first["token"])
    assert f"{first['count']:,}" in card.inner_text()
    assert in_view(page, f"#token-{first['id']} h3")
    page.reload()  # the address leads to the result and to the card
    expect(card).to_be_visible(timeout=PATIENCE)
    page.close()


def test_all_layers_are_drawn_when_they_are_asked_for(browser: Browser, space: Space, hub: StandIn) -> None:
    hub.add("tiny/layers", gpt2_files())
    visitor = Visitor(browser.new_page(), space.url)
    page = visitor.page
    visitor.fill("tiny/layers")
    page.locator("#layers input").check()
    page.locator("#start").click()
    visitor.result()
    layers = page.locator("figure[data-chart=layers]")
    expect(layers.locator(".panel svg").first).to_be_visible()
    expect(page).to_have_url(re.compile("&layers=all$"))
    page.reload()  # the link shows them again, and the box is ticked
    expect(layers.locator(".panel svg").first).to_be_visible(timeout=PATIENCE)
    page.locator("#form button").first.click()
    expect(page.locator("#layers input")).to_be_checked()
    page.close()


def test_progress_moves_while_nothing_comes(browser: Browser, space: Space, hub: StandIn) -> None:
    hub.add("tiny/slow", gpt2_files(3))
    hub.faults.append(Fault(r"GET /tiny/slow/resolve/.*safetensors", delay=3.0))  # the preview asks too
    visitor = Visitor(browser.new_page(), space.url)
    visitor.watch_status()
    visitor.measure("tiny/slow")
    visitor.result()
    stalled = {text for text, _ in visitor.statuses() if text.startswith(("Looking", "Fetching"))}
    assert len(stalled) >= 3  # of three seconds without a byte, twice or more
    visitor.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_of_ours(browser: Browser, space: Space, hub: StandIn, scheme: str) -> None:
    hub.add("tiny/axe", gpt2_files())
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context.new_page(), space.url)
    visitor.measure("tiny/axe")
    visitor.result()
    for tab in ("Measure", *TABS[:3]):
        visitor.tab(tab)
        visitor.page.wait_for_timeout(500)
        found = Axe().run(visitor.page).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found if each["id"] not in NOT_OURS] == [], tab
    context.close()


def test_a_kept_result_is_proposed_to_the_model_s_repository(browser: Browser, hub: StandIn, tmp_path: Path) -> None:
    hub.users["hf_owner"] = "owner"
    repository = readable_model(hub)
    own = Space(tmp_path / "own", STAND_IN, HF_TOKEN="hf_owner")
    try:
        visitor = Visitor(browser.new_page(), own.url)
        page = visitor.page
        visitor.measure(NAME)
        visitor.result()
        page.locator("#propose").click()
        expect(page.locator("#proposed")).to_contain_text(f"A pull request to {NAME}", timeout=PATIENCE)
        assert Axe().run(page, options={"runOnly": ["color-contrast", "button-name"]}).response["violations"] == []
        page.locator("#propose-it").click()
        expect(page.locator("#proposed a")).to_have_attribute("href", re.compile(f"{NAME}/discussions/1$"))
        expect(page.locator("#propose")).to_be_hidden()
        assert set(files_of_pull(repository)) == {"README.md", "nc_report.json"}
        page.close()
    finally:
        own.close()
