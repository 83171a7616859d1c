"""Options of a Trainer that change its evaluations, or its labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Trainer

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import BY_STEP, evaluate, train, watched
from tests.situations.registry import situation
from tests.situations.watching import Watch
from tests.training import VOCAB_SIZE, make_trainer, token_blocks


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


@situation("options", "fp16 autocast")
def _fp16(folder: Path) -> Any:
    trainer, watch = watched(folder, fp16=True, **BY_STEP)
    # On a CPU accelerate leaves fp16 out without a word; this is what it sets elsewhere, and torch can do it here too.
    trainer.accelerator.native_amp, trainer.accelerator.scaler = True, torch.amp.GradScaler("cpu")
    seen = set()
    layer = next(each for each in trainer.model.modules() if isinstance(each, nn.Linear))
    layer.register_forward_hook(lambda module, args, output: seen.add((module.training, output.dtype)))
    trainer.train()
    assert seen == {(True, torch.float16), (False, torch.float16)}
    return watch


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
