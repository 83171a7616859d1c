"""Write the pictures of the page: stories260K on real stories, at a desk in light and on a phone in the dark.

    python docs/space_pictures.py

The Hub is the stand-in that the tests use. Needs Chromium, and the real stories and checkpoint beside this checkout
(../shared/data).
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the stand-in in tests

from tests.hub.fixtures import STAND_IN  # first: it points the Hub's clients to itself before they are imported

# isort: split
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.driver import CHROMIUM, Visitor
from tests.paths import SHARED_DATA
from tests.space import STORIES, Space, add_real_data

PICTURES = Path(__file__).parent / "images"
BUDGET = 50_000
GAP = 20
"""Pixels between the two views of the phone."""


def main() -> None:
    """Measure once, and look at the result twice."""
    add_real_data(STAND_IN, SHARED_DATA)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        space = Space(Path(folder) / "space", STAND_IN)
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            desk = browser.new_page(viewport={"width": 1200, "height": 1187}, color_scheme="light")
            (view,) = looked_at(desk, space.url, ["body"])
            view.save(PICTURES / "space-light.png")
            phone = browser.new_page(viewport={"width": 390, "height": 1300}, color_scheme="dark")
            top, charts = looked_at(phone, space.url, ["body", "figure[data-chart=tokens]"])
            both = Image.new("RGB", (2 * top.width + GAP, top.height), "white")
            both.paste(top, (0, 0))
            both.paste(charts, (top.width + GAP, 0))
            both.save(PICTURES / "space-dark-phone.png")
        finally:
            browser.close()
            space.close()


def looked_at(page: Page, url: str, places: list[str]) -> list[Image.Image]:
    """Measure on a page, open the result by its link, and return what its window shows at each of these elements."""
    visitor = Visitor(page, url)
    visitor.measure(STORIES, corpus="TinyStories", budget=BUDGET)
    visitor.result()
    page.goto(page.url)
    page.locator("#verdict h2").wait_for()
    page.locator("figure[data-chart=tokens] svg").wait_for()
    page.evaluate("document.activeElement.blur()")
    views = []
    for place in places:
        above = "element => window.scrollTo(0, element.getBoundingClientRect().top + scrollY - 20)"
        page.locator(place).first.evaluate(above)
        page.wait_for_timeout(1_500)  # charts are drawn when they come into view
        views.append(Image.open(io.BytesIO(page.screenshot())))
    return views


if __name__ == "__main__":
    main()
