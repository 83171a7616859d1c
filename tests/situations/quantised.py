"""Quantised models: the body alone, or the head too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from tests.situations.adapters import body
from tests.situations.evaluating import evaluate
from tests.situations.registry import situation


def quantised(*, head: bool) -> Any:
    """A model whose linear layers hold int8 weights, by torchao."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = body()
    quantize_(
        model,
        Int8WeightOnlyConfig(),
        filter_fn=lambda module, name: isinstance(module, nn.Linear) and (head or name != "lm_head"),
    )
    return model


@situation("quantised", "int8 weights of torchao, a plain head", needs="torchao")
def _body(folder: Path) -> Any:
    return evaluate(folder, model=quantised(head=False))


@situation("quantised", "int8 weights of torchao, in the head too", needs="torchao")
def _head(folder: Path) -> Any:
    return evaluate(folder, model=quantised(head=True))
