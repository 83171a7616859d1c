"""A head is read off the first batch, or at the end where every rank is, or never; once in any case.

ZeRO-3 is a stand-in here; what keeps a head in pieces without one is in tests/distributed/test_sharded_heads.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate.state import PartialState
from torch import Tensor, nn
from transformers import PreTrainedModel

from nc_hf.errors import HeadError, LabelError
from nc_hf.measurement.collection import Collection
from nc_hf.model.forward_pass import TapBatch
from nc_hf.model.tap import FeatureTap
from tests.collected import metrics_of, quietly
from tests.partitioned import Partitioned
from tests.tapped import heard
from tests.training import CLASSES, tiny_model, token_rows

WITHOUT_HEAD = ["nc1_trace_ratio", "nc2_cos_std"]


@pytest.fixture
def network() -> PreTrainedModel:
    return tiny_model(tie_word_embeddings=False).eval()


@torch.no_grad()
def batches(model: nn.Module) -> list[TapBatch]:
    """An evaluation of 10 rows by 3."""
    found, ids = [], token_rows(10, 3)
    with FeatureTap(model) as tap:
        for part in ids.split(3):
            model(input_ids=part, labels=part)
            found.append(heard(tap))
    return found


def gathered(model: nn.Module, given: list[TapBatch] | None = None, **settings: Any) -> Collection:
    """What such an evaluation gives before it is reduced."""
    collection, row = Collection(model, agreement_tokens=60, **settings), 0
    for number, batch in enumerate(batches(model) if given is None else given):
        collection.add(batch, torch.arange(row, row + batch.rows), number)
        row += batch.rows
    return collection


def reduced(collection: Collection) -> Collection:
    collection.reduce(PartialState())
    return collection


def without_logits(found: list[TapBatch]) -> list[TapBatch]:
    return [replace(batch, predictions=None, tied=None, sample=None) for batch in found]


def test_one_that_is_whole_is_read_off_the_first_batch(network: PreTrainedModel) -> None:
    assert gathered(network, batches(network)[:1]).head is not None


@pytest.mark.parametrize("logits", [True, False])
def test_one_in_pieces_is_gathered_once_at_the_end(
    network: PreTrainedModel, monkeypatch: pytest.MonkeyPatch, logits: bool
) -> None:
    choices = None, torch.arange(CLASSES)
    whole = reduced(gathered(network))
    wanted = [metrics_of(whole, classes=classes) for classes in choices]
    zero = Partitioned(network.lm_head, monkeypatch)
    found = batches(network)
    collection = gathered(network, found if logits else without_logits(found))
    assert collection.head is None
    assert collection.wants_logits != logits
    assert not zero.gathers
    reduced(collection)
    for classes, values in zip(choices, wanted, strict=True):
        assert metrics_of(collection, classes=classes) == pytest.approx(values, rel=1e-6)
    assert zero.gathers == [1]
    assert collection.head_error < 1e-6


def test_one_in_pieces_is_read_by_a_pass_of_one_s_own_too(
    network: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = metrics_of(quietly(network, batch_size=3))
    zero = Partitioned(network.lm_head, monkeypatch)
    assert metrics_of(quietly(network, batch_size=3)) == pytest.approx(wanted, rel=1e-6)
    assert zero.gathers == [1]


def test_what_checks_one_in_pieces_survives_a_restart(
    network: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    zero = Partitioned(network.lm_head, monkeypatch)
    collection = gathered(network)
    other = Collection(network, agreement_tokens=60)
    other.load_state_dict(collection.state_dict())
    assert other.head is None
    assert not other.wants_logits
    assert metrics_of(reduced(other)) == metrics_of(reduced(collection))
    assert zero.gathers == [1, 1]


def test_one_in_pieces_that_misfits_is_found_at_the_end(
    network: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.lm_head.register_forward_hook(lambda _, __, logits: logits.roll(1, -1))
    Partitioned(network.lm_head, monkeypatch)
    collection = gathered(network)
    with pytest.raises(HeadError, match="does not reproduce"):
        reduced(collection)


def test_a_label_beyond_one_in_pieces_is_found_at_the_end(
    network: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    Partitioned(network.lm_head, monkeypatch)
    collection = gathered(network, [replace(batch, labels=batch.labels + 60) for batch in batches(network)])
    with pytest.raises(LabelError, match=r"label 71 is beyond the head's 64 classes"):
        reduced(collection)


class Twice(nn.Module):
    """A head of two layers, of which neither is the one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer, layer])

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layers[0](features) + self.layers[1](features)
        return logits


@pytest.mark.parametrize("kind", ["misfit", "in pieces", "several"])
def test_what_needs_none_is_measured_whatever_it_is(
    network: PreTrainedModel, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wanted = metrics_of(reduced(gathered(network)), WITHOUT_HEAD)
    if kind == "misfit":
        network.lm_head.register_forward_hook(lambda _, __, logits: logits.roll(1, -1))
    elif kind == "in pieces":
        zero = Partitioned(network.lm_head, monkeypatch)
    else:
        network.lm_head = Twice(network.lm_head)
    for collection in (reduced(gathered(network, head=False)), quietly(network, head=False)):
        assert metrics_of(collection, WITHOUT_HEAD) == pytest.approx(wanted)
        assert collection.head is None
        assert not collection.decided().tokens
    assert kind != "in pieces" or not zero.gathers
