"""``NeuralCollapseCallback``: neural collapse beside the loss, inside an ordinary Trainer."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Unpack

from accelerate.state import PartialState
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.errors import InputError
from nc_hf.measurement.options import PASS_OPTIONS, PassOptions, complete, takes_options
from nc_hf.metrics.compute import pass_metrics
from nc_hf.runtime.distributed import attend
from nc_hf.training.fitness import refuse_what_cannot_be_heard, warnings_before_training
from nc_hf.training.gates import gates
from nc_hf.training.listener import at_the_end
from nc_hf.training.logs import add_to, are_of_evaluation, stand_before_early_stopping
from nc_hf.training.measuring import LEFT_OUT, Measuring
from nc_hf.training.own_pass import OwnPass
from nc_hf.training.stack import EvaluationStep, calling_trainer, evaluation_step
from nc_hf.training.voice import Voice

_UNPREPARED = (
    "The evaluation's loader was not prepared by accelerate, so its end is not known to all processes; prepare it with "
    "accelerator.prepare, or name a held-out corpus (corpus=..., every=...). " + LEFT_OUT
)
_TAKEN = "{} has another value in this evaluation already (of another callback, or of compute_metrics): pass label=..."
_DEFAULTS = {"agreement_tokens": 8_192, "batch_size": None}


class NeuralCollapseCallback(TrainerCallback):
    """Adds neural-collapse metrics (arXiv 2405.17767) to a Trainer's evaluations.

    With class means mu_c, their centre mu and the classifier's rows w_c, collapse is the tendency of training to
    NC1 (features h of a class c gather at mu_c), NC2 (the mu_c - mu become equally long and equally far apart),
    NC3 (w_c aligns with mu_c - mu) and NC4 (argmax_c w_c.h agrees with argmin_c |h - mu_c|). The class of a feature
    is the next token.

    Without a corpus the callback listens to the Trainer's own evaluation and costs no forward pass, but one of 16
    tokens, once, which tells whether the model reads from left to right. With a corpus it runs a bounded pass of its
    own over held-out text, at each evaluation or as ``every`` says::

        trainer = Trainer(..., eval_dataset=held_out, callbacks=[NeuralCollapseCallback()])
        trainer.evaluate()["eval_nc1_trace_ratio"]

    The values are in the dict that ``evaluate()`` returns, in ``state.log_history``, and can select the best model
    (``metric_for_best_model="nc1_trace_ratio"``, with ``greater_is_better=False`` where down means collapse: the
    Trainer takes all but losses to be better when greater). Trackers named in ``report_to`` run before other callbacks;
    to have them log the values in the same row as the loss, use ``NeuralCollapseCallback().attach(trainer)`` instead.

    The callback measures and never steers: what it cannot do right is said when the Trainer is made or begins to train,
    as an error. What goes wrong later is logged once in a sentence, its keys are left out, and training goes on.

    Args:
        corpus: None to listen; else held-out text by name or path (``tinystories``, ``builtin``, a file), or blocks.
        preset: ``core``, ``paper``, ``full``, or names of metrics. Without an NC4 name no decision is made.
        max_tokens: tokens of the callback's own pass, None for all; a listening callback takes what the evaluation
            reads.
        every: with a corpus: steps between two passes, or ``"epoch"``; None runs one at each evaluation.
        label: stands before the metric's name, as in ``eval_train_nc1_trace_ratio``: where a Trainer has several
            callbacks, it keeps their values apart.
        strict: raise whatever goes wrong in an evaluation, in place of a warning.
        stop_if: a condition, or several, by which training is stopped: ``"nc1_trace_ratio > 3"``, or ``"NAME turns"``,
            which is met when the metric grew less collapsed three evaluations in a row.
        warn_if: the same, by which a warning is logged.
        **options: those of `nc_hf.measure` that hold here: ``classes`` (which tokens count, by their share of the
            text: of the evaluation's own where it is listened to), ``agreement_tokens`` (8,192 of them decide NC4) and,
            with a corpus, ``split``, ``packing``, ``block_size``, ``seed``, ``batch_size`` (default: the Trainer's
            ``eval_batch_size``) and ``tokenizer`` (default: the Trainer's ``processing_class``).

    Raises:
        InputError: an argument that cannot be meant.
        TapError, LabelError, StatisticsError: when the Trainer is made or begins, if its evaluation cannot be heard.
        NCError: with ``strict``, and at the first evaluation of a training whose best model one of the values selects.
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
        strict: bool = False,
        stop_if: str | Sequence[str] | None = None,
        warn_if: str | Sequence[str] | None = None,
        **options: Unpack[PassOptions],
    ) -> None:
        """Check the arguments; the model is met when the Trainer is made."""
        given = complete({**_DEFAULTS, **options}, PASS_OPTIONS)
        complete({"preset": preset, "max_tokens": max_tokens})
        self.preset, self.options = preset, given
        self.names = pass_metrics(preset, given["agreement_tokens"])
        if every is not None and corpus is None:
            raise InputError("every needs a text of its own to measure on: pass corpus=... too.")
        if not (every is None or every == "epoch" or (isinstance(every, int) and every > 0)):
            raise InputError(f"every is {every!r}: pass a number of steps, 'epoch' or None.")
        self.every = every
        self.own = None if corpus is None else OwnPass(corpus, max_tokens, given)
        self.label = f"{label}_" if label else ""
        self.strict = strict
        self._stop_if, self._warn_if = gates(stop_if, self.names), gates(warn_if, self.names)
        self._trainer: weakref.ref[Any] | None = None
        self._attached = False
        self._voice = Voice()
        self._measuring = Measuring(
            preset, self.names, given, self.own, voice=self._voice, label=self.label, strict=strict
        )
        self._listener = self._measuring.listener
        self._detached = False
        # Of each evaluation by its prefix, once its last batch was heard: another callback may run one within another.
        self._values: dict[str, dict[str, float]] = {}
        self._unmeasured = False  # an evaluation runs, or has ended without its loader having told

    def __getstate__(self) -> dict[str, Any]:
        """Leave the Trainer behind: a copy, or a pickle, has to be attached again."""
        return vars(self) | {"_trainer": None, "_attached": False}

    def attach(self, trainer: Any) -> NeuralCollapseCallback:
        """Join a Trainer ahead of its trackers, so that they log the values in the same row as the loss."""
        callbacks = trainer.callback_handler.callbacks
        if self in callbacks:
            callbacks.remove(self)
        callbacks.insert(0, self)
        self._detached, self._attached = False, True
        self._meet(trainer, trainer.model, trainer.args)
        return self

    def detach(self) -> None:
        """Take the hooks off the model; the Trainer goes on without the metrics, until ``attach``."""
        self._detached = True
        self._listener.stop()

    def on_init_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Begin to listen, so that ``evaluate()`` without training works too; refuse what cannot be heard."""
        self._attached = False  # to an earlier Trainer
        self._meet(calling_trainer(), kwargs["model"], args)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Listen to the model that is trained, should it be another one (``model_init``), or read the corpus and try.

        What is wrong with either is then said before hours of training, not after.
        """
        self._forget()
        self._values.clear()
        trainer = self._known_trainer() or calling_trainer()
        self._meet(trainer, kwargs["model"], args)
        if self._detached:
            return
        if self.own is not None:
            self.own.refuse_what_cannot_be_measured(kwargs["model"], kwargs.get("processing_class"))
        for warning in warnings_before_training(args, state, trainer, self._measuring.keys):
            self._voice.say(warning)
        if trainer is not None:
            stand_before_early_stopping(trainer.callback_handler.callbacks, self)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Forget the pass that an evaluation's sets have shared: the model changes."""
        self._measuring.forget_shared()

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take in the batch that the Trainer has just evaluated; after the last one, measure, where every rank is."""
        step, loader = evaluation_step(), kwargs.get("eval_dataloader")
        if self._detached or step is None or not self._is_wanted():
            self._forget()  # a prediction, or a loop of one's own
            return
        self._trainer = self._trainer or weakref.ref(step.trainer)
        self._values.pop(step.prefix, None)
        if self.own is None:
            self._listener.hear(loader, args.eval_batch_size, step.trainer)
        self._unmeasured = self.own is None or self.every is None
        if at_the_end(loader):
            self._measure(args, state, step, **kwargs)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add the values to the log of an evaluation: the dict that is returned, selected on and written out."""
        step = evaluation_step()
        if logs is None or step is None or self._detached or not are_of_evaluation(logs, step.prefix):
            return
        if self._unmeasured:
            if PartialState().num_processes == 1:
                self._measure(args, state, step, **kwargs)
            else:  # here other ranks may not be
                self._voice.say(_UNPREPARED)
        values = {f"{self.label}{name}": value for name, value in self._values.get(step.prefix, {}).items()}
        taken = add_to(logs, step.prefix, values)
        if taken and self.strict:
            raise InputError(_TAKEN.format(taken[0]))
        if taken:
            self._voice.say(_TAKEN.format(taken[0]))
        if state.log_history:
            add_to(state.log_history[-1], step.prefix, values)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> None:
        """Hand the values to ``evaluate()`` too where a Trainer's ``log`` has not, and see to the conditions."""
        step = evaluation_step()
        values = None if step is None else self._values.pop(step.prefix, None)
        if step is None or not values:
            return
        for key, value in values.items():
            metrics.setdefault(f"{step.prefix}_{self.label}{key}", value)
        self._see_to_conditions(values, control)

    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> None:
        """Forget what ``predict()`` ran: it is not an evaluation."""
        self._forget()

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

    def _meet(self, trainer: Any | None, model: nn.Module, args: TrainingArguments) -> None:
        """Tap the model of a Trainer; a callback with its own corpus needs no tap between its passes."""
        self._trainer = None if trainer is None else weakref.ref(trainer)
        attend(PartialState())
        if self.own is not None or self._detached:
            return
        refuse_what_cannot_be_heard(model, args, trainer)
        self._listener.listen_to(model, self._is_wanted)

    def _known_trainer(self) -> Any | None:
        return None if self._trainer is None else self._trainer()

    def _is_wanted(self) -> bool:
        """Whether the Trainer still has this callback: it is not told of ``remove_callback``."""
        trainer = self._known_trainer()
        return trainer is None or self in trainer.callback_handler.callbacks

    def _forget(self) -> None:
        """Begin anew, without what an evaluation that never ended has left."""
        self._listener.forget()
        self._measuring.forget_shared()
        self._unmeasured = False

    def _measure(self, args: TrainingArguments, state: TrainerState, step: EvaluationStep, **kwargs: Any) -> None:
        """Compute the values of the evaluation that has just read its last batch; every rank calls this."""
        if self._unmeasured:
            self._unmeasured = False
            self._values[step.prefix] = self._measuring.of_evaluation(
                args, state, step, kwargs["model"], kwargs.get("processing_class")
            )

    def _see_to_conditions(self, values: dict[str, float], control: TrainerControl) -> None:
        """Stop the training, or log a warning, where a condition is met."""
        for gate in self._warn_if:
            if sentence := gate.met(values):
                self._voice.say(f"{sentence}.", again=True)
        for gate in self._stop_if:
            if sentence := gate.met(values):
                self._voice.say(f"Training is stopped: {sentence}.", again=True)
                control.should_training_stop = True

    def _log_own(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Log the own pass as a row of its own: to the trackers too where attached, else in the history alone.

        Not through ``Trainer.log``, which subclasses fill with running means of the training that it then resets.
        """
        values = self._measuring.of_own_pass(args, kwargs["model"], kwargs.get("processing_class"))
        logs: dict[str, Any] = {f"eval_{self.label}{name}": value for name, value in values.items()}
        logs["epoch"] = state.epoch
        state.log_history.append({**logs, "step": state.global_step})
        trainer = self._known_trainer()
        if self._attached and trainer is not None:
            trainer.callback_handler.on_log(args, state, control, logs)
        self._see_to_conditions(values, control)
