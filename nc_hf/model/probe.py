"""A forward pass over a few tokens, by which something is found out about a model, and which leaves no trace in it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch import Tensor, nn

from nc_hf.model.anatomy import causal_lm, find_decoder, first_tensor, model_logits
from nc_hf.runtime.precision import matmul_dtypes


@dataclass(frozen=True)
class Probed:
    """What a model made of a few tokens.

    Attributes:
        features: (B, L, D) each, the outputs of the decoder: one, unless it ran several times.
        logits: (B, L, V); None where it gave none.
        dtypes: those that the numbers went through, be it by autocast or as TF32.
    """

    features: list[Tensor]
    logits: Tensor | None
    dtypes: frozenset[torch.dtype]


@torch.no_grad()
def probe(model: nn.Module, tokens: Tensor, **options: Any) -> Probed:
    """Run a model over tokens, in evaluation mode, eagerly and without touching the random state.

    Args:
        model: with its wrappers where it is sharded: then every rank has to come here. It is left in the mode it was
            in, module by module.
        tokens: (B, L) int64.
        **options: other arguments of the forward pass.
    """
    inner = causal_lm(model)
    device = inner.get_input_embeddings().weight.device
    features: list[Tensor] = []
    dtypes = {weight.dtype for weight in inner.parameters() if weight.is_floating_point()} | matmul_dtypes()

    def hear(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        hidden = first_tensor(output)
        features.append(hidden)
        kind = hidden.device.type
        dtypes.update([hidden.dtype, *([torch.get_autocast_dtype(kind)] if torch.is_autocast_enabled(kind) else [])])

    handle = find_decoder(inner).register_forward_hook(hear)
    devices = [device] if device.type == "cuda" else []
    try:
        with evaluating(model), torch.random.fork_rng(devices), torch.compiler.set_stance("force_eager"):
            logits = model_logits(model(**send_to_device({"input_ids": tokens, **options}, device)))
    finally:
        handle.remove()
    return Probed(features, logits, frozenset(dtypes))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode, and each of its modules back in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def frugal(model: nn.Module, *, logits: bool) -> dict[str, Any]:
    """Return arguments that spare a model what is of no use: the key-value cache, and logits that nobody reads."""
    wanted: dict[str, Any] = {"use_cache": False}
    # A decoder that takes it too (Gemma 4) leaves out the features that would make those logits.
    if not logits and "logits_to_keep" not in inspect.signature(find_decoder(causal_lm(model)).forward).parameters:
        wanted["logits_to_keep"] = 1
    return {name: value for name, value in wanted.items() if takes(model, name)}


def takes(model: nn.Module, name: str) -> bool:
    """Whether the forward pass of a model names an argument; not every model has all of them."""
    return name in inspect.signature(getattr(model, "_orig_mod", model).forward).parameters
