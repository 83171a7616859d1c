"""Which passes of a step are the batch: those of the adapters that are trained, once, and all of its rows."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
import torch
from torch import Tensor, nn

from nc_hf.errors import LabelError, NCError, TapError
from nc_hf.model.forward_pass import Observation, TapPass
from nc_hf.training.passes import StepPart, adapter_layer, adapters_at_work, of_last_step, passes_of_batch
from tests.waits import Waits

BATCH = torch.arange(24).view(4, 6)


def heard(
    tokens: Tensor | None, adapters: Hashable = None, batch: Tensor | None = BATCH, why: NCError | None = None
) -> TapPass:
    rows = 0 if tokens is None else len(tokens)
    observed = Observation(torch.zeros(rows, 6, dtype=torch.int64), {}, None, None, None, None)
    return TapPass(why or observed, tokens, StepPart(batch, adapters))


def rows_of(passes: list[TapPass], adapters: Hashable = None) -> list[int]:
    return [batch.rows for batch in passes_of_batch(passes, adapters)]


def test_one_pass_is_the_batch_whatever_its_rows() -> None:
    assert rows_of([heard(torch.cat([BATCH, BATCH]))]) == [8]
    assert rows_of([heard(None, batch=None)]) == [0]
    assert rows_of([]) == []


def test_other_adapters_are_another_model() -> None:
    passes = [heard(BATCH, "policy"), heard(BATCH[:1], "off"), heard(BATCH[:2], "ref")]
    assert rows_of(passes, "policy") == [4]
    assert rows_of(passes[1:], "policy") == []


@pytest.mark.parametrize(
    "passes",
    [[BATCH, BATCH], [BATCH + 1, BATCH], [BATCH, BATCH[:2]]],
    ids=["twice", "other text first", "a part besides"],
)
def test_the_batch_counts_once(passes: list[Tensor]) -> None:
    assert rows_of([heard(tokens) for tokens in passes]) == [4]


@pytest.mark.parametrize("cut", [1, 3])
def test_a_batch_in_parts_is_whole(cut: int) -> None:
    assert rows_of([heard(BATCH[:cut]), heard(BATCH[cut:, :5])]) == [cut, 4 - cut]


@pytest.mark.parametrize(
    "passes",
    [[BATCH[2:], BATCH[:2]], [BATCH[:2], BATCH[3:]], [BATCH + 1, BATCH + 2], [BATCH[:2], None]],
    ids=["another order", "a row is missing", "other text", "no tokens"],
)
def test_what_cannot_be_told_is_said(passes: list[Tensor | None]) -> None:
    with pytest.raises(TapError, match=r"2 labelled passes in one evaluation step.*corpus="):
        passes_of_batch([heard(tokens) for tokens in passes], None)
    with pytest.raises(TapError, match="2 labelled passes"):
        passes_of_batch([heard(BATCH, batch=None), heard(BATCH, batch=None)], None)


def test_why_a_pass_could_not_be_observed_is_said_where_it_counts() -> None:
    why = LabelError("beyond")
    with pytest.raises(LabelError):
        passes_of_batch([heard(BATCH, why=why)], None)
    assert rows_of([heard(BATCH), heard(BATCH, "off", why=why)]) == [4]


def test_what_is_at_work_is_seen_in_a_layer() -> None:
    class Layer(nn.Module):
        disable_adapters, active_adapters = False, ["default"]

    plain, model = nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2), Layer())
    assert adapter_layer(plain) is None
    assert adapters_at_work(plain, None) == adapters_at_work(nn.Linear(2, 2), None)
    layer = adapter_layer(model)
    assert layer is model[1]
    before = adapters_at_work(model, layer)
    layer.disable_adapters = True
    off = adapters_at_work(model, layer)
    layer.disable_adapters, layer.active_adapters = False, "other"
    other = adapters_at_work(model, layer)
    model.forward = plain.forward  # as PEFT does for adapters that are tokens in front
    assert len({before, off, other, adapters_at_work(model, layer)}) == 4
    model.forward = type(model).forward.__get__(model)  # and puts its own back, where it stays
    assert adapters_at_work(model, layer) == other


def test_a_step_that_broke_off_has_left_nothing() -> None:
    earlier, step = BATCH.clone(), BATCH.clone()
    passes = [heard(earlier, batch=earlier), heard(step[:2], batch=step), heard(step[2:], batch=step)]
    assert of_last_step(passes) == passes[1:]
    assert of_last_step([]) == []


def test_tokens_that_are_the_batch_s_own_are_not_read() -> None:
    """A GPU would have to be waited for, in every step of a loss that runs several passes."""
    with Waits() as waits:
        assert rows_of([heard(BATCH), heard(BATCH)]) == [4]
        assert rows_of([heard(BATCH[:1]), heard(BATCH[1:, :5])]) == [1, 3]
    assert waits.count == 0
    with Waits() as waits:
        assert rows_of([heard(BATCH + 1), heard(BATCH.clone())]) == [4]
    assert waits.count == 2
