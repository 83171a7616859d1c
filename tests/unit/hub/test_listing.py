"""The list of files: what lies in the cache when offline, and small files that are large."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import NCError
from nc_hf.hub import load_model, load_tokenizer, parse_reference, resolve
from nc_hf.hub.listing import look_up
from tests.hub.helpers import SAY, in_a_process_of_its_own
from tests.hub.models import VOCABULARY, gpt2_files
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn


@pytest.mark.slow
def test_offline_reads_what_is_wholly_in_the_cache(hub: StandIn) -> None:
    hub.add("someone/tiny", gpt2_files())
    assert "not wholly in the cache" in in_a_process_of_its_own(SAY, HF_HUB_OFFLINE="1")
    load_tokenizer(resolve("someone/tiny"))
    hub.requests.clear()
    load_model(resolve("someone/tiny"))
    hub.requests.clear()
    assert in_a_process_of_its_own(SAY, HF_HUB_OFFLINE="1") == str(VOCABULARY)
    assert not hub.requests


@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json", "tokenizer.json"])
def test_a_small_file_that_is_large_is_not_fetched(hub: StandIn, file: str) -> None:
    files = dict(gpt2_files(max_shard_size="8kB"))
    hub.add("someone/large", files, claimed={file: 10**9})
    with pytest.raises(NCError, match="which cannot be right"):
        load_tokenizer(resolve("someone/large"))
    assert not hub.asked(f"GET .*/{file}")


def test_what_is_only_looked_at_leaves_nothing_in_the_cache(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    listing = look_up(parse_reference("someone/tiny"))
    assert listing.read_small("config.json") == as_bytes(gpt2_files()["config.json"])
    assert not list(hub_home.rglob("*config.json*"))
    hub.add("someone/large", gpt2_files(), claimed={"config.json": 10**9})
    with pytest.raises(NCError, match="which cannot be right"):
        look_up(parse_reference("someone/large")).read_small("config.json")
