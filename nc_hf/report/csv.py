"""Reports and trajectories as CSV: floats to the last bit, nothing where there is no value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from nc_hf.report.record import ReportRecord
from nc_hf.report.several import TrajectoryRecord
from nc_hf.runtime.cells import to_cell

Row = dict[str, str | int | float | None]


def csv_text(rows: Sequence[Row]) -> str:
    """Return a header line and one line a row; the first row names the columns, and no text is taken for a formula."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0] if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: to_cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def report_row(report: ReportRecord) -> Row:
    """Return the circumstances, the loss, then every metric and its standard error."""
    row: Row = {
        "model": report.model.id,
        "revision": report.model.revision,
        "commit": report.model.commit,
        "corpus": report.corpus.source,
        "split": report.corpus.split,
        "fingerprint": report.corpus.fingerprint,
        "packing": report.corpus.packing,
        "tokens": report.tokens,
        "classes_used": report.classes.used,
        "classes": report.classes.rule,
        "classes_hash": report.classes.hash,
        "coverage": report.classes.coverage,
        "preset": report.preset,
        "created": report.created,
        "loss": report.loss,
        "perplexity": report.perplexity,
        "accuracy": report.accuracy,
    }
    return row | _metric_cells(report, report.metrics)


def revision_rows(trajectory: TrajectoryRecord) -> list[Row]:
    """Return one row a revision: its name and weights, tokens, loss, every metric and its standard error."""
    rows = []
    for point in trajectory.points:
        row: Row = {
            "revision": point.revision,
            "commit": point.commit,
            "step": point.step,
            "same_as": point.same_as,
            "tokens": point.report.tokens,
            "loss": point.report.loss,
        }
        rows.append(row | _metric_cells(point.report, trajectory.metric_names))
    return rows


def _metric_cells(report: ReportRecord, names: Iterable[str]) -> Row:
    row: Row = {}
    for name in names:
        metric = report.metrics.get(name)
        row[name] = None if metric is None else metric.value
        row[f"{name}_stderr"] = None if metric is None else metric.stderr
    return row
