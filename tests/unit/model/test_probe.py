"""A few tokens through a model: what is heard, and that nothing is left of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from nc_hf.model.probe import evaluating, frugal, probe, takes
from tests.architectures import ARCHITECTURES

TOKENS = torch.tensor([[9, 10, 11], [9, 10, 12]])


def test_features_and_logits_are_those_of_the_model(model: PreTrainedModel) -> None:
    probed = probe(model, TOKENS, position_ids=torch.tensor([[0, 1, 5], [0, 1, 5]]))
    with torch.no_grad():
        wanted = model(TOKENS, position_ids=torch.tensor([[0, 1, 5], [0, 1, 5]]), output_hidden_states=True)
    assert probed.logits is not None
    assert torch.equal(probed.logits, wanted.logits)
    assert len(probed.features) == 1
    assert torch.equal(probed.features[0], wanted.hidden_states[-1])
    assert not torch.equal(probed.logits, probe(model, TOKENS).logits)


def test_it_leaves_no_trace_also_where_it_fails(model: PreTrainedModel) -> None:
    model.register_forward_hook(lambda *_: torch.rand(1) and None)
    model.train()
    model.model.norm.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    hooks = [len(module._forward_hooks) for module in model.modules()]
    state = torch.get_rng_state()
    assert not probe(model, TOKENS).features[0].requires_grad
    with pytest.raises(IndexError):
        probe(model, TOKENS + 1_000)
    assert torch.equal(torch.get_rng_state(), state)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert [len(module._forward_hooks) for module in model.modules()] == hooks


def test_nothing_is_compiled_for_it(model: PreTrainedModel) -> None:
    compiled: list[object] = []
    model.compile(backend=lambda module, inputs: compiled.append(inputs) or module)
    probe(torch.compile(model), TOKENS)
    assert not compiled


def test_the_coarsest_numbers_at_work_are_known(model: PreTrainedModel) -> None:
    assert probe(model, TOKENS).dtypes == {torch.float32}
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.bfloat16 in probe(model, TOKENS).dtypes
    model.lm_head.half()
    model.forward = lambda input_ids, **_: (model.model(input_ids)[0],)
    assert probe(model, TOKENS).dtypes == {torch.float32, torch.float16}


def test_each_module_is_put_back_in_its_mode(model: PreTrainedModel) -> None:
    model.train()
    model.lm_head.eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert model.training
    assert not model.lm_head.training


def test_a_model_is_asked_for_no_more_than_is_of_use() -> None:
    llama, gemma = ARCHITECTURES["Llama"](), ARCHITECTURES["Gemma 4"]()
    assert frugal(llama, logits=False) == {"use_cache": False, "logits_to_keep": 1}
    assert frugal(llama, logits=True) == {"use_cache": False}
    assert frugal(gemma, logits=False) == {"use_cache": False}  # whose features would be cut too
    assert takes(torch.compile(llama), "position_ids")
    assert not takes(nn.Linear(2, 2), "position_ids")
