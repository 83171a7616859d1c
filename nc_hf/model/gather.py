"""The parameters of one module whole on every rank, whatever keeps only a part of them on each.

FSDP2 and tensor parallelism leave DTensors, FSDP1 flat pieces or views of memory that it has freed, ZeRO-3 nothing.
Each has a way of its own to bring the whole together; all of them are collective.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn

from nc_hf.errors import HeadError
from nc_hf.model.anatomy import holds


def is_sharded(model: nn.Module, module: nn.Module) -> bool:
    """Whether a module of a model is whole only while it is gathered, though it may happen to be whole just now.

    Args:
        model: with its wrappers: without them those of FSDP1 cannot be seen.
        module: of the model.
    """
    parameters = list(module.parameters())
    if any(_is_dtensor(parameter) or _is_of_zero(parameter) for parameter in parameters):
        return True
    return bool(_fsdp_wrappers(model, module)) or _is_left_by_fsdp(model, module) or _in_fsdp2(model, module)


@contextmanager
def gathered(model: nn.Module, module: nn.Module) -> Iterator[Callable[[Tensor], Tensor]]:
    """Make the parameters of a module whole for a while; every rank of the model has to come here.

    ::

        with gathered(model, module) as whole:
            weight = whole(module.weight)

    Args:
        model: with its wrappers.
        module: of the model, which has run before.

    Yields:
        Turns a parameter of the module, as it stands within, into the whole of it: itself, without a copy, unless it
        is a DTensor. What it returns may lose its memory afterwards where `is_sharded`.

    Raises:
        HeadError: FSDP's wrapper, without which nothing can be gathered, is not around ``model``.
    """
    with ExitStack() as stack:
        wrappers = _fsdp_wrappers(model, module)
        if not wrappers and _is_left_by_fsdp(model, module):
            raise HeadError(
                f"FSDP keeps the parameters of {type(module).__name__} in pieces, and its wrapper is not around the "
                "model; pass the model as the Trainer runs it (trainer.model_wrapped)."
            )
        for wrapper in wrappers:
            stack.enter_context(wrapper.summon_full_params(wrapper, recurse=False, writeback=False))
        of_zero = [parameter for parameter in module.parameters() if _is_of_zero(parameter)]
        if of_zero:
            stack.enter_context(import_module("deepspeed").zero.GatheredParameters(of_zero))
        yield _whole


def _whole(tensor: Tensor) -> Tensor:
    found: Tensor = tensor.detach()
    if _is_dtensor(found):
        whole: Any = found
        found = whole.full_tensor()
    return found


def _is_dtensor(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")


def _is_of_zero(parameter: Tensor) -> bool:
    """Whether ZeRO-3 holds a parameter: it then has a number of its own."""
    return hasattr(parameter, "ds_id")


def _fsdp_wrappers(model: nn.Module, module: nn.Module) -> list[Any]:
    """Return the wrappers of FSDP1 that hold parameters of a module: the innermost around it, and those within."""
    if not _is_distributed():
        return []
    from torch.distributed.fsdp import FullyShardedDataParallel

    every: list[Any] = FullyShardedDataParallel.fsdp_modules(model)
    around = [wrapper for wrapper in every if holds(wrapper, module)]
    within = [wrapper for wrapper in every if wrapper is not module and holds(module, wrapper)]
    return sorted(around, key=lambda wrapper: sum(1 for _ in wrapper.modules()))[:1] + within


def _in_fsdp2(model: nn.Module, module: nn.Module) -> bool:
    """Whether FSDP2 holds a module, which it may have left whole after a forward pass."""
    if not _is_distributed():
        return False
    from torch.distributed.fsdp import FSDPModule

    return any(isinstance(part, FSDPModule) and holds(part, module) for part in model.modules())


def _is_left_by_fsdp(model: nn.Module, module: nn.Module) -> bool:
    """Whether a module shows the signs of FSDP1, whose wrapper is out of sight."""
    weight = getattr(module, "weight", None)
    freed = (
        isinstance(weight, Tensor)
        and type(weight) in (Tensor, nn.Parameter)
        and not weight.is_meta
        and weight.numel() > 0
        and weight.untyped_storage().size() == 0
    )
    flattened = any(getattr(parameter, "_fsdp_flattened", False) for parameter in module.parameters())
    return freed or flattened or any("_flat_param" in part._parameters for part in model.modules())


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()
