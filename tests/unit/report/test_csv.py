"""Reports and trajectories as CSV: every bit."""

from __future__ import annotations

import csv
import io

from nc_hf.report import Report


class TestViews:
    def test_csv_keeps_every_bit(self, report: Report) -> None:
        (row,) = csv.DictReader(io.StringIO(report.to_csv()))
        assert row["model"] == report.model.id
        assert float(row["loss"]) == report.loss
        for name, metric in report.metrics.items():
            assert float(row[name]) == metric.value
            assert row[f"{name}_stderr"] == ("" if metric.stderr is None else repr(metric.stderr))
