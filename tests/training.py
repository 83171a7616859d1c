"""Tiny models, a small text with some order in it, a Trainer for them, and the metrics computed step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    GPTNeoConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.stories import builtin_tokenizer
from nc_hf.metrics import AgreementCounts, count_agreement

VOCAB_SIZE = 64
CLASSES = 12  # so few of them come, that each comes often enough to count
LENGTH = 32
PREFIX = "eval_"


def tiny_model(**settings: Any) -> PreTrainedModel:
    """A GPT-Neo with random weights, the same at each call."""
    config = GPTNeoConfig(
        **{
            "vocab_size": VOCAB_SIZE,
            "hidden_size": 16,
            "num_layers": 2,
            "num_heads": 2,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 8,
            "max_position_embeddings": 64,
            "bos_token_id": 0,
            "eos_token_id": 0,
            **settings,
        }
    )
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


def token_rows(rows: int, seed: int = 0, classes: int = CLASSES, length: int = LENGTH) -> Tensor:
    """(rows, length) token ids in which the next token depends on the last one."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(1, 4, (rows, length), generator=generator)
    return (torch.randint(classes, (rows, 1), generator=generator) + steps.cumsum(1)) % classes


def examples(rows: int, seed: int = 0, **settings: Any) -> list[dict[str, Tensor]]:
    """A data set of packed rows, each token with a label."""
    return [{"input_ids": row, "labels": row.clone()} for row in token_rows(rows, seed, **settings)]


def token_blocks(rows: int, seed: int = 0, **settings: Any) -> TokenBlocks:
    """The same as blocks of a corpus."""
    ids = token_rows(rows, seed, **settings)
    return TokenBlocks(ids, torch.zeros_like(ids), f"rows {rows} seed {seed}", "documents", "made", "test", "", None)


def make_trainer(
    folder: Path,
    *callbacks: TrainerCallback,
    model: Any = None,
    trainer: type[Trainer] = Trainer,
    train: Any = None,
    evaluation: Any = None,
    collator: Any = None,
    processing_class: Any = None,
    **settings: Any,
) -> Trainer:
    """A Trainer on the CPU that says nothing, takes 4 steps of 4 rows and evaluates 11 rows by 4."""
    arguments = TrainingArguments(
        **{
            "output_dir": str(folder),
            "use_cpu": True,
            "per_device_train_batch_size": 4,
            "per_device_eval_batch_size": 4,
            "max_steps": 4,
            "learning_rate": 3e-3,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            **settings,
        }
    )
    return trainer(
        model=tiny_model() if model is None else model,
        args=arguments,
        train_dataset=examples(32, seed=1) if train is None else train,
        eval_dataset=examples(11, seed=2) if evaluation is None else evaluation,
        callbacks=list(callbacks),
        data_collator=collator,
        processing_class=processing_class,
    )


class OfTwoGpus(Trainer):
    """Finds two GPUs in its one process, and puts nn.DataParallel around its model."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        assert settings["args"].n_gpu == 0
        settings["args"]._n_gpu = 2
        super().__init__(*args, **settings)


@torch.no_grad()
def by_hand(
    model: Any,
    rows: Iterable[dict[str, Tensor]],
    preset: str | Sequence[str] = "core",
    share: float = 0.0005,
    autocast: torch.dtype | None = None,
    classes: Sequence[int] | str | None = None,
) -> dict[str, float]:
    """The metrics, row by row: hidden states of the decoder, the next label of each, statistics, decisions.

    The classes are those given, or those with a share of the labels; both classifiers decide among them. Where every
    class counts, with ``all`` and in the preset ``paper``, the model decides among all tokens.
    """
    training = model.training
    model.eval()
    hidden, labels, decided = [], [], []
    for row in rows:
        inputs = {name: tensor.unsqueeze(0) for name, tensor in row.items() if name != "labels"}
        with nullcontext() if autocast is None else torch.autocast("cpu", autocast):
            features = model.get_decoder()(**inputs)[0]
            logits = model(**inputs).logits
        if autocast is not None:  # the head decides among the classes in float32, where the model rounds its logits
            logits = model.get_output_embeddings()(features.float())
        following = row["labels"][1:]
        hidden.append(features[0, :-1][following >= 0])
        labels.append(following[following >= 0])
        decided.append(logits[0, :-1][following >= 0])
    model.train(training)
    features, targets, logits = torch.cat(hidden), torch.cat(labels), torch.cat(decided)
    stats = ClassStatistics(features.shape[1], covariance=True)
    stats.update(features, targets)
    times = torch.bincount(targets)
    ids = (times >= share * len(targets)).nonzero().flatten() if classes is None else None
    if classes not in (None, "all"):
        ids = torch.tensor(classes)
    if preset == "paper":
        ids = None
    kept = torch.ones_like(targets, dtype=torch.bool) if ids is None else torch.isin(targets, ids)
    linear = logits[kept].argmax(-1) if ids is None else ids[logits[kept][:, ids].argmax(-1)]
    counts = count_agreement(stats, features[kept], targets[kept], linear, leave_one_out=True, classes=ids)
    assert isinstance(counts, AgreementCounts)
    return compute_metrics(stats, ClassifierHead.from_model(model), preset, 1, counts, classes=ids)


def commonest(tokens: Tensor, number: int) -> list[int]:
    """The tokens that come most often, of equally common ones the lower ids."""
    times = Counter(tokens.flatten().tolist())
    return sorted(sorted(times, key=lambda token: (-times[token], token))[:number])


def evaluated(values: dict[str, Any], prefix: str = PREFIX) -> dict[str, float]:
    """Those of an evaluation's values that are metrics of neural collapse, without their prefix."""
    families = tuple(f"{prefix}{family}" for family in ("nc0_", "nc1_", "nc2_", "gnc2_", "nc3_", "unc3_", "nc4_"))
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(families)}


def history(trainer: Trainer, name: str = "eval_nc1_trace_ratio") -> dict[int, float]:
    """A value's course by step."""
    return {row["step"]: row[name] for row in trainer.state.log_history if name in row}


class Forwards:
    """Counts the forward passes of a module."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.passes = 0
        module.register_forward_pre_hook(self._count)

    def _count(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self.passes += 1


HELD_OUT = examples(11, seed=2)


def close(values: dict[str, float], tolerance: float = 1e-4) -> Any:
    return pytest.approx(values, rel=tolerance, abs=1e-7)


def blocks_by_hand(model: Any, rows: int, seed: int, preset: Any = "core") -> dict[str, float]:
    return by_hand(model, examples(rows, seed=seed), preset)


def save_tiny(folder: Path) -> Path:
    """Save a tiny random model with the tokenizer of the built-in stories."""
    torch.manual_seed(0)
    tokenizer = builtin_tokenizer(512)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
