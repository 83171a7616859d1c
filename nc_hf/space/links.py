"""Links that lead to what the page shows, and the address of the page, which becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import gradio as gr

from nc_hf.space.controls import QUIET
from nc_hf.space.settings import DEFAULT_TOKENS

if TYPE_CHECKING:
    from nc_hf.space.request import Request

# The address of the page becomes the link to the result; a Space lies in a frame of the Hub's page, which is told too.
_SHOW_LINK = """(link) => { if (!link) return; history.replaceState(null, '', link + location.hash);
  if (window.parent !== window) window.parent.postMessage({queryString: link.slice(1)}, 'https://huggingface.co'); }"""
_LONGEST = 2_000


def address_box() -> gr.Textbox:
    """Return a hidden box: a link that comes into it becomes the address of the page; nothing leaves that as it is."""
    box = gr.Textbox(visible=False)
    box.change(None, box, None, js=_SHOW_LINK, **QUIET)
    return box


def asked_in(page: gr.Request) -> dict[str, str]:
    """Return what the address of the page asks for, cut to what a link may hold."""
    return {name: str(value)[:_LONGEST] for name, value in dict(page.query_params).items()}


def text_asked(asked: Mapping[str, str]) -> tuple[str, str, int, str, str]:
    """Return what a link asks of a text, in the order of a request: corpus, no text of an upload, budget and so on."""
    tokens = asked.get("tokens", "")
    budget = int(tokens) if tokens.isdecimal() else DEFAULT_TOKENS
    return asked.get("corpus", "tinystories"), "", budget, asked.get("preset", "core"), asked.get("tokenizer", "")


def comparison_link(requests: Sequence[Request]) -> str:
    """Return the query of a link to a comparison of requests for one text, budget and preset."""
    first = requests[0]
    names = ",".join(each.name for each in requests)
    return _query({"compare": names}, first)


def course_link(request: Request, revisions: str, every: int) -> str:
    """Return the query of a link to a model's course over its revisions."""
    return _query({"course": request.model, "revisions": revisions, "every": every}, request)


def _query(asked: dict[str, Any], request: Request) -> str:
    entries = {**asked, "corpus": request.corpus, "tokens": request.max_tokens, "preset": request.preset}
    if request.tokenizer:
        entries["tokenizer"] = request.tokenizer
    return "?" + urlencode(entries, safe=",@/:*")
