"""What a loss runs in one evaluation step: the batch, parts of it, and other text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainerCallback

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import train, train_to_the_end, watched
from tests.situations.registry import situation
from tests.situations.watching import Compared, every, of_rows
from tests.training import VOCAB_SIZE, examples, make_trainer, token_blocks


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

    return train_to_the_end(make_trainer(folder, NeuralCollapseCallback(), trainer=Neither))


@situation("passes", "a loss that calls decoder and head itself", "warned", said="directly")
def _direct(folder: Path) -> Any:
    class Direct(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            logits = model.get_output_embeddings()(model.get_decoder()(inputs["input_ids"])[0])
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), inputs["labels"][:, 1:].flatten())
            return (loss, {"logits": logits}) if return_outputs else loss

    return train_to_the_end(make_trainer(folder, NeuralCollapseCallback(), trainer=Direct))


@situation("passes", "a callback with its own corpus beside one that listens")
def _own_corpus(folder: Path) -> Any:
    own = NeuralCollapseCallback(token_blocks(10, 3), label="own")
    trainer, watch = watched(folder, NeuralCollapseCallback(), own)
    values = trainer.evaluate()
    expected = of_rows(trainer.model, examples(10, seed=3))
    return [watch, Compared({name: values[f"eval_own_{name}"] for name in expected}, expected)]
