"""What is passed on of a kept result, over HTTP."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import unescape

import pytest

pytest.importorskip("gradio")

from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from nc_hf.report import Report
from nc_hf.report.verdict import verdict
from nc_hf.space.lazy import LazyService
from nc_hf.space.share import badge_svg, card_block, share_page, share_routes
from nc_hf.space.store import StoredResult
from tests.kept_results import kept_result
from tests.reports import REFERENCE
from tests.space import settings_in


@pytest.fixture(scope="module")
def kept() -> StoredResult:
    return kept_result(Report.load(REFERENCE), 7, model="owner/model", nc1_trace_ratio=0.05, nc4_agreement=0.95)


@pytest.fixture(scope="module")
def visitor(kept: StoredResult, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """Somebody who follows links to a page that keeps one result."""
    service = LazyService(settings_in(tmp_path_factory.mktemp("share")))
    service.get().store.keep(kept)
    return TestClient(Starlette(routes=share_routes(service)), base_url="https://example.org")


def metas(page: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)">', page)
    return {name: unescape(content) for name, content in found}


def test_a_preview_has_title_verdict_and_picture_and_a_browser_goes_on(visitor: TestClient, kept: StoredResult) -> None:
    answer = visitor.get(f"/share/{kept.key}")
    said = metas(answer.text)
    assert said["og:title"] == "owner/model: Strongly collapsed"
    assert verdict(kept.report).headline in said["og:description"]
    assert said["description"] == said["og:description"]
    assert said["og:image"] == f"https://example.org/share/{kept.key}.png"
    assert (said["og:image:width"], said["og:image:height"]) == ("1200", "630")
    assert said["twitter:card"] == "summary_large_image"
    assert f'http-equiv="refresh" content="0; url=https://example.org/?result={kept.key}"' in answer.text
    assert answer.headers["cache-control"].startswith("public")


def test_behind_a_proxy_addresses_are_those_of_the_visitor(visitor: TestClient, kept: StoredResult) -> None:
    headers = {"x-forwarded-host": "owner-space.hf.space", "x-forwarded-proto": "https"}
    said = metas(visitor.get(f"/share/{kept.key}", headers=headers).text)
    assert said["og:image"] == f"https://owner-space.hf.space/share/{kept.key}.png"


def test_the_picture_is_of_the_size_of_previews(visitor: TestClient, kept: StoredResult) -> None:
    answer = visitor.get(f"/share/{kept.key}.png")
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)
    assert visitor.get(f"/share/{kept.key}.png").content == answer.content


def test_the_badge_says_the_verdict(visitor: TestClient, kept: StoredResult) -> None:
    answer = visitor.get(f"/badge/{kept.key}.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    root = ElementTree.fromstring(answer.text)
    assert root.get("aria-label") == "neural collapse: strongly collapsed"
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["neural collapse", "strongly collapsed"]
    assert "no verdict" in badge_svg(replace(kept, report=replace(kept.report, loss=20.0)))


@pytest.mark.parametrize("key", ["f" * 32, "7", "F" * 32, "0" * 31 + "g", "%2e%2e%2fetc", "0" * 33])
@pytest.mark.parametrize("place", ["/share/{}", "/share/{}.png", "/badge/{}.svg"])
def test_what_is_not_kept_is_not_shared(visitor: TestClient, place: str, key: str) -> None:
    answer = visitor.get(place.format(key))
    assert answer.status_code == 404
    assert key.strip("%") not in answer.text
    if "result" in answer.text:
        assert answer.headers["cache-control"] == "no-store"


def test_markup_is_shown_not_obeyed(kept: StoredResult) -> None:
    evil = "\"'><script>alert(1)</script>"
    named = replace(kept.report, model=replace(kept.report.model, id=evil))
    text = replace(named, corpus=replace(named.corpus, source=evil))
    page = share_page(replace(kept, report=text), f"https://{evil}")
    assert "<script" not in page
    assert metas(page)["og:title"].startswith(evil)
    assert "<script" not in badge_svg(replace(kept, report=text))


def test_the_block_for_a_card_leads_from_the_badge_to_the_result(kept: StoredResult) -> None:
    root = "https://owner-space.hf.space"
    block = card_block(kept, root)
    assert block == (
        f"[![neural collapse: strongly collapsed]({root}/badge/{kept.key}.svg)]({root}/share/{kept.key})\n"
    )
