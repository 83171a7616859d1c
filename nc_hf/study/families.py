"""The models of a study: families of architectures, each in any width and depth.

Sizes are matched: a layer has about 12 D^2 weights in every family, D the width. GPT-Neo and GPT-NeoX have an MLP of
4 D; the gated ones of Llama and Qwen3 have three matrices, so 8/3 D; a Mamba layer has half as many weights, and two of
them make one layer here, as its authors count (arXiv 2312.00752, section 3.4): 13 D^2, with the small matrices of the
state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GPTNeoConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen3Config,
)

from nc_hf.errors import StudyError
from nc_hf.study.cell import Cell
from nc_hf.study.interventions.frames import fix_head
from nc_hf.study.scaled import PREFIX, scaled_config

MAMBA_LAYERS = 2


def gpt_neo(cell: Cell, common: dict[str, Any]) -> PretrainedConfig:
    """GPT-Neo as in arXiv 2405.17767: global and local attention in turn."""
    attention = [[["global", "local"], cell.depth // 2]] if cell.depth > 1 else []
    attention += [[["global"], 1]] if cell.depth % 2 else []
    return GPTNeoConfig(
        **common,
        num_layers=cell.depth,
        attention_types=attention,
        num_heads=cell.heads,
        max_position_embeddings=cell.block_size,
        window_size=cell.window,
        attention_dropout=cell.dropout,
        embed_dropout=cell.dropout,
        resid_dropout=cell.dropout,
    )


def gpt_neox(cell: Cell, common: dict[str, Any]) -> PretrainedConfig:
    """GPT-NeoX, as Pythia: rotary positions, attention and MLP side by side."""
    return GPTNeoXConfig(
        **common,
        **_attention(cell),
        intermediate_size=4 * cell.width,
        attention_dropout=cell.dropout,
        hidden_dropout=cell.dropout,
    )


def llama(cell: Cell, common: dict[str, Any]) -> PretrainedConfig:
    """Llama: rotary positions, RMS norms, a gated MLP."""
    return LlamaConfig(**common, **_attention(cell), intermediate_size=_gated(cell), attention_dropout=cell.dropout)


def qwen3(cell: Cell, common: dict[str, Any]) -> PretrainedConfig:
    """Qwen3: Llama with norms of queries and keys."""
    return Qwen3Config(
        **common,
        **_attention(cell),
        num_key_value_heads=cell.heads,
        head_dim=cell.width // cell.heads,
        intermediate_size=_gated(cell),
        attention_dropout=cell.dropout,
    )


def mamba(cell: Cell, common: dict[str, Any]) -> PretrainedConfig:
    """Mamba, a selective state space: no attention, no positions."""
    return MambaConfig(**common, num_hidden_layers=MAMBA_LAYERS * cell.depth)


FAMILIES: dict[str, Callable[[Cell, dict[str, Any]], PretrainedConfig]] = {
    "gpt_neo": gpt_neo,
    "llama": llama,
    "gpt_neox": gpt_neox,
    "qwen3": qwen3,
    "mamba": mamba,
}


def model_config(cell: Cell, vocab_size: int) -> PretrainedConfig:
    """Describe a cell's model.

    Raises:
        StudyError: there is no such family.
    """
    common = {
        "vocab_size": vocab_size,
        "hidden_size": cell.width,
        "tie_word_embeddings": cell.tied,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if cell.family.startswith(PREFIX):
        return scaled_config(cell, common)
    if cell.family not in FAMILIES:
        raise StudyError(f"family is {cell.family!r}: give {', '.join(FAMILIES)}, or hf:CONFIG.")
    return FAMILIES[cell.family](cell, common)


def build_model(cell: Cell, vocab_size: int) -> PreTrainedModel:
    """Make the cell's model, initialised from its seed."""
    config = model_config(cell, vocab_size)
    torch.manual_seed(cell.seed)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    if cell.head != "free" and model.device.type != "meta":
        fix_head(model, cell.head, cell.seed)
    return model


def count_parameters(cell: Cell, vocab_size: int) -> int:
    """Count a cell's parameters, a tied head once; nothing is allocated."""
    with torch.device("meta"):
        return int(build_model(cell, vocab_size).num_parameters())


def _attention(cell: Cell) -> dict[str, Any]:
    return {
        "num_hidden_layers": cell.depth,
        "num_attention_heads": cell.heads,
        "max_position_embeddings": cell.block_size,
    }


def _gated(cell: Cell) -> int:
    return round(8 * cell.width / 3)
