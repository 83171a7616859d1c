"""Report: the record of one measurement with its forms, to be kept, loaded and shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.errors import FileError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.report.codec import CodecError, decode, encode, restore, to_text
from nc_hf.report.csv import csv_text, report_row
from nc_hf.report.markdown import markdown_card
from nc_hf.report.record import SCHEMA_VERSION, ReportRecord
from nc_hf.report.validity import fault_of
from nc_hf.report.verdict import verdict
from nc_hf.runtime.files import read_json, write_text
from nc_hf.runtime.seal import BrokenSealError, opened, sealed

if TYPE_CHECKING:
    from rich.console import RenderableType

_Entries = dict[str, Any]
_VERDICT = "verdict"


@dataclass(frozen=True, kw_only=True)
class Report(ReportRecord):
    """The result of ``measure``: the entries of ``ReportRecord`` and the forms in which to keep and show them."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; NaN and infinities become None and are listed under ``undefined``.

        The entry ``verdict`` is made of the others, for whoever reads the file without nc_hf, and is not read again.
        """
        return {**encode(dataclasses.asdict(self)), _VERDICT: verdict(self).to_dict()}

    def to_json(self) -> str:
        """Return the JSON form as text: strict JSON, two spaces deep, floats to the last bit, with a seal of it all."""
        return to_text(sealed(self.to_dict())) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the JSON form; atomic: the file is whole or untouched."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read what ``save`` wrote.

        Raises:
            FileError: the file is missing, truncated, edited, not a report, or of a newer nc_hf.
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
            FileError: the document is not a report, not what was sealed, or of a newer nc_hf.
        """
        version = document.get("schema_version") if isinstance(document, dict) else None
        if not isinstance(document, dict) or type(version) is not int or version < 1:
            raise FileError("this is not a report: pass a JSON file that `nc-hf measure --output` wrote.")
        if version > SCHEMA_VERSION:
            raise FileError(f"the report has schema {version}, newer than {SCHEMA_VERSION}: upgrade nc_hf to read it.")
        try:
            entries = restore({name: entry for name, entry in opened(document).items() if name != _VERDICT})
            for later in range(version + 1, SCHEMA_VERSION + 1):
                entries = {**_UPGRADES[later](entries), "schema_version": later}
            report = decode(cls, entries)
        except (CodecError, BrokenSealError) as error:
            raise FileError(f"the report is damaged ({error}): measure again.") from None
        if fault := fault_of(report):
            raise FileError(f"the report says what no measurement gives ({fault}): measure again.")
        return report

    def without_contexts(self) -> Report:
        """Return the report without the pieces of the text that it quotes, for whoever may not read the text."""
        table = self.token_table
        return self if table is None else dataclasses.replace(self, token_table=table.without_contexts())

    def to_markdown(self, picture: str | None = None) -> str:
        """Return a section for a model card: the metrics with directions and definitions, then the circumstances.

        Args:
            picture: Markdown that shows a picture, set below the metrics.
        """
        return markdown_card(self, picture)

    def to_html(self) -> str:
        """Return the report with its pictures as one page to keep or to mail, which loads nothing.

        Raises:
            InputError: vl-convert is not installed.
        """
        from nc_hf.report.html.document import html_document

        return html_document(self)

    def to_csv(self) -> str:
        """Return a header line and one row: the circumstances, the loss, then every metric and its standard error."""
        return csv_text([report_row(self)])

    def to_table(self, front_end: FrontEnd = FrontEnd.PYTHON) -> RenderableType:
        """Return the report for a terminal; print it with ``rich.print``.

        Args:
            front_end: whose advice goes with the cautions.
        """
        from nc_hf.report.terminal import report_table

        return report_table(self, front_end)


def _with_strata_and_tokens(entries: _Entries) -> _Entries:
    """Upgrade from schema 1, which had neither."""
    return {**entries, "strata": [], "token_table": None}


