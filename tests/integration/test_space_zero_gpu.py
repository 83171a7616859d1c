"""The Space on ZeroGPU, where the GPU is in another process that hands no errors over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("gradio")

from gradio_client import Client

from nc_hf import measure
from nc_hf.report import Report
from tests.hub.models import gpt2_files, with_config
from tests.hub.server import StandIn
from tests.space import Space, start_on_zero_gpu

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    running = start_on_zero_gpu(tmp_path_factory.mktemp("space"))
    yield running
    running.close()


def ask(space: Space, model: str, **asked: Any) -> dict[str, Any]:
    client = Client(space.url, verbose=False)
    asked = {"corpus": "builtin", "max_tokens": 2_000, "whole": True, **asked}
    answer = client.submit(model, api_name="/measure", **asked).result()
    assert isinstance(answer, dict)
    return answer


def test_the_function_for_the_gpu_is_known_when_the_page_starts(space: Space) -> None:
    assert space.log.index("A function waits for the GPU") < space.log.index("Running on local URL")


def test_the_digits_are_those_of_python(space: Space, hub: StandIn) -> None:
    hub.add("tiny/gpu", gpt2_files())
    answer = ask(space, "tiny/gpu")
    expected = measure("tiny/gpu", "builtin", max_tokens=2_000, progress=False)
    assert Report.from_dict(answer["report"]).metrics == expected.metrics
    assert answer["report"]["model"]["revision"] is None


def test_what_is_refused_before_or_on_the_gpu_is_said_in_full(space: Space, hub: StandIn) -> None:
    hub.add("tiny/liar", with_config(gpt2_files(), n_embd=4096))
    taken = space.log.count("The GPU is taken")
    with pytest.raises(Exception, match="larger than its weights"):
        ask(space, "tiny/liar")
    assert space.log.count("The GPU is taken") == taken, "a GPU was held for what needs none"
    hub.add("tiny/silent", gpt2_files(tokenizer=False))
    before = space.fetched()
    with pytest.raises(Exception, match=r"there is no tokenizer .* pass the id of the one"):
        ask(space, "tiny/silent")
    assert space.log.count("The GPU is taken") == taken + 1
    assert space.fetched() == before, "what a failed analysis fetched stayed"
    assert space.alive
