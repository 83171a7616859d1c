"""A measurement, with errors and NC4, against the model's bare forward pass over the same blocks, in CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from timing import ratio_of_seconds
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast

from limits.lines import Line, Settings
from nc_hf import measure
from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import open_corpus

# Real data beside the clone: the model, the tokenizer and TinyStories.
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BATCH, LENGTH = 8, 512
KINDS: dict[str, dict[str, Any]] = {"`core`": {}, "all layers, `full`": {"layers": "all", "preset": "full"}}
TARGETS = {"stories260K": (1.05, 1.15), "GPT-Neo 4 x 256": (1.10, 1.20)}


def run(settings: Settings) -> Iterator[Line]:
    """Yield two lines a model: the final layer with `core`, and all layers with `full`."""
    for name, (model, blocks) in models(settings).items():
        model = model.to(settings.device)
        for target, (kind, options) in zip(TARGETS[name], KINDS.items(), strict=True):
            times, seconds, limit = ratio_of_seconds(
                cpu(settings, lambda model=model, blocks=blocks, options=options: measure(
                    model, blocks, batch_size=BATCH, progress=False, device=settings.device, **options
                )),
                cpu(settings, lambda model=model, blocks=blocks: bare(model, blocks)),
                pairs=settings.size(3, 1),
            )  # fmt: skip
            yield Line(
                f"`measure()` of {name} with errors, {kind}, {blocks.num_labels:,} tokens", "the bare forward pass",
                times, target, note=f"{seconds:.1f} s, {limit:.1f} s",
            )  # fmt: skip


def cpu(settings: Settings, work: Callable[[], object]) -> Callable[[], float]:
    """Let work tell its CPU time, which neighbours disturb less; off the CPU, its time."""
    clock = time.process_time if settings.device == "cpu" else time.perf_counter
    timed = settings.timed(work)

    def seconds() -> float:
        begun = clock()
        timed()
        return clock() - begun

    return seconds


def bare(model: nn.Module, blocks: TokenBlocks) -> None:
    """Run the model over all blocks, and look at nothing."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        for first in range(0, len(blocks), BATCH):
            rows = torch.arange(first, min(first + BATCH, len(blocks)))
            positions = blocks.positions(rows)
            told = {} if positions is None else {"position_ids": positions.to(device)}
            model(input_ids=blocks.input_ids[rows].long().to(device), use_cache=False, **told)


def models(settings: Settings) -> dict[str, tuple[nn.Module, TokenBlocks]]:
    """Return stories260K on 200,000 tokens and a random GPT-Neo on 32,000, both of TinyStories where that is there."""
    if settings.small or not DATA.is_dir():
        return {"GPT-Neo 4 x 256": (gpt_neo(settings), drawn(settings.size(50_257, 300), settings.size(32_000, 4_096)))}
    folder, texts = DATA / "models" / "stories260K", open_corpus(str(DATA / "tinystories" / "train.jsonl"))
    gpt2 = PreTrainedTokenizerFast(
        tokenizer_file=str(DATA / "tokenizers" / "gpt2" / "tokenizer.json"), eos_token="<|endoftext|>"
    )
    return {
        "stories260K": (
            AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval(),
            texts.sample(AutoTokenizer.from_pretrained(folder), LENGTH, max_tokens=200_000),
        ),
        "GPT-Neo 4 x 256": (gpt_neo(settings), texts.sample(gpt2, LENGTH, max_tokens=32_000)),
    }


def gpt_neo(settings: Settings) -> nn.Module:
    """A random GPT-Neo with the vocabulary of GPT-2."""
    vocabulary, layers = settings.size(50_257, 300), settings.size(4, 2)
    config = GPTNeoConfig(
        vocab_size=vocabulary, hidden_size=settings.size(256, 32), num_layers=layers, num_heads=settings.size(16, 4),
        max_position_embeddings=LENGTH, bos_token_id=vocabulary - 1, eos_token_id=vocabulary - 1,
        attention_types=[[["global", "local"], layers // 2]],
    )  # fmt: skip
    torch.manual_seed(0)
    return GPTNeoForCausalLM(config).eval()


def drawn(vocabulary: int, size: int) -> TokenBlocks:
    """Blocks of tokens as frequent as words."""
    ids = torch.multinomial(1 / torch.arange(1.0, vocabulary + 1), size // LENGTH * LENGTH, replacement=True)
    rows = ids.view(-1, LENGTH)
    documents = torch.arange(len(rows)).unsqueeze(1).expand_as(rows).int()
    return TokenBlocks(rows.int(), documents, "drawn", "documents", "drawn", "all", "none", None)
