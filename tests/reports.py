"""What tests of reports share: reference files, changed metrics, points of a trajectory, what a terminal shows."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console, RenderableType

from nc_hf.metrics import METRICS
from nc_hf.report import MetricValue, Report
from nc_hf.report.trajectory import TrajectoryPoint
from tests.paths import REFERENCES

SCHEMA_1, SCHEMA_2 = REFERENCES / "report.json", REFERENCES / "report_2.json"
SCHEMA_4, SCHEMA_5 = REFERENCES / "report_4.json", REFERENCES / "report_5.json"
SCHEMA_6, SCHEMA_7 = REFERENCES / "report_6.json", REFERENCES / "report_7.json"
SCHEMA_8 = REFERENCES / "report_8.json"
REFERENCE = REFERENCES / "report_3.json"
BARE = Report.load(SCHEMA_1)


def with_metrics(report: Report, **metrics: MetricValue) -> Report:
    return replace(report, metrics=metrics, definitions={name: METRICS[name].formula for name in metrics})


def printed(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def point(revision: str, loss: float, **metrics: float) -> TrajectoryPoint:
    model = replace(BARE.model, revision=revision, commit=f"{revision:0<40}")
    changed = {name: MetricValue(value, value / 10) for name, value in metrics.items()}
    report = replace(BARE, model=model, loss=loss, metrics={**BARE.metrics, **changed})
    return TrajectoryPoint(revision, f"{revision:0<40}", report)
