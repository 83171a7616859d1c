"""The hook on a module: passes that it cannot pair, and copies that carry none."""

from __future__ import annotations

import copy
import pickle
import types
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from nc_hf.errors import TapError
from nc_hf.model.tap import FeatureTap
from tests.tapped import heard, tokens


class TestMisfits:
    def test_a_decoder_that_runs_twice_fails_when_taken(self, model: PreTrainedModel) -> None:
        plain = model.forward

        def twice(self: PreTrainedModel, **kwargs: Any) -> Any:
            self.model(input_ids=kwargs["input_ids"])
            return plain(**kwargs)

        model.forward = types.MethodType(twice, model)
        with FeatureTap(model, labels="input_ids") as tap, torch.no_grad():
            model(input_ids=tokens())  # the forward pass itself is not disturbed
            with pytest.raises(TapError, match="ran 2 times in one forward pass"):
                tap.take()
            assert tap.take() is None

    def test_virtual_tokens(self, model: PreTrainedModel) -> None:
        plain = model.forward

        def prompted(self: PreTrainedModel, input_ids: Tensor, **kwargs: Any) -> Any:
            embeddings = self.get_input_embeddings()(input_ids)
            return plain(inputs_embeds=torch.cat([embeddings[:, :2], embeddings], 1))

        model.forward = types.MethodType(prompted, model)
        with FeatureTap(model, labels="input_ids") as tap, torch.no_grad():
            model(input_ids=tokens())
            with pytest.raises(TapError, match=r"shape \(3, 9, 32\) and the labels \(3, 7\).*no virtual tokens"):
                tap.take()


class TestModelInOtherHands:
    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
    def test_a_copy_is_deaf(self, model: PreTrainedModel, duplicate: Any) -> None:
        ids = tokens()
        with FeatureTap(model, layers="all") as tap, torch.no_grad():
            model(input_ids=ids, labels=ids)
            other = duplicate(model)
            other(input_ids=ids[:1], labels=ids[:1])
            assert torch.equal(heard(tap).labels, ids[:, 1:].flatten())
