"""ZeRO-3 as far as it matters here: a parameter has no elements outside of a forward pass, unless it is gathered.

DeepSpeed itself needs a compiler and a device; its names and its way of keeping parameters are enough for the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn


class Partitioned:
    """Takes the parameters of a module away, and brings them back for its forward passes and where gathered.

    Attributes:
        gathers: how many parameters were gathered each time.
    """

    def __init__(self, module: nn.Module, patch: pytest.MonkeyPatch) -> None:
        self.gathers: list[int] = []
        self._whole: dict[int, Tensor] = {}
        for number, parameter in enumerate(module.parameters()):
            marked: Any = parameter
            marked.ds_id = number
            self._whole[number] = parameter.data.clone()
        self._release(module.parameters())
        module.register_forward_pre_hook(lambda *_: self._bring(module.parameters()))
        module.register_forward_hook(lambda *_: self._release(module.parameters()))
        deepspeed: Any = ModuleType("deepspeed")
        deepspeed.zero = ModuleType("deepspeed.zero")
        deepspeed.zero.GatheredParameters = self._gathered
        patch.setitem(sys.modules, "deepspeed", deepspeed)

    @contextmanager
    def _gathered(self, parameters: Iterable[nn.Parameter]) -> Iterator[None]:
        mine = list(parameters)
        self.gathers.append(len(mine))
        self._bring(mine)
        try:
            yield
        finally:
            self._release(mine)

    def _bring(self, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            marked: Any = parameter
            parameter.data = self._whole[marked.ds_id].clone()

    def _release(self, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            if parameter.numel():
                parameter.data.fill_(torch.nan)  # whoever has kept the memory finds nothing there
            parameter.data = torch.empty(0)
