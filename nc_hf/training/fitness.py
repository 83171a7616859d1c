"""What can be known of a Trainer before its first step: why its evaluation cannot be heard, or will mislead."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from nc_hf.errors import LabelError, NCError, StatisticsError, TapError
from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.direction import refuse_reading_ahead
from nc_hf.runtime.nearest import did_you_mean

_ROWS = 4
"""Of an evaluation set that are looked at; all of one that is smaller than `_SMALL`."""
_SMALL = 32
_SHIFTED, _ALIGNED = 0.99, 0.5
"""Shares of labels that are the token after their own, and their own token, from and below which they are shifted."""
_VIRTUAL = ("PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING")
_WAY_OUT = "name a held-out corpus (corpus=...), so that a pass of its own is made."


def refuse_what_cannot_be_heard(model: Any, args: TrainingArguments, trainer: Any | None) -> None:
    """Refuse a Trainer whose evaluation gives the model no labels, or none that can be paired with features.

    Args:
        model: that it trains.
        args: its arguments.
        trainer: None where it is not known, as for a callback that was added later.

    Raises:
        TapError: the message names the way out.
        LabelError: the labels are shifted already.
        StatisticsError: the evaluation set is too small for one class.
    """
    kinds = {
        str(getattr(each.peft_type, "value", each.peft_type)) for each in _adapters(model) if hasattr(each, "peft_type")
    }
    if kinds & set(_VIRTUAL):
        raise TapError(f"{kinds.pop()} puts virtual tokens in front of each row, which have no label; {_WAY_OUT}")
    if _is_replicated(model, args):
        raise TapError(
            "One process drives several GPUs (nn.DataParallel), on which copies of the model share out each batch; "
            "start it with accelerate launch or torchrun, show it one GPU (CUDA_VISIBLE_DEVICES=0), or " + _WAY_OUT
        )
    parameters = inspect.signature(causal_lm(model).forward).parameters
    if "labels" not in parameters and not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        raise TapError(f"The forward pass of {type(model).__name__} takes no labels; {_WAY_OUT}")
    names = args.label_names
    if names and "labels" not in names and "shift_labels" not in names:
        raise TapError(f"The labels of this Trainer are called {', '.join(names)}; call them labels, or {_WAY_OUT}")
    if trainer is None:
        return
    if _own_loss(trainer):
        if args.label_smoothing_factor:
            raise TapError(f"With label smoothing the Trainer takes the labels away from the model; {_WAY_OUT}")
        if getattr(trainer, "compute_loss_func", None) is not None:
            raise TapError(f"With compute_loss_func the Trainer takes the labels away from the model; {_WAY_OUT}")
    for rows in _sets(trainer):
        _refuse_labels(rows, trainer)


def warnings_before_training(
    args: TrainingArguments, state: Any, trainer: Any | None, keys: Mapping[str, str]
) -> Iterator[str]:
    """Yield what is decided by the metrics otherwise than is meant.

    Args:
        args: of the Trainer.
        state: of the training that begins.
        trainer: None where it is not known.
        keys: the metric's name by each key that it is logged under, without the prefix of the evaluation.
    """
    name = best_metric(args, keys)
    if name is not None:
        direction = METRICS[keys[name]].direction
        greater = bool(args.greater_is_better)
        if direction == "none":
            yield f"metric_for_best_model is {name}, which has no direction that means collapse; choose another one."
        elif greater != (direction == "up"):
            yield (
                f"metric_for_best_model is {name}, and greater_is_better is {greater}: the model kept is the least "
                f"collapsed one; pass greater_is_better={direction == 'up'}, unless that is meant."
            )
    elif _sounds_like_ours(chosen := (args.metric_for_best_model or "").removeprefix("eval_")):
        near = did_you_mean(chosen, keys)
        yield f"metric_for_best_model is {chosen}, which is not measured{near}; name it in preset=."
    objective = getattr(getattr(trainer, "compute_objective", None), "__name__", None)
    if getattr(state, "is_hyper_param_search", False) and objective == "default_compute_objective":
        yield (
            "The hyper-parameter search has no compute_objective, so that its objective is the sum of all metrics of "
            "an evaluation, with those of neural collapse; pass compute_objective=lambda found: found['eval_loss']."
        )


def refuse_if_it_reads_ahead(model: nn.Module, words: Sequence[int]) -> None:
    """Try whether a model reads ahead; one that cannot be run so, on tokens alone, is left to its evaluation.

    Args:
        model: with its wrappers; every rank has to come here where it is sharded.
        words: token ids of a text.

    Raises:
        ModelError: it does, so that every feature has seen its own label.
    """
    rows = getattr(causal_lm(model).get_input_embeddings(), "num_embeddings", None)
    if rows is not None and max(words) >= rows:  # labels are not always tokens
        return
    try:
        refuse_reading_ahead(model, words)
    except NCError:
        raise
    except Exception:  # of anybody's model, which may need more than tokens
        return


def best_metric(args: TrainingArguments, keys: Mapping[str, str], prefix: str | None = None) -> str | None:
    """Return the key of ours, without the evaluation's prefix, that selects the best model.

    Args:
        args: of the Trainer, which puts ``eval_`` in front of a name that has none.
        keys: ours.
        prefix: of an evaluation that it is to be of; None for any, as of one of several sets.
    """
    chosen = args.metric_for_best_model
    if chosen is None:
        return None
    if prefix is not None:
        whole = chosen if chosen.startswith("eval_") else f"eval_{chosen}"
        return next((key for key in keys if whole == f"{prefix}_{key}"), None)
    return next(
        (key for key in sorted(keys, key=len, reverse=True) if chosen == key or chosen.endswith(f"_{key}")), None
    )


def _sounds_like_ours(name: str) -> bool:
    """Whether a name begins as metrics of a family do, though it need be none."""
    return name.partition("_")[0].upper() in FAMILIES


def _own_loss(trainer: Any) -> bool:
    """Whether the loss is that of transformers' own Trainer, of which it is known what it does."""
    method = type(trainer).compute_loss
    return bool(method.__module__ == "transformers.trainer")


