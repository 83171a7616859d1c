"""Models to try."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("gradio")

from nc_hf.report import Report
from nc_hf.space.request import Request
from nc_hf.space.start import SUGGESTED, chips
from nc_hf.space.store import StoredResult
from tests.varied_reports import report as report


def links(html: str) -> list[str]:
    return re.findall(r"href='([^']*)'", html)


def test_a_fresh_page_suggests_models() -> None:
    assert links(chips()) == [f"?model={name.replace('/', '%2F')}" for name in SUGGESTED]


def test_results_that_are_kept_come_first_and_once_a_model(report: Report) -> None:
    kept = [StoredResult("0" * 32, Request(name), report) for name in ("a/newest", "a/other", "a/newest")]
    found = links(chips(kept))
    assert found[:2] == [kept[0].request.link.replace("&", "&amp;"), kept[1].request.link.replace("&", "&amp;")]
    assert found[2] == f"?model={SUGGESTED[0].replace('/', '%2F')}"
    assert len(found) == 4


def test_a_result_without_a_verdict_is_no_invitation(report: Report) -> None:
    unread = replace(report, loss=99.0)
    assert links(chips([StoredResult("0" * 32, Request("a/random"), unread)]))[0].endswith(SUGGESTED[0].split("/")[1])


def test_names_are_escaped(report: Report) -> None:
    html = chips([StoredResult("0" * 32, Request("a/<b>"), report)])
    assert "<b>" not in html
    assert "a/&lt;b&gt;" in html
