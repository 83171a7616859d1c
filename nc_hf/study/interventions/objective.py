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

    CE is the model's own loss. What is added is computed on the tokens of a process's own step: with several processes
    it is the mean over them. An evaluation has the plain loss, so that curves of all cells compare. The log has the
    mean of the added loss, not weighted, as ``added_loss``.

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
        counted = labels != IGNORED
        if self._cell.label_smoothing:
            logits = outputs["logits"][:, :-1][counted].float()
            uniform = -logits.log_softmax(dim=1).mean()
            loss = (1 - self._cell.label_smoothing) * loss + self._cell.label_smoothing * uniform
        if self._cell.added_weight:
            (features,) = heard
            weight = causal_lm(model).get_output_embeddings().weight
            added = LOSSES[self._cell.added_loss](features[:, :-1][counted].float(), labels[counted], weight)
            self._added.append(added.detach())
            loss = loss + self._cell.added_weight * added
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *rest: Any, **given: Any) -> None:
        """Log the mean of the added loss beside that of the whole."""
        if "loss" in logs and self._added:
            logs["added_loss"] = torch.stack(self._added).mean().item()
            self._added.clear()
        super().log(logs, *rest, **given)


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
