"""Where a model keeps its decoder and blocks, and models that do not let it be told."""

from __future__ import annotations

import copy

import pytest
from torch import nn
from transformers import PreTrainedModel

from nc_hf.errors import ModelError, TapError
from nc_hf.model.head import ClassifierHead
from nc_hf.model.tap import FeatureTap
from tests.tapped import run, tokens


class TestMisfits:
    def test_a_decoder_that_cannot_be_told(self, model: PreTrainedModel) -> None:
        model.get_decoder = lambda: model
        model.twin = copy.deepcopy(model.model)
        model.twin.embed_tokens = model.model.embed_tokens
        with pytest.raises(TapError, match="give the class a get_decoder"):
            FeatureTap(model)

    @pytest.mark.parametrize("where", ["model", "head"])
    def test_get_decoder_that_returns_too_much_or_too_little(self, model: PreTrainedModel, where: str) -> None:
        model.get_decoder = lambda: model if where == "model" else model.lm_head
        with FeatureTap(model, labels="input_ids") as tap:
            output, batch = run(tap, model, input_ids=tokens())
        ClassifierHead(model.lm_head.weight).check(batch.features["final"], output.logits.flatten(0, 1)[batch.index])

    def test_blocks_that_cannot_be_found(self, model: PreTrainedModel) -> None:
        model.config.num_hidden_layers = 5
        with pytest.raises(TapError, match="use layers='final'"):
            FeatureTap(model, layers="all")

    def test_no_causal_lm(self) -> None:
        with pytest.raises(ModelError, match="is not a model of transformers"):
            FeatureTap(nn.Linear(2, 2))
