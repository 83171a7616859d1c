"""The configuration: whether it is of a causal language model that transformers itself knows, and of a sane size."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from nc_hf.errors import ModelError
from nc_hf.errors.remedies import Remedy

# What Python raises when a file's JSON is not of the expected form.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
# A configuration is unfolded into lists and modules before anything can be compared with the weights. No known model
# has a tenth of these numbers; rotary bases are no counts.
_MAX_MODULES, _MAX_COUNT = 10_000, 1_000_000_000
_MODULES, _NO_COUNT = re.compile("layer|block|expert"), re.compile("theta|rope|_id$|_ids$")


def read_config(name: str, folder: Path) -> Any:
    """Read ``config.json`` of a causal language model.

    Returns:
        The ``PreTrainedConfig``, with the model's own choices of kernels left out: they may name code on the Hub.

    Raises:
        ModelError: if it cannot be read, needs remote code, is quantised, or is not of a causal language model.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        _check_type(name, raw)
        check_causal(name, raw)
        _check_counts(name, raw)
    except (OSError, *MALFORMED) as fault:
        raise ModelError(f"The config.json of {name} cannot be read: repair it or name another model.") from fault
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        config._attn_implementation = None
        config._experts_implementation = None
    except Exception as fault:  # a configuration is checked by code of every model type, which may raise anything
        raise ModelError(
            f"The config.json of {name} is not valid ({first_line(fault)}): name another model."
        ) from fault
    return config


def first_line(fault: BaseException) -> str:
    """Give the first line of an error, short enough for a sentence."""
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:160].rstrip(".")


def _check_type(name: str, config: Mapping[str, Any]) -> None:
    """Refuse types that transformers does not know by itself, and weights that it could not read as numbers."""
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        if config.get("auto_map"):
            raise ModelError(f"{name} needs code of its repository, which is never run: name a model of transformers.")
        raise ModelError(f"{name} is of the type {str(kind)[:50]!r}, which transformers does not know", Remedy.UPDATE)
    if quantised := config.get("quantization_config"):
        method = str(quantised.get("quant_method", "by a method that is not named"))[:50]
        raise ModelError(f"The weights of {name} are quantised ({method}): name the original model instead.")
    if config.get("transformers_weights"):
        raise ModelError(f"{name} keeps its weights under a name of its own", Remedy.SAFETENSORS)


def check_causal(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a model that does not predict the next token from those before it.

    Args:
        name: of the model, for the message.
        config: contents of its ``config.json``.

    Raises:
        ModelError: for an encoder-decoder, a masked language model, and a model without a language-model head.
    """
    kind = config["model_type"]
    architectures = [str(known) for known in config.get("architectures") or ()]
    shown = architectures[0] if architectures else kind
    causal = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)
    with_head = ("forcausallm", "lmheadmodel", str(causal).lower())
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{name} is an encoder-decoder ({shown}): name a decoder-only model.")
    both_ways = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.get("is_decoder") and kind != "reformer"
    if both_ways or any("MaskedLM" in known for known in architectures):
        raise ModelError(f"{name} is a masked language model ({shown}), which sees the next token: name a causal one.")
    if causal is None:
        raise ModelError(f"{name} ({shown}) is not a language model that predicts the next token: name a causal one.")
    if architectures and not any(known.lower().endswith(with_head) for known in architectures):
        raise ModelError(
            f"{name} was saved as {shown}, without the head of {causal}: name a model saved with its head."
        )


def _check_counts(name: str, value: Any, key: str = "") -> None:
    """Refuse numbers of layers, experts and the like that no model has, wherever in the configuration they stand."""
    if isinstance(value, Mapping):
        for inner, each in value.items():
            _check_counts(name, each, inner)
    elif isinstance(value, list):
        for each in value:
            _check_counts(name, each, key)
    elif isinstance(value, int) and not _NO_COUNT.search(key):
        if value > (_MAX_MODULES if _MODULES.search(key) else _MAX_COUNT):
            raise ModelError(
                f"The config.json of {name} gives {key} as {value:.3g}: no model has so many, name another."
            )
