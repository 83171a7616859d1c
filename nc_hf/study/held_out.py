"""Text that a model was not trained on: loss, accuracy, calibration, and NC4 by the centres of the training text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from accelerate.state import PartialState
from torch import Tensor
from transformers import PreTrainedModel

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.measurement.calibration import Calibration
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.measurement.outcomes import perplexity
from nc_hf.metrics import AgreementCounts
from nc_hf.metrics.jackknife import jackknife_error
from nc_hf.statistics.class_statistics import ClassStatistics
from nc_hf.study.table import HALVES

DECIDED_TOKENS = 262_144
"""Tokens whose features are held at a time where NC4 is decided on all: 1 GiB at width 1,024."""


@dataclass
class HeldOut:
    """What was found on a text, by its groups of neighbouring rows.

    Attributes:
        decided: decisions by the centres of the whole training text, then by those without each group of it, there
            without the group of held-out text of the same number.
        halves: decisions by the centres of the whole, on the even and on the odd groups of the held-out text.
        sums: (3, groups): tokens, summed loss in nats, and how many were right.
        calibration: predictions by their confidence.
    """

    decided: list[AgreementCounts]
    sums: Tensor
    calibration: Calibration
    halves: list[AgreementCounts]

    @classmethod
    def empty(cls, centres: int) -> HeldOut:
        """Begin with nothing.

        Args:
            centres: how many the decisions go by: of the whole training text, and without each of its groups.
        """
        groups = max(1, centres - 1)
        sums, calibration = torch.zeros(3, groups, dtype=torch.float64), Calibration(groups)
        return cls([AgreementCounts()] * centres, sums, calibration, [AgreementCounts()] * len(HALVES))

    @property
    def groups(self) -> int:
        """How many groups of rows are kept apart."""
        return int(self.sums.shape[1])

    def values(self) -> dict[str, float]:
        """Return ``loss``, ``accuracy``, ``perplexity``, ``calibration_error`` and ``tokens``."""
        tokens, loss, correct = self.sums.sum(dim=1).tolist()
        return {
            "loss": loss / tokens,
            "accuracy": correct / tokens,
            "perplexity": perplexity(loss / tokens),
            "calibration_error": self.calibration.error(),
            "tokens": int(tokens),
        }

    def errors(self) -> dict[str, float]:
        """Return the standard error of each value that is a mean, by leaving out each group."""
        rest = self.sums.sum(dim=1, keepdim=True) - self.sums
        others = [torch.tensor([g for g in range(self.groups) if g != left]) for left in range(self.groups)]
        found = {
            "loss": (rest[1] / rest[0]).tolist(),
            "accuracy": (rest[2] / rest[0]).tolist(),
            "calibration_error": [self.calibration.error(groups) for groups in others],
        }
        return {name: jackknife_error(values) for name, values in found.items()}

    def of_halves(self) -> dict[str, float]:
        """Return loss, accuracy and NC4 of two disjoint halves of the text: its even and its odd groups.

        A correlation between NC4 of one half and the loss of the other is not made by the tokens that both look at.
        """
        found: dict[str, float] = {}
        for first, (half, counts) in enumerate(zip(HALVES, self.halves, strict=True)):
            tokens, loss, correct = self.sums[:, first :: len(HALVES)].sum(dim=1).tolist()
            found |= {f"val_loss{half}": loss / tokens, f"val_accuracy{half}": correct / tokens}
            found[f"nc4_agreement{half}"] = counts.agree / counts.tokens if counts.tokens else float("nan")
        return found


def read_held_out(
    model: PreTrainedModel,
    blocks: TokenBlocks,
    batch_size: int,
    agreement_tokens: int | None,
    every: Sequence[ClassStatistics],
    classes: Tensor | None,
) -> HeldOut:
    """Run a held-out text through a model, once.

    Args:
        model: on its device.
        blocks: the text.
        batch_size: blocks a forward pass and process.
        agreement_tokens: tokens on which NC4 is decided; None for all.
        every: statistics of the training text, the whole, then without each of its groups.
        classes: (K,) ids that count; None for all.
    """
    found = HeldOut.empty(len(every))
    for part in _parts(blocks, agreement_tokens, batch_size):
        read_part(found, model, part, batch_size, agreement_tokens or part.num_labels, every, classes)
    return found


def read_part(
    found: HeldOut,
    model: PreTrainedModel,
    part: TokenBlocks,
    batch_size: int,
    agreement_tokens: int,
    every: Sequence[ClassStatistics],
    classes: Tensor | None,
) -> Collection:
    """Run a part of the text through a model, once, add to ``found`` what it gives, and return what was gathered."""
    collection = collect(
        model,
        part,
        batch_size=batch_size,
        agreement_tokens=agreement_tokens,
        groups=found.groups,
        calibration=True,
        progress=False,
    )
    sample, groups = collection.decided(classes), found.groups
    found.sums += collection.outcomes.sums
    assert collection.outcomes.calibration is not None
    found.calibration.sums += collection.outcomes.calibration.sums

    def decide(centres: ClassStatistics, without: Sequence[int]) -> AgreementCounts:
        return collection.decisions(sample, centres=centres, leave_one_out=False, without=without).counts()

    left_out: list[Sequence[int]] = [(), *((group,) for group in range(len(every) - 1))]
    found.decided = [
        before + decide(centres, without)
        for before, centres, without in zip(found.decided, every, left_out, strict=True)
    ]
    if groups > 1:
        others = [range(1, groups, 2), range(0, groups, 2)]  # without the odd groups, and without the even ones
        found.halves = [before + decide(every[0], rest) for before, rest in zip(found.halves, others, strict=True)]
    return collection


def _parts(blocks: TokenBlocks, agreement_tokens: int | None, batch_size: int) -> Iterator[TokenBlocks]:
    """Divide the text so that the features of all tokens to decide on fit into memory.

    A sample is small enough by itself; where every token counts, the centres are known and parts can be decided alone.
    """
    batches = max(1, DECIDED_TOKENS // (blocks.block_size * batch_size * PartialState().num_processes))
    rows = len(blocks) if agreement_tokens else batches * batch_size * PartialState().num_processes
    for begin in range(0, len(blocks), rows):
        yield blocks.rows(slice(begin, begin + rows))
