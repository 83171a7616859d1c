"""The weight and bias that the last layer of a causal LM works with: sharded, adapted, quantised, or as they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nc_hf.errors import HeadError
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.gather import gathered, is_sharded

READABLE = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
PROBED_ELEMENTS = 1 << 26  # outputs of a layer that are held at a time when its rows are read through it


class OutputLayer:
    """The last layer of a causal LM, ``h W^T + b``.

    Args:
        model: with its wrappers.

    Attributes:
        sharded: whether it is whole only while it is gathered, where every rank is.
        quantised: whether it holds its weight in another form than floating-point numbers; known once it is read.

    Raises:
        ModelError: A model without a language-model head.
    """

    def __init__(self, model: nn.Module) -> None:
        """Find the layer; nothing is read yet."""
        self._model, self._inner = model, causal_lm(model)
        self._name = type(self._inner).__name__
        module: Any = self._inner.get_output_embeddings()
        self.sharded, self.quantised = is_sharded(model, module), False
        self._module = getattr(module, "_fsdp_wrapped_module", module)

    @property
    def rows(self) -> int | None:
        """V, where it can be told without reading the weight."""
        weight = getattr(self._module, "weight", None)
        if isinstance(weight, Tensor) and _is_plain(weight) and not self.sharded:
            return len(weight)
        rows: int | None = getattr(self._module, "out_features", None)
        return rows

    def read(self, features: Tensor) -> tuple[Tensor, Tensor | None, bool]:
        """Read the layer; every rank has to come here where it is sharded.

        Args:
            features: (n, D) of a forward pass that the model has made; call ``refuse_unreadable`` before that.

        Returns:
            The weight (V, D), the model's own where that is whole and no adapter works on it, a copy otherwise; the
            bias (V,) or None; and whether the weight is the input embedding too.

        Raises:
            HeadError: It is not whole, or no library can turn it into numbers.
        """
        with torch.no_grad(), gathered(self._model, self._module) as whole:
            weight = whole(self._module.weight)
            if not weight.numel() or weight.is_meta:
                raise self._is_elsewhere()
            self.quantised = not _is_plain(weight)
            if self.quantised or _is_adapted(self._module):
                return *self._read_through(whole, features), False
            bias = getattr(self._module, "bias", None)
            tied = self._module.weight is getattr(self._inner.get_input_embeddings(), "weight", None)
            tensors = [None if tensor is None else whole(tensor) for tensor in (weight, bias)]
            if self.sharded:  # what stands here may be freed when the context ends
                tensors = [None if tensor is None else tensor.clone() for tensor in tensors]
            assert tensors[0] is not None
            return tensors[0], tensors[1], tied

    def refuse_unreadable(self) -> None:
        """Refuse what can be seen not to be readable, before a forward pass is made for it.

        Raises:
            HeadError: Several layers, weights that are not here, or numbers that nobody explains.
        """
        weight = getattr(self._module, "weight", None)
        if not isinstance(weight, Tensor):
            raise HeadError(
                f"The head of {self._name} is not one linear layer; use a model with a single vocabulary head."
            )
        if weight.is_meta or not (weight.numel() or self.sharded):
            raise self._is_elsewhere()
        if type(self._module) is nn.Linear and type(weight) is nn.Parameter and weight.dtype not in READABLE:
            raise HeadError(
                f"The head's weight of {self._name} is quantised to {weight.dtype}, in a layer that does not say how; "
                "load the model in bfloat16 or float32."
            )

    def _is_elsewhere(self) -> HeadError:
        return HeadError(
            f"The head's weight of {self._name} is not whole on this process (offloaded or sharded); gather it, or "
            "load the model onto one device."
        )

    def _read_through(self, whole: Callable[[Tensor], Tensor], features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Read what the layer multiplies by off its outputs for the unit vectors: whatever makes it is then in it."""
        layer = _Bare(self._module)
        # Parts of a DTensor cannot meet plain inputs; what is whole as it stands stays where it is.
        parts = {name: tensor for name, tensor in layer.named_parameters() if hasattr(tensor, "full_tensor")}
        swapped = {name: whole(tensor) for name, tensor in parts.items()}
        weight = self._module.weight
        dtype = weight.dtype if weight.dtype in READABLE else features.dtype
        inputs = torch.zeros(1, 1, features.shape[1], dtype=dtype, device=weight.device)
        try:
            offset = functional_call(layer, swapped, (inputs,))[0]
            columns = [
                (functional_call(layer, swapped, (unit,))[0] - offset).T
                for unit in _unit_vectors(inputs, max(1, PROBED_ELEMENTS // offset.shape[-1]))
            ]
        except Exception as problem:  # whatever a library makes of what it cannot do
            raise HeadError(
                f"The head of {self._name} is quantised or adapted in a way that cannot be read "
                f"({type(problem).__name__}: {problem}); load the model in bfloat16 or float32, or merge the adapters."
            ) from problem
        return torch.cat(columns, dim=1), offset[0] if offset.any() else None


class _Bare(nn.Module):
    """Runs a layer without its hooks, which belong to the model's own passes."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.layer.forward(inputs)
        return output


def _unit_vectors(like: Tensor, most: int) -> Iterator[Tensor]:
    """Yield the D unit vectors, at most so many at a time: (1, n, D)."""
    width = like.shape[-1]
    for first in range(0, width, most):
        unit = like.new_zeros(1, min(most, width - first), width)
        unit[0].diagonal(first).fill_(1)
        yield unit


def _is_plain(weight: Tensor) -> bool:
    """Whether a weight (V, D) is of floating-point numbers, and not a library's own tensor that only looks so."""
    return type(weight) in (Tensor, nn.Parameter) and weight.dim() == 2 and weight.dtype in READABLE


def _is_adapted(module: nn.Module) -> bool:
    """Whether PEFT stands around a layer: a layer with adapters, or a choice of several layers."""
    return hasattr(module, "base_layer") or hasattr(module, "original_module")
