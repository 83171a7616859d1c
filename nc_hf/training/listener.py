"""What the callback hears of a Trainer's own evaluation."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

import torch
from accelerate.state import GradientState, PartialState
from torch import nn

from nc_hf.errors import TapError
from nc_hf.measurement.collection import Collection
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.tap import FeatureTap


class EvaluationListener:
    """Gathers the batches that a Trainer evaluates, from the first to the last of one evaluation.

    A copy of it, or its pickle, has heard nothing and listens to no model. When it is forgotten, its hooks go too.

    Args:
        covariance: keep the (D, D) moment of the features.
        agreement_tokens: capacity of the NC4 sample; 0 makes no decisions.

    Attributes:
        batches: batches of the evaluation under way.
    """

    def __init__(self, *, covariance: bool, agreement_tokens: int) -> None:
        """Hear nothing yet."""
        self._options: dict[str, Any] = {"covariance": covariance, "agreement_tokens": agreement_tokens}
        self._tap: FeatureTap | None = None
        self._let_go: weakref.finalize[..., Any] | None = None
        self.forget()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the model, its hooks and what was heard behind."""
        return partial(EvaluationListener, **self._options), ()

    def listen_to(self, model: nn.Module) -> None:
        """Tap a model, and no other any more."""
        if self._tap is None or self._tap.model is not causal_lm(model):
            self.stop()
            self._tap = FeatureTap(model, predictions=self._options["agreement_tokens"] > 0)
            self._let_go = weakref.finalize(self, self._tap.detach)
            self._let_go.atexit = False
        self._tap.attach()

    def stop(self) -> None:
        """Take the hooks off the model."""
        if self._let_go is not None:
            self._let_go()
        self._tap = self._let_go = None
        self.forget()

    def forget(self) -> None:
        """Begin anew: what was heard belongs to no evaluation that will end."""
        self._heard: Collection | None = None
        self._loader: Any = None
        self._missed: TapError | None = None
        self._read_to_the_end = False
        self.batches = 0

    def hear(self, loader: Any, batch_size: int) -> None:
        """Take in the batch that the Trainer has just evaluated.

        Args:
            loader: that the batch came from, or None.
            batch_size: rows of a whole batch.

        Raises:
            TapError, FeatureError, HeadError, LabelError: as `nc_hf.measurement.collection.Collection.add` and the tap.
        """
        if loader is not self._loader or self._read_to_the_end:  # an evaluation that broke off has left something
            self.forget()
            self._loader = loader
        process, state = PartialState(), GradientState()
        first = (self.batches * process.num_processes + process.process_index) * batch_size
        self.batches += 1
        self._read_to_the_end = loader is not None and loader is state.active_dataloader and state.end_of_dataloader
        if self._tap is None:
            return
        if self._heard is None:
            self._heard = Collection(self._tap.model, **self._options)
        batch = self._tap.take()
        if batch is None:
            self._missed = self._missed or self._tap.silence()  # now, while the tap knows why
            return
        if self._read_to_the_end:
            batch = batch.first_rows(_real_rows(batch.rows))
        self._heard.add(batch, first + torch.arange(batch.rows), batch_number=self.batches - 1)

    def collection(self) -> Collection:
        """Return what the evaluation that has ended gave, the same on every rank, and begin anew.

        Raises:
            TapError: not every batch was heard; the message names the way out.
        """
        heard, tap, missed = self._heard, self._tap, self._missed
        self.forget()
        if tap is None:
            raise TapError("the callback came to the Trainer too late to listen: use attach(trainer) to add it.")
        if heard is not None:
            heard.reduce(PartialState())
        if heard is None or missed or heard.tokens == 0:
            raise missed or tap.silence()
        return heard


def _real_rows(batch_size: int) -> int:
    """How many leading rows of this rank's last batch are real: a distributed sampler fills it up with repeats."""
    remainder = GradientState().remainder
    if remainder <= 0:
        return batch_size
    return int(min(max(remainder - PartialState().process_index * batch_size, 0), batch_size))
