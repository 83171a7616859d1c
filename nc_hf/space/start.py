"""What invites a visitor: models to try, those whose results are kept first, since they open at once; and the plane."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nc_hf.report.charts import plane_chart
from nc_hf.report.html.charts import html_chart
from nc_hf.report.verdict import verdict

if TYPE_CHECKING:
    from nc_hf.space.store import StoredResult

_SHOWN = 4
SUGGESTED = (
    "EleutherAI/pythia-70m",
    "openai-community/gpt2",
    "HuggingFaceTB/SmolLM2-135M",
    "Qwen/Qwen3-0.6B",
)
"""Small models with weights in safetensors, of four families."""


def chips(kept: Iterable[StoredResult] = ()) -> str:
    """Return links to a few models as HTML.

    Args:
        kept: results, the newest first; of each model the newest that has a verdict is linked.
    """
    newest: dict[str, StoredResult] = {}
    for each in kept:
        if len(newest) < _SHOWN and each.request.model not in newest and verdict(each.report).level != "unknown":
            newest[each.request.model] = each
    links = [(each.request.name, each.request.link, "chip kept") for each in newest.values()]
    links += [(name, f"?{urlencode({'model': name})}", "chip") for name in SUGGESTED if name not in newest]
    shown = "".join(
        f"<a class='{kind}' href='{escape(link, quote=True)}'>{escape(name)}</a>" for name, link, kind in links[:_SHOWN]
    )
    return f"<nav class='chips' aria-label='Models to try'><span>Try</span>{shown}</nav>"


def invitation(kept: Iterable[StoredResult] = ()) -> str:
    """Return the plane of loss and collapse as a figure: what a model of the visitor's would be held against.

    Args:
        kept: results, which are drawn too where they may be held against the published models.
    """
    return html_chart(plane_chart(None, (each.report for each in kept)))
