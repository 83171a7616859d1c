"""The map of tokens in a browser: what the pointer, the search and a click do, from one file without network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from nc_hf.report import Report
from nc_hf.report.charts.token_map import STYLES, token_map
from nc_hf.report.token_card import CARD_STYLE, html_token_cards
from tests.browser.driver import browser as browser
from tests.reports import SCHEMA_8

pytestmark = pytest.mark.browser

REPORT = Report.load(SCHEMA_8)
PLACE = """id => {
  for (const path of document.querySelectorAll('#map svg path')) {
    const item = path.__data__;
    if (!item || !item.datum || item.datum.id !== id || item.cursor !== 'pointer') continue;
    const box = path.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  }
}"""


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Page:
    converter = pytest.importorskip("vl_convert")
    config = {"style": STYLES["light"]}
    options = {"renderer": "svg", "actions": False, "config": config}
    mount = (
        f"vegaEmbed('#map', {json.dumps(token_map(REPORT))}, {json.dumps(options)})"
        ".then(() => document.body.classList.add('drawn'))"
    )
    script = converter.javascript_bundle(mount, vl_version="6.4").replace("</script", "<\\/script")
    file = tmp_path / "map.html"
    file.write_text(
        f"<!doctype html><meta charset='utf-8'><style>#map {{ width: 100% }} {CARD_STYLE}</style><div id='map'></div>"
        f"{html_token_cards(REPORT)}<script type='module'>{script}</script>",
        encoding="utf-8",
    )
    opened = browser.new_page(viewport={"width": 900, "height": 900})
    opened.on("console", lambda message: pytest.fail(f"the console says {message.text}"))
    opened.on("pageerror", lambda error: pytest.fail(f"the page fails: {error}"))
    opened.goto(file.as_uri())
    expect(opened.locator("body.drawn")).to_be_attached(timeout=60_000)
    return opened


def test_a_token_tells_what_is_known_and_leads_to_its_card(page: Page) -> None:
    table = REPORT.token_table
    assert table is not None
    token_id, arrows = table.columns.ids[3], page.locator("svg .mark-rule line[stroke='#d55e00']")
    expect(page.locator(".token-card:visible")).to_have_count(0)
    expect(arrows).to_have_count(0)
    x, y = page.evaluate(PLACE, token_id)
    page.mouse.move(x, y)
    expect(page.locator("#vg-tooltip-element")).to_contain_text(f"{table.columns.counts[3]:,}")
    assert table.map is not None
    near = sum(other in table.columns.ids for other in table.map.nearest[3])
    expect(arrows).to_have_count(1 + near)
    page.mouse.click(x, y)
    expect(page.locator(".token-card:visible")).to_have_count(1)
    expect(page.locator(f"#token-{token_id}")).to_be_visible()
    assert page.url.endswith(f"#token-{token_id}")
    assert len(page.context.pages) == 1, "no other tab"


def test_a_search_marks_what_it_finds_and_lets_go(page: Page) -> None:
    found = page.locator("svg path[stroke='#d55e00']")
    page.locator("input[type=search]").fill(" an")
    expect(found).to_have_count(1)
    page.locator("input[type=search]").fill("")
    expect(found).to_have_count(0)


def test_another_plane_and_colour_are_chosen_in_the_picture(page: Page) -> None:
    table = REPORT.token_table
    assert table is not None
    assert table.map is not None
    share = f"{100 * table.map.planes[1].means_share[0]:.1f} %"
    page.get_by_label("Axes of").select_option("classifier rows")
    page.get_by_label("Colour").select_option("duality (NC3)")
    expect(page.locator("svg")).to_contain_text(f"axis 1: {share} of variance")
    expect(page.locator("svg")).to_contain_text("duality (NC3)")
