"""An adapter's tensors put into the weights of its base model, which then needs PEFT no more."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nc_hf.errors import ModelError, NCError
from nc_hf.hub.adapter import ADAPTER_WEIGHTS, BY_HAND, Adapter
from nc_hf.hub.configuration import first_line
from nc_hf.hub.weights import BUILDING

_TWICE = re.compile(r"\.(modules_to_save|original_module)\.")  # PEFT may save embeddings by these names as well
_WITHIN = "base_model.model."  # before the name of each module in an adapter's file


def merge_adapter(name: str, model: Any, adapter: Adapter, weights: Path) -> Any:
    """Merge an adapter into its base model, as ``PeftModel.merge_and_unload`` does.

    Only PEFT's arithmetic is used: which modules are adapted is read off the file's tensors, so that neither patterns,
    paths nor names of modules from the adapter's configuration reach it.

    Args:
        name: of the adapter, for the message.
        model: the base, which is changed.
        adapter: as :func:`~nc_hf.hub.adapter.read_adapter` gave it.
        weights: its file of safetensors.

    Returns:
        The base with merged weights. Input and output embeddings that were one tensor are two where the adapter
        treats them differently.

    Raises:
        ModelError: the file is not whole, or does not fit the base.
    """
    try:
        tensors = load_file(weights, device=str(model.device))
        with BUILDING, warnings.catch_warnings():  # PEFT switches the making of parameters for the whole process
            warnings.simplefilter("ignore")
            return _merged(name, model, adapter, tensors).eval()
    except NCError:
        raise
    except Exception as fault:  # PEFT raises whatever its layers raise for tensors that they do not fit
        raise ModelError(
            f"The adapter {name} does not fit its base model {adapter.base} ({first_line(fault)}): {BY_HAND}."
        ) from fault


def _merged(name: str, model: Any, adapter: Adapter, tensors: Mapping[str, Tensor]) -> Any:
    from peft import PeftModel
    from peft.utils import set_peft_model_state_dict

    config, prefix = _peft_config(name, model, adapter, tensors)
    _resize(model, tensors)
    _untie(model, config.target_modules)
    whole = PeftModel(model, config, low_cpu_mem_usage=True)  # no memory for what only the configuration promises
    own = {key: _as_merged(key, value, prefix, model.dtype) for key, value in tensors.items() if not _TWICE.search(key)}
    found: Any = set_peft_model_state_dict(whole, own, low_cpu_mem_usage=True)
    lacking = [key for key, value in whole.state_dict().items() if value.is_meta]
    if strange := sorted([*found.unexpected_keys, *lacking]):
        raise ModelError(
            f"The {ADAPTER_WEIGHTS} of {name} does not fit its base model {adapter.base} ({strange[0][:80]} and "
            f"{len(strange) - 1} more): {BY_HAND}."
        )
    merged = whole.merge_and_unload()
    head, embeddings = merged.get_output_embeddings(), merged.get_input_embeddings()
    if head is not None and head.weight is not embeddings.weight:
        merged.config.get_text_config().tie_word_embeddings = merged.config.tie_word_embeddings = False
    return merged


def _peft_config(name: str, model: Any, adapter: Adapter, tensors: Mapping[str, Tensor]) -> tuple[Any, str]:
    """Return PEFT's configuration with the modules that the tensors name, and how PEFT's parameters begin."""
    from peft import PeftType
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING

    kind = PeftType(adapter.kind)
    prefix = PEFT_TYPE_TO_PREFIX_MAPPING[kind]
    known = {module for module, _ in model.named_modules()}
    adapted = {key: _module(key, prefix) for key in tensors if f".{prefix}" in key}
    saved = [*adapter.settings.get("modules_to_save", []), *_replaced(tensors, adapted)]
    for module in sorted({*adapted.values(), *_replaced(tensors, adapted)} - known):  # PEFT reads names as patterns
        raise ModelError(f"The adapter {name} is for {module[:80]!r}, which its base {adapter.base} lacks: {BY_HAND}.")
    settings = {**adapter.settings, "target_modules": sorted({*adapted.values()}), "modules_to_save": saved or None}
    if adapter.kind == "IA3":  # one factor for each feature that goes in, where others have one for each that comes out
        settings["feedforward_modules"] = sorted(
            module for key, module in adapted.items() if tensors[key].shape[0] == 1 != tensors[key].shape[-1]
        )
    config: Any = PEFT_TYPE_TO_CONFIG_MAPPING[kind](**settings)
    return config, prefix


def _module(key: str, prefix: str) -> str:
    """Name the module that a tensor adapts.

    >>> _module("base_model.model.lm_head.lora_A.weight", "lora_")
    'lm_head'
    """
    return key.removeprefix(_WITHIN).partition(f".{prefix}")[0]


def _replaced(tensors: Iterable[str], adapted: Iterable[str]) -> list[str]:
    """Name the modules whose whole weight lies in the file, as that of embeddings of another length does."""
    ends = (".base_layer.weight", ".weight")
    own = [key for key in tensors if key not in set(adapted) and not _TWICE.search(key)]
    plain = [key for key in own if key.endswith(ends[1]) and not key.endswith(ends[0])]
    return [key.removeprefix(_WITHIN).removesuffix(ends[1]) for key in plain]


def _resize(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Give the model the vocabulary of an adapter that was trained with another one, and brings all its vectors."""
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    names = [name for name, module in model.named_modules() if module is embeddings or module is head]
    shared = [tensors[key] for name in names if (key := f"{_WITHIN}{name}.base_layer.weight") in tensors]
    whole = [tensors[key] for name in names if (key := f"{_WITHIN}{name}.weight") in tensors]
    tied = head is not None and head.weight is embeddings.weight
    rows = {table.shape[0] for table in (*shared, *whole)}
    if len(rows) == 1 and (len(shared) + len(whole) == len(names) or (tied and shared)):
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)
        if tied and shared:
            model.get_input_embeddings().weight.data.copy_(shared[0])


def _untie(model: Any, adapted: Iterable[str]) -> None:
    """Give head and embeddings a tensor each where one of them is adapted by itself."""
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    named = {module for name, module in model.named_modules() if name in set(adapted)}
    if head is not None and head.weight is embeddings.weight and named & {head, embeddings}:
        head.weight = nn.Parameter(head.weight.detach().clone())
        model.config.get_text_config().tie_word_embeddings = model.config.tie_word_embeddings = False


def _as_merged(key: str, value: Tensor, prefix: str, dtype: torch.dtype) -> Tensor:
    """Take an adapter's own tensors in float32 at least, as PEFT does, and the others in the model's type."""
    wide = torch.promote_types(dtype, torch.float32)
    return value.to(wide if f".{prefix}" in key or "trainable_tokens" in key else dtype)
