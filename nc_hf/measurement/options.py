"""The options of a measurement, for whatever passes them on to ``nc_hf.measure``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import torch

    from nc_hf.runtime.progress import Listener


class MeasureOptions(TypedDict, total=False):
    """The options of `nc_hf.measure` that hold for several models alike; meaning and defaults are as there."""

    split: str
    tokenizer: Any
    preset: str | Sequence[str]
    max_tokens: int | None
    min_count: int
    packing: str
    block_size: int | None
    batch_size: int
    layers: str
    dtype: str | torch.dtype | None
    device: str | torch.device | None
    save_every: int
    agreement_tokens: int
    progress: bool | Listener
    uncertainty: bool
    allow_local: bool
    max_bytes: int | None
    token: str | bool | None
