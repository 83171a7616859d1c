"""A pass over a few blocks, without a word, and the values that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nc_hf.measurement.collection import Collection
from nc_hf.measurement.layer_values import layer_values
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics import AgreementCounts
from nc_hf.model.forward_pass import FINAL
from tests.distributed.launcher import ROOT
from tests.training import tiny_model, token_blocks

SCRIPT = ROOT / "tests" / "distributed" / "collecting.py"


def quietly(model: Any, blocks: Any = None, **settings: Any) -> Any:
    return collect(model, token_blocks(10, 3) if blocks is None else blocks, progress=False, **settings)


def metrics_of(
    collection: Collection, preset: str | Sequence[str] = "core", classes: Tensor | None = None
) -> dict[str, float]:
    """The metrics of the final layer, without their errors."""
    found = layer_values(collection, FINAL, preset, collection.decided(classes))
    return {name: metric.value for name, metric in found.values.items()}


def agreement_of(
    collection: Collection, layer: str = FINAL, classes: Tensor | None = None, without: Sequence[int] = ()
) -> AgreementCounts:
    """How often both classifiers agree on the sample, by the centres of a layer."""
    return collection.decisions(collection.decided(classes), layer, without=without).counts()


def of_every_layer() -> Collection:
    """Thirty rows in five groups, of every layer."""
    gathered: Collection = quietly(
        tiny_model(), token_blocks(30, 3, classes=30), layers="all", groups=5, agreement_tokens=200, covariance=True
    )
    return gathered


def common(collection: Collection, fewest: int = 30) -> Tensor:
    """The ids of the classes with so many tokens."""
    stats = collection.statistics
    return stats.class_ids[stats.counts >= fewest]
