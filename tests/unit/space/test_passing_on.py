"""What the page gives to pass a result on."""

from __future__ import annotations

import re
from html import unescape

import pytest

pytest.importorskip("gradio")

from nc_hf.report import Report
from nc_hf.space.passing_on import html_passing_on
from nc_hf.space.share import card_block
from tests.kept_results import kept_result
from tests.reports import REFERENCE


def test_the_link_and_the_block_are_what_is_copied() -> None:
    kept, root = kept_result(Report.load(REFERENCE), 7, model="owner/model"), "https://example.org"
    html = html_passing_on(kept, root)
    copied = [unescape(text) for text in re.findall(r"data-copy='([^']*)'", html)]
    assert copied == [f"{root}/share/{kept.key}", card_block(kept, root).strip()]
    assert f"src='{root}/badge/{kept.key}.svg'" in html
