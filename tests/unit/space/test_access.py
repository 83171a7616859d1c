"""For whom the Hub is asked: the owner's token for requests of this machine alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio")

import gradio as gr

from nc_hf.errors.remedies import FrontEnd
from nc_hf.space.access import api_front_end, is_own, page_front_end, token
from tests.space import settings_in

OWN = replace(settings_in(Path("unused")), own=True)


def came(**headers: str) -> Any:
    return SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(autouse=True)
def _owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_owner")


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "localhost"])
def test_the_owner_reads_with_his_token_on_this_machine(host: str) -> None:
    assert token(OWN, None, came(host=host)) == "hf_owner"
    assert token(replace(OWN, own=False), None, came(host=host)) is False


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:7860"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "127.0.0.1:7860", "x_forwarded_for": "8.8.8.8"},
        {"host": "127.0.0.1:7860", "X_Forwarded_Host": "me.example"},
        {"host": "[127.0.0.1"},
        {},
    ],
)
def test_no_request_from_elsewhere_gets_it(headers: dict[str, str]) -> None:
    assert token(OWN, None, came(**headers)) is False
    assert token(OWN, None, None) is False


def test_an_owner_without_a_token_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert token(OWN, None, came(host="localhost")) is False


def test_whoever_has_logged_in_is_read_for_with_his_own() -> None:
    visitor = gr.OAuthToken(token="hf_visitor", scope="", expires_at=0)
    assert token(OWN, visitor, came(host="localhost")) == "hf_visitor"


@pytest.mark.parametrize(
    ("address", "environment", "own"),
    [
        ("127.0.0.1", {}, True),
        ("localhost", {}, True),
        ("0.0.0.0", {}, False),
        ("192.168.0.7", {}, False),
        (None, {}, False),
        ("127.0.0.1", {"GRADIO_SHARE": "True"}, False),
        ("127.0.0.1", {"SPACE_ID": "a/b"}, False),
        ("127.0.0.1", {"OAUTH_CLIENT_ID": "c"}, False),
    ],
)
def test_a_page_is_one_s_own_on_the_loopback_alone(
    monkeypatch: pytest.MonkeyPatch, address: str | None, environment: dict[str, str], own: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_own(address) is own


def test_each_page_has_its_front_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = replace(OWN, own=False)
    assert (page_front_end(OWN), api_front_end(OWN)) == (FrontEnd.PAGE_OF_OWNER, FrontEnd.API_OF_OWNER)
    assert (page_front_end(opened), api_front_end(opened)) == (FrontEnd.PAGE, FrontEnd.API)
    monkeypatch.setenv("OAUTH_CLIENT_ID", "client")
    assert (page_front_end(opened), api_front_end(opened)) == (FrontEnd.PAGE_WITH_LOGIN, FrontEnd.API_WITH_LOGIN)
