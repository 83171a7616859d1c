"""The page in the distribution's Chromium: what a visitor does, by the ids of the page's elements."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PATIENCE = 120_000
"""Milliseconds that an analysis of a tiny model may take on a busy machine."""

expect.set_options(timeout=60_000)


# Not for the whole session: while Playwright runs, its thread has a running event loop, and asyncio.run is refused.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; where it is missing, tests are skipped, and fail in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: .ci/run installs it.")
        pytest.skip("Chromium is missing: apt-get install chromium fonts-dejavu-core")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


class Visitor:
    """Somebody before the page."""

    def __init__(self, page: Page, url: str) -> None:
        """Open the page, and wait until it can be used."""
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.open(url)

    def open(self, url: str) -> None:
        """Go to an address of the page."""
        self.page.goto(url)
        expect(self.page.locator("#start")).to_be_enabled()
        expect(self.page.locator("#model input")).to_be_editable()

    def fill(self, model: str, *, revision: str = "", corpus: str = "Built-in", budget: int = 2_000) -> None:
        """Fill the controls of the first tab."""
        for box, text in (("#model", model), ("#revision", revision)):
            field = self.page.locator(f"{box} input")
            field.fill(text)
            field.press("Escape")
            field.blur()
        self.page.locator("#measure-corpus").get_by_text(corpus, exact=True).click()
        self.page.locator("#measure-budget input").fill(str(budget))

    def measure(self, model: str, **asked: str | int) -> None:
        """Fill the controls and press the button."""
        self.fill(model, **asked)  # type: ignore[arg-type]
        self.page.locator("#start").click()

    def result(self) -> None:
        """Wait for a result."""
        expect(self.page.locator("#verdict h2")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("#start")).to_be_enabled()

    def watch_status(self) -> None:
        """Note every state of the status line from now on, however short it is seen."""
        self.page.evaluate(
            """() => {
                const status = document.querySelector('#status');
                window.statuses = [];
                const note = () => window.statuses.push([
                    status.textContent.trim(),
                    status.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow') ?? null,
                ]);
                const all = {subtree: true, childList: true, attributes: true, characterData: true};
                new MutationObserver(note).observe(status, all);
            }"""
        )

    def statuses(self) -> list[tuple[str, str | None]]:
        """Return what was noted: the text, and the share that the progress bar tells."""
        return [(text, share) for text, share in self.page.evaluate("window.statuses")]

    def complaint(self) -> str:
        """Wait for an error on the page and return it."""
        alert = self.page.locator("#status [role=alert]")
        expect(alert).to_be_visible(timeout=PATIENCE)
        return alert.inner_text()

    def values(self) -> dict[str, str]:
        """Return the digits of every metric that is shown, as ``value ± error``."""
        cells = self.page.locator("#metrics td[data-metric]")
        return {str(cell.get_attribute("data-metric")): cell.inner_text().strip() for cell in cells.all()}

    def tab(self, name: str) -> None:
        """Switch to a tab."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def shoot(self, folder: Path, name: str) -> None:
        """Take a picture of the whole page."""
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)