def _with_errors_by_layer(entries: _Entries) -> _Entries:
    """Upgrade from schema 2, in which the values of a layer were bare numbers."""
    layers = entries.get("layers")
    if not isinstance(layers, dict) or not all(isinstance(values, dict) for values in layers.values()):
        return entries  # damaged, as the decoder will say
    valued = {
        layer: {name: {"value": value, "stderr": None} for name, value in values.items()}
        for layer, values in layers.items()
    }
    return {**entries, "layers": valued}


def _with_replicates(entries: _Entries) -> _Entries:
    """Upgrade from schema 3, which kept neither replicates nor the bound of a share of 0 or 1."""
    layers = entries.get("layers")
    if isinstance(layers, dict):
        layers = {name: _bounded(values) for name, values in layers.items()}
    filled = {name: _filled(entries.get(name), absent) for name, absent in _SINCE_4.items()}
    if isinstance(filled["corpus"], dict):
        filled["corpus"] = {**filled["corpus"], "marks": []}
    return {
        **entries,
        **filled,
        "metrics": _bounded(entries.get("metrics")),
        "layers": layers,
        "errors": None,
        "outliers": {},
    }


def _with_chosen_classes(entries: _Entries) -> _Entries:
    """Upgrade from schema 4, in which classes counted by their tokens among those that were measured."""
    classes, agreement, table = (entries.get(name) for name in ("classes", "agreement", "token_table"))
    corpus = _filled(entries.get("corpus"), ("text_hash", "seed"))
    if isinstance(classes, dict) and "min_count" in classes:
        rest = {name: entry for name, entry in classes.items() if name != "min_count"}
        fewest, used = classes["min_count"], classes.get("used")
        chosen = {"rule": f"min_count:{fewest}", "listed": used, "fewest": fewest, "hash": "", "census": 0, "ids": []}
        classes = {**rest, **chosen}
    if isinstance(agreement, dict):
        agreement = {**agreement, "classes": "seen"}
    if isinstance(table, dict):
        table = {name: entry for name, entry in table.items() if name != "min_count"}
    errors = entries.get("errors")
    if isinstance(errors, dict):
        errors = {**errors, "corrected": []}
    changed = {
        "errors": errors,
        "corpus": corpus,
        "classes": classes,
        "agreement": agreement,
        "token_table": table,
        "untrained": {},
    }
    return {**entries, **changed}


def _with_base(entries: _Entries) -> _Entries:
    """Upgrade from schema 5, whose models were whole."""
    return {**entries, "model": _filled(entries.get("model"), ("base",))}


def _with_map(entries: _Entries) -> _Entries:
    """Upgrade from schema 6, whose table of tokens did not say where they lie."""
    return {**entries, "token_table": _filled(entries.get("token_table"), ("map",))}


def _with_drawing(entries: _Entries) -> _Entries:
    """Upgrade from schema 7, whose metrics looked at all pairs, and which had no seal."""
    return {**entries, "drawn": None}


_SINCE_4 = {
    "model": ("weights",),
    "corpus": ("bytes", "repeated_share", "reading", "marks_note"),
    "classes": ("unigram_entropy", "fragment_share"),
}
"""Entries within others that schema 3 did not have."""


def _filled(entries: Any, absent: tuple[str, ...]) -> Any:
    """Add empty entries; what is damaged stays as it is, for the decoder to name."""
    return {**entries, **dict.fromkeys(absent)} if isinstance(entries, dict) else entries


def _bounded(values: Any) -> Any:
    """Give each value an empty bound; what is damaged stays as it is, for the decoder to name."""
    if not isinstance(values, dict):
        return values
    return {name: {**value, "bound": None} if isinstance(value, dict) else value for name, value in values.items()}


_UPGRADES: dict[int, Callable[[_Entries], _Entries]] = {
    2: _with_strata_and_tokens,
    3: _with_errors_by_layer,
    4: _with_replicates,
    5: _with_chosen_classes,
    6: _with_base,
    7: _with_map,
    8: _with_drawing,
}
"""To each schema from the one before."""
