"""Whether a model reads the documents of a block as if each stood alone: tried, not believed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from transformers import AutoModelForCausalLM, GPTNeoConfig, LlamaConfig, Mamba2Config, PreTrainedModel

from nc_hf.corpus.packing import pack_texts
from nc_hf.measurement.documents import keeps_apart
from tests.letters import letters

TEXTS = ["a b c d e f g", "h i j a b c d e f", "g h i j"]


def model(config: type, **settings: object) -> PreTrainedModel:
    torch.manual_seed(0)
    made: PreTrainedModel = AutoModelForCausalLM.from_config(config(vocab_size=12, **settings))
    return made.eval()


def llama() -> PreTrainedModel:
    return model(LlamaConfig, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)


def test_attention_keeps_documents_apart_and_a_recurrent_state_does_not() -> None:
    blocks = pack_texts(TEXTS, letters(bos_first=True), 8)
    assert keeps_apart(llama(), blocks) is True
    mamba = model(Mamba2Config, hidden_size=16, num_hidden_layers=1, state_size=8, num_heads=4, head_dim=8, n_groups=1)
    assert keeps_apart(mamba, blocks) is False
    monotonous = pack_texts(["a a a a a a a"] * 3, letters(bos_first=True), 8)
    assert keeps_apart(mamba, monotonous) is False
    narrow = replace(blocks, input_ids=blocks.input_ids.to(torch.uint16))  # as a study keeps them
    assert (keeps_apart(llama(), narrow), keeps_apart(mamba, narrow)) == (True, False)


def test_where_nothing_begins_a_document_there_is_nothing_to_keep_apart() -> None:
    blocks = pack_texts(TEXTS, letters(), 8)
    neo = model(GPTNeoConfig, hidden_size=16, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]])
    assert keeps_apart(neo, blocks) is None
    assert blocks.positions(torch.tensor([0])) is None


@torch.no_grad()
def test_documents_of_a_block_have_the_logits_that_they_have_alone() -> None:
    network, blocks = llama(), pack_texts(TEXTS, letters(bos_first=True), 13)
    row = blocks.input_ids[0].long()
    positions = blocks.positions(torch.tensor([0]))
    together = network(input_ids=row[None], use_cache=False, position_ids=positions).logits[0]
    begins = [*(row == 1).nonzero().flatten().tolist(), len(row)]
    assert len(begins) > 2, "or the test shows nothing"
    for begin, end in pairwise(begins):
        alone = network(input_ids=row[None, begin:end]).logits[0]
        torch.testing.assert_close(together[begin:end], alone, rtol=1e-5, atol=1e-6)
    leaking = network(input_ids=row[None]).logits[0]
    assert float((leaking - together).abs().max()) > 1e-3
