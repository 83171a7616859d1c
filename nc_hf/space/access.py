"""For whom the Hub is asked: a visitor with a token of his own, nobody, or the owner of this machine on its page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import gradio as gr
from huggingface_hub import get_token

from nc_hf.errors.remedies import FrontEnd
from nc_hf.space.settings import Settings

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"}


def is_own(server_name: object) -> bool:
    """Whether a page served at this address is for this machine alone: on its loopback, no Space, and not shared.

    Args:
        server_name: as for ``gr.Blocks.launch``; only one that is named counts, for what Gradio makes of None depends.
    """
    shared = os.environ.get("GRADIO_SHARE", "").lower() == "true"
    on_space = any(os.environ.get(name) for name in ("SPACE_ID", "SPACES_ZERO_GPU")) or visitors_log_in()
    return server_name in _LOOPBACK and not shared and not on_space


def visitors_log_in() -> bool:
    """Whether the page is on a Space whose visitors can log in (``hf_oauth``)."""
    return bool(os.environ.get("OAUTH_CLIENT_ID"))


def token(settings: Settings, oauth_token: gr.OAuthToken | None, request: gr.Request | None) -> str | bool:
    """Return what the Hub is shown: the visitor's own token, on one's own page the owner's, False for none.

    The owner's goes with no request that came by another name than the loopback's, as through a tunnel, or as from a
    web page whose name was made to lead here.
    """
    if oauth_token is not None:
        own: str = oauth_token.token
        return own
    if not settings.own or request is None or not _is_local(dict(request.headers)):
        return False
    found: str | None = get_token()
    return found or False


def page_front_end(settings: Settings) -> FrontEnd:
    """Return how a visitor of the page is told what to do."""
    if settings.own:
        return FrontEnd.PAGE_OF_OWNER
    return FrontEnd.PAGE_WITH_LOGIN if visitors_log_in() else FrontEnd.PAGE


def api_front_end(settings: Settings) -> FrontEnd:
    """Return how a program is told what to do."""
    if settings.own:
        return FrontEnd.API_OF_OWNER
    return FrontEnd.API_WITH_LOGIN if visitors_log_in() else FrontEnd.API


def _is_local(headers: Mapping[str, str]) -> bool:
    names = {name.lower(): value for name, value in headers.items()}
    try:
        host = urlsplit(f"//{names.get('host', '')}").hostname
    except ValueError:
        return False
    return host in _LOOPBACK and not _FORWARDED & names.keys()
