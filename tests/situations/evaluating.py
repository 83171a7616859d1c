"""Evaluations as they are called, the options that change them, and what the loss runs in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DataCollatorWithFlattening, Trainer, TrainerCallback

from nc_hf import NeuralCollapseCallback
from tests.situations.registry import situation
from tests.situations.watching import Compared, Watch, every, of_rows
from tests.training import HELD_OUT, VOCAB_SIZE, examples, make_trainer, tiny_model, token_blocks

BY_STEP: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 1, "max_steps": 2}


def watched(folder: Path, *callbacks: Any, choice: Any = None, **settings: Any) -> tuple[Trainer, Watch]:
    trainer = make_trainer(folder, *(callbacks or (NeuralCollapseCallback(),)), **settings)
    return trainer, Watch(trainer, **({} if choice is None else {"choice": choice}))


def evaluate(folder: Path, *callbacks: Any, times: int = 1, **settings: Any) -> Watch:
    trainer, watch = watched(folder, *callbacks, **settings)
    for _ in range(times):
        trainer.evaluate()
    return watch


def train(folder: Path, *callbacks: Any, evaluations: int = 2, **settings: Any) -> Watch:
    trainer, watch = watched(folder, *callbacks, **{**BY_STEP, **settings})
    trainer.train()
    assert len(watch.compared) == evaluations, len(watch.compared)
    return watch


def logged(trainer: Trainer) -> list[dict[str, Any]]:
    """The rows of a history that are of evaluations."""
    return [row for row in trainer.state.log_history if "eval_loss" in row or "eval_runtime" in row]


# -- evaluations


@situation("evaluations", "evaluate() alone, twice")
def _alone(folder: Path) -> Any:
    return evaluate(folder, times=2)


@situation("evaluations", "training, evaluation by steps")
def _by_steps(folder: Path) -> Any:
    return train(folder)


@situation("evaluations", "training, evaluation by epoch")
def _by_epoch(folder: Path) -> Any:
    return train(folder, eval_strategy="epoch", max_steps=-1, num_train_epochs=2, train=examples(8, seed=1))


@situation("evaluations", "eval_on_start")
def _on_start(folder: Path) -> Any:
    return train(folder, eval_on_start=True, evaluations=3)


@situation("evaluations", "eval_delay")
def _delayed(folder: Path) -> Any:
    return train(folder, eval_delay=2, evaluations=1)


@situation("evaluations", "a callback that evaluates another set at each evaluation")
def _nested(folder: Path) -> Any:
    class Other(TrainerCallback):
        inside = False

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if not self.inside:
                self.inside = True
                trainer.evaluate(examples(9, seed=5), metric_key_prefix="eval_other")
                self.inside = False

    trainer, watch = watched(folder, **BY_STEP)
    trainer.add_callback(Other())
    trainer.train()
    assert len(watch.compared) == 4
    return watch


@situation("evaluations", "metric_key_prefix train and test")
def _prefixes(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate(metric_key_prefix="train")
    trainer.evaluate(metric_key_prefix="test")
    return watch


@situation("evaluations", "predict() between two evaluations")
def _predicted(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate()
    assert not any("nc1" in key for key in trainer.predict(examples(7, seed=9)).metrics)
    trainer.evaluate()
    return watch


@situation("evaluations", "a dict of evaluation sets")
def _sets(folder: Path) -> Any:
    return train(folder, evaluation={"near": HELD_OUT, "far": examples(9, seed=7)}, evaluations=4)


@situation("evaluations", "evaluate() of a set of its own")
def _given(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate(examples(9, seed=5))
    trainer.evaluate()
    return watch


# -- options


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": 0.5}


class Measured(Trainer):
    """Computes metrics of its own beside the loss."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, compute_metrics=accuracy, **kwargs)


@situation("options", "eval_accumulation_steps")
def _accumulated(folder: Path) -> Any:
    return evaluate(folder, trainer=Measured, eval_accumulation_steps=1)


@situation("options", "prediction_loss_only")
def _loss_only(folder: Path) -> Any:
    return evaluate(folder, prediction_loss_only=True)


@situation("options", "batch_eval_metrics")
def _batch_metrics(folder: Path) -> Any:
    class ByBatch(Trainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, compute_metrics=lambda prediction, compute_result: {"seen": 1.0}, **kwargs)

    return evaluate(folder, trainer=ByBatch, batch_eval_metrics=True)


