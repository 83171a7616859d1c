"""A report as something to download."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.space.exports import as_png, as_text, download_links, link
from tests.reports import REFERENCE


@pytest.fixture(scope="module")
def detailed() -> Report:
    """A report with a table of tokens."""
    return Report.load(REFERENCE)


def test_a_text_is_what_the_report_writes(detailed: Report) -> None:
    assert as_text(detailed, "json") == detailed.to_json()
    assert as_text(detailed, "markdown") == detailed.to_markdown()
    assert as_text(detailed, "csv") == detailed.to_csv()


@pytest.mark.slow
def test_pictures_stand_one_below_the_other(detailed: Report) -> None:
    sizes = [Image.open(io.BytesIO(as_png(detailed, [name]))).size for name in ("norms", "cosines")]
    both = Image.open(io.BytesIO(as_png(detailed, ["norms", "cosines"]))).size
    assert both == (max(width for width, _ in sizes), sum(height for _, height in sizes))


def test_a_report_without_details_has_nothing_to_draw(detailed: Report) -> None:
    with pytest.raises(InputError, match="holds nothing to draw: measure with the preset core"):
        as_png(replace(detailed, token_table=None, strata=[]))


def test_a_link_carries_its_content_and_obeys_no_markup() -> None:
    shown = link("<b>", "a'b.json", "text/plain", b"content")
    (data,) = re.findall(r"base64,([\w=+/]+)", shown)
    assert base64.b64decode(data) == b"content"
    assert "<b>" not in shown
    assert "download='a&#x27;b.json'" in shown


@pytest.mark.slow
def test_the_figure_is_a_link_of_its_own(detailed: Report) -> None:
    assert download_links(detailed, figure=False).count("<a ") == 3
    assert download_links(detailed, figure=True).count("<a ") == 4
    assert download_links(replace(detailed, token_table=None), figure=True).count("<a ") == 3
