"""One pass over a corpus: what it runs of the model, how it leaves it, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from nc_hf.errors import CorpusError, HeadError, InputError, LabelError, ModelError
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from tests.architectures import ARCHITECTURES, TRANSFORM_IN_HEAD
from tests.collected import agreement_of, quietly
from tests.training import VOCAB_SIZE, tiny_model, token_blocks, token_rows


class TestValues:
    def test_without_outcomes_the_head_sees_the_first_batch_and_the_statistics_are_the_same(self) -> None:
        model, lengths = tiny_model(), []
        whole = quietly(model, batch_size=4, agreement_tokens=0)
        model.get_output_embeddings().register_forward_hook(lambda *seen: lengths.append(seen[2].shape[1]))
        bare = quietly(model, batch_size=4, agreement_tokens=0, outcomes=False)
        assert lengths == [1, token_rows(10, 3).shape[1], 1, 1]  # the first to see how the model reads
        assert bare.tokens == whole.tokens
        assert bare.head_error == whole.head_error
        assert bare.loss_sum == 0 < whole.loss_sum
        states = bare.statistics.state_dict(), whole.statistics.state_dict()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])

    def test_blocks_of_two_bytes_a_token_give_the_same(self) -> None:
        model, blocks = tiny_model(), token_blocks(10, 3)
        narrow = replace(blocks, input_ids=blocks.input_ids.to(torch.uint16), document_ids=None)
        for settings in ({}, {"layers": "all", "batch_size": 4}):
            whole, found = (quietly(model, each, **settings) for each in (blocks, narrow))
            states = found.state_dict(), whole.state_dict()
            assert states[0].keys() == states[1].keys()
            assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])

    def test_without_outcomes_no_feature_is_left_out_with_the_logits(self) -> None:
        model = ARCHITECTURES["Gemma 4"]()  # its decoder leaves out positions whose logits nobody wants
        whole, bare = (quietly(model, batch_size=4, agreement_tokens=0, outcomes=each) for each in (True, False))
        assert bare.tokens == whole.tokens > 0
        states = bare.statistics.state_dict(), whole.statistics.state_dict()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])

    def test_decisions_need_logits_without_outcomes_too(self) -> None:
        model = tiny_model()
        kept = quietly(model, batch_size=4, outcomes=False)
        assert kept.correct == quietly(model, batch_size=4).correct > 0
        assert agreement_of(kept) == agreement_of(quietly(model, batch_size=4))

    def test_the_model_is_left_as_it_was(self) -> None:
        model = tiny_model().train()
        model.get_decoder().h[0].eval()
        modes = [module.training for module in model.modules()]
        state = torch.get_rng_state()
        quietly(model)
        assert [module.training for module in model.modules()] == modes
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
        assert torch.equal(torch.get_rng_state(), state)

    def test_progress(self, capfd: pytest.CaptureFixture[str]) -> None:
        collect(tiny_model(), token_blocks(10, 3))
        assert "tok/s" in capfd.readouterr().err
        quietly(tiny_model())
        assert capfd.readouterr().err == ""


class TestBadInput:
    def test_tokens_beyond_the_model(self) -> None:
        with pytest.raises(LabelError, match="tokenizer"):
            quietly(tiny_model(), token_blocks(4, 3, classes=9 * VOCAB_SIZE))

    def test_tokens_beyond_the_head(self) -> None:
        model = tiny_model(tie_word_embeddings=False)
        model.set_output_embeddings(torch.nn.Linear(16, 8, bias=False))
        with pytest.raises(LabelError, match="8 classes"):
            quietly(model)

    def test_no_block(self) -> None:
        with pytest.raises(CorpusError):
            quietly(tiny_model(), token_blocks(0, 3))

    @pytest.mark.parametrize("settings", [{"batch_size": 0}, {"save_every": 0}])
    def test_arguments(self, settings: dict[str, int]) -> None:
        with pytest.raises(InputError):
            quietly(tiny_model(), **settings)

    def test_a_head_with_more_than_a_matrix(self) -> None:
        model = TRANSFORM_IN_HEAD["RoBERTa"]()
        with pytest.raises(HeadError):
            quietly(model, token_blocks(4, 3))
        assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("place", ["add", "reduce"])
def test_statistics_beyond_the_memory_are_said_with_the_ways_out(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Collection, place, full)
    with pytest.raises(InputError, match=r"statistics do not fit into the memory of cpu.*final layer.*device cpu"):
        collect(tiny_model(), token_blocks(4, 3), progress=False)


def test_a_model_that_is_refused_leaves_others_compiled() -> None:
    """A stance of torch.compile holds from where it is made: refused before the pass, it must not have been made."""
    model = ARCHITECTURES["XLNet"]()  # it reads ahead
    with pytest.raises(ModelError, match="ahead"):
        quietly(model, compiled=False)
    torch.compiler.reset()
    counted = CompileCounter()
    torch.compile(lambda x: x + 1, backend=counted)(torch.ones(3))
    assert counted.frame_count == 1
