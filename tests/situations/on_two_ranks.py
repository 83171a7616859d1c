"""The situations of two processes, each rank noting values, what is right and what was said; run by processes.py."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate.state import PartialState
from torch import Tensor
from transformers import DataCollatorWithFlattening, Trainer

from nc_hf import NeuralCollapseCallback
from tests.situations.watching import Compared, Watch, of_rows
from tests.training import examples, make_trainer, tiny_model, token_blocks, token_rows

TWO: dict[str, Any] = {"per_device_eval_batch_size": 2, "ddp_find_unused_parameters": False, "ddp_timeout": 60}
APART: dict[str, Any] = {"accelerator_config": {"dispatch_batches": False}}  # no rank reads for the others
Run = Callable[[Path], Any]
RUNS: dict[str, Run] = {}


class Said(logging.Handler):
    """Keeps what the callback says on this rank."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


class Stream(torch.utils.data.IterableDataset[Any]):
    """Rows of a length that nobody is told."""

    def __init__(self, rows: list[dict[str, Tensor]]) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        return iter(self.rows)


class Counted(Stream):
    """Rows of a length that is told."""

    def __len__(self) -> int:
        return len(self.rows)


def watched(folder: Path, rows: Any, count: int, *callbacks: Any, **settings: Any) -> Watch:
    trainer = make_trainer(folder, *(callbacks or (NeuralCollapseCallback(),)), evaluation=rows, **{**TWO, **settings})
    watch = Watch(trainer, distinct=True)
    trainer.evaluate()
    assert watch.rows == [count], (watch.rows, count)
    return watch


def plain(count: int, kind: Any = list, **settings: Any) -> Run:
    return lambda folder: watched(folder, kind(examples(count, seed=2)), count, **settings)


for _count in (1, 5, 30, 31, 32, 33):
    _rows = f"{_count} row{'s' if _count > 1 else ''}"
    RUNS[_rows] = plain(_count)
    RUNS[f"{_rows}, dispatch_batches"] = plain(_count, accelerator_config={"dispatch_batches": True}, kind=Stream)
    RUNS[f"{_rows}, split_batches"] = plain(
        _count, accelerator_config={"split_batches": True}, per_device_eval_batch_size=4
    )
    RUNS[f"{_rows} of a stream that tells its length, dispatch_batches off"] = plain(_count, kind=Counted, **APART)
# Of other numbers of rows the Trainer itself waits in vain: ranks gather the losses of unequal batches.
RUNS["32 rows, even_batches off"] = plain(32, accelerator_config={"even_batches": False})
for _count in (31, 33):
    RUNS[f"{_count} rows, split_batches and dispatch_batches"] = plain(
        _count, kind=Stream, accelerator_config={"split_batches": True, "dispatch_batches": True}
    )
    RUNS[f"{_count} rows of a stream, defaults"] = plain(_count, kind=Stream)


def run(name: str) -> Callable[[Run], Run]:
    def enter(function: Run) -> Run:
        RUNS[name] = function
        return function

    return enter


def _hub_stream(count: int, files: int, **settings: Any) -> Run:
    """Rows of ``load_dataset(..., streaming=True)``, out of as many files."""

    def evaluate(folder: Path) -> Any:
        from datasets import load_dataset

        folder.mkdir(parents=True, exist_ok=True)
        rows = [json.dumps({name: row.tolist() for name, row in each.items()}) for each in examples(count, seed=2)]
        paths = [folder / f"{number}.jsonl" for number in range(files)]
        for number, path in enumerate(paths):
            path.write_text("\n".join(rows[number::files]), encoding="utf-8")
        stream = load_dataset("json", data_files=[str(path) for path in paths], split="train", streaming=True)
        return watched(folder, stream, count, **settings)

    return evaluate


for _files in (1, 3):
    RUNS[f"33 rows of a streaming data set of datasets, files: {_files}"] = _hub_stream(33, _files)
# Each rank reads files of its own.
RUNS["31 rows of a streaming data set of datasets, files: 2, dispatch_batches off"] = _hub_stream(31, 2, **APART)
RUNS["33 rows of a streaming data set of datasets, files: 2, a worker"] = _hub_stream(33, 2, dataloader_num_workers=1)


def _streamed_unknown(count: int) -> Run:
    def evaluate(folder: Path) -> Any:
        settings = {**TWO, **APART}
        trainer = make_trainer(folder, NeuralCollapseCallback(), evaluation=Stream(examples(count, seed=2)), **settings)
        return [trainer.evaluate(), trainer.evaluate()]

    return evaluate


RUNS["a stream of unknown length, dispatch_batches off"] = _streamed_unknown(31)


def _flattened(count: int) -> Run:
    def evaluate(folder: Path) -> Any:
        rows = [
            {name: row[: 32 - n % 7].tolist() for name, row in each.items()}
            for n, each in enumerate(examples(count, seed=2))
        ]
        model = tiny_model(max_position_embeddings=256)
        return watched(folder, rows, count, model=model, collator=DataCollatorWithFlattening())

    return evaluate


for _count in (29, 31):
    RUNS[f"{_count} rows, a flattening collator"] = _flattened(_count)


