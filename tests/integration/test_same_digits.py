"""One measurement in every form: Python, terminal, JSON, HTML, Markdown, API, MCP and page show the same digits."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")
pytest.importorskip("playwright")

from gradio_client import Client
from playwright.sync_api import Browser

from nc_hf import measure
from nc_hf.report import Report
from tests.browser.driver import Visitor
from tests.browser.driver import browser as browser
from tests.html_text import text_of
from tests.hub.server import StandIn
from tests.space import NC_HF, STORIES, Space, add_real_data
from tests.space import space as space

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

TOKENS = 10_000
Shown = dict[str, str]
"""Each metric's value and error, as written."""


def by_command(folder: Path) -> Path:
    """Measure once with the command, in all its forms, and return the folder that they are in."""
    asked = [NC_HF, "measure", STORIES, "--max-tokens", str(TOKENS), "--untrained", "--quiet"]
    written = ["--output", folder / "out.json", "--html", folder / "out.html", "--markdown", folder / "out.md"]
    environment = {**os.environ, "HF_HOME": str(folder / "home"), "COLUMNS": "160"}
    done = subprocess.run([*asked, *written], env=environment, capture_output=True, text=True, check=True)
    (folder / "out.txt").write_text(done.stdout)
    return folder


def in_lines(text: str, names: list[str]) -> Shown:
    """Find each metric's first line in a table of text: its name, the direction, the value with its error."""
    found = {}
    for name in names:
        line = next(line for line in text.splitlines() if re.search(rf"\b{name}\b`?[ |]+[↓↑—]", line))
        number = r"-?[\d.,]+(?:e-?\d+)?"
        value = re.search(rf"[↓↑—][ |]+({number})(?: ± | +)({number})", line)  # a terminal has a column for errors
        assert value, line
        found[name] = f"{value[1]} ± {value[2]}"
    return found


def in_html(html: str) -> Shown:
    """Read the table of metrics."""
    return {
        name: text_of(cell) for name, cell in re.findall(r"data-metric=['\"](\w+)['\"]>(.*?)</td>", html, re.DOTALL)
    }


def by_mcp(space: Space) -> dict[str, Any]:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def ask() -> dict[str, Any]:
        async with (
            streamablehttp_client(f"{space.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            asked = {"model": STORIES, "corpus": "tinystories", "max_tokens": TOKENS}
            answer = await session.call_tool("measure", asked)
            return dict(json.loads(answer.content[0].text))

    with ThreadPoolExecutor(1) as apart:  # Playwright's loop runs in this thread
        return apart.submit(asyncio.run, ask()).result()


def check_digits(shown: Shown, report: Report, where: str) -> None:
    """What is written is the value rounded to the digits that are written, and so is its error."""
    assert shown.keys() == report.metrics.keys(), where
    for name, metric in report.metrics.items():
        value, _, error = shown[name].partition(" ± ")
        for written, exact in ((value, metric.value), *(((error, metric.stderr),) if error else ())):
            assert exact is not None
            half = 0.5 * 10.0 ** -len(written.partition(".")[2].partition("e")[0])
            assert abs(float(written.replace(",", "")) - exact) <= half * (1 + 1e-9), (where, name, written, exact)
        assert bool(error) == (metric.stderr is not None), (where, name)


def test_every_form_shows_the_same_digits(
    browser: Browser, space: Space, hub: StandIn, shared_data: Path, tmp_path: Path
) -> None:
    add_real_data(hub, shared_data)
    report = measure(STORIES, "tinystories", max_tokens=TOKENS, untrained=True, progress=False)
    exact = {name: {"value": metric.value, "stderr": metric.stderr} for name, metric in report.metrics.items()}

    written = by_command(tmp_path)
    assert Report.load(written / "out.json").metrics == report.metrics
    api = (
        Client(space.url, verbose=False)
        .submit(STORIES, corpus="tinystories", max_tokens=TOKENS, api_name="/measure")
        .result()
    )
    assert api["metrics"] == exact
    assert by_mcp(space)["metrics"] == exact

    visitor = Visitor(browser.new_page(), space.url)
    visitor.measure(STORIES, corpus="TinyStories", budget=TOKENS)
    visitor.result()
    names = list(report.metrics)
    shown = {
        "terminal": in_lines((written / "out.txt").read_text(), names),
        "markdown": in_lines((written / "out.md").read_text(), names),
        "html": in_html((written / "out.html").read_text()),
        "page": in_html(visitor.page.locator("#metrics").inner_html()),
    }
    for where, found in shown.items():
        check_digits(found, report, where)
        assert found == shown["terminal"], where
    dials = re.findall(r"data-dial=['\"](\w+)['\"].*?<b>(.*?)</b>", (written / "out.html").read_text(), re.DOTALL)
    on_page = re.findall(
        r"data-dial=['\"](\w+)['\"].*?<b>(.*?)</b>", visitor.page.locator("#verdict").inner_html(), re.DOTALL
    )
    assert dials == on_page
    assert len(dials) == 4
    assert all(shown["page"][name].split(" ")[0] == value for name, value in dials)
    assert f"{report.tokens:,} tokens" in visitor.page.locator("#verdict").inner_text()
    visitor.page.close()
