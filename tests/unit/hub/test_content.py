"""Models by their content: the same weights whatever they are called, and what else makes a model another one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from nc_hf.hub import parse_reference, resolve
from nc_hf.hub.content import hash_of_weights, same_content, weights_of
from nc_hf.hub.listing import Listing, look_up
from tests.adapters import lora_files
from tests.hub.helpers import write
from tests.hub.models import gpt2_files
from tests.hub.repository import Content, as_bytes
from tests.hub.server import StandIn

SHARDED = gpt2_files(max_shard_size="8kB")


def listing(hub: StandIn, name: str, files: dict[str, Content], **about: Any) -> Listing:
    hub.add(name, files, **about)
    return look_up(parse_reference(name))


def configured(**changes: Any) -> dict[str, Content]:
    files = gpt2_files()
    return {**files, "config.json": json.dumps(json.loads(as_bytes(files["config.json"])) | changes)}


@pytest.mark.parametrize("files", [gpt2_files(), SHARDED])
def test_hub_and_folder_agree_on_the_weights_without_a_download(
    hub: StandIn, tmp_path: Path, files: dict[str, Content]
) -> None:
    hub.add("someone/tiny", files)
    of_hub = resolve("someone/tiny").weights
    shards = sorted(name for name in files if name.endswith(".safetensors"))
    digests = b"".join(hashlib.sha256(as_bytes(files[shard])).digest() for shard in shards)
    assert of_hub == f"sha256:{hashlib.sha256(digests).hexdigest()}"
    of_folder = resolve(str(write(tmp_path / "copy", files)), allow_local=True)
    assert of_folder.weights == of_folder.identity == of_hub


def test_a_list_that_keeps_the_hashes_to_itself_tells_no_weights_apart(hub: StandIn) -> None:
    silent = listing(hub, "someone/mirrored", gpt2_files(), digests=False)
    assert hash_of_weights(silent, ["model.safetensors"]) is None
    assert resolve("someone/mirrored").weights is None
    assert not same_content(silent, silent)


@pytest.mark.parametrize("files", [gpt2_files(), SHARDED])
def test_a_renamed_repository_is_one_model(hub: StandIn, files: dict[str, Content]) -> None:
    one, other = listing(hub, "someone/old", files), listing(hub, "someone/new", {**files, "README.md": "renamed"})
    hub.requests.clear()
    assert same_content(one, other)
    assert not hub.asked(r"GET .*\.safetensors$"), "configurations and indices are all that is fetched"


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (gpt2_files(seed=1), False),
        (configured(layer_norm_epsilon=0.1), False),
        (configured(transformers_version="0.0.1", _name_or_path="elsewhere"), True),
        ({**gpt2_files(), "tokenizer_config.json": json.dumps({"eos_token": "a"})}, False),
    ],
)
def test_a_model_is_weights_configuration_and_tokenizer(hub: StandIn, changed: dict[str, Content], same: bool) -> None:
    assert same_content(listing(hub, "someone/one", gpt2_files()), listing(hub, "someone/two", changed)) is same


def test_files_that_the_index_does_not_name_are_no_weights(hub: StandIn) -> None:
    one = listing(hub, "someone/one", SHARDED)
    two = listing(hub, "someone/two", {**SHARDED, "consolidated.safetensors": b"the same in another format"})
    assert same_content(one, two)
    assert weights_of(two) == resolve("someone/two").weights


@pytest.mark.parametrize("index", ["[", "[]", '{"weight_map": {}}', '{"weight_map": {"a": "absent.safetensors"}}'])
def test_an_index_of_another_form_names_no_weights(hub: StandIn, index: str) -> None:
    assert weights_of(listing(hub, "someone/odd", {**SHARDED, "model.safetensors.index.json": index})) is None
    assert weights_of(listing(hub, "someone/none", {"config.json": "{}"})) is None


def test_copies_in_folders_are_one_model(tmp_path: Path) -> None:
    one, copy, other = (write(tmp_path / name, gpt2_files()) for name in ("one", "copy", "other"))
    (other / "tokenizer_config.json").write_text("{}")
    listed = [look_up(parse_reference(str(folder), allow_local=True)) for folder in (one, copy, other)]
    assert same_content(listed[0], listed[1])
    assert not same_content(listed[0], listed[2])


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (lora_files(peft_version="0.0.1"), True),
        (lora_files(seed=2), False),
        (lora_files(lora_alpha=2), False),
        (lora_files(revision="v1"), False),
        (lora_files(tokenizer=True), False),
        (gpt2_files(tokenizer=False), False),
    ],
)
def test_an_adapter_is_weights_and_settings_over_a_base(hub: StandIn, changed: dict[str, Content], same: bool) -> None:
    assert same_content(listing(hub, "someone/one", lora_files()), listing(hub, "someone/two", changed)) is same


@pytest.mark.slow
def test_a_file_that_changed_is_hashed_anew(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", gpt2_files())
    before = resolve(str(folder), allow_local=True).weights
    assert resolve(str(folder), allow_local=True).weights == before
    write(folder, {"model.safetensors": gpt2_files(seed=1)["model.safetensors"]})
    assert resolve(str(folder), allow_local=True).weights != before
