"""What a tap observed of a forward pass: at every position, and then at those that have a label.

Which positions these are, an accelerator has to be waited for. So what is observed keeps every position, and several
forward passes can be looked through at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
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
        rows: rows of the forward pass.
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

    def where(self, mine: Tensor) -> TapBatch:
        """Return the positions that ``mine`` (N,) marks."""
        kept: dict[str, Any] = {name: tensor[mine] for name in _BY_TOKEN if (tensor := getattr(self, name)) is not None}
        return replace(self, features={name: tensor[mine] for name, tensor in self.features.items()}, **kept)


@dataclass(frozen=True)
class Observation:
    """One forward pass at each of its P = B L positions, made without waiting for an accelerator.

    Attributes:
        targets: (B, L) int64, the next token of each position, negative where there is none.
        features: as of `TapBatch`, (P, D) each.
        predictions: as of `TapBatch`, (P,).
        tied: as of `TapBatch`, (P,).
        nll: as of `TapBatch`, (P,), 0 where there is no label.
        sample: as of `TapBatch`; where fewer positions have a label, others follow these.
        confidence: as of `TapBatch`, (P,), 1 where there is no label.
    """

    targets: Tensor
    features: dict[str, Tensor]
    predictions: Tensor | None
    tied: Tensor | None
    nll: Tensor | None
    sample: tuple[Tensor, Tensor] | None
    confidence: Tensor | None = None

    @property
    def rows(self) -> int:
        """B."""
        return self.targets.shape[0]

    @property
    def row_length(self) -> int:
        """L."""
        return self.targets.shape[1]

    def leading(self, positions: int) -> Observation:
        """Return the same with no label after so many positions, as where a last batch is filled up with repeats."""
        targets = self.targets.clone()
        targets.view(-1)[positions:] = IGNORED
        return replace(self, targets=targets)


def labelled(observations: Sequence[Observation]) -> TapBatch:
    """Return the positions that have a label, of forward passes of one model as if they had been one.

    Rows of other lengths are counted as long as the longest; a sample is that of one forward pass alone.
    """
    length = max(each.row_length for each in observations)
    targets = _joined([each.targets.flatten() for each in observations])
    kept = (targets >= 0).nonzero().squeeze(-1)
    places, rows = [], 0
    for each in observations:
        place = torch.arange(each.targets.numel(), device=targets.device)
        places.append((rows + place // each.row_length) * length + place % each.row_length)
        rows += each.rows

    def picked(tensors: Sequence[Tensor | None]) -> Tensor | None:
        there = [tensor for tensor in tensors if tensor is not None]
        return _joined(there).index_select(0, kept) if len(there) == len(tensors) else None

    features = {name: picked([each.features[name] for each in observations]) for name in observations[0].features}
    sample = observations[0].sample if len(observations) == 1 else None
    return TapBatch(
        features={name: tensor for name, tensor in features.items() if tensor is not None},
        labels=targets[kept],
        index=_joined(places)[kept],
        predictions=picked([each.predictions for each in observations]),
        tied=picked([each.tied for each in observations]),
        nll=picked([each.nll for each in observations]),
        confidence=picked([each.confidence for each in observations]),
        sample=None if sample is None else (sample[0][: len(kept)], sample[1][: len(kept)]),
        rows=rows,
        sequence_length=length,
    )


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


@dataclass(frozen=True)
class TapPass:
    """A labelled forward pass.

    Attributes:
        seen: what was observed, or why nothing could be.
        tokens: (B, L) ``input_ids`` that the model was called with; None where it was called without.
        part: what it is part of, as the tap was told.
        plain: whether the model was given nothing that may tell it how to read: no tensor but tokens, labels and a mask
            of padding.
    """

    seen: Observation | NCError
    tokens: Tensor | None
    part: Any
    plain: bool = True

    def observed(self) -> Observation:
        """Return what was observed, or raise the reason."""
        if isinstance(self.seen, NCError):
            raise self.seen
        return self.seen
