"""The tab that follows a model over its revisions, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import hear_console, violations
from tests.browser.driver import PATIENCE
from tests.browser.driver import browser as browser
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.space import Space
from tests.space import space as space

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = (0, 10, 200)


@pytest.fixture
def page(browser: Browser, space: Space, hub: StandIn) -> Iterator[Page]:
    """Somebody on a telephone, before a Space whose Hub has a model with three steps and one that is no model."""
    repository = hub.add("tiny/course", gpt2_files(0))
    for step in STEPS:
        repository.tags[f"step{step}"] = repository.commit(gpt2_files(step), title=f"step {step}")
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(60_000)
    heard = hear_console(page)
    yield page
    context.close()
    assert heard == []


@pytest.mark.timeout(600)
def test_a_course_is_measured_drawn_and_looked_into_and_has_a_link(page: Page, space: Space, tmp_path: Path) -> None:
    page.goto(f"{space.url}?course=tiny/course&revisions=step*&every=1&corpus=builtin&tokens=2000&preset=core")
    status = page.locator("#course-status")
    expect(status).to_contain_text("Not all of it is measured yet", timeout=PATIENCE)
    expect(page.locator("#course-model input, #course-model textarea")).to_have_value("tiny/course")
    page.locator("#course-start").click()
    expect(status).to_contain_text("of 3: tiny/course@step", timeout=PATIENCE)
    chart = page.locator("#course-charts figure.mounted")
    expect(chart).to_have_count(1, timeout=2 * PATIENCE)
    expect(chart.locator(".panel svg").first).to_contain_text("training step")
    expect(page.locator("#course-values h2")).to_have_text("step200")
    last = page.locator("#course-values td[data-metric=nc1_trace_ratio]").inner_text()
    place = page.locator("#course-place input[type=range]")
    place.focus()
    place.press("ArrowLeft")
    expect(page.locator("#course-values h2")).to_have_text("step10")
    assert page.locator("#course-values td[data-metric=nc1_trace_ratio]").inner_text() != last
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    assert violations(page, "#course-charts") == []
    assert violations(page, "#course-values") == []
    shared = page.url
    assert "course=tiny/course&revisions=step*&every=1" in shared
    page.goto(shared)  # now all of it is kept
    expect(chart).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#course-values h2")).to_have_text("step200")


def test_a_pattern_that_fits_nothing_says_what_there_is(page: Page, space: Space) -> None:
    page.goto(f"{space.url}?course=tiny/course&revisions=epoch*&corpus=builtin&tokens=2000")
    alert = page.locator("#course-status [role=alert]")
    expect(alert).to_contain_text(
        "No branch or tag of tiny/course matches 'epoch*': it has step0, step10, step200, main"
    )
