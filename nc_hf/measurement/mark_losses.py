"""What a pass finds about the marks of a text: how often each was to be predicted, and with what loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.vocabulary import shown_text
from nc_hf.model.forward_pass import TapBatch
from nc_hf.report.text_record import MarkRecord
from nc_hf.runtime.distributed import Process, sum_over_processes


class MarkLosses:
    """Sums over the marks among the labels.

    Args:
        marks: token ids.

    Attributes:
        sums: (2, marks) float64, of each mark how often it was a label, and its summed loss in nats (NaN where the
            pass gave no losses).
    """

    def __init__(self, marks: Iterable[int] = ()) -> None:
        """Start at nothing."""
        self.marks = tuple(dict.fromkeys(marks))
        self.sums = torch.zeros(2, len(self.marks), dtype=torch.float64)

    def add(self, batch: TapBatch) -> None:
        """Take in one batch."""
        for place, mark in enumerate(self.marks):
            at = batch.labels == mark
            self.sums[0, place] += int(at.sum())
            self.sums[1, place] += torch.nan if batch.nll is None else float(batch.nll[at].double().sum())

    def reduce(self, process: Process) -> None:
        """Add up all processes; every rank then holds the whole."""
        sums = sum_over_processes(self.sums.flatten().tolist(), process)
        self.sums = torch.tensor(sums, dtype=torch.float64).view_as(self.sums)

    def found(self) -> dict[int, tuple[int, float]]:
        """Return of each mark how often it was a label, and its summed loss in nats."""
        counts, losses = self.sums.tolist()
        return {mark: (int(count), loss) for mark, count, loss in zip(self.marks, counts, losses, strict=True)}


def mark_records(blocks: TokenBlocks, losses: MarkLosses, tokenizer: Any) -> list[MarkRecord]:
    """Tell of each mark of some blocks what it does, how often it stands there, and how it was predicted.

    Args:
        blocks: that were read.
        losses: what was found, reduced.
        tokenizer: spells the marks; None writes their ids.
    """
    between = () if blocks.eot_id is None else (blocks.eot_id,)
    roles = {"begin": blocks.marks.begin, "end": blocks.marks.end, "between": between}
    found = losses.found()
    records = []
    for role, marks in roles.items():
        for mark in dict.fromkeys(marks):
            targets, summed = found[mark]
            loss = summed / targets if targets else None
            count = int((blocks.input_ids == mark).sum())
            records.append(MarkRecord(role, mark, shown_text(tokenizer, mark), count, targets, loss))
    return records


def marks_note(blocks: TokenBlocks, apart: bool | None, origin: str | None = None) -> str | None:
    """Say what has to be known of how documents were marked and kept apart; None where it is as it should be.

    Args:
        blocks: that were read.
        apart: as of `Collection`.
        origin: where the tokenizer is from, if it did not come with the model.
    """
    notes = [blocks.marks.note] if blocks.marks.note else []
    if apart is False:
        notes.append("this model cannot read the documents of a block by themselves: each sees those before it")
    if origin is not None:
        notes.append(f"the tokenizer is that of {origin}")
    return "; ".join(notes) or None
