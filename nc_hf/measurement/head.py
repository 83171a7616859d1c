"""When the head of a measured model is read: off the first batch, or at the end where every rank is, or never."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nc_hf.errors import LabelError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.head import ClassifierHead
from nc_hf.model.output_layer import OutputLayer
from nc_hf.runtime.distributed import Process, exchange_tensors, sum_over_processes

_PARTS = ("head/features", "head/logits")


class HeadReading:
    """Reads a model's head once, and checks it against the logits of the first batch.

    Args:
        model: with its wrappers.
        wanted: False leaves the head alone, whatever it is.

    Attributes:
        head: once it is read.
        error: largest relative difference between head(features) and the model's logits on the first batch.
    """

    def __init__(self, model: nn.Module, *, wanted: bool) -> None:
        """Read nothing yet."""
        self._model, self._wanted = model, wanted
        self.head: ClassifierHead | None = None
        self.error = 0.0
        self._sample: tuple[Tensor, Tensor] | None = None

    @property
    def wants_logits(self) -> bool:
        """Whether the head is still to be checked, and needs the logits of a batch for that."""
        return self._awaited and self._sample is None

    def meet(self, sample: tuple[Tensor, Tensor] | None) -> None:
        """Read the head, if this rank can by itself; else keep what checks it for ``complete``.

        Args:
            sample: features (n, D) and logits (n, V) of a batch; where it has none the head makes its own short pass.

        Raises:
            HeadError: it cannot be read, or does not reproduce the logits.
        """
        if not self._awaited:
            return
        if self._is_sharded:
            self._sample = self._sample or sample
        else:
            self._read(sample)

    def complete(self, process: Process) -> None:
        """Read a head that is in pieces; every rank calls this, and ends alike.

        Raises:
            HeadError: as of ``meet``.
        """
        if self._awaited:
            self._read(self._first_sample(process))

    def refuse_beyond(self, label: int) -> None:
        """Refuse a label that the head, if it is read, has no row for.

        Raises:
            LabelError: the label is that of another tokenizer.
        """
        if self.head is not None and label >= self.head.vocab_size:
            raise LabelError(f"label {label} is beyond the head's {self.head.vocab_size} classes", Remedy.TOKENIZER)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what the head was checked by, as tensors."""
        sample = {} if self._sample is None else dict(zip(_PARTS, self._sample, strict=True))
        return {"head_error": torch.tensor(self.error, dtype=torch.float64), **sample}

    def load_state_dict(self, state: Mapping[str, Tensor], *, begun: bool) -> None:
        """Replace the state by one that ``state_dict`` returned; the head is read off the model again.

        Args:
            state: whose other keys are left alone.
            begun: whether a batch had come.
        """
        if begun:
            self.meet((state[_PARTS[0]], state[_PARTS[1]]) if _PARTS[0] in state else None)
        self.error = float(state["head_error"])

    @property
    def _awaited(self) -> bool:
        return self._wanted and self.head is None

    @cached_property
    def _is_sharded(self) -> bool:
        return OutputLayer(self._model).sharded

    def _read(self, sample: tuple[Tensor, Tensor] | None) -> None:
        self.head = ClassifierHead.from_model(self._model, sample)
        self.error = self.head.error if sample is not None and len(sample[0]) else 0.0
        self._sample = sample

    def _first_sample(self, process: Process) -> tuple[Tensor, Tensor] | None:
        """Return the sample of the first rank that has one: every rank checks by the same."""
        mine = self._sample
        if process.num_processes == 1:
            return mine
        rank, ranks = dist.get_rank(), range(process.num_processes)
        there = sum_over_processes([float(mine is not None and rank == other) for other in ranks], process)
        if not any(there):
            return None
        first = there.index(1.0)
        sent = dict(zip(_PARTS, mine, strict=True)) if mine is not None and rank == first else {}
        found = list(exchange_tensors(sent, process))[first]
        return found[_PARTS[0]], found[_PARTS[1]]