def _is_replicated(model: Any, args: TrainingArguments) -> bool:
    """Whether the Trainer runs copies of the model in one process; it leaves alone what bitsandbytes has quantised."""
    if isinstance(model, nn.DataParallel):
        return len(model.device_ids) > 1
    quantised = any(getattr(model, name, False) for name in ("is_loaded_in_8bit", "is_loaded_in_4bit"))
    return args.n_gpu > 1 and not quantised


def _adapters(model: Any) -> list[Any]:
    configs = getattr(model, "peft_config", None)
    return list(configs.values()) if isinstance(configs, Mapping) else []


def _sets(trainer: Any) -> Iterator[Sequence[Any]]:
    """Yield the evaluation sets whose rows can be looked at without using them up."""
    given = getattr(trainer, "eval_dataset", None)
    for rows in given.values() if isinstance(given, dict) else [given]:
        if rows is not None and hasattr(rows, "__getitem__") and hasattr(rows, "__len__") and len(rows):
            yield rows


def _refuse_labels(rows: Sequence[Any], trainer: Any) -> None:
    """Look at the first rows as the Trainer would collate them; what cannot be looked at is left to the evaluation."""
    small = len(rows) < _SMALL
    try:
        with _random_states_kept():
            batch = trainer.data_collator([dict(rows[place]) for place in range(len(rows) if small else _ROWS)])
        tokens, labels = batch["input_ids"], batch["labels"]
    except Exception:  # a collator of anybody's, on rows that the Trainer may yet prepare
        return
    if not (isinstance(tokens, Tensor) and isinstance(labels, Tensor) and labels.dim() == 2):
        return
    if tokens.shape == labels.shape:
        refuse_shifted(tokens, labels)
    classes = torch.unique(labels[:, 1:][labels[:, 1:] >= 0], return_counts=True)[1]
    if small and int((classes >= 2).sum()) < 2:
        raise StatisticsError(
            f"The evaluation set is too small: of its {len(rows)} rows fewer than two tokens come twice as labels; "
            "evaluate on more rows, or name a held-out corpus (corpus=...)."
        )


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Leave the generators of torch, NumPy and Python as they are: a look at the rows must not change the run."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def refuse_shifted(tokens: Tensor, labels: Tensor) -> None:
    """Refuse labels that are the next tokens already: the model's own loss, and every class, would be one token off.

    Args:
        tokens: (B, L) ``input_ids``.
        labels: (B, L).

    Raises:
        LabelError: nearly all labels are the token after their own, and hardly any is its own token.
    """
    labelled = labels[:, :-1] >= 0
    count = int(labelled.sum())
    if count == 0:
        return
    following = int(((labels[:, :-1] == tokens[:, 1:]) & labelled).sum()) / count
    own = int(((labels[:, :-1] == tokens[:, :-1]) & labelled).sum()) / count
    if following >= _SHIFTED and own < _ALIGNED:
        raise LabelError(
            "The labels are shifted already: each is the token after its own, where transformers' models shift by "
            "themselves; pass labels equal to input_ids, or name a held-out corpus (corpus=...)."
        )
