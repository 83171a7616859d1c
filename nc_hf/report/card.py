"""A report as text for others: a section of a model card in Markdown, and a row of CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nc_hf.report.breakdown import TOKEN_HEADER, TOKEN_NOTE, stratum_note, stratum_table, token_rows
from nc_hf.report.words import (
    ARROWS,
    FAMILIES,
    LEGEND,
    by_family,
    circumstances,
    direction,
    family_title,
    number,
    title,
    value_and_error,
)

if TYPE_CHECKING:
    from nc_hf.report.detail import TokenTable
    from nc_hf.report.record import Report

# Underscores inside a word are no markup, and are many in names.
_MARKUP = re.compile(r"[\\`*~\[\]<>&]|(?<![^\W_])_|_(?![^\W_])")
_PAPER = "[Linguistic Collapse](https://arxiv.org/abs/2405.17767)"


def markdown_card(report: Report, picture: str | None = None) -> str:
    """Return a section for a model card; ``picture`` is Markdown that shows one, set below the metrics."""
    with_errors = any(metric.stderr is not None for metric in report.metrics.values())
    parts = [
        "## Neural collapse",
        f"How far the features that {code(report.name)} forms before each next token have collapsed, after {_PAPER}: "
        f"preset {code(report.preset)}{', ± one standard error' if with_errors else ''}.",
        _metric_table(report),
        LEGEND,
        *([picture] if picture else []),
        "### Circumstances",
        markdown_table(
            ["", ""], [(f"**{heading}**" if heading else "", plain(text)) for heading, text in circumstances(report)]
        ),
        "### What the values mean",
        "\n".join(_definitions(report)),
    ]
    if report.strata:
        header, rows = stratum_table(report)
        parts += ["### By class frequency", markdown_table(header, rows), stratum_note(report.strata)]
    if report.token_table is not None:
        parts += ["### Tokens", *_token_tables(report.token_table)]
    if report.layers:
        parts += ["### By layer", _layer_table(report)]
    if report.diagnostics:
        parts += [
            "### Diagnostics",
            markdown_table(["", ""], [(code(n), number(v)) for n, v in report.diagnostics.items()]),
        ]
    return "\n\n".join(parts) + "\n"


def csv_row(report: Report) -> str:
    """Return a header line and one row."""
    row: dict[str, object] = {
        "model": report.model.id,
        "revision": report.model.revision,
        "commit": report.model.commit,
        "corpus": report.corpus.source,
        "split": report.corpus.split,
        "fingerprint": report.corpus.fingerprint,
        "packing": report.corpus.packing,
        "tokens": report.tokens,
        "classes_used": report.classes.used,
        "min_count": report.classes.min_count,
        "coverage": report.classes.coverage,
        "preset": report.preset,
        "created": report.created,
        "loss": report.loss,
        "perplexity": report.perplexity,
        "accuracy": report.accuracy,
    }
    for name, metric in report.metrics.items():
        row[name] = metric.value
        row[f"{name}_stderr"] = metric.stderr
    text = io.StringIO()
    writer = csv.DictWriter(text, row, lineterminator="\n")
    writer.writeheader()
    writer.writerow(row)
    return text.getvalue()


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells hold Markdown, in which a bar is a bar."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def plain(text: str) -> str:
    r"""Escape what Markdown would take for markup: ids and paths come from outside.

    >>> plain("a_b <img> _x_")
    'a_b \\<img\\> \\_x\\_'
    """
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def code(text: str) -> str:
    """Return ``text`` as a code span, without the characters that would end it."""
    return f"`{' '.join(text.replace('`', '').split())}`"


def _metric_table(report: Report) -> str:
    rows = []
    for names in by_family(report.metrics).values():
        for name in names:
            value, error = value_and_error(report.metrics[name])
            rows.append(
                (code(name), ARROWS[direction(name)], f"{value} ± {error}" if error else value, plain(title(name)))
            )
    return markdown_table(["metric", "", "value", "what it is"], rows)


def _token_tables(table: TokenTable) -> Iterable[str]:
    for heading, records in (("Most collapsed", table.most_collapsed), ("Least collapsed", table.least_collapsed)):
        yield f"{heading}, of {table.classes:,} with {table.min_count:,} tokens or more:"
        yield markdown_table(TOKEN_HEADER, [[plain(cell) for cell in row] for row in token_rows(records)])
    yield TOKEN_NOTE


def _definitions(report: Report) -> Iterable[str]:
    for family, names in by_family(report.metrics).items():
        if family in FAMILIES:
            yield f"- **{family_title(family)}**: {FAMILIES[family][1]}."
        for name in names:
            formula = report.definitions.get(name)
            if formula:
                yield f"  - {code(name)}: {code(formula)}"


def _layer_table(report: Report) -> str:
    names = list(dict.fromkeys(name for values in report.layers.values() for name in values))
    rows = [
        [plain(layer), *(number(values[name]) if name in values else "" for name in names)]
        for layer, values in report.layers.items()
    ]
    return markdown_table(["layer", *map(code, names)], rows)
