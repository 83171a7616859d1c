"""The metrics of an evaluation that was listened to, or of the callback's own pass; every rank takes part in both.

And what stands in their place where they cannot be had.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.state import PartialState
from torch import Tensor, nn
from transformers import TrainerState, TrainingArguments

from nc_hf.corpus.classes import choose_classes
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.layer_values import layer_values
from nc_hf.metrics.table import needs_of
from nc_hf.model.direction import PROBED
from nc_hf.model.forward_pass import FINAL
from nc_hf.runtime.distributed import failing_together, sum_over_processes
from nc_hf.training.fitness import best_metric, refuse_if_it_reads_ahead
from nc_hf.training.listener import UNSURE, EvaluationListener
from nc_hf.training.own_pass import OwnPass
from nc_hf.training.stack import EvaluationStep
from nc_hf.training.voice import Voice

LEFT_OUT = "(The metrics of neural collapse are left out of this evaluation; training goes on.)"


class Measuring:
    """Computes what a callback is asked for.

    Args:
        preset: of `nc_hf.metrics.compute_metrics`.
        names: the metrics that it stands for.
        options: those of `nc_hf.measure` that hold for a callback.
        own: a pass of its own; None to listen.
        voice: says what goes wrong.
        label: stands before a metric's name in its key.
        strict: raise what goes wrong.

    Attributes:
        listener: to the Trainer's evaluation.
        keys: the metric of each key, without the prefix of the evaluation.
    """

    def __init__(
        self,
        preset: str | Sequence[str],
        names: Sequence[str],
        options: Mapping[str, Any],
        own: OwnPass | None,
        *,
        voice: Voice,
        label: str = "",
        strict: bool = False,
    ) -> None:
        """Gather nothing yet."""
        needed = needs_of(names)
        self.keys = {f"{label}{name}": name for name in names}
        self._preset, self._options, self._own = preset, options, own
        self._voice, self._strict = voice, strict
        self._shared: dict[str, float] | None = None  # of a pass of its own that several sets share
        self._gathered: dict[str, Any] = {
            "covariance": "covariance" in needed,
            "agreement_tokens": options["agreement_tokens"] if "agreement" in needed else 0,
            "head": not needed.isdisjoint(("head", "agreement")),
        }
        self.listener = EvaluationListener(**self._gathered)

    def of_evaluation(
        self, args: TrainingArguments, state: TrainerState, step: EvaluationStep, model: nn.Module, tokenizer: Any
    ) -> dict[str, float]:
        """Return the metrics of the evaluation that has just read its last batch; every rank calls this.

        Returns:
            The values; where they cannot be had none, or NaN for the one that selects the best model.

        Raises:
            NCError: they cannot be had, with ``strict``, or in the first evaluation of a training whose best model one
                of them selects.
        """
        try:
            if self._own is None:
                values, twice = self.heard(model, tokenizer)
                if twice:
                    self._voice.say(UNSURE)
                return values
            self._shared = (self._shared if step.later_set else None) or self.passed(args, model, tokenizer)
            return self._shared
        except Exception as trouble:
            chosen = best_metric(args, self.keys, step.prefix)
            if chosen is not None and step.trainer.is_in_train and state.best_metric is None:
                raise
            self._leave_out(trouble)
            return {} if chosen is None else {self.keys[chosen]: math.nan}

    def of_own_pass(self, args: TrainingArguments, model: nn.Module, tokenizer: Any) -> dict[str, float]:
        """Return the metrics of a pass beside the evaluations, which selects no model; none where it cannot be had."""
        try:
            return self.passed(args, model, tokenizer)
        except Exception as trouble:
            self._leave_out(trouble)
            return {}

    def forget_shared(self) -> None:
        """Forget the pass that several sets share: the model changes, or the evaluation never ended."""
        self._shared = None

    def _leave_out(self, trouble: Exception) -> None:
        """Say why there are no values, within an ``except``."""
        if self._strict:
            raise trouble
        self._voice.say(f"{trouble or type(trouble).__name__} {LEFT_OUT}")

    def heard(self, model: nn.Module, tokenizer: Any) -> tuple[dict[str, float], bool]:
        """Return the metrics of the evaluation that has just ended, the same on every rank.

        Args:
            model: that was evaluated, with its wrappers.
            tokenizer: of the classes, where their names need one.

        Returns:
            The values, and whether rows of it may have been counted twice.

        Raises:
            NCError: on every rank, if one of them did not hear all of its batches or the values cannot be computed.
        """
        process, unsure, plain = PartialState(), self.listener.unsure, self.listener.plain
        with failing_together(process):
            collection, reader = self.listener.collection()
        with failing_together(process):
            collection.reduce(process, contributes=reader.first)
        if collection.tokens == 0:
            raise self.listener.silence()
        twice, told = sum_over_processes([float(unsure), float(not plain)], process)
        if not (told or self.listener.tried):
            self._refuse_reading_ahead(model, collection.statistics.class_ids, process)
        return self._values(collection, collection.statistics.census(), tokenizer), bool(twice)

    def _refuse_reading_ahead(self, model: nn.Module, classes: Tensor, process: PartialState) -> None:
        """Try a model whose batches were tokens alone, once; every rank is here, and the Trainer's passes are over."""
        with failing_together(process):
            refuse_if_it_reads_ahead(model, (classes[: 2 * PROBED].tolist() * PROBED)[: 2 * PROBED])
        self.listener.tried = True

    def passed(self, args: TrainingArguments, model: nn.Module, tokenizer: Any) -> dict[str, float]:
        """Return the metrics of a pass of its own, with the loss on its text as ``nc_loss``.

        Raises:
            NCError: the text cannot be read, or the values cannot be computed.
        """
        assert self._own is not None
        collection, census = self._own.collect(args, model, tokenizer, self._gathered)
        loss = collection.loss_sum / collection.tokens if collection.tokens else math.nan
        return {"nc_loss": loss, **self._values(collection, census, tokenizer)}

    def _values(self, collection: Collection, census: Tensor, tokenizer: Any) -> dict[str, float]:
        """Compute the metrics for the classes that a text's token counts ``census`` (T,) choose."""
        ids = None
        if self._preset != "paper":  # in which every class counts
            ids = choose_classes(self._options["classes"], census, self._options["tokenizer"] or tokenizer).ids
        found = layer_values(collection, FINAL, self._preset, collection.decided(ids))
        return {name: metric.value for name, metric in found.values.items()}
