"""The models of a study: GPT-Neo as in arXiv 2405.17767, in any width and depth."""

from __future__ import annotations

import torch
from transformers import GPTNeoConfig, GPTNeoForCausalLM

from nc_hf.study.grid import Cell, Study


def model_config(study: Study, cell: Cell, vocab_size: int) -> GPTNeoConfig:
    """Describe a cell's model: global and local attention in turn, and the head tied to the embeddings."""
    attention = [[["global", "local"], cell.depth // 2]] if cell.depth > 1 else []
    attention += [[["global"], 1]] if cell.depth % 2 else []
    return GPTNeoConfig(
        vocab_size=vocab_size,
        max_position_embeddings=study.block_size,
        hidden_size=cell.width,
        num_layers=cell.depth,
        attention_types=attention,
        num_heads=study.heads,
        window_size=study.window,
        attention_dropout=study.dropout,
        embed_dropout=study.dropout,
        resid_dropout=study.dropout,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )


def build_model(study: Study, cell: Cell, vocab_size: int) -> GPTNeoForCausalLM:
    """Make the cell's model, initialised from its seed."""
    torch.manual_seed(cell.seed)
    return GPTNeoForCausalLM(model_config(study, cell, vocab_size))


def count_parameters(study: Study, cell: Cell, vocab_size: int) -> int:
    """Count a cell's parameters, the tied head once; nothing is allocated."""
    with torch.device("meta"):
        return int(GPTNeoForCausalLM(model_config(study, cell, vocab_size)).num_parameters())
