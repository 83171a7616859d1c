"""A measurement, with errors and NC4, against the model's bare forward pass over the same blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from timing import ratio
from transformers import AutoModelForCausalLM, GPTNeoConfig, GPTNeoForCausalLM

from limits.lines import Line, Settings
from nc_hf import measure
from nc_hf.corpus import open_corpus
from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.hub import open_tokenizer

# Real data beside the clone, where there are any.
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TARGETS = {"stories260K": (1.05, 1.15), "GPT-Neo 4 x 256": (1.10, 1.20)}


def run(settings: Settings) -> Iterator[Line]:
    """Yield two lines a model: the final layer with `core`, and all layers with `full`."""
    for name, (model, blocks) in models(settings).items():

        @torch.inference_mode()
        def forward(model: Any = model, blocks: TokenBlocks = blocks) -> None:
            for rows in torch.split(blocks.input_ids.long(), 8):
                model(input_ids=rows)

        for target, options in zip(TARGETS[name], ({}, {"layers": "all", "preset": "full"}), strict=True):
            times, seconds, limit = ratio(
                lambda model=model, blocks=blocks, options=options: measure(
                    model, blocks, max_tokens=None, progress=False, device=settings.device, classes="all", **options
                ),
                forward,
                pairs=settings.size(3, 1),
            )  # fmt: skip
            what = "all layers, `full`" if options else "`core` with errors"
            yield Line(
                f"`measure()` of {name}, {what}, {blocks.input_ids.numel():,} tokens", "the bare forward pass",
                times, target, note=f"{seconds:.1f} s, {limit:.1f} s",
            )  # fmt: skip


def models(settings: Settings) -> dict[str, tuple[Any, TokenBlocks]]:
    """Return models with blocks of tokens; the real one where its files are."""
    found: dict[str, tuple[Any, TokenBlocks]] = {}
    folder = DATA / "models" / "stories260K"
    if folder.exists() and not settings.small:
        tokenizer = open_tokenizer(str(folder), allow_local=True)
        texts = open_corpus(str(DATA / "tinystories"), "validation").texts
        ids = tokenizer("\n".join(text for text, _ in zip(texts, range(1_100), strict=False)))["input_ids"]
        found["stories260K"] = (
            AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval(),
            packed(ids, 200_000),
        )
    vocabulary, width = settings.size(50_257, 300), settings.size(256, 32)
    config = GPTNeoConfig(
        vocab_size=vocabulary, hidden_size=width, num_layers=settings.size(4, 1), num_heads=4,
        max_position_embeddings=512,
        bos_token_id=0, eos_token_id=0, attention_types=[[["global"], settings.size(4, 1)]],
    )  # fmt: skip
    torch.manual_seed(0)
    frequency = 1 / torch.arange(1.0, vocabulary + 1)
    size = settings.size(32_768, 4_096)
    ids = torch.multinomial(frequency, size, replacement=True).tolist()
    found["GPT-Neo 4 x 256"] = GPTNeoForCausalLM(config).eval(), packed(ids, size)
    return found


def packed(ids: list[int], most: int, length: int = 512) -> TokenBlocks:
    """Cut tokens into blocks."""
    rows = torch.tensor(ids[: min(len(ids), most) // length * length]).view(-1, length)
    documents = torch.arange(len(rows)).unsqueeze(1).expand_as(rows).int()
    return TokenBlocks(rows.int(), documents, "drawn", "documents", "drawn", "all", "none", None)
