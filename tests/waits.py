"""What would have a GPU be waited for, counted without one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):
    """Counts reading a number off a tensor, and shapes that depend on values.

    To read a whole tensor (``tolist``) is no operation on the CPU, and is not counted.
    """

    READS = ("_local_scalar_dense", "nonzero", "_unique2", "equal", "masked_select", "bincount")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name.removeprefix("aten::")
        chosen = args[1] if name in ("index", "index_put_") else ()
        by_mask = any(isinstance(index, Tensor) and index.dtype == torch.bool for index in chosen if index is not None)
        self.count += name in self.READS or by_mask
        return function(*args, **(kwargs or {}))