@situation("options", "compute_metrics and preprocess_logits_for_metrics")
def _preprocessed(folder: Path) -> Any:
    class Preprocessed(Trainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            shorter = {"preprocess_logits_for_metrics": lambda logits, labels: logits.argmax(-1)}
            super().__init__(*args, compute_metrics=accuracy, **shorter, **kwargs)

    return evaluate(folder, trainer=Preprocessed)


@situation("options", "include_for_metrics")
def _included(folder: Path) -> Any:
    return evaluate(folder, trainer=Measured, include_for_metrics=["inputs", "loss"])


@situation("options", "gradient checkpointing")
def _checkpointed(folder: Path) -> Any:
    return train(folder, gradient_checkpointing=True)


@situation("options", "batches grouped by length")
def _grouped(folder: Path) -> Any:
    return train(folder, train_sampling_strategy="group_by_length")


@situation("options", "NEFTune")
def _neftune(folder: Path) -> Any:
    return train(folder, neftune_noise_alpha=5.0)


@situation("options", "gradient accumulation")
def _accumulating(folder: Path) -> Any:
    return train(folder, gradient_accumulation_steps=2)


@situation("options", "bf16 autocast")
def _bf16(folder: Path) -> Any:
    return train(folder, bf16=True)


@situation("options", "bf16_full_eval")
def _bf16_full(folder: Path) -> Any:
    return evaluate(folder, bf16_full_eval=True)


@situation("options", "fp16_full_eval")
def _fp16_full(folder: Path) -> Any:
    return evaluate(folder, fp16_full_eval=True)


@situation("options", "torch_compile")
def _compiled(folder: Path) -> Any:
    return train(folder, torch_compile=True, torch_compile_backend="eager")


@situation("options", "attach after torch_compile has run")
def _attached_late(folder: Path) -> Any:
    trainer = make_trainer(folder, torch_compile=True, torch_compile_backend="eager", **BY_STEP)
    trainer.train()
    callback = NeuralCollapseCallback().attach(trainer)
    watch = Watch(trainer)
    trainer.evaluate()
    assert callback in trainer.callback_handler.callbacks
    return watch


@situation("options", "auto_find_batch_size, out of memory in training")
def _out_of_memory(folder: Path) -> Any:
    class Small(Trainer):
        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if len(inputs["input_ids"]) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            return super().training_step(model, inputs, *args, **kwargs)

    return train(folder, trainer=Small, auto_find_batch_size=True)


@situation("options", "out of memory in a pass of the callback's own", "warned", said="memory")
def _own_out_of_memory(folder: Path) -> Any:
    callback = NeuralCollapseCallback(token_blocks(8, 3), every=1, batch_size=8)
    trainer = make_trainer(folder, callback, auto_find_batch_size=True, max_steps=2)

    def refuse(module: Any, args: Any, kwargs: Any) -> None:
        if not module.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    trainer.model.register_forward_pre_hook(refuse, with_kwargs=True)
    trainer.train()
    assert trainer.state.global_step == 2
    return trainer.state.log_history


@situation(
    "options", "compute_metrics that returns a name of ours", "warned", said="eval_nc1_trace_ratio has another value"
)
def _taken(folder: Path) -> Any:
    class Taken(Trainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, compute_metrics=lambda prediction: {"nc1_trace_ratio": 7.0}, **kwargs)

    trainer = make_trainer(folder, NeuralCollapseCallback(preset=["nc1_trace_ratio"]), trainer=Taken)
    trainer.evaluate()
    values = trainer.evaluate()
    assert values.pop("eval_nc1_trace_ratio") == 7.0
    return values


@situation("options", "label smoothing", "refused before training", said="label smoothing")
def _smoothed(folder: Path) -> Any:
    make_trainer(folder, NeuralCollapseCallback(), label_smoothing_factor=0.1).train()


@situation("options", "compute_loss_func", "refused before training", said="compute_loss_func")
def _loss_function(folder: Path) -> Any:
    class Own(Trainer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, compute_loss_func=lambda outputs, labels, **more: outputs.logits.mean(), **kwargs)

    make_trainer(folder, NeuralCollapseCallback(), trainer=Own).train()


@situation("options", "label_names other than labels", "refused before training", said="call them labels")
def _other_names(folder: Path) -> Any:
    make_trainer(folder, NeuralCollapseCallback(), label_names=["targets"]).train()


@situation("options", "a forward pass that takes no labels", "refused before training", said="takes no labels")
def _no_labels(folder: Path) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    class Unlabelled(LlamaForCausalLM):
        def forward(self, input_ids: Any = None, attention_mask: Any = None) -> Any:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask)

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = Unlabelled(LlamaConfig(vocab_size=VOCAB_SIZE, **sizes))
    make_trainer(folder, NeuralCollapseCallback(), model=model).train()


# -- data


