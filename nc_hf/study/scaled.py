"""The family ``hf:CONFIG``: any configuration of transformers, brought to a cell's width and depth."""

from __future__ import annotations

from functools import cache
from typing import Any

from transformers import AutoConfig, PretrainedConfig

from nc_hf.errors import StudyError
from nc_hf.hub.configuration import check_causal, first_line
from nc_hf.study.cell import Cell

PREFIX = "hf:"

WITH_THE_WIDTH = ("intermediate_size", "n_inner", "ffn_dim", "word_embed_proj_dim", "moe_intermediate_size", "d_inner")
"""Lengths that grow with the width, in the configurations that have them."""

BY_LAYER = ("layer_types", "no_rope_layers", "mlp_only_layers")
"""Lists of an entry a layer, which transformers makes anew for another depth."""


def scaled_config(cell: Cell, common: dict[str, Any]) -> PretrainedConfig:
    """Bring a configuration to a cell's width, depth, heads and length.

    What grows with the width keeps its ratio to it; key and value heads keep theirs to the heads, as far as that
    gives one or more; all else stays as it is.

    Args:
        cell: its family names the configuration, an id of the Hub or a folder.
        common: fields that all families share.

    Raises:
        StudyError: it cannot be read, or tells no width to scale from.
        HubError: it is not of a causal language model.
    """
    name = cell.family.removeprefix(PREFIX)
    config = _read(name)
    own = config.to_dict()
    check_causal(name, own)
    width, heads = getattr(config, "hidden_size", None), getattr(config, "num_attention_heads", None)
    if not width:
        raise StudyError(f"the configuration of {name} tells no hidden_size: give one of a causal language model.")
    changes = {key: max(1, round(own[key] * cell.width / width)) for key in WITH_THE_WIDTH if own.get(key)}
    changes |= {"num_hidden_layers": cell.depth, "max_position_embeddings": cell.block_size, **common}
    if heads:
        changes["num_attention_heads"] = cell.heads
        if own.get("head_dim"):
            changes["head_dim"] = cell.width // cell.heads
        if own.get("num_key_value_heads"):
            changes["num_key_value_heads"] = _at_most(cell.heads, cell.heads * own["num_key_value_heads"] // heads)
    kept = {key: value for key, value in own.items() if key not in (*BY_LAYER, *map(_spelt(config), changes))}
    kept |= {key: value for key, value in _dropout(own, cell).items()}
    try:
        return type(config)(**kept, **changes)
    except Exception as error:  # configurations check themselves, each in its own way
        raise StudyError(
            f"the configuration of {name} cannot be brought to {cell.depth} layers of {cell.width} "
            f"({first_line(error)}): give another width, depth, number of heads, or family."
        ) from error


@cache
def _read(name: str) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # of the Hub, of JSON, or of the configuration's own checks
        raise StudyError(
            f"the configuration {name} cannot be read ({first_line(error)}): give hf: and an id of the Hub, or a "
            "folder with config.json."
        ) from error


def _spelt(config: PretrainedConfig) -> Any:
    """Return how a configuration spells a common name."""
    return lambda name: config.attribute_map.get(name, name)


def _dropout(own: dict[str, Any], cell: Cell) -> dict[str, float]:
    """Set every dropout that the configuration has."""
    names = [key for key, value in own.items() if isinstance(value, float) and ("drop" in key or "pdrop" in key)]
    return dict.fromkeys(names, cell.dropout)


def _at_most(heads: int, wanted: int) -> int:
    """Return the largest divisor of the heads that is no more than is wanted, and at least 1."""
    return next(count for count in range(max(1, min(wanted, heads)), 0, -1) if not heads % count)
