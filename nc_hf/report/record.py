"""Report: the values of one measurement with everything that they depend on.

``docs/report.md`` says what each entry means. The JSON form has the names and the nesting of the dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MetricValue:
    """A metric and its standard error; None where the error was not estimated."""

    value: float
    stderr: float | None = None


@dataclass(frozen=True)
class ModelRecord:
    """Which weights were measured, and how they were run.

    Attributes:
        id: Hub id or local directory, as given.
        revision: branch, tag or commit asked for; None for the default branch or a local directory.
        commit: the commit that was loaded, or the hash of a local directory's weights; None for a model in memory.
        architecture: class of the model, such as ``LlamaForCausalLM``.
        parameters: number of parameters, shared ones once.
        dtype: of the weights in the forward pass.
        head: the classifier head, as ``ClassifierHead.describe()`` gives it.
    """

    id: str
    revision: str | None
    commit: str | None
    architecture: str
    parameters: int
    dtype: str
    head: dict[str, Any]


@dataclass(frozen=True)
class CorpusRecord:
    """Which tokens were read.

    Attributes:
        source: the corpus, as named by the user.
        split: of the corpus.
        fingerprint: hash of the token ids, the packing and the tokenizer: equal means the same tokens.
        packing: ``documents`` or ``paper``.
        block_size: tokens a block.
        blocks: number of blocks.
        documents: number of documents that the blocks touch.
        tokenizer_hash: hash of the tokenizer.
        shard: ``i/n`` where only that part of the blocks was read, else None.
    """

    source: str
    split: str
    fingerprint: str
    packing: str
    block_size: int
    blocks: int
    documents: int
    tokenizer_hash: str
    shard: str | None = None


@dataclass(frozen=True)
class ClassRecord:
    """Which next-token classes the metrics speak of.

    Attributes:
        seen: classes with at least one token.
        used: classes with at least ``min_count`` tokens.
        min_count: tokens that a class must have.
        coverage: share of the tokens, in [0, 1], whose class is used.
        vocab_size: rows of the classifier head.
    """

    seen: int
    used: int
    min_count: int
    coverage: float
    vocab_size: int


@dataclass(frozen=True)
class AgreementRecord:
    """How NC4 was counted: over how many tokens, and whether each was left out of its own class centre."""

    tokens: int
    leave_one_out: bool


@dataclass(frozen=True)
class ComparedMetric:
    """One metric in every report.

    Attributes:
        name: of the metric.
        values: one a report, None where a report lacks the metric.
        differences: to the first report. The standard error is that of independent measurements; on one corpus the
            errors go together and the true one is smaller. None where either report lacks the metric or its error.
        most_collapsed: index of the report whose value lies farthest in the metric's direction; None for a metric
            without direction, or where the foremost values agree to nine digits.
        clear: whether its lead over the next is more than two standard errors; None where that is not known.
    """

    name: str
    values: tuple[MetricValue | None, ...]
    differences: tuple[MetricValue | None, ...]
    most_collapsed: int | None
    clear: bool | None


@dataclass(frozen=True)
class TrajectoryFailure:
    """A revision that could not be measured, and why."""

    revision: str
    commit: str
    reason: str
