"""Rows and labels, in every form that an evaluation reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DataCollatorWithFlattening, Trainer

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import evaluate, train_to_the_end
from tests.situations.registry import situation
from tests.situations.watching import Watch
from tests.training import HELD_OUT, examples, make_trainer, tiny_model


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

    return train_to_the_end(make_trainer(folder, NeuralCollapseCallback(), evaluation=Stream()))


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
    return train_to_the_end(make_trainer(folder, NeuralCollapseCallback(), evaluation=rows))


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
    return train_to_the_end(trainer)


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

    return train_to_the_end(make_trainer(folder, NeuralCollapseCallback(), trainer=Flat, prediction_loss_only=True))


def _called_flat(model: Any, ids: Tensor, labels: Tensor) -> Any:
    model.loss_function = lambda logits, labels, **kwargs: logits.mean()
    return model(input_ids=ids, labels=labels.flatten())
