"""What is passed on of a kept result: a page with its preview, the picture, a badge, and a block for a model card."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from gradio.route_utils import get_root_url
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from nc_hf.report.charts.share import HEIGHT, WIDTH, share_png
from nc_hf.report.verdict import Level, verdict

if TYPE_CHECKING:
    from nc_hf.space.lazy import LazyService
    from nc_hf.space.store import StoredResult

_KEY = re.compile(r"[0-9a-f]{32}")
_FOR_A_DAY = {"cache-control": "public, max-age=86400"}
_MISSING = "No result is kept under this address: measure the model again.\n"
_PICTURES = 64
_CHARACTER = 6.6  # pixels that a character takes at the badge's size; the text is set to just that

_SITE = "Collapse meter"
_LABEL = "neural collapse"
# White text stands out 4.5 to 1 or more on each.
_COLOURS: dict[Level, str] = {
    "strong": "#0f766e",
    "partial": "#1f6391",
    "slight": "#8a5a00",
    "none": "#b03a2e",
    "unknown": "#5f6670",
}


def share_routes(service: LazyService) -> list[Route]:
    """Return the routes of kept results, by key; every other key is answered with 404 and one sentence."""

    @lru_cache(maxsize=_PICTURES)
    def picture(key: str) -> bytes | None:
        kept = service.get().store.find(key)
        return None if kept is None else share_png(kept.report)

    def of_kept(give: Callable[[StoredResult, Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            key = request.path_params["key"]
            kept = service.get().store.find(key) if _KEY.fullmatch(key) else None
            if kept is None:
                return PlainTextResponse(_MISSING, status_code=404, headers={"cache-control": "no-store"})
            return give(kept, request)

        return answer

    def page(kept: StoredResult, request: Request) -> Response:
        return HTMLResponse(share_page(kept, root_of(request)), headers=_FOR_A_DAY)

    def png(kept: StoredResult, request: Request) -> Response:
        return Response(picture(kept.key), media_type="image/png", headers=_FOR_A_DAY)

    def svg(kept: StoredResult, request: Request) -> Response:
        return Response(badge_svg(kept), media_type="image/svg+xml", headers=_FOR_A_DAY)

    return [
        Route("/share/{key}.png", of_kept(png)),
        Route("/share/{key}", of_kept(page)),
        Route("/badge/{key}.svg", of_kept(svg)),
    ]


def root_of(request: Request) -> str:
    """Return the address of the page as the visitor has it, without a slash at its end."""
    root: str = get_root_url(request, request.url.path, request.scope.get("root_path"))
    return root


def share_page(kept: StoredResult, root: str) -> str:
    """Return the page that tells a result to who shows a preview of its link, and leads a browser to the result.

    Args:
        kept: the result.
        root: address of the page, without a slash at its end; previews ask for absolute addresses.
    """
    report, said = kept.report, verdict(kept.report)
    title = f"{report.name}: {said.title}"
    description = f"{said.headline} {report.tokens:,} tokens of {report.corpus.source}, {report.created[:10]}."
    named = {"description": description, "twitter:card": "summary_large_image"}
    opened = {
        "og:type": "website",
        "og:site_name": _SITE,
        "og:title": title,
        "og:description": description,
        "og:url": f"{root}/share/{kept.key}",
        "og:image": f"{root}/share/{kept.key}.png",
        "og:image:width": str(WIDTH),
        "og:image:height": str(HEIGHT),
        "og:image:alt": f"{title}. {description}",
    }
    metas = [f'<meta name="{name}" content="{escape(value)}">' for name, value in named.items()]
    metas += [f'<meta property="{name}" content="{escape(value)}">' for name, value in opened.items()]
    there = escape(f"{root}/?result={kept.key}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>{''.join(metas)}"
        f'<meta http-equiv="refresh" content="0; url={there}"></head>'
        f'<body><p><a href="{there}">{escape(title)}</a></p></body></html>'
    )


def badge_svg(kept: StoredResult) -> str:
    """Return a badge for a model card: what is measured, and the verdict."""
    said = verdict(kept.report)
    right = said.title.lower()
    left_width, right_width = (round(len(words) * _CHARACTER) + 12 for words in (_LABEL, right))
    width = left_width + right_width
    parts = ((_LABEL, 0, left_width), (right, left_width, right_width))
    texts = "".join(
        f'<text x="{start + wide / 2:g}" y="14" textLength="{wide - 12}">{escape(words)}</text>'
        for words, start, wide in parts
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
        f'aria-label="{_LABEL}: {escape(right)}"><title>{_LABEL}: {escape(right)}</title>'
        f'<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left_width}" height="20" fill="#555"/>'
        f'<rect x="{left_width}" width="{right_width}" height="20" fill="{_COLOURS[said.level]}"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>"
    )


def card_block(kept: StoredResult, root: str) -> str:
    """Return the Markdown of a model card's badge, which leads to the result.

    Args:
        kept: the result.
        root: address of the page, without a slash at its end.
    """
    said = verdict(kept.report).title.lower()
    return f"[![{_LABEL}: {said}]({root}/badge/{kept.key}.svg)]({root}/share/{kept.key})\n"
