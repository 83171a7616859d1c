"""One cell of a study: train a GPT-Neo through the Trainer, keep its checkpoints, measure each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from torch.utils.data import Dataset
from transformers import GPTNeoConfig, GPTNeoForCausalLM, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from nc_hf.callback import NeuralCollapseCallback
from nc_hf.collect import collect, perplexity
from nc_hf.corpus import TokenBlocks, open_corpus
from nc_hf.hub import open_tokenizer
from nc_hf.metrics import compute_metrics
from nc_hf.stories import builtin_tokenizer
from nc_hf.study.grid import Cell, Study

INITIAL = "checkpoint-0"


@dataclass(frozen=True)
class StudyText:
    """The text of a study, as blocks of token ids."""

    train: TokenBlocks
    validation: TokenBlocks
    vocab_size: int


def open_text(study: Study) -> StudyText:
    """Tokenize and pack the training and the validation text."""
    if study.tokenizer == "builtin":
        tokenizer = builtin_tokenizer(study.vocab_size)
    else:
        tokenizer = open_tokenizer(study.tokenizer, allow_local=True)
    bounds = {"train": study.max_train_tokens, "validation": study.max_validation_tokens}
    blocks = {
        split: open_corpus(study.corpus, split).pack(
            tokenizer, study.block_size, packing=study.packing, max_tokens=max_tokens
        )
        for split, max_tokens in bounds.items()
    }
    return StudyText(blocks["train"], blocks["validation"], len(tokenizer))


def build_model(study: Study, cell: Cell, vocab_size: int) -> GPTNeoForCausalLM:
    """Make the cell's model: GPT-Neo as in arXiv 2405.17767, alternating global and local attention, no dropout."""
    torch.manual_seed(cell.seed)
    attention = [[["global", "local"], cell.depth // 2]] if cell.depth > 1 else []
    attention += [[["global"], 1]] if cell.depth % 2 else []
    config = GPTNeoConfig(
        vocab_size=vocab_size,
        max_position_embeddings=max(study.block_size, 2),
        hidden_size=cell.width,
        num_layers=cell.depth,
        attention_types=attention,
        num_heads=study.heads,
        window_size=study.window,
        attention_dropout=0.0,
        embed_dropout=0.0,
        resid_dropout=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPTNeoForCausalLM(config)


def run_cell(study: Study, cell: Cell, text: StudyText, folder: Path, *, quiet: bool = False) -> list[dict[str, Any]]:
    """Train a cell, from its last checkpoint if it has one, and return a row for each saved checkpoint."""
    trainer = _train(study, cell, text, folder, quiet)
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    rows = []
    for saved_epoch, checkpoint in enumerate(checkpoints, start=-1):
        model = GPTNeoForCausalLM.from_pretrained(checkpoint, dtype="float32").to(trainer.args.device)
        row = {**asdict(cell), "saved_epoch": saved_epoch, "parameters": model.num_parameters()}
        rows.append(row | measure_checkpoint(study, model, text))
    return rows


def measure_checkpoint(study: Study, model: GPTNeoForCausalLM, text: StudyText) -> dict[str, float]:
    """Measure one model as the paper does: NC1-NC3 on training text, NC4 and the loss on validation text.

    The centres of NC4 come from the training text, so no validation token is among those that made them.
    """
    train = collect(model, text.train, batch_size=study.batch_size, agreement_tokens=0, progress=False)
    validation = collect(
        model,
        text.validation,
        batch_size=study.batch_size,
        agreement_tokens=study.agreement_tokens,
        progress=False,
    )
    (agreement,) = validation.agreement(leave_one_out=False, centres=train.statistics)
    loss = validation.loss_sum / validation.tokens
    outcomes = {
        "val_loss": loss,
        "val_accuracy": validation.correct / validation.tokens,
        "perplexity": perplexity(loss),
        "train_tokens": train.tokens,
        "classes": train.statistics.num_classes,
    }
    return outcomes | compute_metrics(train.statistics, train.head, "full", study.min_count, agreement)


def _train(study: Study, cell: Cell, text: StudyText, folder: Path, quiet: bool) -> Trainer:
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(study, cell, text.vocab_size)
    on_gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=cell.epochs,
        per_device_train_batch_size=study.batch_size,
        per_device_eval_batch_size=study.batch_size,
        learning_rate=study.learning_rate,
        weight_decay=cell.weight_decay,
        lr_scheduler_type="linear",
        warmup_steps=0,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        seed=cell.seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=quiet,
        ddp_find_unused_parameters=False,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=LabelledBlocks(text.train),
        eval_dataset=LabelledBlocks(text.validation),
        callbacks=[NeuralCollapseCallback(min_count=study.min_count, agreement_tokens=study.agreement_tokens)],
    )
    last = get_last_checkpoint(str(folder))
    resumable = last is not None and Path(last).name != INITIAL
    if not resumable and PartialState().is_main_process:
        model.save_pretrained(folder / INITIAL)
    trainer.train(resume_from_checkpoint=last if resumable else None)
    return trainer


class LabelledBlocks(Dataset[dict[str, torch.Tensor]]):
    """Blocks as a Trainer takes them: the labels are the tokens, which the model shifts itself."""

    def __init__(self, blocks: TokenBlocks) -> None:
        """Keep the blocks; nothing is copied."""
        self._blocks = blocks

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        """Return one block."""
        tokens = self._blocks.input_ids[row].long()
        return {"input_ids": tokens, "labels": tokens}