def _sft(streaming: bool = False, **more: Any) -> Run:
    def evaluate(folder: Path) -> Any:
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        from tests.situations import supervised

        ids = (token_rows(46, seed=3) + 20).tolist()
        # Of a stream one rank reads for all, and accelerate can do that with rows of one length alone.
        cut = [row if streaming else row[: 12 + n % 20] for n, row in enumerate(ids)]
        rows = Dataset.from_list([{"input_ids": row} for row in cut])
        settings = {**supervised.SETTINGS, **TWO, "max_length": 44, "eval_strategy": "no"}
        trainer = SFTTrainer(
            supervised.body(),
            SFTConfig(str(folder), **{**settings, **more}),
            train_dataset=rows,
            eval_dataset=rows.select(range(45)).to_iterable_dataset() if streaming else rows,
            processing_class=supervised.tokenizer(),
            callbacks=[NeuralCollapseCallback()],
        )
        if not streaming and len(trainer.eval_dataset) % 2 == 0:
            trainer.eval_dataset = trainer.eval_dataset.select(range(len(trainer.eval_dataset) - 1))
        watch = Watch(trainer, distinct=True)
        trainer.evaluate()
        return watch

    return evaluate


RUNS["SFT, packing bfd, an odd number of packed rows"] = _sft(packing=True, packing_strategy="bfd")
RUNS["SFT, streaming, an odd number of rows"] = _sft(streaming=True)
RUNS["SFT, padding_free, an odd number of rows"] = _sft(padding_free=True, max_length=None)


@run("a training with its best model by our value")
def _best(folder: Path) -> Any:
    settings = {"eval_strategy": "steps", "eval_steps": 1, "max_steps": 2, "save_strategy": "steps", "save_steps": 1}
    best = {"load_best_model_at_end": True, "metric_for_best_model": "nc1_trace_ratio", "greater_is_better": False}
    where: list[Any] = [str(folder)]
    dist.broadcast_object_list(where)
    trainer = make_trainer(Path(where[0]), NeuralCollapseCallback(), **{**TWO, **settings, **best})
    watch = Watch(trainer, distinct=True)
    trainer.train()
    assert len(watch.compared) == 2
    assert trainer.state.best_metric == min(each.values["nc1_trace_ratio"] for each in watch.compared)
    return watch


@run("a corpus of the callback's own, every step")
def _own(folder: Path) -> Any:
    callback = NeuralCollapseCallback(token_blocks(7, 3), every=1, batch_size=1)
    trainer = make_trainer(folder, callback, max_steps=1, **TWO)
    trainer.train()
    row = next(row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row)
    expected = of_rows(trainer.model, examples(7, seed=3))
    return Compared({name: row[f"eval_{name}"] for name in expected}, expected)


class FirstRankLogs(Trainer):
    """Logs on rank 0 alone."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if self.is_world_process_zero():
            super().log(logs, start_time)


@run("log overridden for rank 0 alone")
def _first_rank(folder: Path) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback(), trainer=FirstRankLogs, **TWO)
    watch = Watch(trainer, distinct=True)
    trainer.evaluate()
    trainer.evaluate()
    return watch


class SickLoss(Trainer):
    """The features of one rank are not numbers."""

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        if PartialState().process_index == 1:
            self.model.get_decoder().ln_f.bias.data[3] = float("nan")
        return super().evaluate(*args, **kwargs)


@run("NaN on one rank")
def _nan(folder: Path) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback(), trainer=SickLoss, **TWO)
    return [trainer.evaluate(), trainer.evaluate()]


@run("labels on one rank alone")
def _one_sided(folder: Path) -> Any:
    rows = examples(8, seed=2)
    for number in (2, 3, 6, 7):
        rows[number]["labels"][:] = -100
    return watched(folder, rows, 8)


class HalfDirect(Trainer):
    """One rank calls the decoder itself, past the model."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        if model.training or PartialState().process_index == 0:
            return super().compute_loss(model, inputs, return_outputs, **kwargs)
        inner = self.accelerator.unwrap_model(model)
        logits = inner.get_output_embeddings()(inner.get_decoder()(inputs["input_ids"])[0])
        loss = logits.mean()
        return (loss, {"logits": logits}) if return_outputs else loss


@run("a loss that cannot be heard on one rank")
def _half(folder: Path) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback(), trainer=HalfDirect, prediction_loss_only=True, **TWO)
    return [trainer.evaluate(), trainer.evaluate()]


def compared(found: Any) -> list[list[dict[str, float]]] | None:
    if isinstance(found, Watch):
        return [[each.values, each.expected] for each in found.compared]
    return [[found.values, found.expected]] if isinstance(found, Compared) else None


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    said = Said()
    logging.getLogger("nc_hf.training").addHandler(said)
    for number, (name, function) in enumerate(RUNS.items()):
        said.sentences = []
        torch.manual_seed(0)
        try:
            found = function(folder / str(number))
            both = compared(found)
            results[name] = {"compared": both, "rows": found if both is None else None, "said": said.sentences}
        except Exception as trouble:  # of one situation, which the others need not share
            results[name] = {"failed": f"{type(trouble).__name__}: {trouble}", "said": said.sentences}
        # As it goes on, so that what comes before a situation that hangs is known.
        rank = PartialState().process_index
        (folder / f"rank{rank}.json").write_text(json.dumps(results, default=float))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if dist.is_initialized():
        dist.destroy_process_group()
