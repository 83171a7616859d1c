"""`measure(progress=...)`: every stage in its order, real amounts, an end at the watcher's word; and closed doors."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf import measure
from nc_hf.corpus.corpus import Corpus
from nc_hf.errors import CancelledError, CorpusError, InputError
from nc_hf.runtime.progress import Progress
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn

STORIES = Corpus("stories", "all", ["One day a cat sat by the sea and saw a fish. " * 4] * 40)
OPTIONS = {"max_tokens": 4000, "block_size": 32, "min_count": 2, "uncertainty": False, "max_bytes": 10**7}


@pytest.fixture
def model(hub: StandIn) -> str:
    hub.add("owner/tiny", gpt2_files())
    return "owner/tiny"


def test_stages_come_in_order_and_reach_their_totals(model: str) -> None:
    seen: list[Progress] = []
    report = measure(model, STORIES, progress=seen.append, **OPTIONS)
    stages = list(dict.fromkeys(reading.stage for reading in seen))
    assert stages == ["resolving", "downloading", "loading", "packing", "measuring", "computing"]
    last = {reading.stage: reading for reading in seen}
    assert last["measuring"].done == last["measuring"].total == report.tokens
    assert last["downloading"].done >= last["downloading"].total > 10_000
    assert last["measuring"].remaining == 0
    tokens = [reading.done for reading in seen if reading.stage == "measuring"]
    assert tokens == sorted(tokens)
    assert len(tokens) > 3


@pytest.mark.parametrize("stage", ["downloading", "measuring"])
def test_a_watcher_can_end_the_work(model: str, stage: str) -> None:
    def cancel(reading: Progress) -> None:
        if reading.stage == stage and reading.done:
            raise CancelledError("the analysis was cancelled: start it again when you like.")

    with pytest.raises(CancelledError):
        measure(model, STORIES, progress=cancel, **OPTIONS)
    assert measure(model, STORIES, progress=False, **OPTIONS).tokens > 0


def test_what_came_over_a_network_opens_no_path(model: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("One day a cat sat by the sea. " * 200)
    with pytest.raises(CorpusError, match="names no corpus"):
        measure(model, str(secret), progress=False, allow_local=False, **OPTIONS)
    with pytest.raises(InputError):
        measure(str(tmp_path), STORIES, progress=False, allow_local=False, **OPTIONS)
    with pytest.raises(InputError):
        measure(model, STORIES, tokenizer=str(tmp_path), progress=False, allow_local=False, **OPTIONS)
