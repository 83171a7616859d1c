"""A trajectory of two points and a failure."""

from __future__ import annotations

from dataclasses import replace

from nc_hf import Report
from nc_hf.report import MetricValue
from nc_hf.report.trajectory import TrajectoryPoint
from tests.reports import SCHEMA_1

BARE = Report.load(SCHEMA_1)


def point(revision: str, loss: float, **metrics: float) -> TrajectoryPoint:
    model = replace(BARE.model, revision=revision, commit=f"{revision:0<40}")
    changed = {name: MetricValue(value, value / 10) for name, value in metrics.items()}
    report = replace(BARE, model=model, loss=loss, metrics={**BARE.metrics, **changed})
    return TrajectoryPoint(revision, f"{revision:0<40}", report)
