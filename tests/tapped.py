"""What tests with a tap share: tokens to run, and what was heard of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nc_hf.model.forward_pass import TapBatch
from nc_hf.model.tap import FeatureTap
from tests.architectures import VOCAB_SIZE

LENGTH = 7


def tokens(rows: int = 3, length: int = LENGTH, seed: int = 0) -> Tensor:
    return torch.randint(8, VOCAB_SIZE, (rows, length), generator=torch.Generator().manual_seed(seed))


def heard(tap: FeatureTap) -> TapBatch:
    batch = tap.take()
    assert batch is not None
    return batch


def run(tap: FeatureTap, model: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, TapBatch]:
    with torch.no_grad():
        output = model(*args, **kwargs)
    return output, heard(tap)
