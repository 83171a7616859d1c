"""Batches that are taken in together: the same numbers, in bounded memory, and a bad one is named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from nc_hf.errors import FeatureError, LabelError
from nc_hf.measurement.collection import Collection
from nc_hf.model.forward_pass import Observation, labelled
from nc_hf.model.tap import FeatureTap
from nc_hf.training.backlog import MOST_BYTES, MOST_POSITIONS, Backlog
from tests.training import VOCAB_SIZE, tiny_model

WIDTH = 16


def observed(number: int, rows: int = 3, length: int = 7, **parts: Any) -> Observation:
    """A batch with labels at some positions, longer than the one before it."""
    generator = torch.Generator().manual_seed(number)
    length = length + number % 3
    targets = torch.randint(-6, 20, (rows, length), generator=generator)
    features = torch.randn(rows * length, WIDTH, generator=generator) + 5
    predictions = torch.randint(0, 20, (rows * length,), generator=generator)
    tied = predictions % 5 == 0
    given = {"features": {"final": features}, "predictions": predictions, "tied": tied, "nll": None, "sample": None}
    return Observation(targets, **(given | parts))


def places(number: int, rows: int = 3) -> Tensor:
    return torch.arange(number * rows, (number + 1) * rows)


@pytest.fixture
def model() -> PreTrainedModel:
    return tiny_model()


def backlog(model: PreTrainedModel, **settings: Any) -> Backlog:
    return Backlog(Collection(model, **{"agreement_tokens": 50, "head": True, **settings}), FeatureTap(model))


@pytest.mark.parametrize("batches", [1, 2, 9])
def test_together_they_are_what_they_are_by_themselves(model: PreTrainedModel, batches: int) -> None:
    alone, together = Collection(model, agreement_tokens=50), backlog(model)
    for number in range(batches):
        alone.add(labelled([observed(number)]), places(number), number)
        together.add(observed(number), places(number), number)
    together.flush()
    wanted, found = alone.state_dict(), together.collection.state_dict()
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name
    counts = torch.zeros(20, dtype=torch.int64)
    for number in range(batches):
        for label in observed(number).targets.flatten().tolist():
            counts[label] += label >= 0
    assert together.collection.statistics.census().tolist() == counts[: int(counts.nonzero().max()) + 1].tolist()


def test_the_second_moment_differs_by_rounding_alone(model: PreTrainedModel) -> None:
    alone, together = Collection(model, covariance=True), backlog(model, covariance=True)
    for number in range(9):
        alone.add(labelled([observed(number)]), places(number), number)
        together.add(observed(number), places(number), number)
    together.flush()
    wanted, found = alone.statistics.within_scatter, together.collection.statistics.within_scatter
    assert wanted is not None
    assert found is not None
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12 * float(wanted.abs().max()))


def test_the_first_batch_with_labels_is_looked_at_when_it_comes(model: PreTrainedModel) -> None:
    waiting = backlog(model)
    waiting.add(observed(0).leading(0), places(0), 0)
    assert not waiting.collection.layers
    waiting.add(observed(1), places(1), 1)
    assert waiting.collection.tokens == int((observed(1).targets >= 0).sum())
    waiting.add(observed(2), places(2), 2)
    assert waiting.collection.tokens == int((observed(1).targets >= 0).sum())


def test_they_wait_in_bounded_memory(model: PreTrainedModel) -> None:
    waiting, seen = backlog(model, agreement_tokens=0), []
    for number in range(2 * MOST_POSITIONS // 24 + 3):
        waiting.add(observed(number), places(number), number)
        seen.append(waiting._positions)
    assert max(seen) < MOST_POSITIONS
    assert seen.count(0) == 3
    wide = MOST_BYTES // 4 // 9
    one = backlog(model, head=False, agreement_tokens=0)
    for number in (0, 3):
        features = {"final": torch.zeros(9, wide + 1)}
        one.add(Observation(torch.ones(3, 3, dtype=torch.int64), features, None, None, None, None), places(0), number)
        assert one._positions == 0


@pytest.mark.parametrize("bad", [[4], [4, 6]])
def test_the_bad_batch_is_named_and_those_before_it_are_kept(model: PreTrainedModel, bad: list[int]) -> None:
    waiting = backlog(model)
    for number in range(8):
        batch = observed(number)
        if number in bad:
            batch.features["final"][int((batch.targets.flatten() >= 0).nonzero()[-1])] = torch.nan
        waiting.add(batch, places(number), number)
    with pytest.raises(FeatureError, match="batch 4 has NaN"):
        waiting.flush()
    assert waiting.collection.tokens == sum(int((observed(number).targets >= 0).sum()) for number in range(4))
    waiting.flush()  # and nothing is left


def test_a_label_beyond_the_head(model: PreTrainedModel) -> None:
    waiting = backlog(model)
    for number, high in enumerate((0, 0, 70, 90)):
        batch = observed(number)
        batch.targets[0, 0] = high
        waiting.add(batch, places(number), number)
    with pytest.raises(LabelError, match=f"label 70 is beyond the head's {VOCAB_SIZE} classes"):
        waiting.flush()


def test_batches_of_another_form_wait_by_themselves(model: PreTrainedModel) -> None:
    waiting = backlog(model)
    waiting.add(observed(0), places(0), 0)
    waiting.add(observed(1), places(1), 1)
    waiting.add(observed(2, predictions=None, tied=None), places(2), 2)
    assert waiting.collection.tokens == sum(int((observed(number).targets >= 0).sum()) for number in range(2))
    waiting.flush()
    assert waiting.collection.tokens == sum(int((observed(number).targets >= 0).sum()) for number in range(3))


def test_a_sample_of_logits_does_not_wait(model: PreTrainedModel) -> None:
    waiting = backlog(model)
    waiting.add(observed(0), places(0), 0)
    waiting.add(observed(1, sample=(torch.zeros(8, WIDTH), torch.zeros(8, VOCAB_SIZE))), places(1), 1)
    assert waiting._waiting[0].batch.sample is None
