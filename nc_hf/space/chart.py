"""Charts on the page: a figure that carries its specification, and the script that draws it."""

from __future__ import annotations

import json
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nc_hf.runtime.version import VERSION

_SCRIPT = Path(__file__).with_name("chart.js")
_LIBRARY = "vega.js"
_A_YEAR = "public, max-age=31536000, immutable"


def chart_html(spec: dict[str, Any], description: str) -> str:
    """Return a figure that `chart_block` draws.

    Args:
        spec: of Vega-Lite.
        description: what it shows, for who does not see it.
    """
    data = escape(json.dumps(spec, ensure_ascii=False, allow_nan=False))
    caption = f"<figcaption class='hidden'>{escape(description)}</figcaption>"
    return f"<figure class='chart' data-chart='{data}'>{caption}</figure>"


def chart_block(elem_id: str) -> gr.HTML:
    """Return a place for a chart, whose value is what `chart_html` returns."""
    script = _SCRIPT.read_text(encoding="utf-8")
    return gr.HTML(elem_id=elem_id, js_on_load=f"const library = '{_LIBRARY}?{VERSION}';\n{script}", min_height=0)


def library_route() -> Route:
    """Return the route under which the page's own server gives the library that draws."""
    return Route(f"/{_LIBRARY}", _give_library)


def _give_library(request: Request) -> Response:
    del request  # the same for everybody
    return Response(_library(), media_type="text/javascript", headers={"cache-control": _A_YEAR})


@lru_cache(maxsize=1)
def _library() -> str:
    """Bundle Vega, Vega-Lite and Vega-Embed, which takes a few seconds."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
