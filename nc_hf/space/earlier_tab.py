"""The tab of earlier results: a table that one sorts, filters, and ticks to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from nc_hf.report.charts import plane_chart
from nc_hf.report.charts.published import obstacle
from nc_hf.report.html.charts import html_chart
from nc_hf.space.compare_tab import CompareTab
from nc_hf.space.controls import QUICK
from nc_hf.space.earlier_table import earlier_table
from nc_hf.space.html import message
from nc_hf.space.lazy import LazyService
from nc_hf.space.settings import MAX_COMPARED

_FOLDER = Path(__file__).parent
_GONE = "These results are kept no longer: open the tab anew."


class EarlierTab:
    """The table, and what leads from it to a comparison."""

    def __init__(self, service: LazyService, tabs: gr.Tabs, tab: gr.Tab, comparing: CompareTab) -> None:
        """Lay it out and wire it; within ``tab``.

        Args:
            service: whose results.
            tabs: to switch between.
            tab: of the results; they are listed when it is chosen.
            comparing: where the ticked ones go.
        """
        self._service, self._tabs, self._comparing = service, tabs, comparing
        self.table = gr.HTML(
            elem_id="earlier-results",
            apply_default_css=False,
            css_template=(_FOLDER / "earlier.css").read_text(encoding="utf-8"),
            js_on_load=(_FOLDER / "earlier.js").read_text(encoding="utf-8"),
        )
        self.plane = gr.HTML(elem_id="earlier-plane")
        tab.select(self._listed, None, [self.table, self.plane], **QUICK)
        self.table.compare(self._compare, None, [tabs, self.table, *comparing.shown], **QUICK)

    def _listed(self) -> tuple[str, str]:
        kept = self._service.get().store.all()
        reports = [each.report for each in kept if obstacle(each.report) is None]
        return earlier_table(kept), html_chart(plane_chart(None, reports)) if reports else ""

    def _compare(self, ticked: gr.EventData) -> dict[Any, Any]:
        store = self._service.get().store
        chosen = ticked.chosen[:MAX_COMPARED] if isinstance(ticked.chosen, list) else []
        kept = [found for key in dict.fromkeys(map(str, chosen)) if (found := store.find(key)) is not None]
        if len(kept) < 2:
            return {self.table: message(_GONE)}
        return {self._tabs: gr.Tabs(selected="compare"), **self._comparing.opened(kept)}
