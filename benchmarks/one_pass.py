"""`measure()` with standard errors against the bare forward pass over the same blocks, in CPU time, pair by pair.

stories260K on 200,000 tokens and a random GPT-Neo 4 x 256 with GPT-2's vocabulary on 32,000, both of TinyStories: the
preset ``core`` of the final layer, then ``full`` of every layer. `DATA` has the model, the tokenizer and the stories.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timing import machine
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast

from nc_hf import measure
from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import open_corpus

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH = 8
KINDS: dict[str, dict[str, Any]] = {"core": {"preset": "core"}, "full, all layers": {"preset": "full", "layers": "all"}}
TARGETS = {
    ("stories260K", "core"): 1.05,
    ("stories260K", "full, all layers"): 1.15,
    ("GPT-Neo", "core"): 1.10,
    ("GPT-Neo", "full, all layers"): 1.20,
}


def stories260k(data: Path, tokens: int = 200_000) -> tuple[nn.Module, TokenBlocks]:
    """The real Llama of 260,032 parameters, 512 classes, on 200,000 tokens."""
    folder = data / "models" / "stories260K"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, _blocks(data, AutoTokenizer.from_pretrained(folder), 512, tokens)


def gpt_neo(data: Path, tokens: int = 32_000) -> tuple[nn.Module, TokenBlocks]:
    """A random GPT-Neo 4 x 256 with 50,257 classes, on 32,000 tokens."""
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=50_257, hidden_size=256, num_layers=4, num_heads=16, attention_types=[[["global", "local"], 2]],
        max_position_embeddings=512, bos_token_id=50_256, eos_token_id=50_256,
    )  # fmt: skip
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(data / "tokenizers" / "gpt2" / "tokenizer.json"), eos_token="<|endoftext|>"
    )
    return GPTNeoForCausalLM(config).eval(), _blocks(data, tokenizer, 512, tokens)


def _blocks(data: Path, tokenizer: Any, size: int, tokens: int) -> TokenBlocks:
    return open_corpus(str(data / "tinystories" / "train.jsonl")).sample(tokenizer, size, max_tokens=tokens)


def bare(model: nn.Module, blocks: TokenBlocks) -> None:
    """Run the model over all blocks, and look at nothing."""
    with torch.no_grad():
        for first in range(0, len(blocks), BATCH):
            rows = torch.arange(first, min(first + BATCH, len(blocks)))
            positions = blocks.positions(rows)
            told = {} if positions is None else {"position_ids": positions}
            model(input_ids=blocks.input_ids[rows].long(), use_cache=False, **told)


def cpu(work: Callable[[], object]) -> float:
    """Run it once and return the CPU time it took."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print the median ratio of each kind of measurement, with the least and the largest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--tokens", type=int, help="another number for both; what a report costs beside them stays")
    parser.add_argument("--only", choices=["stories260K", "GPT-Neo"])
    given = parser.parse_args()
    print(f"CPU time, batches of {BATCH} blocks, {given.pairs} pairs; {machine()}")
    if not given.data.is_dir():
        print(f"{given.data} is not there: name the folder of model, tokenizer and stories by --data")
        return
    for name, make in {"stories260K": stories260k, "GPT-Neo": gpt_neo}.items():
        if given.only in (None, name):
            model, blocks = make(given.data, given.tokens) if given.tokens else make(given.data)
            for kind in KINDS:
                compare(name, kind, model, blocks, given.pairs)


def compare(name: str, kind: str, model: nn.Module, blocks: TokenBlocks, pairs: int) -> None:
    """Print how many times as long as the forward pass a kind of measurement takes."""

    def run() -> object:
        return measure(model, blocks, batch_size=BATCH, progress=False, **KINDS[kind])

    def forward() -> None:
        bare(model, blocks)

    run(), forward()
    ratios = [cpu(run) / cpu(forward) for _ in range(pairs)]
    print(
        f"{name}, {blocks.num_labels} tokens, {kind}: {statistics.median(ratios):.3f} x the forward pass "
        f"({min(ratios):.3f} to {max(ratios):.3f}); target {TARGETS[name, kind]:.2f} x",
        flush=True,
    )


if __name__ == "__main__":
    main()
