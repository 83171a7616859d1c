"""The tab that compares several models or revisions on one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from nc_hf.report import compare
from nc_hf.report.html import html_comparison
from nc_hf.runtime.progress import Progress
from nc_hf.space.access import page_front_end, token
from nc_hf.space.charts import STRATA, comparison_frame, overlay_frame
from nc_hf.space.controls import QUICK, JobControls, chosen, text_controls
from nc_hf.space.exports import comparison_links
from nc_hf.space.html import progress, sentence
from nc_hf.space.lazy import LazyService
from nc_hf.space.queue import Waiting
from nc_hf.space.settings import MAX_COMPARED

if TYPE_CHECKING:
    from nc_hf.space.store import StoredResult


class CompareTab:
    """Controls, progress and comparison."""

    def __init__(self, service: LazyService) -> None:
        """Lay the tab out and wire it; within a ``gr.Tab``."""
        self._service = service
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
            self.metric = gr.Dropdown([], label="Show", elem_id="compare-metric")
            with gr.Row():
                self.bars = gr.BarPlot(
                    show_label=False,
                    x="model",
                    y="value",
                    x_label_angle=-60,  # names are longer than a bar is wide
                    tooltip="all",
                    height=340,
                    min_width=260,
                    elem_id="plot-compare",
                )
                self.strata = gr.LinePlot(
                    x="tokens, from",
                    y="scatter",
                    color="model",
                    tooltip="all",
                    height=340,
                    min_width=260,
                    title="Scatter by frequency (NC1 ↓)",
                    show_label=False,
                    elem_id="plot-compare-strata",
                )
        self.comparison = gr.State(None)
        self._wire()

    @property
    def shown(self) -> list[gr.components.Component | gr.Column]:
        """What a comparison changes, the controls included."""
        controls = [self.models, self.text.corpus, self.text.dataset, self.text.budget, self.text.preset]
        return [*controls, *self._results]

    def opened(self, kept: Sequence[StoredResult]) -> dict[Any, Any]:
        """Show results that are kept, of one text, budget and preset, and fill the controls with what was asked."""
        names = [each.request.name for each in kept]
        commits = [f"{each.request.model}@{each.report.model.commit}" for each in kept]
        # A branch that has moved since has one name and two commits.
        named = [commit if names.count(name) > 1 else name for name, commit in zip(names, commits, strict=True)]
        return {
            self.models: "\n".join(named),
            **self.text.filled(kept[0].request),
            **self._done([each.report for each in kept]),
        }

    @property
    def _results(self) -> list[gr.components.Component | gr.Column]:
        return [
            *self.job.outputs, self.downloads, self.table, self.metric, self.bars, self.strata, self.comparison,
        ]  # fmt: skip

    def _wire(self) -> None:
        shown = self._results
        self.job.when_pressed(self._compare, [self.models, *self.text.inputs], shown)
        self.metric.input(self._show, [self.comparison, self.metric], self.bars, **QUICK)

    def _compare(
        self,
        models: str,
        corpus: str,
        dataset: str,
        text: str,
        budget: float | None,
        preset: str,
        tokenizer: str,
        oauth_token: gr.OAuthToken | None = None,
        came: gr.Request | None = None,
    ) -> Iterator[dict[Any, Any]]:
        """Measure one after another, and show every step."""
        try:
            named, own = chosen(corpus, dataset, text)
            service = self._service.get()
            requests = service.requests((models or "").splitlines(), named, own, budget, preset, tokenizer or "")
            reports = []
            for number, request in enumerate(requests, start=1):
                prefix = f"{number} of {len(requests)}, {request.name}: "
                for step in service.run(request, token(service.settings, oauth_token, came)):
                    if isinstance(step, Waiting | Progress):
                        yield self.job.running(progress(step, prefix))
                    else:
                        reports.append(step.report)
            yield self._done(reports)
        except Exception as fault:
            yield self.job.failed(sentence(fault, page_front_end(self._service.settings)))

    def _done(self, reports: list[Any]) -> dict[Any, Any]:
        comparison = compare(reports)
        first = comparison.metrics[0].name
        strata = overlay_frame(reports, comparison.names)
        bins = sorted(set(strata[STRATA[0]]), key=lambda bin_: int(bin_.replace(",", "")))
        return {
            **self.job.done(),
            self.downloads: comparison_links(comparison),
            self.table: html_comparison(comparison),
            self.metric: gr.update(choices=[each.name for each in comparison.metrics], value=first),
            self.bars: _bars(comparison, first),
            self.strata: gr.LinePlot(strata, sort=bins),
            self.comparison: comparison,
        }

    def _show(self, comparison: Any, metric: str) -> Any:
        return gr.update() if comparison is None else _bars(comparison, metric)


def _bars(comparison: Any, metric: str) -> gr.BarPlot:
    """Return the bars of one metric; bars begin at zero, or their lengths would mislead."""
    frame = comparison_frame(comparison, metric)
    limits = [min(0.0, frame["value"].min()) * 1.05, max(0.0, frame["value"].max()) * 1.05]
    return gr.BarPlot(frame, title=metric, y_title=" ", y_lim=limits)
