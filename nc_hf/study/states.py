"""One state of a study measured as the paper does: NC1-NC3 on training text, NC4 and the loss on held-out text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics import AgreementCounts
from nc_hf.metrics.changes import Measured, without_groups
from nc_hf.metrics.compute import compute_by_draw, compute_metrics
from nc_hf.metrics.drawing import Draws
from nc_hf.metrics.jackknife import FEWEST_GROUPS, GROUPS, jackknife_error
from nc_hf.metrics.orthogonality import token_mean
from nc_hf.metrics.table import METRICS
from nc_hf.metrics.uncertainty import without_each
from nc_hf.statistics.class_statistics import ClassStatistics
from nc_hf.study.held_out import DECIDED_TOKENS, HeldOut, read_held_out, read_part
from nc_hf.study.table import OTHER_TEXT, STDERR
from nc_hf.study.text import StudyText


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
        Outcomes, metrics by name, and under ``NAME_stderr`` their errors where there are enough groups; where there is
        a second corpus, NC5 too, and the same of that text under ``ood_NAME``, with the metrics of the preset ``core``:
        NC1-NC3 by its own class means, NC4 by those of the training text.
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
    ids = text.classes.ids
    held = read_held_out(model, text.validation, batch_size, agreement_tokens, every, ids)
    other = None if text.other is None else _read_other(model, text.other, batch_size, agreement_tokens, every, ids)
    values = held.values()
    found = {
        "val_loss": values["loss"],
        "val_accuracy": values["accuracy"],
        "perplexity": values["perplexity"],
        "val_calibration_error": values["calibration_error"],
        "train_tokens": text.train.num_labels,
        "measured_tokens": train.tokens,
        "validation_tokens": values["tokens"],
        "classes_seen": train.statistics.num_classes,
    }
    found |= held.of_halves() if groups > 1 else {}
    found |= _metrics(train, "full", ids, held.decided, () if other is None else _token_means(other[0]))
    found |= {f"val_{name}{STDERR}": error for name, error in held.errors().items()} if groups > 1 else {}
    return found | ({} if other is None else _on_the_other(*other, ids))


def _metrics(
    collection: Collection,
    preset: str,
    classes: Tensor | None,
    decided: Sequence[AgreementCounts],
    seconds: Sequence[ClassStatistics] = (),
) -> dict[str, float]:
    """Compute metrics, without the bias of few tokens, and their errors.

    Args:
        collection: whose statistics they are of.
        preset: which.
        classes: that count.
        decided: for NC4: of the whole, then without each group.
        seconds: for NC5: of a second corpus, the whole, then without each group if it has them.
    """
    groups = collection.final.groups

    def compute(part: ClassStatistics, names: str | Sequence[str], number: int) -> dict[str, float]:
        second = seconds[number] if number < len(seconds) else None
        return compute_metrics(part, collection.head, names, 1, decided[number], classes=classes, second=second)

    def measure(part: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None) -> Measured:
        number = 0 if group is None else 1 + group
        if number >= len(seconds):  # a second corpus too short for groups
            names = [name for name in names if "second" not in METRICS[name].needs]
        if draws is not None:
            return compute_by_draw(part, collection.head, names, 1, decided[number], classes=classes, draws=draws)
        return compute(part, names, number), ()

    values = compute(collection.statistics, preset, 0)
    found: dict[str, list[float]] = {}
    if len(decided) > 1:
        found, values = without_groups(values, collection.statistics, groups, measure, classes)
    return values | {f"{name}{STDERR}": jackknife_error(each) for name, each in found.items()}


def _read_other(
    model: PreTrainedModel,
    blocks: TokenBlocks,
    batch_size: int,
    agreement_tokens: int | None,
    every: Sequence[ClassStatistics],
    classes: Tensor | None,
) -> tuple[Collection, HeldOut]:
    """Run the second corpus through the model, once; NC4 is decided on ``DECIDED_TOKENS`` of it at the most."""
    groups = len(every) - 1 if len(blocks) >= len(every) - 1 else 0
    every = every[: 1 + groups]
    held = HeldOut.empty(len(every))
    tokens = min(agreement_tokens or DECIDED_TOKENS, blocks.num_labels)
    return read_part(held, model, blocks, batch_size, tokens, every, classes), held


def _token_means(collection: Collection) -> list[ClassStatistics]:
    """Return what NC5 takes of a text, its mean feature: of the whole, then without each group."""
    groups = collection.final.groups
    found = []
    for part in (collection.statistics, *(without_each(groups) if len(groups) > 1 else ())):
        mean = ClassStatistics(part.dim, part.device)
        mean.update(token_mean(part).unsqueeze(0), torch.zeros(1, dtype=torch.int64, device=part.device))
        found.append(mean)
    return found


def _on_the_other(collection: Collection, held: HeldOut, classes: Tensor | None) -> dict[str, float]:
    """Give the columns of the second corpus."""
    found = held.values() | _metrics(collection, "core", classes, held.decided)
    found |= {f"{name}{STDERR}": error for name, error in held.errors().items()} if held.groups > 1 else {}
    return {f"{OTHER_TEXT}{name}": value for name, value in found.items()}
