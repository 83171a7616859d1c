"""One state of a study measured as the paper does: NC1-NC3 on training text, NC4 and the loss on validation text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from accelerate.state import PartialState
from transformers import PreTrainedModel

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.measurement.collection import Collection, perplexity
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics import AgreementCounts
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.jackknife import FEWEST_GROUPS, GROUPS, jackknife_error
from nc_hf.metrics.uncertainty import debiased, replicates, without_each
from nc_hf.statistics.class_statistics import ClassStatistics
from nc_hf.study.text import StudyText

DECIDED_TOKENS = 262_144
"""Tokens whose features are held at a time where NC4 is decided on all: 1 GiB at width 1,024."""

STDERR = "_stderr"
"""Behind the name of a value: its standard error."""


def measure_state(
    model: PreTrainedModel, text: StudyText, batch_size: int, agreement_tokens: int | None, scratch: Path
) -> dict[str, float]:
    """Measure one model, with the standard errors of all values.

    The centres of NC4 come from the training text, so no validation token is among those that made them. A replicate
    leaves out a group of the training text and the group of the validation text of the same number: the two texts err
    independently, so both have their part in the error, and neither is counted twice.

    Args:
        model: on its device.
        text: the blocks, and the classes that count.
        batch_size: blocks a forward pass and process.
        agreement_tokens: validation tokens on which NC4 is decided; None for all.
        scratch: folder for what a pass that is killed goes on from.

    Returns:
        Outcomes, metrics by name, and under ``NAME_stderr`` their errors where there are enough groups.
    """
    groups = min(GROUPS, len(text.measured), len(text.validation))
    groups = groups if groups >= FEWEST_GROUPS else 1
    train = collect(
        model,
        text.measured,
        batch_size=batch_size,
        agreement_tokens=0,
        outcomes=False,
        groups=groups,
        checkpoint=scratch / "train",
        progress=False,
    )
    every = [train.statistics, *(without_each(train.final.groups) if groups > 1 else ())]
    decided, sums = _validated(model, text, batch_size, agreement_tokens, every)
    tokens, losses, correct = (row.sum().item() for row in sums)
    ids = text.classes.ids
    outcomes = {
        "val_loss": losses / tokens,
        "val_accuracy": correct / tokens,
        "perplexity": perplexity(losses / tokens),
        "train_tokens": text.train.num_labels,
        "measured_tokens": train.tokens,
        "classes_seen": train.statistics.num_classes,
    }
    values = compute_metrics(train.statistics, train.head, "full", 1, decided[0], classes=ids)

    def measure_without(part: ClassStatistics, group: int) -> dict[str, float]:
        return compute_metrics(part, train.head, "full", 1, decided[1 + group], classes=ids)

    def measure_part(part: ClassStatistics, names: Sequence[str]) -> dict[str, float]:
        return compute_metrics(part, train.head, names, 1, classes=ids)

    found = replicates(train.final.groups, measure_without) if groups > 1 else {}
    values = debiased(values, found, train.final.groups, measure_part)
    if found:
        rest = sums.sum(dim=1, keepdim=True) - sums
        found |= {"val_loss": (rest[1] / rest[0]).tolist(), "val_accuracy": (rest[2] / rest[0]).tolist()}
    return outcomes | values | {f"{name}{STDERR}": jackknife_error(each) for name, each in found.items()}


def _validated(
    model: PreTrainedModel,
    text: StudyText,
    batch_size: int,
    agreement_tokens: int | None,
    every: Sequence[ClassStatistics],
) -> tuple[list[AgreementCounts], torch.Tensor]:
    """Run the validation text through the model.

    Returns:
        The decisions by the first of ``every`` centres, and by each of the others without the group of its number; and
        (3, groups) tokens, summed loss, and how many were right.
    """
    groups = max(1, len(every) - 1)
    decided = [AgreementCounts() for _ in every]
    sums = torch.zeros(3, groups, dtype=torch.float64)
    for part in _parts(text.validation, agreement_tokens, batch_size):
        found = collect(
            model,
            part,
            batch_size=batch_size,
            agreement_tokens=agreement_tokens or part.num_labels,
            groups=groups,
            progress=False,
        )
        sums += found.outcomes
        counts = _counts(found, text, every)
        decided = [before + now for before, now in zip(decided, counts, strict=True)]
    return decided, sums


def _counts(found: Collection, text: StudyText, every: Sequence[ClassStatistics]) -> list[AgreementCounts]:
    sample = found.decided(text.classes.ids)
    numbers = [None, *range(len(every) - 1)]
    return [
        found.decisions(sample, centres=centres, leave_one_out=False, without=number).counts()
        for centres, number in zip(every, numbers, strict=True)
    ]


def _parts(blocks: TokenBlocks, agreement_tokens: int | None, batch_size: int) -> Iterator[TokenBlocks]:
    """Divide the validation text so that the features of all tokens to decide on fit into memory.

    A sample is small enough by itself; where every token counts, the centres are known and parts can be decided alone.
    """
    batches = max(1, DECIDED_TOKENS // (blocks.block_size * batch_size * PartialState().num_processes))
    rows = len(blocks) if agreement_tokens else batches * batch_size * PartialState().num_processes
    for begin in range(0, len(blocks), rows):
        yield blocks.rows(slice(begin, begin + rows))
