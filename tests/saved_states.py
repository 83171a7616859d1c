"""A small model trained on stories, its states pushed as branches of one repository by the real client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import torch
from huggingface_hub import create_branch, create_repo
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from nc_hf.corpus.files import open_texts
from nc_hf.corpus.packing import pack_texts
from nc_hf.corpus.reading import Texts
from nc_hf.corpus.stories import builtin_tokenizer, stories
from tests.paths import SHARED_DATA

REAL_STORIES = SHARED_DATA / "tinystories"


def story_texts(limit: int) -> list[str]:
    """The first real stories to train on, or built-in ones where the real ones are not at hand."""
    texts: Iterable[str] = Texts(open_texts(REAL_STORIES, "train")) if REAL_STORIES.is_dir() else stories(0)
    return list(islice(texts, limit))


def push_training(
    name: str,
    texts: Sequence[str],
    steps: Sequence[int],
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    width: int = 32,
    depth: int = 2,
    context: int = 64,
    batch: int = 16,
) -> None:
    """Train a Llama with AdamW and push it as the branch ``step{n}`` after each of ``steps``, in rising order.

    ``main`` ends up with the last of them.
    """
    tokenizer = tokenizer or builtin_tokenizer(512)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=depth,
        num_attention_heads=4,
        max_position_embeddings=context,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config)
    blocks = pack_texts(texts, tokenizer, context).input_ids.long()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    order = torch.Generator().manual_seed(0)
    create_repo(name)
    for step in range(steps[-1] + 1):
        if step in steps:
            create_branch(name, branch=f"step{step}")
            for branch in (f"step{step}", *["main"] * (step == steps[-1])):
                model.push_to_hub(name, revision=branch)
                tokenizer.push_to_hub(name, revision=branch)
        rows = blocks[torch.randint(len(blocks), (batch,), generator=order)]
        model(input_ids=rows, labels=rows).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
