"""The tab that compares several models or revisions on one text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from nc_hf.runtime.progress import Progress
from nc_hf.space.api import token
from nc_hf.space.controls import chosen, text_controls
from nc_hf.space.html import progress, sentence
from nc_hf.space.lazy import Office
from nc_hf.space.limits import MAX_COMPARED
from nc_hf.space.queue import Waiting
from nc_hf.space.run_controls import QUICK, SLOW, RunControls


class CompareTab:
    """Controls, progress and comparison."""

    def __init__(self, office: Office) -> None:
        """Lay the tab out and wire it; within a ``gr.Tab``."""
        self._office = office
        self.models = gr.Textbox(
            lines=3,
            label="Models",
            placeholder="EleutherAI/pythia-70m@step1000\nEleutherAI/pythia-70m@step143000",
            info=f"Two to {MAX_COMPARED}, one a line; a revision after @",
            elem_id="models",
        )
        self.text = text_controls("compare", office.settings.max_tokens)
        self.run = RunControls("Compare", prefix="compare-", result="comparison")
        with self.run.result:
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

    def _wire(self) -> None:
        shown = [
            *self.run.outputs, self.downloads, self.table, self.metric, self.bars, self.strata, self.comparison,
        ]  # fmt: skip
        work = self.run.start.click(self._compare, [self.models, *self.text.inputs], shown, **SLOW)
        self.run.cancel(work)
        self.metric.input(self._show, [self.comparison, self.metric], self.bars, **QUICK)

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
            questions = self._office.desk().compared((models or "").splitlines(), named, own, budget, preset)
            reports = []
            for number, question in enumerate(questions, start=1):
                prefix = f"{number} of {len(questions)}, {question.name}: "
                for step in self._office.desk().answer(question, token(oauth_token)):
                    if isinstance(step, Waiting | Progress):
                        yield self.run.running(progress(step, prefix))
                    else:
                        reports.append(step.report)
            yield self._done(reports)
        except Exception as fault:
            yield self.run.failed(sentence(fault))

    def _done(self, reports: list[Any]) -> dict[Any, Any]:
        from nc_hf.space.charts import STRATA, overlay_frame
        from nc_hf.space.exports import comparison_links
        from nc_hf.space.service import side_by_side
        from nc_hf.space.tables import comparison_table

        comparison = side_by_side(reports)
        first = comparison.metrics[0].name
        strata = overlay_frame(reports, comparison.names)
        bins = sorted(set(strata[STRATA[0]]), key=lambda bin_: int(bin_.replace(",", "")))
        return {
            **self.run.done(),
            self.downloads: comparison_links(comparison),
            self.table: comparison_table(comparison),
            self.metric: gr.update(choices=[each.name for each in comparison.metrics], value=first),
            self.bars: _bars(comparison, first),
            self.strata: gr.LinePlot(strata, sort=bins),
            self.comparison: comparison,
        }

    def _show(self, comparison: Any, metric: str) -> Any:
        return gr.update() if comparison is None else _bars(comparison, metric)


def _bars(comparison: Any, metric: str) -> gr.BarPlot:
    """Return the bars of one metric; bars begin at zero, or their lengths would mislead."""
    from nc_hf.space.charts import comparison_frame

    frame = comparison_frame(comparison, metric)
    limits = [min(0.0, frame["value"].min()) * 1.05, max(0.0, frame["value"].max()) * 1.05]
    return gr.BarPlot(frame, title=metric, y_title=" ", y_lim=limits)
