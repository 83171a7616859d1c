"""A pass over a few blocks, without a word, and the values that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nc_hf.measurement.assemble import layer_values
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics import AgreementCounts
from nc_hf.model.forward_pass import FINAL
from tests.distributed.launcher import ROOT
from tests.training import token_blocks

SCRIPT = ROOT / "tests" / "distributed" / "collecting.py"


def quietly(model: Any, blocks: Any = None, **settings: Any) -> Any:
    return collect(model, token_blocks(10, 3) if blocks is None else blocks, progress=False, **settings)


def metrics_of(
    collection: Collection, preset: str | Sequence[str] = "core", classes: Tensor | None = None
) -> dict[str, float]:
    """The metrics of the final layer, without their errors."""
    values, _ = layer_values(collection, FINAL, preset, collection.decided(classes))
    return {name: metric.value for name, metric in values.items()}


def agreement_of(
    collection: Collection, layer: str = FINAL, classes: Tensor | None = None, without: Sequence[int] = ()
) -> AgreementCounts:
    """How often both classifiers agree on the sample, by the centres of a layer."""
    return collection.decisions(collection.decided(classes), layer, without=without).counts()
