"""What a repository's file list, configuration and weight headers say, and the models that are refused for it.

Nothing here runs code of a repository, unpickles, or reads a weight.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from nc_hf.errors import ModelError

if TYPE_CHECKING:
    from huggingface_hub.utils._safetensors import SafetensorsRepoMetadata

WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_ITEM_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".pkl")


@dataclass(frozen=True)
class WeightSummary:
    """What the headers of the safetensors files declare.

    Attributes:
        num_bytes: of all tensors together.
        parameters: number of floating-point elements.
        elements: number of elements of each tensor, by its name.
        dtype: the floating-point type of most parameters, for instance ``float32``.
    """

    num_bytes: int
    parameters: int
    elements: dict[str, int]
    dtype: str


def check_files(name: str, files: Iterable[str]) -> str:
    """Return the file to read the weights from: ``model.safetensors`` or its index.

    Raises:
        ModelError: if there is none, or what lies there is an adapter, pickles or another program's format.
    """
    names = set(files)
    if "adapter_config.json" in names:
        raise ModelError(f"{name} is an adapter without its base model: merge the two, save, and name the result.")
    if "config.json" not in names:
        raise ModelError(f"{name} has no config.json: name a repository or folder in the format of transformers.")
    for weights in (WEIGHTS, WEIGHTS_INDEX):
        if weights in names:
            return weights
    endings = {Path(file).suffix for file in names}
    if endings & set(_PICKLES):
        raise ModelError(
            f"{name} has its weights as pickles or the like only, which may run code: load it where you trust it, "
            "save_pretrained() it, which writes safetensors, and name the result."
        )
    if ".gguf" in endings:
        raise ModelError(f"{name} is in the format GGUF, quantised for other programs: name the original model.")
    raise ModelError(f"{name} has no {WEIGHTS}: name a repository or folder with weights as safetensors.")


def read_config(name: str, folder: Path) -> Any:
    """Read ``config.json`` of a causal language model that transformers itself knows.

    Returns:
        The ``PreTrainedConfig``, with the model's own choices of kernels left out: they may name code on the Hub.

    Raises:
        ModelError: if it cannot be read, needs remote code, is quantised, or is not of a causal language model.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = raw.get("model_type")
    except (OSError, ValueError, AttributeError) as fault:
        raise ModelError(f"The config.json of {name} cannot be read: repair it or name another model.") from fault
    if kind not in CONFIG_MAPPING_NAMES:
        if raw.get("auto_map"):
            raise ModelError(
                f"{name} needs code from its repository, which is never run: name a model of transformers."
            )
        raise ModelError(
            f"transformers knows no model type {kind!r}, which {name} is: update it or name another model."
        )
    if raw.get("quantization_config"):
        method = raw["quantization_config"].get("quant_method", "of a kind it does not name")
        raise ModelError(f"The weights of {name} are quantised ({method}): name the original model instead.")
    if raw.get("transformers_weights"):
        raise ModelError(f"{name} keeps its weights under a name of its own: rename them to {WEIGHTS}.")
    check_causal(name, raw)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as fault:  # a configuration is checked by code of every model type, which may raise anything
        raise ModelError(
            f"The config.json of {name} is not valid ({first_line(fault)}): name another model."
        ) from fault
    config._attn_implementation = None
    config._experts_implementation = None
    return config


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
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{name} is an encoder-decoder ({shown}): name a decoder-only model.")
    both_ways = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.get("is_decoder") and kind != "reformer"
    if both_ways or any("MaskedLM" in known for known in architectures):
        raise ModelError(f"{name} is a masked language model ({shown}), which sees the next token: name a causal one.")
    if causal is None:
        raise ModelError(f"{name} ({shown}) is not a language model that predicts the next token: name a causal one.")
    if architectures and causal.lower() not in (known.lower() for known in architectures):
        raise ModelError(
            f"{name} was saved as {shown}, without the head of {causal}: name a model saved with its head."
        )


def summarise_weights(name: str, headers: SafetensorsRepoMetadata, sizes: Mapping[str, int]) -> WeightSummary:
    """Add up what the headers declare, and hold it against the files' sizes.

    Args:
        name: of the model, for the message.
        headers: of all its safetensors files.
        sizes: bytes of each file.

    Raises:
        ModelError: if a header contradicts itself or the size of its file, or the weights are quantised.
    """
    elements: dict[str, int] = {}
    kinds: Counter[str] = Counter()
    total = 0
    for file, header in headers.files_metadata.items():
        end = 0
        for tensor, info in header.tensors.items():
            count, (begin, stop) = math.prod(info.shape), info.data_offsets
            width = _ITEM_BYTES.get(info.dtype)
            if begin < 0 or min(info.shape, default=0) < 0 or (width and stop - begin != count * width):
                raise ModelError(
                    f"The header of {file} in {name} contradicts itself: the file is damaged, use another."
                )
            elements[tensor], end = count, max(end, stop)
            kinds[info.dtype] += count
        if end > sizes[file] - 8:
            raise ModelError(
                f"The header of {file} in {name} declares more than the file holds: fetch or save it anew."
            )
        total += end
    floating = {_DTYPES[kind]: count for kind, count in kinds.items() if kind in _DTYPES}
    parameters = sum(floating.values())
    if 2 * parameters < kinds.total():  # masks and position tables of old checkpoints are integers too, but few
        raise ModelError(
            f"The weights of {name} are quantised ({kinds.most_common(1)[0][0]}): name the original model."
        )
    if not parameters:
        raise ModelError(f"The weight files of {name} hold no weights: name another model.")
    return WeightSummary(total, parameters, elements, max(floating, key=lambda kind: floating[kind]))


def check_described(name: str, config: Any, weights: WeightSummary) -> None:
    """Refuse a configuration that describes a larger model than its weights fill.

    The model is laid out without memory (on the device "meta"); the rest would be filled at random, and could be of any
    size.

    Raises:
        ModelError: if it does.
    """
    text = config.get_text_config()
    too_deep = (getattr(text, "num_hidden_layers", None) or 0) > len(weights.elements)
    try:
        described = math.inf if too_deep else _count_parameters(config)
    except Exception as fault:  # sizes that do not go together fail somewhere within the model's own code
        raise ModelError(
            f"The config.json of {name} describes no model ({first_line(fault)}): name another."
        ) from fault
    held = sum(weights.elements.values())
    if described > held:
        raise ModelError(
            f"The config.json of {name} describes a model larger than its weights ({held:,} numbers): "
            "one of them is wrong, name another model or revision."
        )


def first_line(fault: BaseException) -> str:
    """Give the first line of an error, short enough for a sentence."""
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:160].rstrip(".")


def _count_parameters(config: Any) -> int:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())
