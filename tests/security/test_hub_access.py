"""Who may read what: closed repositories, tokens, and folders of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from nc_hf.errors import HubError, InputError, ModelError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.hub import list_revisions, load_model, load_tokenizer, open_tokenizer, resolve
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.helpers import write
from tests.hub.models import VOCABULARY, gpt2_files, weights
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_one_reader_fetched_stays_closed_to_others(hub: StandIn) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/gated", gpt2_files(), gated=True, readers={"reader"})
    load_model(resolve("someone/gated", token="hf_reader"), token="hf_reader")
    load_tokenizer(resolve("someone/gated", token="hf_reader"))
    for token in (None, "hf_writer"):
        with pytest.raises(HubError, match="is gated"):
            resolve("someone/gated", token=token)


@pytest.mark.slow
def test_a_visitor_does_not_read_with_the_token_of_the_machine(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_owner"] = "owner"
    hub.add("owner/private", gpt2_files(), private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    assert len(load_tokenizer(resolve("owner/private"))) == VOCABULARY
    hub.requests.clear()
    for call in (resolve, open_tokenizer, list_revisions):
        with pytest.raises(HubError, match=r"There is no owner/private .* that you may read: ") as refused:
            call("owner/private", token=False)
        assert refused.value.told(FrontEnd.PAGE_WITH_LOGIN).endswith(
            "check the id; what is private is read by nc-hf on the machine of whoever may read it."
        )
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


@pytest.mark.slow
def test_an_adapter_of_the_hub_has_no_base_on_this_machine(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "base", gpt2_files())
    (tmp_path / "someone").mkdir()
    write(tmp_path / "someone" / "base", gpt2_files())
    monkeypatch.chdir(tmp_path)
    hub.add(BASE, gpt2_files(seed=1))
    for allow_local in (False, True):  # who may read this machine does not let the adapter's author choose what
        for number, path in enumerate((str(folder), "./base", "~", "..", "file:///etc")):
            name = f"evil/adapter{number}"
            hub.add(name, lora_files(base=path))
            with pytest.raises(ModelError, match="which is no model that can be read here"):
                resolve(name, allow_local=allow_local)
        hub.add("evil/bare", lora_files(base="base"))
        with pytest.raises(HubError, match="There is no base"):
            resolve("evil/bare", allow_local=allow_local)
        hub.add(ADAPTER, lora_files(base=BASE))
        below = resolve(ADAPTER, allow_local=allow_local).base
        assert below is not None
        assert below.path is None


@pytest.mark.slow
def test_the_base_of_an_adapter_is_read_with_the_reader_s_own_token(hub: StandIn) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add(BASE, gpt2_files(), gated=True, readers={"reader"})
    hub.add(ADAPTER, lora_files())
    load_model(resolve(ADAPTER, token="hf_reader"), token="hf_reader")
    with pytest.raises(HubError, match="someone/base is gated"):
        resolve(ADAPTER, token=False)
