"""Report: the values of one measurement with everything that they depend on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.errors import FileError
from nc_hf.report.codec import CodecError, decode, encode, to_text
from nc_hf.report.detail import StratumRecord, TokenTable
from nc_hf.report.markdown import markdown_card
from nc_hf.report.table import csv_row
from nc_hf.report.terminal import report_table
from nc_hf.runtime.files import read_json, write_text

if TYPE_CHECKING:
    from rich.console import RenderableType
from nc_hf.report.record import AgreementRecord, ClassRecord, CorpusRecord, MetricValue, ModelRecord

SCHEMA_VERSION = 2


# What a report of an older schema lacks, and what it then holds.
_ADDED: dict[int, dict[str, Any]] = {2: {"strata": [], "token_table": None}}


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of ``measure``.

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
        layers: metrics by layer, where all layers were asked for.
        agreement: how NC4 was counted; None where it was not.
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
    layers: dict[str, dict[str, float]] = field(default_factory=dict)
    agreement: AgreementRecord | None = None
    strata: list[StratumRecord] = field(default_factory=list)
    token_table: TokenTable | None = None
    head_check: float
    versions: dict[str, str]
    created: str
    seconds: float
    schema_version: int = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """The model, with the revision where one was asked for."""
        return f"{self.model.id}@{self.model.revision}" if self.model.revision else self.model.id

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; NaN and infinities become None and are listed under ``undefined``."""
        return encode(dataclasses.asdict(self))

    def to_json(self) -> str:
        """Return the JSON form as text: strict JSON, two spaces deep, floats to the last bit."""
        return to_text(self.to_dict()) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the JSON form; atomic: the file is whole or untouched."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read what ``save`` wrote.

        Raises:
            FileError: the file is missing, truncated, not a report, or of a newer nc_hf.
        """
        document = read_json(path)
        try:
            return cls.from_dict(document)
        except FileError as error:
            raise FileError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, document: object) -> Report:
        """Read the JSON form, of this schema or an older one; what that lacked stays empty.

        Raises:
            FileError: the document is not a report, or one of a newer nc_hf.
        """
        version = document.get("schema_version") if isinstance(document, dict) else None
        if not isinstance(document, dict) or type(version) is not int or version < 1:
            raise FileError("this is not a report: pass a JSON file that `nc-hf measure --output` wrote.")
        if version > SCHEMA_VERSION:
            raise FileError(f"the report has schema {version}, newer than {SCHEMA_VERSION}: upgrade nc_hf to read it.")
        for later in range(version + 1, SCHEMA_VERSION + 1):
            document = {**document, **_ADDED[later], "schema_version": later}
        try:
            return decode(cls, document)
        except CodecError as error:
            raise FileError(f"the report is damaged ({error}): measure again.") from None

    def to_markdown(self, picture: str | None = None) -> str:
        """Return a section for a model card: the metrics with directions and definitions, then the circumstances.

        Args:
            picture: Markdown that shows a picture, set below the metrics.
        """
        return markdown_card(self, picture)

    def to_csv(self) -> str:
        """Return a header line and one row: the circumstances, the loss, then every metric and its standard error."""
        return csv_row(self)

    def to_table(self) -> RenderableType:
        """Return the report for a terminal; print it with ``rich.print``."""
        return report_table(self)
