"""What the page says around a report."""

from __future__ import annotations

from dataclasses import replace

from nc_hf.errors.remedies import FrontEnd
from nc_hf.report import Report
from nc_hf.report.verdict import verdict
from nc_hf.runtime.progress import Progress
from nc_hf.space.html import message, metric_table, preview_line, progress, sentence, verdict_card
from nc_hf.space.preview import Preview
from nc_hf.space.queue import Waiting
from nc_hf.space.request import Request
from nc_hf.space.service import Result
from tests.varied_reports import report as report
from tests.varied_reports import with_markup


def result_of(report: Report, *, key: str = "k", kept: bool = False) -> Result:
    return Result(key, Request("a/b"), report, verdict(report), kept)


def test_markup_in_names_is_shown_not_obeyed(report: Report) -> None:
    evil = "<script>alert(1)</script>"
    marked, asked = with_markup(report, evil), Request(evil, evil, f"hub:{evil}")
    result = Result("", asked, marked, verdict(marked), kept=False)
    for html in (verdict_card(result), metric_table(result), message(evil)):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_the_card_says_whether_a_result_is_kept(report: Report) -> None:
    assert "class=note" not in verdict_card(result_of(report))
    assert "Measured before" in verdict_card(result_of(report, kept=True))
    assert "only you see this result" in verdict_card(result_of(report, key=""))


def test_a_model_is_told_of_before_it_is_measured() -> None:
    line = preview_line(Preview("a/<b>", 70_426_624, size_bytes=166_029_852, seconds=75.0))
    assert "a/&lt;b&gt;: 70.4 million parameters · 166.0 MB of weights · about 1 min 15 s" in line
    assert "260,032 parameters · measured before" in preview_line(Preview("a/b", 260_032, kept=True))
    assert "gated: you may read it" in preview_line(Preview("a/b", 260_032, size_bytes=1, closed="gated"))
    assert "about" not in preview_line(Preview("a/b", 260_032, size_bytes=1))


def test_waiting_has_an_estimate_where_there_is_ground_for_one() -> None:
    assert "2 analyses before this one, which may take 50 s" in progress(Waiting(2, 50.0))
    assert "may take" not in progress(Waiting(2))


def test_a_stage_of_unknown_length_tells_its_seconds() -> None:
    assert "Computing the metrics · 12 s" in progress(Progress("computing", 0, 0, 12.2))


def test_the_page_offers_its_own_remedies_only(report: Report) -> None:
    card = verdict_card(result_of(replace(report, tokens=500)))
    assert "Only 500 tokens were read, by which values are not steady: raise the &quot;Token budget&quot;" in card
    assert "max_tokens" not in card


def test_progress_tells_stage_rate_and_time_to_go() -> None:
    half = progress(Progress("measuring", done=500, total=1_000, seconds=2.0), "1 of 2: ")
    assert "1 of 2: Measuring · 500 of 1,000 tokens · 250 tokens/s · 2 s to go" in half
    assert "aria-valuenow='50'" in half
    fetched = progress(Progress("downloading", done=10**6, total=10**8, seconds=1.0))
    assert "Fetching the weights · 1.0 MB of 100.0 MB · 1.0 MB/s · 1 min 39 s to go" in fetched
    assert "aria-valuenow" not in progress(Progress("loading", 0, 0, 0.0))
    assert "Waiting: one analysis before this one" in progress(Waiting(1))
    assert "Waiting: 3 analyses before this one" in progress(Waiting(3))


def test_what_was_not_foreseen_is_told_without_its_details() -> None:
    said = sentence(KeyError("/home/secret"), FrontEnd.PAGE)
    assert said == "Something failed that should not (KeyError): try another model, or again later."
