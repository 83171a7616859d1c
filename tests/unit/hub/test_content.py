"""Models by their content: the same weights whatever they are called, and what else makes a model another one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from nc_hf.hub import parse_reference, resolve
from nc_hf.hub.content import hash_of_weights, same_content
from nc_hf.hub.listing import Listing, look_up
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
    assert not hub.asked("GET .*safetensors"), "two configurations are all that is fetched"


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


def test_another_index_gives_the_same_files_another_meaning(hub: StandIn) -> None:
    index = "model.safetensors.index.json"
    other = {**SHARDED, index: as_bytes(SHARDED[index]).replace(b"total_size", b"another")}
    assert not same_content(listing(hub, "someone/one", SHARDED), listing(hub, "someone/two", other))
