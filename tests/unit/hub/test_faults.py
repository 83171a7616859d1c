"""Each refusal and failure of the Hub is one sentence that ends with what to do."""

from __future__ import annotations

import re

import pytest

from nc_hf.errors import HubError
from nc_hf.hub import resolve
from tests.hub.helpers import SAY, in_a_process_of_its_own, is_one_sentence_with_advice
from tests.hub.models import gpt2_files
from tests.hub.server import Fault, StandIn


@pytest.mark.parametrize(
    ("about", "token", "said"),
    [
        ({"gated": True}, None, r"gated: accept its conditions on http.*/someone/tiny, then set HF_TOKEN"),
        ({"gated": True}, "hf_writer", r"gated: accept its conditions .* use a token of an account with access"),
        ({"private": True}, None, r"no someone/tiny on http.* set HF_TOKEN or run `hf auth login`"),
        ({"private": True}, "hf_writer", r"no someone/tiny on http.* use a token of an account with access"),
        ({"disabled": True}, None, r"disabled"),
        ({}, "hf_wrong", r"refuses the token"),
    ],
)
def test_a_closed_repository_is_named_with_the_way_in(
    hub: StandIn, monkeypatch: pytest.MonkeyPatch, about: dict[str, bool], token: str | None, said: str
) -> None:
    hub.add("someone/tiny", gpt2_files(), **about)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match=said) as caught:
        resolve("someone/tiny")
    assert is_one_sentence_with_advice(str(caught.value))
    assert "hf_w" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("someone/absent", r"There is no someone/absent on http"),
        ("someone/tiny@step7", r"no revision 'step7': choose"),
        ("someone/tiny@" + "0" * 40, r"no revision '0000"),
        ("absent", r"There is no absent on http"),
    ],
)
def test_what_is_missing_is_named(hub: StandIn, reference: str, said: str) -> None:
    hub.add("someone/tiny", gpt2_files())
    with pytest.raises(HubError, match=said) as caught:
        resolve(reference)
    assert is_one_sentence_with_advice(str(caught.value))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("/api/models", status=429, headers={"Retry-After": "42"}), r"rate of requests: wait 42 seconds"),
        (Fault("/api/models", status=429), r"rate of requests: wait a few minutes"),
        (Fault("/api/models", status=503), r"answered 503 .* try again later"),
        (Fault("/api/models", status=0), r"connection to http.* failed"),
        (Fault("/api/models", status=200), r"What http.* answers about someone/tiny cannot be read: check HF_ENDPOINT"),
        (Fault("/tree/", status=200), r"What http.* answers about someone/tiny cannot be read: check HF_ENDPOINT"),
        (Fault("GET .*safetensors", status=429, headers={"Retry-After": "9"}), r"wait 9 seconds"),
        (Fault("GET .*safetensors", status=0), r"connection to http.* failed"),
    ],
)
def test_a_hub_that_fails_is_one_sentence(hub: StandIn, fault: Fault, said: str) -> None:
    hub.add("someone/tiny", gpt2_files())
    hub.faults.append(Fault(**vars(fault)))
    with pytest.raises(HubError, match=said) as caught:
        resolve("someone/tiny")
    assert is_one_sentence_with_advice(str(caught.value))


@pytest.mark.slow
def test_no_network(hub: StandIn) -> None:
    said = in_a_process_of_its_own(SAY, HF_ENDPOINT="http://127.0.0.1:9")
    assert re.search(r"connection to http://127.0.0.1:9 failed .* check the network", said)
    assert is_one_sentence_with_advice(said)


@pytest.mark.slow
def test_a_hub_that_hangs_is_given_up(hub: StandIn) -> None:
    hub.faults.append(Fault("/api/models", delay=3))
    said = in_a_process_of_its_own(SAY, HF_HUB_ETAG_TIMEOUT="1")
    assert re.search(r"connection to http.* failed", said)
