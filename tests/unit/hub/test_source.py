"""From a name to what is known before the download: commit, size, identity, and an index that misleads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from nc_hf.errors import HubError, ModelError
from nc_hf.hub import load_model, load_tokenizer, resolve
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.helpers import is_one_sentence_with_advice, write
from tests.hub.models import VOCABULARY, gpt2_files, weights
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn


def test_the_commit_is_pinned_when_looked_up(hub: StandIn) -> None:
    repository = hub.add("someone/tiny", gpt2_files(seed=0))
    source = resolve("someone/tiny@main")
    repository.commit(gpt2_files(seed=1))
    expected = load(as_bytes(gpt2_files(seed=0)["model.safetensors"]))["transformer.wte.weight"]
    assert torch.equal(load_model(source).transformer.wte.weight, expected)
    assert resolve("someone/tiny").commit != source.commit


@pytest.mark.slow
def test_a_revision_is_a_branch_a_tag_a_commit_or_a_pull_request(hub: StandIn) -> None:
    repository = hub.add("someone/tiny", gpt2_files(seed=0))
    first = repository.branches["main"]
    second = repository.commit(gpt2_files(seed=1), branch="step10")
    repository.tags["v1"] = second
    repository.pulls["refs/pr/1"] = second
    assert resolve("someone/tiny").commit == first
    assert resolve("someone/tiny", first).commit == first
    for revision in ("step10", "v1", second, "refs/pr/1"):
        assert resolve(f"someone/tiny@{revision}").commit == second
        assert resolve("someone/tiny", revision).revision == revision


def test_the_limit_is_held_before_any_weight_is_fetched(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    size = len(weights())
    assert resolve("someone/tiny", max_bytes=size).size_bytes == size
    with pytest.raises(ModelError, match=r"has .* of weights and the limit is .*: choose a smaller model"):
        resolve("someone/tiny", max_bytes=size - 1)
    assert not list(hub_home.rglob("model.safetensors"))


def test_a_folder_is_known_by_its_weights(tmp_path: Path) -> None:
    one, copy, two = (
        write(tmp_path / name, gpt2_files(seed=seed)) for name, seed in (("one", 0), ("copy", 0), ("two", 1))
    )
    identities = [resolve(str(folder), allow_local=True).identity for folder in (one, copy, two)]
    assert identities[0] == identities[1] != identities[2]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", identities[0])
    (one / "training_args.bin").write_bytes(b"a pickle that is never opened")
    source = resolve(str(one), allow_local=True)
    assert load_model(source).config.vocab_size == VOCABULARY
    assert load_tokenizer(source).eos_token_id == 0
    assert "training_args.bin" not in source.files


def test_truncated_weights_of_a_folder_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "cut", gpt2_files())
    whole = weights()
    for length in (4, 100, len(whole) - 10):
        (folder / "model.safetensors").write_bytes(whole[:length])
        with pytest.raises(ModelError, match="fetch it or save it anew") as caught:
            resolve(str(folder), allow_local=True)
        assert is_one_sentence_with_advice(str(caught.value))


@pytest.mark.parametrize(
    "shard", ["../../secret.safetensors", "/etc/passwd", "sub/a.safetensors", "absent.safetensors", 3]
)
def test_an_index_points_at_nothing_else(hub: StandIn, shard: Any) -> None:
    files = {name: content for name, content in gpt2_files().items() if name != "model.safetensors"}
    index = {"weight_map": {"transformer.wte.weight": shard}}
    hub.add("someone/index", {**files, "model.safetensors.index.json": json.dumps(index), "sub/a.safetensors": b""})
    with pytest.raises(ModelError, match="which is not there"):
        resolve("someone/index")
    assert not hub.asked("secret|passwd|sub/a|absent")


@pytest.mark.parametrize("text", ["[", "[]", '{"weight_map": []}', '{"weight_map": 3}', "{}", "[" * 100_000])
def test_an_index_of_another_form_is_refused(hub: StandIn, text: str) -> None:
    files = {name: content for name, content in gpt2_files().items() if name != "model.safetensors"}
    hub.add("someone/odd", {**files, "model.safetensors.index.json": text})
    with pytest.raises(ModelError, match=r"index.json of someone/odd cannot be read"):
        resolve("someone/odd")


@pytest.mark.slow
def test_an_adapter_is_looked_up_with_its_base(hub: StandIn) -> None:
    base = hub.add(BASE, gpt2_files())
    adapter = hub.add(ADAPTER, lora_files())
    source, below = resolve(ADAPTER), resolve(BASE)
    assert (source.id, source.commit, source.base) == (ADAPTER, adapter.branches["main"], below)
    assert source.adapter is not None
    assert (source.adapter.kind, source.adapter.base) == ("LORA", BASE)
    size = len(as_bytes(lora_files()["adapter_model.safetensors"]))
    assert source.size_bytes == below.size_bytes + size
    assert (source.parameters, source.dtype) == (below.parameters, below.dtype)
    assert resolve(ADAPTER, max_bytes=source.size_bytes).identity == source.identity
    with pytest.raises(ModelError, match="the limit is"):
        resolve(ADAPTER, max_bytes=source.size_bytes - 1)

    seen = {source.identity: source.weights}
    base.commit(gpt2_files(seed=1), branch="trained")
    hub.get(ADAPTER).commit(lora_files(revision="trained"), branch="other-base")
    hub.get(ADAPTER).commit(lora_files(lora_alpha=4), branch="other-scale")
    hub.get(ADAPTER).commit(lora_files(seed=2), branch="other-weights")
    for branch in ("other-base", "other-scale", "other-weights"):
        found = resolve(ADAPTER, branch)
        seen[found.identity] = found.weights
    assert len(seen) == len(set(seen.values())) == 4
    assert resolve(ADAPTER, "other-base").base == resolve(BASE, "trained")
    base.commit(gpt2_files(seed=2))
    moved = resolve(ADAPTER)
    assert moved.commit == source.commit
    assert moved.identity not in seen


@pytest.mark.slow
def test_hub_and_folder_agree_on_merged_weights(hub: StandIn, tmp_path: Path) -> None:
    hub.add(BASE, gpt2_files())
    hub.add(ADAPTER, lora_files())
    of_hub = resolve(ADAPTER)
    over_hub = resolve(str(write(tmp_path / "over hub", lora_files())), allow_local=True)
    folder = write(tmp_path / "base", gpt2_files())
    here = resolve(str(write(tmp_path / "here", lora_files(base=str(folder)))), allow_local=True)
    assert of_hub.weights == over_hub.weights == here.weights is not None
    assert of_hub.identity != over_hub.identity  # one by commits, the other by the adapter's file
    assert here.base is not None
    assert here.base.path == folder
    hub.get(BASE).digests = False
    assert resolve(ADAPTER).weights is None


def test_a_base_is_a_whole_model_that_can_be_read(hub: StandIn) -> None:
    hub.add(BASE, lora_files(base="someone/below"))
    hub.add(ADAPTER, lora_files())
    for said in ("someone/base is an adapter and no base for another one", "someone/base has its weights as pickles"):
        with pytest.raises(ModelError, match=said) as caught:
            resolve(ADAPTER)
        assert is_one_sentence_with_advice(str(caught.value))
        hub.add(BASE, {"config.json": gpt2_files()["config.json"], "pytorch_model.bin": b"PK"})
    hub.add("someone/lost", lora_files(base="someone/absent"))
    with pytest.raises(HubError, match="There is no someone/absent"):
        resolve("someone/lost")
