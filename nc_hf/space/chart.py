"""The script that draws charts, given by the page's own server: nothing comes from elsewhere."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nc_hf.report.charts.render import script
from nc_hf.runtime.version import VERSION

_LIBRARY = "vega.js"
_A_YEAR = "public, max-age=31536000, immutable"

TAG = f"<script type='module' src='{_LIBRARY}?{VERSION}'></script>"
"""For the head of the page: it draws every ``<figure data-chart>``, whenever one comes."""


def library_route() -> Route:
    """Return the route to it; it is bundled when it is first asked for, which takes a moment."""
    return Route(f"/{_LIBRARY}", _give_library)


def _give_library(request: Request) -> Response:
    del request  # the same for everybody
    return Response(script(), media_type="text/javascript", headers={"cache-control": _A_YEAR})
