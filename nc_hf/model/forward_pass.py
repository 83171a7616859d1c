"""What a tap observed of one forward pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from nc_hf.errors import NCError

IGNORED = -100  # the label that transformers' losses skip
FINAL = "final"
"""The layer whose features enter the head."""

_BY_TOKEN = ("labels", "index", "predictions", "tied", "nll", "confidence")


@dataclass(frozen=True)
class TapBatch:
    """One forward pass as the metrics need it: every feature beside the token that follows it.

    N counts the positions that have a label; L is the sequence length of the forward pass, D the width of the
    features, V the vocabulary.

    Attributes:
        features: ``"final"`` (N, D), the tensor that enters the head; with every layer also ``"layer.0"``, ... (N, D),
            the output of each block before the final norm. Detached, in the dtype that the model computed.
        labels: (N,) int64, the next token of each position.
        index: (N,) int64, row * L + position within this forward pass.
        predictions: (N,) int64, the argmax of the model's own logits, ties to the lowest id; None where the forward
            pass built no logits, or not for every position.
        tied: (N,) bool, where that maximum is attained more than once; None as above.
        nll: (N,) float32 in nats, the loss of each label under the model's own logits; None as above or if not asked.
        confidence: (N,) float32, the probability that the model gives its prediction; None as above or if not asked.
        sample: features (n, D) and logits (n, V) of the first few positions, to check a head with; None as above.
        rows: rows of the forward pass, or the leading ones that are kept.
        sequence_length: L.
    """

    features: dict[str, Tensor]
    labels: Tensor
    index: Tensor
    predictions: Tensor | None
    tied: Tensor | None
    nll: Tensor | None
    sample: tuple[Tensor, Tensor] | None
    rows: int
    sequence_length: int
    confidence: Tensor | None = None

    def first_rows(self, rows: int) -> TapBatch:
        """Return what belongs to the leading rows; a distributed sampler fills its last batch up with repeats."""
        return replace(self.where(self.index < rows * self.sequence_length), rows=min(rows, self.rows))

    def where(self, mine: Tensor) -> TapBatch:
        """Return the positions that ``mine`` (N,) marks."""
        kept: dict[str, Any] = {name: tensor[mine] for name in _BY_TOKEN if (tensor := getattr(self, name)) is not None}
        return replace(self, features={name: tensor[mine] for name, tensor in self.features.items()}, **kept)


@dataclass(frozen=True)
class TapPass:
    """A labelled forward pass.

    Attributes:
        batch: what was observed, or why nothing could be.
        tokens: (B, L) ``input_ids`` that the model was called with; None where it was called without.
        part: what it is part of, as the tap was told.
        plain: whether the model was given nothing that may tell it how to read: no tensor but tokens, labels and a mask
            of padding.
    """

    batch: TapBatch | NCError
    tokens: Tensor | None
    part: Any
    plain: bool = True

    def observed(self) -> TapBatch:
        """Return the batch, or raise the reason."""
        if isinstance(self.batch, NCError):
            raise self.batch
        return self.batch
