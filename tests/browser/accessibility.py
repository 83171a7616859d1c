"""What axe-core and the console say of the page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

_ENDED = "Connection errored out."
_LEFT = ("AbortError: signal is aborted", _ENDED, f"Unexpected error {_ENDED}")
"""What Gradio says of its stream when one goes elsewhere."""


def violations(page: Page, within: str) -> list[str]:
    """Return what axe-core finds within an element: its rule, and the first element that breaks it.

    Args:
        page: to look at, as it is shown.
        within: a CSS selector.
    """
    found = Axe().run(page, context={"include": [[within]]}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def hear_console(page: Page) -> list[str]:
    """Return a list to which everything is added that the console says from now on in warning or in error."""
    heard: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type in ("warning", "error") and not said.text.startswith(_LEFT):
            heard.append(said.text)

    page.on("console", hear)
    return heard
