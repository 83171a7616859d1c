"""Fetching and building: shards, types, progress, downloads that go wrong, weights that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from nc_hf.errors import HubError, InputError, ModelError
from nc_hf.hub import load_model, load_tokenizer, resolve
from tests.adapters import ADAPTER, BASE, adapted_base, lora_files, seen
from tests.architectures import ARCHITECTURES
from tests.hub.helpers import features, is_one_sentence_with_advice, write
from tests.hub.models import VOCABULARY, gpt2_files, weights, with_config
from tests.hub.repository import as_bytes
from tests.hub.server import Fault, StandIn


@pytest.mark.slow
def test_shards_are_added_up_and_loaded(hub: StandIn) -> None:
    files = gpt2_files(max_shard_size="8kB")
    shards = [name for name in files if name.endswith(".safetensors")]
    assert len(shards) > 1
    hub.add("someone/sharded", files)
    hub.add("someone/whole", gpt2_files())
    source, whole = resolve("someone/sharded"), resolve("someone/whole")
    assert source.parameters == whole.parameters
    assert source.size_bytes == sum(len(as_bytes(files[name])) for name in shards)
    model, tokenizer = load_model(source), load_tokenizer(source)
    assert torch.equal(features(model, tokenizer), features(load_model(whole), tokenizer))
    assert not model.training


def test_the_weights_keep_their_type_unless_another_is_asked_for(hub: StandIn) -> None:
    stored = {name: value.bfloat16() for name, value in load(as_bytes(gpt2_files()["model.safetensors"])).items()}
    files = with_config({**gpt2_files(), "model.safetensors": save(stored)}, dtype=None)
    hub.add("someone/half", files)
    source = resolve("someone/half")
    assert source.dtype == "bfloat16"
    assert load_model(source).dtype == torch.bfloat16
    assert load_model(source, "float32").dtype == torch.float32
    assert load_model(source, torch.float64).dtype == torch.float64
    with pytest.raises(ModelError, match="no type for weights"):
        load_model(source, "int8")


def test_a_second_look_fetches_no_weights_again(hub: StandIn) -> None:
    hub.add("someone/tiny", gpt2_files())
    load_model(resolve("someone/tiny"))
    hub.requests.clear()
    load_model(resolve("someone/tiny"))
    assert len(hub.asked("GET .*/model.safetensors")) == 1  # its header: the reader must still be allowed to see it


def test_progress_counts_the_bytes_and_may_end_the_download(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")

    def stop(_: int) -> None:
        raise InputError("The analysis was cancelled: start it again.")

    with pytest.raises(InputError, match="cancelled"):
        load_model(source, progress=stop)
    assert not list(hub_home.rglob("model.safetensors"))
    counts: list[int] = []
    load_model(source, progress=counts.append)
    assert sum(counts) == sum(size for name, size in source.files.items() if name != "config.json")


@pytest.mark.slow
def test_a_cut_download_leaves_nothing_that_could_be_used(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")
    hub.faults.append(Fault("GET .*/model.safetensors", cut_after=1000, times=1))
    hub.faults.append(Fault("GET .*/model.safetensors", status=0))
    with pytest.raises(HubError, match="failed while reading someone/tiny") as caught:
        load_model(source)
    assert is_one_sentence_with_advice(str(caught.value))
    assert not list(hub_home.rglob("*.incomplete"))
    assert not list(hub_home.rglob("model.safetensors"))
    assert sum(path.stat().st_size for path in hub_home.rglob("blobs/*")) < source.size_bytes
    hub.faults.clear()
    assert load_model(source).config.vocab_size == VOCABULARY


def test_a_file_longer_than_announced_is_not_taken(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")
    hub.faults.append(Fault("GET .*/model.safetensors", pad=5_000_000))
    with pytest.raises(HubError, match="larger than its list of files says"):
        load_model(source)
    assert not list(hub_home.rglob("model.safetensors"))
    assert not list(hub_home.rglob("*.incomplete"))


@pytest.mark.slow
def test_a_slow_hub_is_waited_for(hub: StandIn) -> None:
    hub.add("someone/tiny", gpt2_files())
    hub.faults.append(Fault("GET .*/model.safetensors", delay=0.5))
    assert load_model(resolve("someone/tiny")).config.vocab_size == VOCABULARY


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - {"LLaVA", "PaliGemma", "Qwen2-VL", "Qwen2.5-VL"}))
def test_models_of_many_architectures_pass_all_checks_and_load_whole(tmp_path: Path, name: str) -> None:
    model = ARCHITECTURES[name]()
    model.save_pretrained(tmp_path)
    loaded = load_model(resolve(str(tmp_path), allow_local=True))
    assert type(loaded) is type(model)
    expected, found = model.state_dict(), loaded.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_a_wider_type_is_held_against_memory_too(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")
    monkeypatch.setattr("nc_hf.hub.room.free_memory", lambda: source.parameters * 6)
    assert load_model(source, "float32").dtype == torch.float32
    with pytest.raises(ModelError, match=r"of memory and .* narrower dtype"):
        load_model(source, "float64")


@pytest.mark.parametrize("lie", [{"n_layer": 1}, {"n_layer": 0}, {"vocab_size": 0}, {"vocab_size": 200}, {"n_embd": 8}])
def test_a_configuration_of_a_smaller_model_is_refused(hub: StandIn, lie: dict[str, int]) -> None:
    hub.add("someone/liar", with_config(gpt2_files(), **lie))
    with pytest.raises(
        ModelError, match=r"of which its config.json uses|do not fit|describes no model|cannot be loaded"
    ):
        load_model(resolve("someone/liar"))


def test_weights_of_other_names_or_shapes_are_refused(hub: StandIn) -> None:
    stored = load(weights(gpt2_files()))
    renamed = {name.replace("ln_f", "ln_g"): value for name, value in stored.items()}
    turned = {name: value.T.contiguous() if name.endswith("wte.weight") else value for name, value in stored.items()}
    for number, tensors in enumerate((renamed, turned)):
        hub.add(f"someone/other{number}", {**gpt2_files(), "model.safetensors": save(tensors)})
        source = resolve(f"someone/other{number}")
        with pytest.raises(ModelError, match="name another model or revision"):
            load_model(source)


def test_an_adapter_is_fetched_with_its_base_and_merged(hub: StandIn) -> None:
    hub.add(BASE, gpt2_files())
    hub.add(ADAPTER, lora_files())
    source = resolve(ADAPTER)
    counts: list[int] = []
    model = load_model(source, progress=counts.append)
    assert type(model).__name__ == "GPT2LMHeadModel"
    assert not model.training
    for own, theirs in zip(seen(model), seen(adapted_base()), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-4)
    assert sum(counts) >= source.size_bytes
    assert load_model(source, "float64").dtype == torch.float64


def test_an_adapter_on_disk_may_have_its_base_beside_it(tmp_path: Path) -> None:
    base = write(tmp_path / "base", gpt2_files())
    folder = write(tmp_path / "adapter", lora_files(base=str(base)))
    model = load_model(resolve(str(folder), allow_local=True))
    for own, theirs in zip(seen(model), seen(adapted_base()), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-4)