@situation("data", "labels masked by -100, padding on the left")
def _padded(folder: Path) -> Any:
    def collate(rows: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        length = max(len(row["input_ids"]) for row in rows)
        found: dict[str, list[Tensor]] = {"input_ids": [], "labels": [], "attention_mask": []}
        for row in rows:
            pad = (length - len(row["input_ids"]), 0)
            found["input_ids"].append(nn.functional.pad(row["input_ids"], pad))
            found["labels"].append(nn.functional.pad(row["labels"], pad, value=-100))
            found["attention_mask"].append(nn.functional.pad(torch.ones_like(row["input_ids"]), pad))
        return {name: torch.stack(tensors) for name, tensors in found.items()}

    rows = [{name: row[: 32 - 2 * n].clone() for name, row in each.items()} for n, each in enumerate(HELD_OUT)]
    for n, row in enumerate(rows):
        row["labels"][: n + 1] = -100
    return evaluate(folder, evaluation=rows, collator=collate)


@situation("data", "a flattening collator")
def _flattened(folder: Path) -> Any:
    rows = [{name: row[: 32 - n].tolist() for name, row in each.items()} for n, each in enumerate(HELD_OUT)]
    return evaluate(
        folder, model=tiny_model(max_position_embeddings=256), evaluation=rows, collator=DataCollatorWithFlattening()
    )


@situation("data", "a stream of unknown length")
def _stream(folder: Path) -> Any:
    class Stream(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(HELD_OUT)

    return evaluate(folder, evaluation=Stream(), times=2)


@situation("data", "a streaming data set of datasets")
def _streaming(folder: Path) -> Any:
    from datasets import Dataset

    rows = Dataset.from_list([{name: row.tolist() for name, row in each.items()} for each in HELD_OUT])
    return evaluate(folder, evaluation=rows.to_iterable_dataset(num_shards=2), times=2)


@situation("data", "dataloader_drop_last")
def _dropped(folder: Path) -> Any:
    watch = evaluate(folder, dataloader_drop_last=True)
    assert watch.rows == [8]
    return watch


@situation("data", "Seq2SeqTrainer that generates at each evaluation")
def _generating(folder: Path) -> Any:
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments

    settings = {"use_cpu": True, "report_to": "none", "disable_tqdm": True, "per_device_eval_batch_size": 4}
    arguments = Seq2SeqTrainingArguments(str(folder), predict_with_generate=True, generation_max_length=34, **settings)
    trainer = Seq2SeqTrainer(tiny_model(), arguments, eval_dataset=HELD_OUT, callbacks=[NeuralCollapseCallback()])
    watch = Watch(trainer, choice=lambda inputs, passes: _labelled(passes))
    trainer.evaluate()
    return watch


def _labelled(passes: list[Any]) -> list[Any]:
    return [each for each in passes if each.labels is not None]


def _shifted(rows: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    return [{"input_ids": r["input_ids"], "labels": torch.cat([r["labels"][1:], r["labels"][:1]])} for r in rows]


@situation("data", "labels that are shifted already", "refused before training", said="shifted already")
def _already_shifted(folder: Path) -> Any:
    make_trainer(folder, NeuralCollapseCallback(), evaluation=_shifted(HELD_OUT)).train()


@situation("data", "a stream whose labels are shifted already", "warned", said="shifted already")
def _shifted_stream(folder: Path) -> Any:
    class Stream(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(_shifted(HELD_OUT))

    return _twice(make_trainer(folder, NeuralCollapseCallback(), evaluation=Stream()))


def _twice(trainer: Trainer) -> list[dict[str, Any]]:
    """Trains with two evaluations, to the end."""
    trainer.args.eval_strategy = "steps"
    trainer.args.eval_steps = 1
    trainer.args.max_steps = 2
    trainer.train()
    assert trainer.state.global_step == 2
    rows = logged(trainer)
    assert len(rows) == 2
    return rows


@situation("data", "an evaluation set with too few tokens for two classes", "refused before training", said="too small")
def _too_small(folder: Path) -> Any:
    rows = [{"input_ids": torch.arange(8), "labels": torch.arange(8)}]
    make_trainer(folder, NeuralCollapseCallback(), evaluation=rows).train()


@situation("data", "one of several sets is too small", "refused before training", said="too small")
def _one_too_small(folder: Path) -> Any:
    rows = [{"input_ids": torch.arange(8), "labels": torch.arange(8)}]
    make_trainer(folder, NeuralCollapseCallback(), evaluation={"near": HELD_OUT, "few": rows}).train()


@situation("data", "a small set that is given to evaluate()", "warned", said="left out")
def _given_too_small(folder: Path) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback())
    rows = [{"input_ids": torch.arange(8), "labels": torch.arange(8)}]
    return [trainer.evaluate(rows), trainer.evaluate(rows)]


@situation("data", "labels that are all -100", "warned", said="-100")
def _all_masked(folder: Path) -> Any:
    rows = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in examples(40, seed=3)]
    return _twice(make_trainer(folder, NeuralCollapseCallback(), evaluation=rows))


@situation("data", "NaN in the features", "warned", said="left out")
def _nan(folder: Path) -> Any:
    return _diverged(folder, float("nan"))


@situation("data", "an infinite feature", "warned", said="left out")
def _inf(folder: Path) -> Any:
    return _diverged(folder, float("inf"))


def _diverged(folder: Path, value: float) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback(), learning_rate=0.0, max_grad_norm=0.0)
    trainer.model.get_decoder().ln_f.bias.data[3] = value
    trainer.model.get_decoder().ln_f.requires_grad_(False)
    return _twice(trainer)


@situation("data", "labels of one dimension", "warned", said="shape")
def _flat_labels(folder: Path) -> Any:
    class Flat(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            labels = inputs.pop("labels")
            if model.training:
                return super().compute_loss(model, {**inputs, "labels": labels}, return_outputs, **kwargs)
            ids = inputs["input_ids"]
            out = _called_flat(model, ids, labels)
            return (out.loss, {"logits": out.logits}) if return_outputs else out.loss

    return _twice(make_trainer(folder, NeuralCollapseCallback(), trainer=Flat, prediction_loss_only=True))


def _called_flat(model: Any, ids: Tensor, labels: Tensor) -> Any:
    model.loss_function = lambda logits, labels, **kwargs: logits.mean()
    return model(input_ids=ids, labels=labels.flatten())


# -- passes


class Split(Trainer):
    """Runs its batch in two halves."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        if model.training:
            return super().compute_loss(model, inputs, return_outputs, **kwargs)
        half = max(len(inputs["input_ids"]) // 2, 1)
        parts = [{name: part for name, part in zip(inputs, both, strict=True)} for both in zip(
            *(tensor.split(half) for tensor in inputs.values()), strict=True
        )]  # fmt: skip
        outputs = [model(**part) for part in parts]
        loss = torch.stack([output.loss for output in outputs]).mean()
        return (loss, {"logits": torch.cat([output.logits for output in outputs])}) if return_outputs else loss


@situation("passes", "a loss that splits its batch into several passes")
def _split(folder: Path) -> Any:
    return train(folder, trainer=Split, choice=every)


@situation("passes", "R-Drop: the batch twice")
def _r_drop(folder: Path) -> Any:
    class Twice(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            one, two = model(**inputs), model(**inputs)
            loss = (one.loss + two.loss) / 2 + (one.logits - two.logits).square().mean()
            return (loss, {"logits": one.logits}) if return_outputs else loss

    return train(folder, trainer=Twice)


class OtherText(Trainer):
    """Adds the loss on other text, before or after that of the batch."""

    before = True

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        other = (inputs["input_ids"] * 5 + 1) % VOCAB_SIZE
        extra = model(input_ids=other, labels=other).loss if self.before else 0.0
        out = model(**inputs)
        if not self.before:
            extra = model(input_ids=other, labels=other).loss
        loss = out.loss + 0.1 * extra
        return (loss, {"logits": out.logits}) if return_outputs else loss


class OtherTextAfter(OtherText):
    before = False


@situation("passes", "a second labelled pass over other text, before the batch's")
def _other_before(folder: Path) -> Any:
    return train(folder, trainer=OtherText, choice=lambda inputs, passes: passes[1:])


@situation("passes", "a second labelled pass over other text, after the batch's")
def _other_after(folder: Path) -> Any:
    return train(folder, trainer=OtherTextAfter)


@situation("passes", "a custom compute_loss with num_items_in_batch")
def _own_loss(folder: Path) -> Any:
    class Own(Trainer):
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            out = model(**inputs, num_items_in_batch=num_items_in_batch)
            return (out.loss, {"logits": out.logits}) if return_outputs else out.loss

    return train(folder, trainer=Own)


class Probe(TrainerCallback):
    """Runs labelled text through the model at every step of an evaluation."""

    def on_prediction_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        ids = examples(3, seed=8)[0]["input_ids"].unsqueeze(0)
        model(input_ids=ids, labels=ids)


@situation("passes", "another callback's labelled pass, before ours")
def _probe_before(folder: Path) -> Any:
    return train(folder, Probe(), NeuralCollapseCallback())


@situation("passes", "another callback's labelled pass, after ours")
def _probe_after(folder: Path) -> Any:
    return train(folder, NeuralCollapseCallback(), Probe())


@situation("passes", "labelled passes of which none is the batch", "warned", said="cannot be told")
def _untold(folder: Path) -> Any:
    class Neither(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            first, second = ((inputs["input_ids"] + n) % VOCAB_SIZE for n in (1, 2))
            out = model(input_ids=first, labels=first)
            loss = out.loss + model(input_ids=second, labels=second).loss
            return (loss, {"logits": out.logits}) if return_outputs else loss

    return _twice(make_trainer(folder, NeuralCollapseCallback(), trainer=Neither))


@situation("passes", "a loss that calls decoder and head itself", "warned", said="directly")
def _direct(folder: Path) -> Any:
    class Direct(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            logits = model.get_output_embeddings()(model.get_decoder()(inputs["input_ids"])[0])
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), inputs["labels"][:, 1:].flatten())
            return (loss, {"logits": logits}) if return_outputs else loss

    return _twice(make_trainer(folder, NeuralCollapseCallback(), trainer=Direct))


@situation("passes", "a callback with its own corpus beside one that listens")
def _own_corpus(folder: Path) -> Any:
    own = NeuralCollapseCallback(token_blocks(10, 3), label="own")
    trainer, watch = watched(folder, NeuralCollapseCallback(), own)
    values = trainer.evaluate()
    expected = of_rows(trainer.model, examples(10, seed=3))
    return [watch, Compared({name: values[f"eval_own_{name}"] for name in expected}, expected)]


# -- broken off

PERSISTENT: dict[str, Any] = {"dataloader_num_workers": 1, "dataloader_persistent_workers": True}


def _broken_in_metrics(folder: Path, **settings: Any) -> Watch:
    trainer, watch = watched(folder, **settings)

    def broken(prediction: Any) -> dict[str, float]:
        raise ZeroDivisionError

    trainer.compute_metrics = broken
    try:
        trainer.evaluate()
    except ZeroDivisionError:
        trainer.compute_metrics = None
    trainer.evaluate()
    trainer.evaluate()
    assert trainer.compute_metrics is None
    return watch


class Stop(TrainerCallback):
    """Interrupts the first evaluation after its second batch."""

    steps = 0

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.steps += 1
        if self.steps == 2:
            raise KeyboardInterrupt


def _interrupted(folder: Path, *, stop_first: bool = False, **settings: Any) -> Watch:
    callbacks = [NeuralCollapseCallback(), Stop()]
    trainer, watch = watched(folder, *(reversed(callbacks) if stop_first else callbacks), **settings)
    try:
        trainer.evaluate()
    except KeyboardInterrupt:
        trainer.evaluate()
    trainer.evaluate()
    assert watch.rows == [11, 11]
    return watch


@situation("broken off", "an exception in compute_metrics")
def _metrics_fail(folder: Path) -> Any:
    return _broken_in_metrics(folder)


@situation("broken off", "an exception in compute_metrics, workers that persist", slow=True)
def _metrics_fail_persistent(folder: Path) -> Any:
    return _broken_in_metrics(folder, **PERSISTENT)


@situation("broken off", "evaluate() interrupted")
def _stopped(folder: Path) -> Any:
    return _interrupted(folder)


@situation("broken off", "evaluate() interrupted, workers that persist", slow=True)
def _stopped_persistent(folder: Path) -> Any:
    return _interrupted(folder, **PERSISTENT)


class Failing(Trainer):
    """Its loss fails once, in the second batch of an evaluation, when the model has run."""

    batches = 0

    def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().compute_loss(model, *args, **kwargs)
        self.batches += 1
        if self.batches == 2:
            raise ZeroDivisionError
        return found


@situation("broken off", "an exception in the loss, after its forward pass")
def _loss_fails(folder: Path) -> Any:
    trainer, watch = watched(folder, trainer=Failing)
    try:
        trainer.evaluate()
    except ZeroDivisionError:
        trainer.evaluate()
    trainer.evaluate()
    assert watch.rows == [11, 11]
    return watch


@situation("broken off", "evaluate() interrupted by a callback that stands before ours")
def _stopped_before(folder: Path) -> Any:
    return _interrupted(folder, stop_first=True)


@situation("broken off", "an exception inside the model")
def _model_fails(folder: Path) -> Any:
    trainer, watch = watched(folder)
    try:
        trainer.evaluate([*examples(7, seed=9), examples(1, classes=9 * VOCAB_SIZE)[0]])
    except IndexError:
        trainer.evaluate()
    trainer.evaluate()
    assert watch.rows == [11, 11]
    return watch
