"""Where a causal LM of transformers keeps its parts: the decoder that makes the features, its blocks, the head."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nc_hf.errors import ModelError, TapError
from nc_hf.errors.remedies import Remedy

_OTHER_SHAPES = {"xlnet": "(L, B, D)", "gemma3n_text": "several streams, (S, B, L, D)"}
"""Of what the blocks of some text models pass on, where it is not (B, L, D)."""


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside the wrappers of ``torch.compile``, DDP, FSDP and DeepSpeed."""
    while isinstance(inner := getattr(model, "_orig_mod", getattr(model, "module", None)), nn.Module):
        model = inner
    return model


def causal_lm(model: nn.Module) -> Any:
    """Unwrap a model, and refuse one that is not a causal LM with a head.

    Raises:
        ModelError: An encoder-decoder, a model without a language-model head, or no model of transformers.
    """
    inner: Any = unwrap(model)
    name = type(inner).__name__
    if not callable(getattr(inner, "get_decoder", None)) or not hasattr(inner, "config"):
        raise ModelError(f"{name} is not a model of transformers; load one with AutoModelForCausalLM.")
    if getattr(inner.config, "is_encoder_decoder", False):
        raise ModelError(f"{name} is an encoder-decoder, whose features depend on a second text; use a causal LM.")
    if inner.get_output_embeddings() is None:
        raise ModelError(f"{name} has no language-model head; load the model with AutoModelForCausalLM.")
    return inner


def weight_hash(model: nn.Module) -> str:
    """Identify a model by all of its weights: sha256 of their names, kinds and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in causal_lm(model).state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def find_decoder(model: Any) -> nn.Module:
    """The module whose output enters the head: ``get_decoder()``, or inside it where that still holds the head.

    Raises:
        TapError: No such module, or more than one.
    """
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    decoder: nn.Module = model.get_decoder()
    if decoder is head:  # named "decoder" as in BERT
        decoder = model
    while head is not embeddings and holds(decoder, head):
        inner = [child for child in decoder.children() if child is not embeddings and holds(child, embeddings)]
        if len(inner) != 1:
            raise TapError(
                f"The decoder of {type(model).__name__} cannot be told from its head; give the class a get_decoder() "
                "that returns the module whose output enters the head."
            )
        decoder = inner[0]
    return decoder


def find_blocks(model: Any) -> nn.ModuleList:
    """The decoder's stack of blocks, first to last: its heaviest list of as many modules as the model has layers.

    Raises:
        TapError: No such list, or blocks whose outputs are not (B, L, D).
    """
    config = model.config.get_text_config()
    depth = getattr(config, "num_hidden_layers", None)
    stacks = [m for m in find_decoder(model).modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    other = _OTHER_SHAPES.get(config.model_type)
    if not stacks or other is not None:
        why = "" if other is None else f", since they pass on {other}"
        raise TapError(f"The blocks of {type(model).__name__} cannot be tapped one by one{why}", Remedy.FINAL_LAYER)
    return max(stacks, key=lambda stack: sum(parameter.numel() for parameter in stack.parameters()))


def first_tensor(output: Any) -> Tensor:
    """The hidden states among what a decoder or block returns: a tensor, a ModelOutput or a tuple led by them."""
    hidden: Tensor = output if isinstance(output, Tensor) else output[0]
    return hidden


def model_logits(output: object) -> Tensor | None:
    """The logits (B, L, V) among what a model returns: a ModelOutput, or a tuple that may begin with the loss."""
    if isinstance(output, Mapping):
        return output.get("logits")
    if isinstance(output, tuple):
        return next((entry for entry in output if isinstance(entry, Tensor) and entry.dim() == 3), None)
    return None


def holds(module: nn.Module, part: nn.Module) -> bool:
    """Whether a module is ``part``, or has it somewhere within."""
    return any(inner is part for inner in module.modules())
