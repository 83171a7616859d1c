"""A report as a row of CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nc_hf.report.report import Report


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
