"""A request: what can be meant is understood, what cannot is refused before anything is fetched."""

from __future__ import annotations

import math

import pytest

from nc_hf.errors import CorpusError, NCError
from nc_hf.space.settings import UPLOAD
from tests.hub.server import StandIn
from tests.space import request_for


def test_addresses_and_revisions_are_understood() -> None:
    assert request_for("https://huggingface.co/a/b/tree/step1").name == "a/b@step1"
    assert request_for(" a/b@v1 ").revision == "v1"
    assert request_for(corpus="https://huggingface.co/datasets/c/d").corpus == "hub:c/d"
    assert request_for(corpus="hub:c/d:en:test:story").corpus == "hub:c/d:en:test:story"
    assert (
        request_for("a/b", "v1", "hub:c/d").link
        == "?model=a%2Fb&revision=v1&corpus=hub%3Ac%2Fd&tokens=2000&preset=core"
    )


def test_all_layers_are_measured_with_their_errors_and_stand_in_the_link() -> None:
    asked = request_for("a/b", layers="all")
    assert asked.link.endswith("&layers=all")
    assert (asked.options["layers"], asked.options["layer_errors"]) == ("all", True)
    assert "layers" not in request_for("a/b").options


@pytest.mark.parametrize(
    "asked",
    [
        {"model": ""},
        {"model": "."},
        {"model": "/etc"},
        {"model": "../a"},
        {"model": "a/b/c"},
        {"model": "<b>a</b>/c"},
        {"revision": "../x"},
        {"corpus": "/etc/passwd"},
        {"corpus": "passwd.txt"},
        {"corpus": "hub:/etc/passwd"},
        {"corpus": "hub:json"},
        {"corpus": "hub:../../x/y"},
        {"corpus": ""},
        {"corpus": UPLOAD},
        {"corpus": UPLOAD, "text": " <|endoftext|> "},
        {"text": "a text without the corpus upload"},
        {"preset": "all"},
        {"max_tokens": 0},
        {"max_tokens": -5},
        {"max_tokens": 10**12},
        {"max_tokens": None},
        {"max_tokens": math.nan},
        {"max_tokens": True},
        {"max_tokens": 10**400},
        {"max_tokens": -(10**400)},
        {"max_tokens": 1e308},
        {"max_tokens": math.inf},
        {"model": 3},
        {"revision": 3},
        {"corpus": ["builtin"]},
        {"corpus": UPLOAD, "text": ["a text"]},
        {"preset": ["core"]},
        {"preset": None},
        {"layers": "some"},
        {"layers": ["all"]},
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_fetched(hub: StandIn, asked: dict[str, object]) -> None:
    with pytest.raises(NCError, match=r": .*\.$") as refused:
        request_for(**asked)  # type: ignore[arg-type]
    assert len(str(refused.value)) < 200
    assert hub.requests == []


def test_a_text_is_read_as_its_documents_and_told_to_nobody() -> None:
    asked = request_for(corpus=UPLOAD, text="one<|endoftext|>two")
    assert list(asked.open(False).texts) == ["one", "two"]
    assert "two" not in repr(asked)
    assert asked.to_dict() == {
        "model": "a/b",
        "revision": None,
        "corpus": UPLOAD,
        "max_tokens": 2_000,
        "preset": "core",
        "tokenizer": None,
        "layers": "final",
    }


def test_an_analysis_fetches_the_model_and_the_data_set() -> None:
    assert request_for(corpus="hub:c/d").repositories == [("model", "a/b"), ("dataset", "c/d")]
    assert request_for(corpus=UPLOAD, text="one").repositories == [("model", "a/b")]


def test_a_text_through_the_api_is_held_to_the_size_of_a_file() -> None:
    assert request_for(corpus=UPLOAD, text="é" * 2_500_000).text
    with pytest.raises(CorpusError, match="The text has 5,000,002 bytes: choose one of 5,000,000 at the most"):
        request_for(corpus=UPLOAD, text="é" * 2_500_001)
