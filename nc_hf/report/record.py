"""The record of one measurement: its values with everything that they depend on, as data alone.

``docs/dictionary.md`` is made of what stands here. The JSON form has the names and the nesting of the dataclasses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, SupportsFloat

from nc_hf.metrics.jackknife import jackknife_error
from nc_hf.report.detail import StratumRecord, TokenTable
from nc_hf.report.text_record import AgreementRecord, ClassRecord, CorpusRecord

SCHEMA_VERSION = 8


@dataclass(frozen=True)
class MetricValue:
    """A value with what is known of its error.

    It may be written, compared and multiplied as the number that it is; values by layer were bare numbers once.

    Attributes:
        value: of the metric.
        stderr: its standard error; None where none was estimated.
        bound: of a share of exactly 0 or 1, in which a spread would not show: three over the number of tokens, which
            with 95 % confidence the share lies no farther away than (the rule of three); None for all else.
    """

    value: float
    stderr: float | None = None
    bound: float | None = None

    def __float__(self) -> float:
        """Return the value."""
        return self.value

    def __format__(self, spec: str) -> str:
        """Write the value as its format says; without one, as ``repr`` does."""
        return format(self.value, spec) if spec else repr(self)

    def __lt__(self, other: SupportsFloat) -> bool:
        """Whether the value is below another, or a number."""
        return self.value < float(other)

    def __gt__(self, other: SupportsFloat) -> bool:
        """Whether the value is above another, or a number."""
        return self.value > float(other)

    def __mul__(self, factor: SupportsFloat) -> float:
        """Return the value times a number."""
        return self.value * float(factor)

    __rmul__ = __mul__


@dataclass(frozen=True)
class OutlierRecord:
    """Positions whose tokens were kept out of a layer, since their features are far longer than all others.

    Attributes:
        positions: in what the model reads as one text, from 0.
        variance_share: share, in [0, 1], that they would have had of the variance of the layer's tokens.
    """

    positions: list[int]
    variance_share: float


@dataclass(frozen=True)
class ErrorRecord:
    """Where standard errors come from.

    Attributes:
        groups: of neighbouring blocks, each left out once; intervals take Student's t with one less of freedom.
        classes: ``fixed``: the list does not depend on the sample, so another one speaks of the same classes; ``held``:
            it does, as all of them do that are seen, and every replicate speaks of those of the whole, so that another
            sample would have others is not in the errors.
        replicates: of ``loss``, ``accuracy`` and each metric the values without each group, by which two reports of the
            same text are compared group by group.
        corrected: metrics from whose values the bias of few tokens was taken out, by the replicates.
    """

    groups: int
    classes: str
    replicates: dict[str, list[float]]
    corrected: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DrawnRecord:
    """Pairs of classes that were drawn, since there were more classes than all pairs were to be looked at of.

    Attributes:
        pairs: that were looked at, in ten draws.
        possible: pairs that there are.
        errors: of each metric that they estimate the standard error that the drawing makes: of ``stderr`` it is a part,
            added in squares to what another sample of text would do.
    """

    pairs: int
    possible: int
    errors: dict[str, float]


@dataclass(frozen=True)
class BaseRecord:
    """The model into which an adapter was merged before it was measured.

    Attributes:
        id: Hub id or local directory, as the adapter names it.
        revision: that the adapter names; None for the default branch or a local directory.
        commit: the commit that was loaded, or the hash of a local directory's weights.
        kind: of the adapter, in PEFT's words, such as ``LORA``.
    """

    id: str
    revision: str | None
    commit: str
    kind: str


@dataclass(frozen=True)
class ModelRecord:
    """Which weights were measured, and how they were run.

    Attributes:
        id: Hub id or local directory, as given.
        revision: branch, tag or commit asked for; None for the default branch or a local directory.
        commit: the commit that was loaded, or the hash of a local directory's weights, of an adapter's with its base's;
            None for a model in memory.
        architecture: class of the model, such as ``LlamaForCausalLM``.
        parameters: number of parameters, shared ones once.
        dtype: of the weights in the forward pass.
        head: the classifier head, as ``ClassifierHead.describe()`` gives it.
        weights: hash of the hashes of the safetensors files: equal means the same weights, whatever they are called;
            None for a model in memory, or where the Hub gives no hashes. Of an adapter: of its file, its settings and
            its base's weights.
        base: what an adapter was merged into, all else being said of the two together; None for a model that is whole.
    """

    id: str
    revision: str | None
    commit: str | None
    architecture: str
    parameters: int
    dtype: str
    head: dict[str, Any]
    weights: str | None = None
    base: BaseRecord | None = None


@dataclass(frozen=True, kw_only=True)
class ReportRecord:
    """What one measurement found.

    Attributes:
        model: which weights.
        corpus: which tokens.
        tokens: labelled positions measured.
        classes: which next-token classes.
        loss: mean cross-entropy, in nats a token.
        perplexity: exp(loss).
        accuracy: share of tokens that the model's own argmax gets right.
        preset: name of the preset, or the metrics asked for, joined by commas.
        metrics: every value by its name in METRICS.md.
        definitions: the formula of each metric, as used.
        diagnostics: what qualifies the values, such as shares of excluded pairs and of ties.
        untrained: the same values of a model of this shape before training, on a part of the text, where that was
            asked for: what is no better says nothing of training.
        layers: metrics by layer, where all layers were asked for, ``final`` last.
        outliers: by layer, what was kept out of it.
        agreement: how NC4 was counted; None where it was not.
        errors: where the standard errors come from; None where there are none.
        drawn: which pairs estimate the metrics that are over pairs; None where all pairs were looked at.
        strata: the metrics by class frequency, rarest first.
        token_table: the classes one by one.
        head_check: largest relative difference between head(features) and the model's own logits.
        versions: of Python and the libraries.
        created: when, in UTC, ISO 8601.
        seconds: how long it took.
        schema_version: of the JSON form.
    """

    model: ModelRecord
    corpus: CorpusRecord
    tokens: int
    classes: ClassRecord
    loss: float
    perplexity: float
    accuracy: float
    preset: str
    metrics: dict[str, MetricValue]
    definitions: dict[str, str]
    diagnostics: dict[str, float] = field(default_factory=dict)
    untrained: dict[str, float] = field(default_factory=dict)
    layers: dict[str, dict[str, MetricValue]] = field(default_factory=dict)
    outliers: dict[str, OutlierRecord] = field(default_factory=dict)
    agreement: AgreementRecord | None = None
    errors: ErrorRecord | None = None
    drawn: DrawnRecord | None = None
    strata: list[StratumRecord] = field(default_factory=list)
    token_table: TokenTable | None = None
    head_check: float
    versions: dict[str, str]
    created: str
    seconds: float
    schema_version: int = SCHEMA_VERSION

    @property
    def loss_without_marks(self) -> float:
        """Mean cross-entropy of the tokens that are no marks, in nats; NaN where all are."""
        marks = [mark for mark in self.corpus.marks if mark.loss is not None]
        rest = self.tokens - sum(mark.targets for mark in marks)
        summed = self.loss * self.tokens - sum(mark.targets * (mark.loss or 0.0) for mark in marks)
        return summed / rest if rest else math.nan

    @property
    def name(self) -> str:
        """The model, with the revision where one was asked for."""
        return f"{self.model.id}@{self.model.revision}" if self.model.revision else self.model.id

    @property
    def bits_per_byte(self) -> float | None:
        """The loss by the bytes of the text instead of its tokens, so that tokenizers agree; None where unknown."""
        return self.loss * self.tokens / (self.corpus.bytes * math.log(2)) if self.corpus.bytes else None

    def outcome(self, name: Literal["loss", "accuracy"]) -> MetricValue:
        """Return the loss or the accuracy with its standard error."""
        known = {} if self.errors is None else self.errors.replicates
        error = jackknife_error(known[name]) if name in known else None
        return MetricValue(self.loss if name == "loss" else self.accuracy, error)
