"""A bounded, even sample of tokens on which the two classifiers of NC4 are decided once the centres are known."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nc_hf.metrics.decisions import Decisions, decide
from nc_hf.runtime.distributed import Process, exchange_tensors
from nc_hf.statistics.class_statistics import ClassStatistics

# Multipliers of the splitmix64 finaliser (Steele, Lea and Flood, 2014), as signed 64-bit numbers.
_MIX = (-4658895280553007687, -7723592293110705685)


class TokenSample:
    """The ``capacity`` tokens with the smallest hash of their place in the corpus, with features and decisions.

    Which tokens these are depends on their places alone, so batches, processes and restarts make no difference.

    Args:
        capacity: tokens kept; memory is at most twice as many features.
    """

    def __init__(self, capacity: int) -> None:
        """Start empty."""
        self.capacity = capacity
        self._parts: list[dict[str, Tensor]] = []
        self._threshold: int | None = None

    def add(self, places: Tensor, features: Tensor, labels: Tensor, predictions: Tensor, tied: Tensor) -> None:
        """Offer N tokens: their places (N,), features (N, D), labels, linear decisions and ties of these (N,)."""
        if not self.capacity:
            return
        offered = {
            "hash": _hash(places),
            "features": features,
            "labels": labels,
            "predictions": predictions,
            "tied": tied,
        }
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

    def decide(self, stats: ClassStatistics, *, leave_one_out: bool) -> Decisions:
        """Decide the kept tokens against the class means of ``stats``."""
        self._shrink()
        if not self._parts:
            return Decisions.from_rows(torch.empty(6, 0, dtype=torch.int64))
        kept = self._parts[0]
        return decide(
            stats,
            kept["features"],
            kept["labels"],
            kept["predictions"],
            leave_one_out=leave_one_out,
            linear_tied=kept["tied"],
        )

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


def _pick(tokens: Mapping[str, Tensor], which: Tensor) -> dict[str, Tensor]:
    return {name: tensor[which] for name, tensor in tokens.items()}


def _hash(places: Tensor) -> Tensor:
    """Mix the bits of 64-bit integers, so that neighbours land far apart."""
    mixed = places.to(torch.int64)
    for shift, multiplier in zip((30, 27), _MIX, strict=True):
        mixed = (mixed ^ (mixed >> shift)) * multiplier
    return mixed ^ (mixed >> 31)
