"""The metrics of an evaluation that was listened to, or of the callback's own pass; every rank takes part in both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.state import PartialState
from torch import Tensor, nn
from transformers import TrainingArguments

from nc_hf.corpus.classes import choose_classes
from nc_hf.measurement.assemble import layer_values
from nc_hf.measurement.collection import Collection
from nc_hf.metrics.table import needs_of
from nc_hf.model.direction import PROBED
from nc_hf.model.forward_pass import FINAL
from nc_hf.runtime.distributed import failing_together, sum_over_processes
from nc_hf.training.fitness import refuse_if_it_reads_ahead
from nc_hf.training.listener import EvaluationListener
from nc_hf.training.own_pass import OwnPass


class Measuring:
    """Computes what a callback is asked for.

    Args:
        preset: of `nc_hf.metrics.compute_metrics`.
        names: the metrics that it stands for.
        options: those of `nc_hf.measure` that hold for a callback.
        own: a pass of its own; None to listen.

    Attributes:
        listener: to the Trainer's evaluation.
    """

    def __init__(
        self, preset: str | Sequence[str], names: Sequence[str], options: Mapping[str, Any], own: OwnPass | None
    ) -> None:
        """Gather nothing yet."""
        needed = needs_of(names)
        self._preset, self._options, self._own = preset, options, own
        self._gathered: dict[str, Any] = {
            "covariance": "covariance" in needed,
            "agreement_tokens": options["agreement_tokens"] if "agreement" in needed else 0,
            "head": not needed.isdisjoint(("head", "agreement")),
        }
        self.listener = EvaluationListener(**self._gathered)

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
        values, _ = layer_values(collection, FINAL, self._preset, collection.decided(ids))
        return {name: metric.value for name, metric in values.items()}
