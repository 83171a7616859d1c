"""What the page says around a report."""

from __future__ import annotations

from dataclasses import replace

from nc_hf.remedies import FrontEnd
from nc_hf.report import Report
from nc_hf.report.verdict import verdict
from nc_hf.runtime.progress import Progress
from nc_hf.space.html import message, metric_table, progress, result_table, sentence, verdict_card
from nc_hf.space.queue import Waiting
from nc_hf.space.reference import ranks
from nc_hf.space.request import Request
from nc_hf.space.service import Result
from nc_hf.space.store import StoredResult
from tests.varied_reports import like_the_published, with_markup, with_values
from tests.varied_reports import report as report


def result_of(report: Report, *like: Report, key: str = "k", kept: bool = False) -> Result:
    return Result(key, Request("a/b"), report, verdict(report), ranks(report, like), kept)


def test_markup_in_names_is_shown_not_obeyed(report: Report) -> None:
    evil = "<script>alert(1)</script>"
    marked, asked = with_markup(report, evil), Request(evil, evil, f"hub:{evil}")
    result = Result("", asked, marked, verdict(marked), ranks(marked, []), kept=False)
    shown = (
        verdict_card(result),
        metric_table(result),
        result_table([StoredResult("0", asked, marked)]),
        message(evil),
    )
    for html in shown:
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_the_card_says_whether_a_result_is_kept(report: Report) -> None:
    assert "class=note" not in verdict_card(result_of(report))
    assert "Measured before" in verdict_card(result_of(report, kept=True))
    assert "only you see this result" in verdict_card(result_of(report, key=""))


def test_a_value_is_ranked_among_published_and_kept_models(report: Report) -> None:
    mine = like_the_published(with_values(report, nc4_agreement=0.9, nc1_trace_ratio=0.5))
    others = [with_values(report, nc1_trace_ratio=value) for value in (0.4, 0.6)]
    html = metric_table(result_of(mine, *others))
    assert "more collapsed than all published models" in html
    assert "more collapsed than 1 of 2 kept here" in html
    assert "published models are small GPT-Neos" in html
    assert "GPT-Neos" not in metric_table(result_of(with_values(report, nc1_trace_ratio=0.5)))


def test_the_page_offers_its_own_remedies_only(report: Report) -> None:
    card = verdict_card(result_of(replace(report, tokens=500)))
    assert "Only 500 tokens were read, by which values are not steady: raise the &quot;Token budget&quot;" in card
    assert "max_tokens" not in card


def test_earlier_results_lead_to_their_requests(report: Report) -> None:
    html = result_table([StoredResult("0", Request("a/b", "v1"), report)])
    assert (
        "<a href='?model=a%2Fb&amp;revision=v1&amp;corpus=tinystories&amp;tokens=50000&amp;preset=core'>a/b@v1</a>"
        in html
    )
    assert "No result is kept yet" in result_table([])


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
