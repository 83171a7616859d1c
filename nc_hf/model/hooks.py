"""What the tap hangs on a module: a hook that hears its output, and one that does not travel with a copy of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nc_hf.errors import TapError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.anatomy import first_tensor


class Slot:
    """What the hook of one module saw in the forward pass under way."""

    def __init__(self, module: nn.Module) -> None:
        """Wait for the next forward pass."""
        self.module = module
        self.hidden: Tensor | None = None
        self.calls = 0

    def record(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Keep the hidden states. Compiled code runs this too: nothing here may depend on what is in the tensors."""
        if not module.training:
            self.hidden = first_tensor(output).detach()
            self.calls += 1

    def seen(self, name: str, shape: torch.Size) -> Tensor:
        """The hidden states (B, L, D), if the module ran once and gave one for every label."""
        if self.hidden is None:
            raise TapError(
                f"The model ran and its {name!r} features were not seen, because compiled code of another model was "
                "used for it; call torch.compiler.reset() after the tap is attached."
            )
        if self.calls > 1:
            raise TapError(
                f"The module that gives the {name!r} features ran {self.calls} times in one forward pass, so features "
                "and labels cannot be paired; measure the model by itself, outside this loss."
            )
        if self.hidden.dim() != 3 or self.hidden.shape[:2] != shape:
            said = f"The {name!r} features have shape {tuple(self.hidden.shape)} and the labels {tuple(shape)}"
            if name != "final":
                raise TapError(f"{said}, so they cannot be paired", Remedy.FINAL_LAYER)
            raise TapError(f"{said}, so they cannot be paired; use one position for each label (no virtual tokens).")
        return self.hidden


class Hook(partial[None]):
    """A hook that stays behind: a copy of the model, or its pickle, carries one that does nothing."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the function behind."""
        return Hook, (_ignore,)


def _ignore(*_: Any) -> None:
    """Hear nothing."""
