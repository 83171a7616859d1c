"""Who may read what: closed repositories, tokens, and folders of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from nc_hf.errors import HubError, InputError
from nc_hf.hub import list_revisions, load_model, load_tokenizer, open_tokenizer, resolve
from tests.hub.models import VOCABULARY, gpt2_files, weights
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn


def test_a_folder_is_read_only_where_that_is_allowed(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "someone" / "tiny"
    folder.mkdir(parents=True)
    for name, content in gpt2_files().items():
        (folder / name).write_bytes(as_bytes(content))
    monkeypatch.chdir(tmp_path)
    for text in ("someone/tiny", "./someone/tiny", str(folder), "~", "/", ".", "..", "someone", "file:///etc"):
        with pytest.raises((InputError, HubError)):
            resolve(text)
        with pytest.raises((InputError, HubError)):
            open_tokenizer(text)
    assert resolve("someone/tiny", allow_local=True).commit is None
    hub.add("someone/tiny", gpt2_files(seed=1))
    served = resolve("someone/tiny")
    assert served.path is None
    expected = load(weights(gpt2_files(seed=1)))["transformer.wte.weight"]
    assert torch.equal(load_model(served).transformer.wte.weight, expected)


def test_what_one_reader_fetched_stays_closed_to_others(hub: StandIn) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/gated", gpt2_files(), gated=True, readers={"reader"})
    load_model(resolve("someone/gated", token="hf_reader"), token="hf_reader")
    load_tokenizer(resolve("someone/gated", token="hf_reader"))
    for token in (None, "hf_writer"):
        with pytest.raises(HubError, match="is gated"):
            resolve("someone/gated", token=token)


def test_a_visitor_does_not_read_with_the_token_of_the_machine(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_owner"] = "owner"
    hub.add("owner/private", gpt2_files(), private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    assert len(load_tokenizer(resolve("owner/private"))) == VOCABULARY
    hub.requests.clear()
    for call in (resolve, open_tokenizer, list_revisions):
        with pytest.raises(HubError, match=r"There is no owner/private .* if private, log in\."):
            call("owner/private", token=False)
    assert {token for _, _, token in hub.requests} == {None}


def test_tokens_go_to_the_hub_and_nowhere_else(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/private", gpt2_files(), private=True, readers={"reader"})
    source = resolve("someone/private", token="hf_reader")
    assert "hf_reader" not in repr(source) + repr(vars(source))
    load_model(source, token="hf_reader")
    assert {token for _, _, token in hub.requests} == {"hf_reader"}
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    for call in (lambda: resolve("someone/private"), lambda: list_revisions("someone/private")):
        with pytest.raises(HubError) as caught:
            call()
        assert "hf_of_the_machine" not in str(caught.value)
