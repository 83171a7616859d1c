"""The tab that compares several models or revisions on one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from nc_hf.report import Comparison, Report, compare
from nc_hf.report.charts.comparison import SCATTER, comparison_chart, comparison_text, frequency_chart, frequency_text
from nc_hf.report.charts.marks import MARKS
from nc_hf.report.html import html_comparison
from nc_hf.runtime.progress import Progress
from nc_hf.space.api import token
from nc_hf.space.chart import chart_block, chart_html
from nc_hf.space.controls import QUICK, SLOW, JobControls, chosen, text_controls
from nc_hf.space.exports import comparison_links
from nc_hf.space.html import message, progress, sentence
from nc_hf.space.lazy import LazyService
from nc_hf.space.links import address_box, asked_in, comparison_link
from nc_hf.space.queue import Waiting
from nc_hf.space.settings import DEFAULT_TOKENS, MAX_COMPARED, UPLOAD

if TYPE_CHECKING:
    from nc_hf.space.request import Request
    from nc_hf.space.store import StoredResult

_FREQUENCY = "The scatter (NC1) of rare classes is on the left, of common ones on the right; each bin by itself."


class CompareTab:
    """Controls, progress and comparison."""

    def __init__(self, service: LazyService, tabs: gr.Tabs) -> None:
        """Lay the tab out and wire it; within a ``gr.Tab`` of ``tabs``, which a link switches."""
        self._service, self._tabs = service, tabs
        self.models = gr.Textbox(
            lines=3,
            label="Models",
            placeholder="EleutherAI/pythia-70m@step1000\nEleutherAI/pythia-70m@step143000",
            info=f"Two to {MAX_COMPARED}, one a line; a revision after @",
            elem_id="models",
        )
        self.text = text_controls("compare", service.settings.max_tokens)
        self.job = JobControls("Compare", prefix="compare-", result="comparison")
        with self.job.result:
            self.downloads = gr.HTML(elem_id="compare-downloads")
            self.table = gr.HTML(elem_id="compare-table", css_template=_marked_headings())
            self.metric = gr.Dropdown([], label="Show", elem_id="compare-metric")
            self.values = chart_block("plot-compare")
            gr.HTML(f"<h2>By token frequency</h2><p class='legend'>{_FREQUENCY}</p>")
            self.strata = chart_block("plot-compare-strata")
        self.link = address_box()
        self.comparison = gr.State(None)
        self._wire()

    @property
    def shown(self) -> list[gr.components.Component | gr.Column]:
        """What a comparison changes, the controls included."""
        return [self.models, *self.text.controls, *self._results]

    def opened(self, kept: Sequence[StoredResult]) -> dict[Any, Any]:
        """Show results that are kept, of one text, budget and preset, and fill the controls with what was asked."""
        names = [each.request.name for each in kept]
        requests = [
            # A branch that has moved since has one name and two commits.
            replace(each.request, revision=each.report.model.commit) if names.count(name) > 1 else each.request
            for each, name in zip(kept, names, strict=True)
        ]
        return self._filled(requests) | self._done(requests, [each.report for each in kept])

    def follow_links(self, page: gr.Blocks) -> None:
        """Go to the comparison that a link asks for, and show it if all its results are kept."""
        page.load(self._follow, None, [self._tabs, *self.shown], **QUICK)

    @property
    def _results(self) -> list[gr.components.Component | gr.Column]:
        return [
            *self.job.outputs, self.downloads, self.table, self.metric, self.values, self.strata, self.comparison,
            self.link,
        ]  # fmt: skip

    def _wire(self) -> None:
        shown = self._results
        started = self.job.start.click(self._compare, [self.models, *self.text.inputs], shown, **SLOW)
        self.job.cancel(started)
        self.metric.input(self._show, [self.comparison, self.metric], self.values, **QUICK)

    def _compare(
        self,
        models: str,
        corpus: str,
        dataset: str,
        text: str,
        budget: float | None,
        preset: str,
        oauth_token: gr.OAuthToken | None = None,
    ) -> Iterator[dict[Any, Any]]:
        """Measure one after another, and show every step."""
        try:
            named, own = chosen(corpus, dataset, text)
            service = self._service.get()
            requests = service.requests((models or "").splitlines(), named, own, budget, preset)
            reports: list[Report] = []
            for number, request in enumerate(requests, start=1):
                prefix = f"{number} of {len(requests)}, {request.name}: "
                for step in service.run(request, token(oauth_token)):
                    if isinstance(step, Waiting | Progress):
                        yield self.job.running(progress(step, prefix))
                    else:
                        reports.append(step.report)
            yield self._done(requests, reports)
        except Exception as fault:
            yield self.job.failed(sentence(fault))

    def _follow(self, page: gr.Request, oauth_token: gr.OAuthToken | None = None) -> dict[Any, Any]:
        asked = asked_in(page)
        if "compare" not in asked:
            return {self.link: ""}
        here = {self._tabs: gr.Tabs(selected="compare")}
        tokens, service = asked.get("tokens", ""), self._service.get()
        try:
            requests = service.requests(
                asked["compare"].split(","), asked.get("corpus", "tinystories"), "",
                int(tokens) if tokens.isdecimal() else DEFAULT_TOKENS, asked.get("preset", "core"),
            )  # fmt: skip
            here |= self._filled(requests)
            found = [service.find(request, token(oauth_token)) for request in requests]
        except Exception as fault:
            return here | self.job.failed(sentence(fault))
        reports = [result.report for result in found if result is not None]
        if len(reports) == len(requests):
            return here | self._done(requests, reports)
        missing = [request.name for request, result in zip(requests, found, strict=True) if result is None]
        said = f"Not measured yet: {', '.join(missing)}. Press Compare to begin."
        return here | {self.job.status: message(said, "note")}

    def _filled(self, requests: Sequence[Request]) -> dict[Any, Any]:
        return {self.models: "\n".join(each.name for each in requests), **self.text.filled(requests[0])}

    def _done(self, requests: Sequence[Request], reports: Sequence[Report]) -> dict[Any, Any]:
        comparison = compare(reports)
        metrics, names = [each.name for each in comparison.metrics], comparison.names
        first = SCATTER if SCATTER in metrics else metrics[0]
        return {
            **self.job.done(),
            self.downloads: comparison_links(comparison),
            self.table: html_comparison(comparison),
            self.metric: gr.update(choices=metrics, value=first),
            self.values: self._show(comparison, first),
            self.strata: chart_html(frequency_chart(reports, names), frequency_text(reports, names)),
            self.comparison: comparison,
            self.link: "" if requests[0].corpus == UPLOAD else comparison_link(requests),
        }

    def _show(self, comparison: Comparison | None, metric: str) -> Any:
        if comparison is None:
            return gr.update()
        return chart_html(comparison_chart(comparison, metric), comparison_text(comparison, metric))


def _marked_headings() -> str:
    """Return the style that puts the mark of each model, as in the charts, before its name above the table."""
    return "\n".join(
        f".compared thead th:nth-child({place})::before "
        f"{{ content: '{mark.glyph} ' / ''; color: {mark.colour}; font-size: 1.1em; }}"
        for place, mark in enumerate(MARKS, start=2)
    )
