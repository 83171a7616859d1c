"""The tab that compares several models or revisions on one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from nc_hf.report import Report, compare
from nc_hf.report.charts import comparison_chart, frequencies_chart
from nc_hf.report.charts.style import GLYPHS
from nc_hf.report.html import html_comparison
from nc_hf.report.html.charts import html_chart
from nc_hf.report.palette import DARK, LIGHT
from nc_hf.runtime.progress import Progress
from nc_hf.space.access import page_front_end, token
from nc_hf.space.controls import QUICK, JobControls, text_controls
from nc_hf.space.exports import comparison_links
from nc_hf.space.html import message, progress, sentence
from nc_hf.space.lazy import LazyService
from nc_hf.space.links import address_box, asked_in, comparison_link, text_asked
from nc_hf.space.queue import Waiting
from nc_hf.space.settings import MAX_COMPARED, UPLOAD

if TYPE_CHECKING:
    from nc_hf.space.request import Request
    from nc_hf.space.store import StoredResult


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
            self.table = gr.HTML(elem_id="compare-table")
            self.charts = gr.HTML(elem_id="compare-charts")
        self.link = address_box()
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
        return [*self.job.outputs, self.downloads, self.table, self.charts, self.link]

    def _wire(self) -> None:
        self.job.when_pressed(self._compare, {self.models, *self.text.inputs}, self._results)

    def _compare(
        self, given: dict[Any, Any], oauth_token: gr.OAuthToken | None = None, came: gr.Request | None = None
    ) -> Iterator[dict[Any, Any]]:
        """Measure one after another, and show every step."""
        try:
            service = self._service.get()
            requests = service.requests((given[self.models] or "").splitlines(), *self.text.asked(given))
            reports: list[Report] = []
            for number, request in enumerate(requests, start=1):
                prefix = f"{number} of {len(requests)}, {request.name}: "
                for step in service.run(request, token(service.settings, oauth_token, came)):
                    if isinstance(step, Waiting | Progress):
                        yield self.job.running(progress(step, prefix))
                    else:
                        reports.append(step.report)
            yield self._done(requests, reports)
        except Exception as fault:
            yield self.job.failed(sentence(fault, page_front_end(self._service.settings)))

    def _follow(self, page: gr.Request, oauth_token: gr.OAuthToken | None = None) -> dict[Any, Any]:
        asked = asked_in(page)
        if "compare" not in asked:
            return {self.link: ""}
        here = {self._tabs: gr.Tabs(selected="compare")}
        service = self._service.get()
        try:
            requests = service.requests(asked["compare"].split(","), *text_asked(asked))
            here |= self._filled(requests)
            reader = token(service.settings, oauth_token, page)
            found = [service.find(request, reader) for request in requests]
        except Exception as fault:
            return here | self.job.failed(sentence(fault, page_front_end(service.settings)))
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
        return {
            **self.job.done(),
            self.downloads: comparison_links(comparison),
            self.table: f"<h2>Comparison</h2>{html_comparison(comparison)}",
            self.charts: html_chart(comparison_chart(reports)) + html_chart(frequencies_chart(reports)),
            self.link: "" if requests[0].corpus == UPLOAD else comparison_link(requests),
        }


def marked_headings() -> str:
    """Return the style that puts the mark of each model, as in the charts, before its name above the table."""
    marks = [
        f"{theme} .compared thead th:nth-child({place})::before {{ content: '{glyph} ' / ''; color: {colour}; }}"
        for theme, palette in (("", LIGHT), (".dark", DARK))
        for place, (glyph, colour) in enumerate(zip(GLYPHS.values(), palette.series, strict=True), start=2)
    ]
    return "\n".join(marks)
