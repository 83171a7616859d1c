"""A parameter is whole while it is gathered; what is whole as it stands is handed out as it is.

The other ways of keeping parameters in pieces need two ranks: tests/distributed/test_sharded_heads.py.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from nc_hf.errors import HeadError
from nc_hf.model.gather import gathered, is_sharded
from tests.partitioned import Partitioned


def test_what_is_whole_is_not_copied(model: PreTrainedModel) -> None:
    head = model.lm_head
    assert not is_sharded(model, head)
    with gathered(model, head) as whole:
        assert whole(head.weight).data_ptr() == head.weight.data_ptr()
        assert not whole(head.weight).requires_grad


def test_what_zero_holds_is_brought_together_once_and_goes_again(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = model.lm_head.weight.detach().clone()
    zero = Partitioned(model.lm_head, monkeypatch)
    assert is_sharded(model, model.lm_head)
    assert not is_sharded(model, model.model.norm)
    with gathered(model, model.lm_head) as whole:
        assert torch.equal(whole(model.lm_head.weight), wanted)
    assert model.lm_head.weight.numel() == 0
    assert zero.gathers == [1]


def test_memory_that_fsdp_has_freed_is_not_read(model: PreTrainedModel) -> None:
    """What FSDP1 with flat parameters leaves in the module: a view of the right shape, of nothing."""
    head = model.lm_head
    view = head.weight.detach().clone()
    del head.weight
    head.weight = view
    view.untyped_storage().resize_(0)
    assert is_sharded(model, head)
    with pytest.raises(HeadError, match=r"pass the model as the Trainer runs it \(trainer.model_wrapped\)"):
        with gathered(model, head):
            pass


def test_weights_on_no_device_are_not_taken_for_freed(model: PreTrainedModel) -> None:
    model.lm_head.weight = nn.Parameter(torch.empty(101, 32, device="meta"))
    assert not is_sharded(model, model.lm_head)
