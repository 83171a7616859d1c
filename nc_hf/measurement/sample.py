"""A bounded, even sample of tokens on which the two classifiers of NC4 are decided once the centres are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nc_hf.metrics.decisions import Decisions, decide
from nc_hf.model.forward_pass import FINAL
from nc_hf.model.head import ClassifierHead
from nc_hf.runtime.distributed import Process, exchange_tensors
from nc_hf.runtime.hashing import mixed
from nc_hf.statistics.class_statistics import ClassStatistics

_FEATURES = "features/"
UNDECIDED = -1
"""In the place of a prediction: the forward pass made none."""


class TokenSample:
    """The ``capacity`` tokens with the smallest hash of their place in the corpus, with their features in each layer.

    Which tokens these are depends on their places alone, so batches, processes and restarts make no difference.

    Args:
        capacity: tokens kept; memory is at most twice as many features.
    """

    def __init__(self, capacity: int) -> None:
        """Start empty."""
        self.capacity = capacity
        self._parts: list[dict[str, Tensor]] = []
        self._threshold: int | None = None

    def add(self, places: Tensor, features: Mapping[str, Tensor], **columns: Tensor) -> None:
        """Offer N tokens.

        Args:
            places: (N,) int64, where each stands in the corpus.
            features: (N, D) of each layer by name.
            **columns: (N,) int64 ``labels``, ``group``, ``positions``, ``predictions`` (the linear classifier's
                decisions, or `UNDECIDED`) and bool ``tied`` of these.
        """
        if not self.capacity:
            return
        layers = {f"{_FEATURES}{name}": tensor for name, tensor in features.items()}
        offered = {"hash": mixed(places), **columns, **layers}
        if self._parts and self._parts[0]["hash"].device != places.device:  # read back from a file
            self._parts = [{name: tensor.to(places.device) for name, tensor in part.items()} for part in self._parts]
        if self._threshold is not None:
            offered = _pick(offered, offered["hash"] <= self._threshold)
        self._parts.append({name: tensor.clone() for name, tensor in offered.items()})
        if sum(len(part["hash"]) for part in self._parts) > 2 * self.capacity:
            self._shrink()

    def reduce(self, process: Process) -> None:
        """Keep the tokens of this rank that are among the ``capacity`` smallest of all ranks."""
        self._shrink()
        if process.num_processes == 1 or not self.capacity:
            return
        mine = self._parts[0]["hash"] if self._parts else torch.empty(0, dtype=torch.int64)
        every = torch.cat([part["hash"].cpu() for part in exchange_tensors({"hash": mine}, process)])
        if len(every) > self.capacity and self._parts:
            limit = int(every.kthvalue(self.capacity).values)
            self._parts = [_pick(self._parts[0], self._parts[0]["hash"] <= limit)]

    def decided(self, head: ClassifierHead | None, classes: Tensor | None) -> DecidedSample:
        """Let the linear classifier decide the kept tokens, among the classes that count.

        Args:
            head: decides among some of the classes, and where the model has not; not needed otherwise.
            classes: (K,) int64 ids, ascending; tokens of others are left out. None lets every class compete.
        """
        self._shrink()
        if not self._parts:
            return DecidedSample({}, classes)
        kept = self._parts[0]
        if classes is not None:
            assert head is not None
            kept = _pick(kept, torch.isin(kept["labels"], classes.to(kept["labels"].device)))
            ids, tied = head.among(classes).predict(kept[f"{_FEATURES}{FINAL}"])
            kept = {**kept, "predictions": classes.to(ids.device)[ids], "tied": tied}
            kept = {name: tensor.to(kept["labels"].device) for name, tensor in kept.items()}
        elif bool((kept["predictions"] == UNDECIDED).any()):
            assert head is not None
            kept = _completed(kept, head)
        return DecidedSample(kept, classes)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the kept tokens as tensors."""
        self._shrink()
        return dict(self._parts[0]) if self._parts else {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the kept tokens by those that ``state_dict`` returned."""
        self._parts = [dict(state)] if state else []
        self._shrink()

    def _shrink(self) -> None:
        if not self._parts:
            return
        whole = {name: torch.cat([part[name] for part in self._parts]) for name in self._parts[0]}
        order = whole["hash"].argsort(stable=True)[: self.capacity]
        self._parts = [_pick(whole, order)]
        if len(order) == self.capacity:
            self._threshold = int(whole["hash"][order[-1]])


@dataclass(frozen=True)
class DecidedSample:
    """Sampled tokens of this process, with the linear classifier's decisions.

    Attributes:
        tokens: columns and features as `TokenSample.add` takes them; empty where no token was kept.
        classes: (K,) int64, those among which both classifiers decide; None for every class.
    """

    tokens: dict[str, Tensor]
    classes: Tensor | None

    def nearest(
        self,
        layer: str,
        stats: ClassStatistics,
        *,
        leave_one_out: bool,
        without: Sequence[int] = (),
        outliers: Tensor | None = None,
    ) -> Decisions:
        """Decide by the nearest centre of one layer.

        Args:
            layer: whose features.
            stats: whose class means are the centres.
            leave_one_out: the tokens are among those that made the centres.
            without: groups of rows whose tokens are left out.
            outliers: positions whose tokens are left out.
        """
        if not self.tokens:
            return Decisions.from_rows(torch.empty(6, 0, dtype=torch.int64))
        kept = torch.ones_like(self.tokens["group"], dtype=torch.bool)
        for group in without:
            kept &= self.tokens["group"] != group
        if outliers is not None and len(outliers):
            kept &= ~torch.isin(self.tokens["positions"], outliers.to(kept.device))
        names = ("labels", "predictions", "tied", f"{_FEATURES}{layer}")
        labels, predictions, tied, features = (self.tokens[name][kept] for name in names)
        return decide(
            stats,
            features,
            labels,
            predictions,
            leave_one_out=leave_one_out,
            linear_tied=tied,
            classes=self.classes,
        )


def _completed(tokens: dict[str, Tensor], head: ClassifierHead) -> dict[str, Tensor]:
    """Let the head decide, among all classes, what the model has not."""
    missing = tokens["predictions"] == UNDECIDED
    decided = dict(zip(("predictions", "tied"), head.predict(tokens[f"{_FEATURES}{FINAL}"][missing]), strict=True))
    whole = {name: tokens[name].clone() for name in decided}
    for name, values in decided.items():
        whole[name][missing] = values.to(missing.device)
    return {**tokens, **whole}


def _pick(tokens: Mapping[str, Tensor], which: Tensor) -> dict[str, Tensor]:
    if which.dtype == torch.bool:
        which = which.nonzero().squeeze(-1)  # once for all columns: an accelerator is waited for to count them
    return {name: tensor[which] for name, tensor in tokens.items()}
