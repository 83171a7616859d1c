"""What a cell is trained on: the model's own loss, with labels smoothed or a loss added, in training alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer

from nc_hf.model.anatomy import causal_lm
from nc_hf.study.cell import Cell
from nc_hf.study.interventions.losses import LOSSES

IGNORED = -100


class StudyTrainer(Trainer):
    """A Trainer whose training loss is ``(1 - e) CE + e CE against the uniform law + lambda added``.

    CE is the model's own loss. What is added is computed on each batch of each process by itself: over gradient
    accumulation and several processes it is the mean of theirs, each with the weight of its tokens, as CE is. An
    evaluation has the plain loss, so that curves of all cells compare. The log has the mean of the added loss over
    batches and processes, before its lambda, as ``added_loss``.

    Args:
        cell: says how labels are smoothed, and what is added with which weight.
    """

    def __init__(self, *, cell: Cell, **given: Any) -> None:
        """Make the Trainer; everything but the cell is the Trainer's own."""
        self._cell = cell
        self._added: list[Tensor] = []
        super().__init__(**given)

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **given: Any) -> Any:
        """Compute the loss of a batch."""
        if not model.training or not (self._cell.label_smoothing or self._cell.added_weight):
            return super().compute_loss(model, inputs, return_outputs, **given)
        labels = inputs["labels"][:, 1:]
        with _head_inputs(model) as heard:
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **given)
        counted, smoothing = labels != IGNORED, self._cell.label_smoothing
        share = self._share(counted, given.get("num_items_in_batch"))
        if smoothing:
            logits = outputs["logits"][:, :-1][counted].float()
            loss = (1 - smoothing) * loss - share * smoothing * logits.log_softmax(dim=1).mean()
        if self._cell.added_weight:
            (features,) = heard
            weight = causal_lm(model).get_output_embeddings().weight
            added = LOSSES[self._cell.added_loss](features[:, :-1][counted].float(), labels[counted], weight)
            self._added.append(added.detach())
            loss = loss + share * self._cell.added_weight * added
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *rest: Any, **given: Any) -> None:
        """Log the mean of the added loss beside that of the whole."""
        if "loss" in logs and self._added:
            logs["added_loss"] = self.accelerator.reduce(torch.stack(self._added).mean(), reduction="mean").item()
            self._added.clear()
        super().log(logs, *rest, **given)

    def _share(self, counted: Tensor, step_tokens: Tensor | None) -> Tensor | float:
        """Return what the mean over a batch counts for in the loss of a step, to which the Trainer adds up batches.

        Args:
            counted: which tokens of the batch have a label.
            step_tokens: all of the step, where the model divides by them; else the Trainer takes the mean itself.
        """
        if step_tokens is None:
            return 1.0
        processes = self.accelerator.num_processes if self.args.average_tokens_across_devices else 1
        return counted.sum() * processes / step_tokens


@contextmanager
def _head_inputs(model: nn.Module) -> Iterator[list[Tensor]]:
    """Hear what enters the head."""
    heard: list[Tensor] = []
    head = causal_lm(model).get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda module, args: heard.append(args[0]))
    try:
        yield heard
    finally:
        handle.remove()
