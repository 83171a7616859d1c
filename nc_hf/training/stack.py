"""What a Trainer tells no callback, read off the call stack: which of its methods is at work, and on which batch.

There is no event for the beginning of an evaluation, none that tells an evaluation from a prediction, and no callback
is given the Trainer or a batch. transformers' own memory tracker finds out in the same way what it is in. Only public
names are looked for: ``evaluate``, ``predict``, ``prediction_step`` and ``train`` of a Trainer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class EvaluationStep:
    """A forward pass, or an event, inside ``Trainer.evaluate``.

    Attributes:
        trainer: whose evaluation it is.
        tokens: (B, L) ``input_ids`` of the batch; None outside ``prediction_step``, or where the batch has none.
        in_step: whether it is inside ``prediction_step``, which computes the loss of one batch.
        prefix: of the evaluation's keys, as ``eval``.
        later_set: whether the evaluation is of one of several sets, and another one's has just ended.
    """

    trainer: Any
    tokens: Tensor | None
    in_step: bool
    prefix: str
    later_set: bool


def evaluation_step() -> EvaluationStep | None:
    """Return what the caller is in, be it a hook of the model or an event; None outside of an evaluation."""
    step: FrameType | None = None
    evaluation: Any = None
    prefix, later = "eval", False
    for name, frame in _frames():
        if name == "call_event":  # whatever runs a batch below it is a callback's own doing
            if evaluation is not None:
                break
            step = None
        trainer = frame.f_locals.get("self") if name in ("prediction_step", "evaluate", "predict") else None
        if not _is_trainer(trainer):
            continue
        if name == "predict":
            break
        if name == "prediction_step":
            step = frame  # the outermost: a subclass may hand other inputs to its parent's
        elif evaluation is None:
            evaluation, prefix = trainer, str(frame.f_locals.get("metric_key_prefix", prefix))
        else:
            later = later or (
                isinstance(frame.f_locals.get("eval_dataset"), dict) and bool(frame.f_locals.get("metrics"))
            )
    if evaluation is None:
        return None
    inputs = {} if step is None else step.f_locals.get("inputs")
    tokens = inputs.get("input_ids") if isinstance(inputs, Mapping) else None
    return EvaluationStep(evaluation, tokens if isinstance(tokens, Tensor) else None, step is not None, prefix, later)


def calling_trainer() -> Any | None:
    """Return the Trainer that is being made, or that trains, where the caller is an event of it."""
    for name, frame in _frames():
        if name in ("__init__", "train"):
            trainer = frame.f_locals.get("self")
            if _is_trainer(trainer):
                return trainer
    return None


def _is_trainer(found: Any) -> bool:
    # transformers.trainer takes seconds to import, and where there is a Trainer somebody has.
    kind = getattr(sys.modules.get("transformers.trainer"), "Trainer", None)
    return kind is not None and isinstance(found, kind)


def _frames() -> Iterator[tuple[str, FrameType]]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame.f_code.co_name, frame
        frame = frame.f_back
