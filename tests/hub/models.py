"""Tiny models as the files of a repository, from configurations, never downloaded."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tests.hub.repository import Content, as_bytes, files_of

VOCABULARY = 300


@cache
def tokenizer_files() -> dict[str, Content]:
    """A byte-level tokenizer of 300 tokens, of which the first 256 are the bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [f"word{number}" for number in range(VOCABULARY - len(letters) - 1)]
    tokens = ["<|endoftext|>", *letters, *words]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    return {"tokenizer.json": tokenizer.to_str(), "tokenizer_config.json": json.dumps(about)}


@cache
def gpt2_files(
    seed: int = 0, layers: int = 2, max_shard_size: str = "1GB", tokenizer: bool = True
) -> dict[str, Content]:
    """A GPT-2 of 300 tokens and width 16, with its tokenizer."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=64, n_embd=16, n_layer=layers, n_head=2, bos_token_id=0, eos_token_id=0
    )
    files = saved(GPT2LMHeadModel(config), max_shard_size=max_shard_size)
    return {**files, **(tokenizer_files() if tokenizer else {})}


def saved(model: Any, **how: Any) -> dict[str, Content]:
    """What ``save_pretrained`` writes, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, **how)
        return {
            name: Path(path).read_bytes() for name, path in files_of(Path(folder)).items() if isinstance(path, Path)
        }


def weights(files: dict[str, Content] | None = None) -> bytes:
    """The weight file of these files, by default of the GPT-2 above."""
    return as_bytes((files or gpt2_files())["model.safetensors"])


def with_config(files: dict[str, Content], **changes: Any) -> dict[str, Content]:
    """The same files with entries of ``config.json`` changed (None removes one)."""
    config = json.loads(files["config.json"]) | changes  # type: ignore[arg-type]
    return {**files, "config.json": json.dumps({name: value for name, value in config.items() if value is not None})}


def only_config(**config: Any) -> dict[str, Content]:
    """A repository that holds a configuration, one tensor, and nothing more."""
    return {"config.json": json.dumps(config), "model.safetensors": save({"weight": torch.zeros(4)})}
