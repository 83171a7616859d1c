"""``NeuralCollapseCallback``: neural collapse beside the loss, inside an ordinary Trainer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import choose_classes
from nc_hf.corpus.corpus import open_corpus
from nc_hf.errors import InputError
from nc_hf.measurement.assemble import layer_values
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.measurement.options import PASS_OPTIONS, PassOptions, complete, takes_options
from nc_hf.metrics.compute import pass_metrics
from nc_hf.metrics.table import needs_of
from nc_hf.model.tap import FINAL
from nc_hf.training.listener import EvaluationListener

_DEFAULTS = {"agreement_tokens": 8_192, "batch_size": None}


class NeuralCollapseCallback(TrainerCallback):
    """Adds neural-collapse metrics (arXiv 2405.17767) to a Trainer's evaluations.

    With class means mu_c, their centre mu and the classifier's rows w_c, collapse is the tendency of training to
    NC1 (features h of a class c gather at mu_c), NC2 (the mu_c - mu become equally long and equally far apart),
    NC3 (w_c aligns with mu_c - mu) and NC4 (argmax_c w_c.h agrees with argmin_c |h - mu_c|). The class of a feature
    is the next token.

    Without a corpus the callback listens to the Trainer's own evaluation and costs no forward pass. With one it runs
    a bounded pass of its own over held-out text, at each evaluation or as ``every`` says::

        trainer = Trainer(..., eval_dataset=held_out, callbacks=[NeuralCollapseCallback()])
        trainer.evaluate()["eval_nc1_trace_ratio"]

    The values are in the dict that ``evaluate()`` returns, in ``state.log_history``, and can select the best model
    (``metric_for_best_model="nc1_trace_ratio"``, with ``greater_is_better=False`` where down means collapse: the
    Trainer takes all but losses to be better when greater). Trackers named in ``report_to`` run before other callbacks;
    to have them log the values in the same row as the loss, use ``NeuralCollapseCallback().attach(trainer)`` instead.

    Args:
        corpus: None to listen; else held-out text by name or path (``tinystories``, ``builtin``, a file), or blocks.
        preset: ``core``, ``paper``, ``full``, or names of metrics. Without an NC4 name no decision is made.
        max_tokens: tokens of the callback's own pass, None for all; a listening callback takes what the evaluation
            reads.
        every: with a corpus: steps between two passes, or ``"epoch"``; None runs one at each evaluation.
        label: stands before the metric's name, as in ``eval_train_nc1_trace_ratio``: where a Trainer has several
            callbacks, it keeps their values apart.
        **options: those of `nc_hf.measure` that hold here: ``classes`` (which tokens count, by their share of the
            text: of the evaluation's own where it is listened to), ``agreement_tokens`` (8,192 of them decide NC4) and,
            with a corpus, ``split``, ``packing``, ``block_size``, ``seed``, ``batch_size`` (default: the Trainer's
            ``eval_batch_size``) and ``tokenizer`` (default: the Trainer's ``processing_class``).

    Raises:
        InputError: an argument that cannot be meant, or two callbacks with other values for one key.
        TapError: after an evaluation whose labels or features could not be seen; the message names the way out.
        StatisticsError: fewer than two classes count.
    """

    @takes_options(PASS_OPTIONS, _DEFAULTS)
    def __init__(
        self,
        corpus: str | TokenBlocks | None = None,
        preset: str | Sequence[str] = "core",
        max_tokens: int | None = 100_000,
        every: int | str | None = None,
        *,
        label: str = "",
        **options: Unpack[PassOptions],
    ) -> None:
        """Check the arguments; the model is met when the Trainer is made."""
        given = complete({**_DEFAULTS, **options}, PASS_OPTIONS)
        complete({"preset": preset, "max_tokens": max_tokens})
        self.preset, self.max_tokens = preset, max_tokens
        self.classes, self.agreement_tokens = given["classes"], given["agreement_tokens"]
        self.split, self.packing, self.block_size = given["split"], given["packing"], given["block_size"]
        self.batch_size, self.tokenizer, self.seed = given["batch_size"], given["tokenizer"], given["seed"]
        self.names = pass_metrics(preset, self.agreement_tokens)
        if every is not None and corpus is None:
            raise InputError("every needs a text of its own to measure on: pass corpus=... too.")
        if not (every is None or every == "epoch" or (isinstance(every, int) and every > 0)):
            raise InputError(f"every is {every!r}: pass a number of steps, 'epoch' or None.")
        self.corpus, self.every = corpus, every
        self.label = f"{label}_" if label else ""
        self._handler: Any = None  # the Trainer's list of callbacks, once attached
        needed = needs_of(self.names)
        self._gathered: dict[str, Any] = {
            "covariance": "covariance" in needed,
            "agreement_tokens": self.agreement_tokens if "agreement" in needed else 0,
        }
        self._listener = EvaluationListener(**self._gathered)
        self._blocks: TokenBlocks | None = None
        self._detached = False
        self._logged: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the Trainer behind: a copy, or a pickle, has to be attached again."""
        return vars(self) | {"_handler": None}

    def attach(self, trainer: Any) -> NeuralCollapseCallback:
        """Join a Trainer ahead of its trackers, so that they log the values in the same row as the loss."""
        self._handler = trainer.callback_handler
        if self in self._handler.callbacks:
            self._handler.callbacks.remove(self)
        self._handler.callbacks.insert(0, self)
        self._detached = False
        self._listen_to(trainer.model)
        return self

    def detach(self) -> None:
        """Take the hooks off the model; the Trainer goes on without the metrics, until ``attach``."""
        self._detached = True
        self._listener.stop()

    def on_init_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Begin to listen, so that ``evaluate()`` without training works too."""
        self._handler = None  # of an earlier Trainer
        self._listen_to(kwargs["model"])

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Listen to the model that is trained, should it be another one (``model_init``), and read the corpus.

        What is wrong with the corpus is then said before hours of training, not after.
        """
        self._listener.forget()
        self._listen_to(kwargs["model"])
        if self.corpus is not None and not self._detached:
            self._read_corpus(kwargs["model"], kwargs.get("processing_class"))

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take in the batch that the Trainer has just evaluated."""
        self._listener.hear(kwargs.get("eval_dataloader"), args.eval_batch_size)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add the values to the log of an evaluation: the dict that is returned, selected on and written out."""
        prefix = _evaluation_prefix(logs, self._listener.batches > 0)
        if logs is None or prefix is None or self._detached or (self.corpus is not None and self.every is not None):
            return
        known = any(f"{prefix}_{self.label}{name}" in logs for name in self.names)
        if not self._listener.batches and (known or not prefix.startswith("eval")):
            return  # logged by hand: what evaluate() or predict() returned
        values = self._heard_values(**kwargs) if self.corpus is None else self._own_values(args, **kwargs)
        values = {f"{prefix}_{self.label}{name}": value for name, value in values.items()}
        taken = [key for key, value in values.items() if logs.get(key, value) != value and not math.isnan(value)]
        if taken:
            raise InputError(f"two callbacks have other values for {taken[0]}: give one of them a label=.")
        logs.update(values)
        self._logged = values
        if state.log_history:
            state.log_history[-1].update(values)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Hand the values to ``evaluate()`` too where a Trainer's own ``log`` passes on a copy of its dict."""
        if metrics is not None:
            metrics.update({key: value for key, value in self._logged.items() if key not in metrics})
        self._logged = {}

    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> None:
        """Forget what ``predict()`` ran: it is not an evaluation."""
        self._listener.forget()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Run the callback's own pass every so many steps."""
        if not self._detached and isinstance(self.every, int) and state.global_step % self.every == 0:
            self._log_own(args, state, control, **kwargs)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Run the callback's own pass at the end of an epoch."""
        if not self._detached and self.every == "epoch":
            self._log_own(args, state, control, **kwargs)

    def _listen_to(self, model: nn.Module) -> None:
        """Tap the model; a callback with its own corpus needs no tap between its passes."""
        if self.corpus is not None or self._detached:
            return
        self._listener.listen_to(model)

    def _heard_values(self, **kwargs: Any) -> dict[str, float]:
        """Return the metrics of the evaluation that has just ended, the same on every rank."""
        collection = self._listener.collection()
        return self._values_of(collection, collection.statistics.census(), kwargs.get("processing_class"))

    def _own_values(self, args: TrainingArguments, **kwargs: Any) -> dict[str, float]:
        """Return the metrics of the callback's own pass, with the loss on its text as ``nc_loss``."""
        self._listener.forget()
        tokenizer = kwargs.get("processing_class")
        blocks = self._read_corpus(kwargs["model"], tokenizer)
        collection = collect(
            kwargs["model"],
            blocks,
            batch_size=self.batch_size or args.eval_batch_size,
            **self._gathered,
            compiled=False,  # or the training step would be compiled anew after every pass
            progress=not args.disable_tqdm,
        )
        loss = collection.loss_sum / collection.tokens if collection.tokens else math.nan
        census = blocks.token_counts() if blocks.census is None else blocks.census
        return {"nc_loss": loss, **self._values_of(collection, census, tokenizer)}

    def _values_of(self, collection: Collection, census: Tensor, tokenizer: Any) -> dict[str, float]:
        ids = None
        if self.preset != "paper":  # which has every class count
            ids = choose_classes(self.classes, census, self.tokenizer or tokenizer).ids
        values, _ = layer_values(collection, FINAL, self.preset, collection.decided(ids))
        return {name: metric.value for name, metric in values.items()}

    def _read_corpus(self, model: nn.Module, tokenizer: Any) -> TokenBlocks:
        """Return the blocks of the callback's own pass, packed at the first call."""
        if isinstance(self.corpus, TokenBlocks):
            return self.corpus
        if self._blocks is None:
            self._blocks = open_corpus(str(self.corpus), self.split).pack_for(
                model,
                self.tokenizer or tokenizer,
                self.block_size,
                packing=self.packing,
                max_tokens=self.max_tokens,
                seed=self.seed,
            )
        return self._blocks

    def _log_own(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Log the own pass as a row of its own: to the trackers too where attached, else in the history alone.

        Not through ``Trainer.log``, which subclasses fill with running means of the training that it then resets.
        """
        values = self._own_values(args, **kwargs)
        logs: dict[str, Any] = {f"eval_{self.label}{name}": value for name, value in values.items()}
        logs["epoch"] = state.epoch
        state.log_history.append({**logs, "step": state.global_step})
        if self._handler is not None:
            self._handler.on_log(args, state, control, logs)


def _evaluation_prefix(logs: dict[str, Any] | None, evaluated: bool) -> str | None:
    """Return ``eval`` (or ``eval_NAME``) if these are the logs of an evaluation, which always time themselves.

    So does the end of training, as ``train``, which is an evaluation's prefix too if a batch was evaluated just before.
    """
    if logs is not None and "total_flos" in logs:  # of the training itself, whatever was evaluated before
        return None
    timed = [key.removesuffix("_samples_per_second") for key in logs or {} if key.endswith("_samples_per_second")]
    return next((prefix for prefix in timed if prefix != "train" or evaluated), None)
