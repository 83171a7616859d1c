"""What the callback hears of a Trainer's own evaluation."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from accelerate.state import GradientState, PartialState
from torch import Tensor, nn

from nc_hf.errors import NCError, TapError
from nc_hf.measurement.collection import Collection
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.forward_pass import IGNORED, Observation, TapPass
from nc_hf.model.readers import Reader, find_reader
from nc_hf.model.tap import FeatureTap
from nc_hf.training.backlog import Backlog
from nc_hf.training.fitness import refuse_shifted
from nc_hf.training.passes import StepPart, adapter_layer, adapters_at_work, of_last_step, passes_of_batch
from nc_hf.training.rows import last_items, real_part
from nc_hf.training.stack import evaluation_step

ALONE = Reader(0, 1, first=True)
# Rows beyond those of the loader, as the rejected answers beside the chosen ones, are numbered from here on.
_FURTHER_ROWS = 1 << 32


UNSURE = (
    "Rows that a distributed loader repeats at its end may be counted twice, since its data set does not tell which "
    "they are; evaluate on a number of rows that the batches of all ranks divide."
)


_ANOTHER_MODEL = (
    "The Trainer's model is not the one that the callback listens to: it was exchanged, or its adapters merged, or "
    "the callback has joined another Trainer; call attach(trainer) again, with a callback for each Trainer."
)


class EvaluationListener:
    """Gathers the batches that a Trainer evaluates, from the first to the last of one evaluation.

    A copy of it, or its pickle, has heard nothing and listens to no model. When it is forgotten, its hooks go too.
    Nothing is raised while it listens: what goes wrong is told when the evaluation has ended.

    Args:
        covariance: keep the (D, D) moment of the features.
        agreement_tokens: capacity of the NC4 sample; 0 makes no decisions.
        head: whether the classifier head is read.

    Attributes:
        batches: batches of the evaluation under way.
        unsure: whether rows may have been counted twice.
        tried: whether it is known of the model that it does not read ahead.
        plain: whether the model was given nothing but tokens, by which it can be tried how it reads them.
    """

    def __init__(self, *, covariance: bool, agreement_tokens: int, head: bool = True) -> None:
        """Hear nothing yet."""
        self._options: dict[str, Any] = {"covariance": covariance, "agreement_tokens": agreement_tokens, "head": head}
        self._wanted: Callable[[], bool] = lambda: True
        self._tap: FeatureTap | None = None
        self._adapter: Any = None
        self._let_go: weakref.finalize[..., Any] | None = None
        self.tried = False
        self.forget()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the model, its hooks and what was heard behind."""
        return partial(EvaluationListener, **self._options), ()

    def listen_to(self, model: nn.Module, wanted: Callable[[], bool] = lambda: True) -> None:
        """Tap a model, and no other any more.

        Args:
            model: that a Trainer evaluates.
            wanted: asked before each forward pass in evaluation mode; once it says no, the hooks are taken off.
        """
        self._wanted = wanted
        if self._tap is None or self._tap.model is not causal_lm(model):
            self.stop()
            listener = weakref.ref(self)  # or the hooks would keep what they are to go with
            self._tap = FeatureTap(
                model,
                predictions=self._options["agreement_tokens"] > 0,
                part=lambda: None if (alive := listener()) is None else alive._part(),
            )
            self.tried = False
            self._let_go = weakref.finalize(self, self._tap.detach)
            self._let_go.atexit = False
        self._tap.attach()
        self._adapter = adapter_layer(self._tap.model)

    def stop(self) -> None:
        """Take the hooks off the model."""
        if self._let_go is not None:
            self._let_go()
        self._tap = self._let_go = self._adapter = None
        self.forget()

    def forget(self) -> None:
        """Begin anew: what was heard belongs to no evaluation that will end."""
        self._heard: Backlog | None = None
        self._reader = ALONE
        self._evaluation: tuple[Any, int] | None = None
        self._trouble: NCError | None = None
        self._ended = False
        self.unsure, self.plain = False, True
        self.batches = 0

    def hear(self, loader: Any, batch_size: int, trainer: Any) -> None:
        """Take in the batch that the Trainer has just evaluated.

        Args:
            loader: the evaluation's.
            batch_size: rows of a whole batch.
            trainer: whose model may be another one by now; its wrappers know how a head in pieces is put together.
        """
        if self._ended or self._evaluation is None or not _same(self._evaluation, (loader, _iterations(loader))):
            self.forget()  # an evaluation that broke off has left something
            self._evaluation = loader, _iterations(loader)
        number, self.batches = self.batches, self.batches + 1
        self._ended = at_the_end(loader)
        if self._tap is None:
            return
        try:
            passes = self._tap.take_all()  # after a trouble too, or they would be found in the next evaluation
            if self._trouble is None and not passes and causal_lm(trainer.model) is not self._tap.model:
                raise TapError(_ANOTHER_MODEL)
            if self._heard is None:
                self._heard = Backlog(Collection(trainer.model_wrapped, **self._options), self._tap)
                self._reader = find_reader(trainer.model_wrapped, PartialState())
            if self._trouble is None:
                with _room_for_statistics():
                    self._take_in(number, of_last_step(passes), loader, batch_size)
        except NCError as trouble:
            self._trouble = self._trouble or trouble

    def collection(self) -> tuple[Collection, Reader]:
        """Return what this rank heard of the evaluation that has ended, and as which reader; begin anew.

        Raises:
            NCError: not every batch was heard; the message names the way out.
        """
        heard, reader, tap, trouble = self._heard, self._reader, self._tap, self._trouble
        self.forget()
        if heard is not None:
            with _room_for_statistics():
                heard.flush()  # batches that came before any trouble
        if trouble is not None:
            raise trouble
        if tap is None:
            raise TapError("The callback came to the Trainer too late to listen; use attach(trainer) to add it.")
        if heard is None:
            raise tap.silence()
        return heard.collection, reader

    def silence(self) -> TapError:
        """Why there was nothing to hear, on no rank."""
        assert self._tap is not None
        return self._tap.silence()

    def _part(self) -> StepPart | None:
        """Return what a forward pass is part of, if it is of an evaluation step of the Trainer."""
        assert self._tap is not None
        if not self._wanted():
            self.stop()
            return None
        step = evaluation_step()
        if step is None or not step.in_step:
            return None
        return StepPart(step.tokens, adapters_at_work(self._tap.model, self._adapter))

    def _take_in(self, number: int, passes: list[TapPass], loader: Any, batch_size: int) -> None:
        """Add what the passes of a step say of its batch."""
        assert self._tap is not None
        assert self._heard is not None
        batches = passes_of_batch(passes, adapters_at_work(self._tap.model, self._adapter))
        if not batches:
            raise self._tap.silence()
        self._tap.unlabelled = 0
        self.plain = self.plain and all(each.plain for each in passes)
        if number == 0:
            _refuse_shifted(batches[0], passes[0].part.tokens)
        first = (number * self._reader.count + self._reader.index) * batch_size
        if self._ended:
            batches = self._real(batches, passes[0].part.tokens, loader)
        row = 0
        for batch in batches:
            rows = torch.arange(row, row + batch.rows, device=batch.targets.device)
            row += batch.rows
            self._heard.add(batch, first + rows % batch_size + rows // batch_size * _FURTHER_ROWS, number)

    def _real(self, batches: list[Observation], tokens: Tensor | None, loader: Any) -> list[Observation]:
        """Leave out of the last batch what only fills it up."""
        last = last_items(loader, self._reader.count, self._reader.index)
        if last is not None and last.real >= last.items:
            return batches
        if last is not None and sum(batch.rows for batch in batches) == last.items:
            return _leading(batches, last.real)
        real = None if last is None or len(batches) > 1 else real_part(batches[0], tokens, last)
        if real is not None:
            return [real]
        self.unsure = True
        return batches


@contextmanager
def _room_for_statistics() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise TapError(
            "The statistics do not fit into memory beside the model; pass fewer agreement_tokens, or classes of a "
            "larger share."
        ) from None


def at_the_end(loader: Any) -> bool:
    """Whether the batch under way is the last one of a loader that accelerate prepared."""
    state = GradientState()
    return loader is not None and loader is state.active_dataloader and bool(state.end_of_dataloader)


def _refuse_shifted(batch: Observation, tokens: Tensor | None) -> None:
    if tokens is not None and tokens.shape == batch.targets.shape:
        labels = torch.full_like(tokens, IGNORED, dtype=torch.int64)
        labels[:, 1:] = batch.targets[:, :-1]
        refuse_shifted(tokens, labels)


def _iterations(loader: Any) -> int:
    """How many iterations of a loader are under way, or were broken off: accelerate forgets them when one ends."""
    return sum(other is loader for other in GradientState().dataloader_references)


def _same(evaluation: tuple[Any, int], other: tuple[Any, int]) -> bool:
    return evaluation[0] is other[0] and evaluation[1] == other[1]


def _leading(batches: list[Observation], rows: int) -> list[Observation]:
    """Return the leading rows of several batches."""
    kept = []
    for batch in batches:
        mine = min(batch.rows, rows)
        rows -= mine
        kept.append(batch.leading(mine * batch.row_length))
    return kept
