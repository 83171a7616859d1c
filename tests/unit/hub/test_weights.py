"""Weight files: which are taken, and headers and configurations that lie about them."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from nc_hf.errors import ModelError
from nc_hf.hub import load_model, resolve
from tests.hub.helpers import is_one_sentence_with_advice
from tests.hub.models import VOCABULARY, gpt2_files, saved, weights, with_config
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config.json": "{}", "model.gguf": b"GGUF"}, "GGUF"),
        ({"config.json": "{}", "pytorch_model.bin": b"PK"}, "pickles"),
        ({"config.json": "{}"}, "no model.safetensors"),
        ({"model.Q4_K_M.gguf": b"GGUF"}, "GGUF"),
        ({"README.md": "# Nothing"}, "no config.json"),
        (
            {"b/config.json": "{}", "a/c/config.json": "{}"},
            "no config.json at its top, but in a/c, b: fetch one, as by",
        ),
        ({"adapter_config.json": "{}", "adapter_model.safetensors": b""}, "an adapter"),
        ({"adapter_config.json": "{}", "adapter_model.bin": b"PK"}, "an adapter with its weights as a pickle only"),
        ({"adapter_config.json": "{}", "config.json": "{}", "model.safetensors": b""}, "an adapter without"),
        ({"config.json": "[1]", "model.safetensors": b""}, "config.json of .* cannot be read"),
        ({"config.json": "{", "model.safetensors": b""}, "config.json of .* cannot be read"),
    ],
)
def test_what_is_not_a_model_in_safetensors_is_refused(hub: StandIn, files: dict[str, Any], said: str) -> None:
    hub.add("someone/other", files)
    with pytest.raises(ModelError, match=said) as caught:
        resolve("someone/other")
    assert is_one_sentence_with_advice(str(caught.value))


def test_weights_in_a_quantised_type_are_refused(hub: StandIn) -> None:
    stored = {name: value.to(torch.float8_e4m3fn) for name, value in load(weights()).items()}
    hub.add("someone/eight", {**gpt2_files(), "model.safetensors": save(stored)})
    with pytest.raises(ModelError, match=r"quantised \(F8_E4M3\)"):
        resolve("someone/eight")


def header_and_data(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "lie",
    [
        {"n_layer": 3},
        {"n_layer": 5000},
        {"n_layer": 10**9},
        {"n_layer": 10**30},
        {"n_embd": 10**6},
        {"n_embd": 10**9},
        {"vocab_size": 10**9},
        {"vocab_size": 10**12},
        {"n_positions": 10**7},
        {"n_inner": 10**8},
        {"n_head": 0},
        {"n_head": 3},
        {"n_embd": -16},
        {"n_embd": "large"},
        {"n_embd": 16.5},
        {"vocab_size": None, "n_layer": [1]},
        {"activation_function": "evil"},
        {"attention_types": [[["global"], 10**12]], "model_type": "gpt_neo", "architectures": None},
    ],
    ids=lambda lie: json.dumps(lie)[:40],
)
def test_a_configuration_that_lies_is_refused_before_the_weights(hub: StandIn, hub_home: Path, lie: Any) -> None:
    hub.add("someone/liar", with_config(gpt2_files(), **lie))
    with pytest.raises(ModelError) as caught:
        resolve("someone/liar")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not list(hub_home.rglob("model.safetensors"))


def test_tables_that_no_file_holds_count_as_memory(hub: StandIn) -> None:
    """GPT-Neo makes a mask of the square of its context: 16 MB of positions stand for 4 TB of masks."""
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    about = {"hidden_size": 2, "num_layers": 1, "num_heads": 1, "attention_types": [[["global"], 1]]}
    files = saved(GPTNeoForCausalLM(GPTNeoConfig(vocab_size=VOCABULARY, max_position_embeddings=32, **about)))
    hub.add("someone/honest", files)
    assert resolve("someone/honest").parameters > 0
    stored = load(weights(files)) | {"transformer.wpe.weight": torch.zeros(2_000_000, 2)}
    lie = with_config({**files, "model.safetensors": save(stored)}, max_position_embeddings=2_000_000)
    hub.add("someone/liar", lie)
    with pytest.raises(ModelError, match=r"needs 4\.0 TB of memory"):
        resolve("someone/liar")


def lying_headers() -> dict[str, bytes]:
    header, data = header_and_data(weights(gpt2_files()))
    name = "transformer.ln_f.weight"

    def changed(**how: Any) -> bytes:
        return with_header({**header, name: {**header[name], **how}}, data)

    begin, end = header[name]["data_offsets"]
    return {
        "beyond the file": changed(shape=[10**9], data_offsets=[begin, begin + 4 * 10**9]),
        "shape too large": changed(shape=[10**9]),
        "negative shape": changed(shape=[-16]),
        "two negatives": changed(shape=[-4, -4]),
        "backwards": changed(data_offsets=[end, begin]),
        "before the start": changed(shape=[32], data_offsets=[-64, 64]),
        "words for a shape": changed(shape=["a", "b"]),
        "a word for a shape": changed(shape="16"),
        "no shape": changed(shape=None),
        "words for offsets": changed(data_offsets=["a", "b"]),
        "three offsets": changed(data_offsets=[0, 1, 2]),
        "a number for a tensor": with_header({name: 3}, data),
        "a list": with_header([], data),
        "no JSON": with_header(b"{", data),
        "nested": with_header(b"[" * 50_000, data),
        "empty": with_header({}, data),
        "too long a header": struct.pack("<Q", 2**40) + data,
        "header longer than the file": struct.pack("<Q", 10**6) + data,
        "a text file": b"version https://git-lfs.github.com/spec/v1\n",
        "nothing": b"",
        "pickle": pickle.dumps({"weight": [0.0]}),
    }


@pytest.mark.parametrize("lie", list(lying_headers()))
@pytest.mark.parametrize("place", ["hub", "folder"])
def test_a_header_that_lies_is_refused(hub: StandIn, tmp_path: Path, lie: str, place: str) -> None:
    files = {**gpt2_files(), "model.safetensors": lying_headers()[lie]}
    hub.add("someone/liar", files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(as_bytes(content))
    with pytest.raises(ModelError) as caught:
        resolve(*(["someone/liar"] if place == "hub" else [str(tmp_path)]), allow_local=place == "folder")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_tensors_that_share_their_bytes_do_not_load(hub: StandIn) -> None:
    """Each declares the same place, so that a small file would seem to hold a large model."""
    header, data = header_and_data(weights(gpt2_files(layers=1)))
    whole, _ = header_and_data(weights(gpt2_files(layers=2)))
    for name, tensor in whole.items():
        if name not in header:
            header[name] = header[name.replace("h.1.", "h.0.")]
            assert tensor["shape"] == header[name]["shape"]
    hub.add("someone/small", {**gpt2_files(layers=2), "model.safetensors": with_header(header, data)})
    with pytest.raises(ModelError):
        load_model(resolve("someone/small"))
