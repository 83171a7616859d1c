"""A report with other values or names, for what is said about it."""

from __future__ import annotations

import dataclasses

import pytest

from nc_hf.report import MetricValue, Report
from tests.paths import REFERENCES


@pytest.fixture(scope="session")
def report() -> Report:
    """A report as an older nc_hf wrote it."""
    return Report.load(REFERENCES / "report.json")


def with_values(report: Report, **values: float) -> Report:
    """The report with other values, each with a standard error of a thousandth."""
    return dataclasses.replace(report, metrics={name: MetricValue(value, 0.001) for name, value in values.items()})


def with_markup(report: Report, markup: str) -> Report:
    """The report with markup in everything that comes from outside."""
    return dataclasses.replace(
        report,
        model=dataclasses.replace(report.model, id=markup, architecture=markup),
        definitions=dict.fromkeys(report.definitions, markup),
    )


def like_the_published(report: Report) -> Report:
    """The report as if of a model that may be held against the published ones."""
    return dataclasses.replace(
        report,
        model=dataclasses.replace(report.model, head={**report.model.head, "dim": 64}),
        corpus=dataclasses.replace(report.corpus, source="tinystories"),
        classes=dataclasses.replace(report.classes, vocab_size=50_257, used=20_000),
        loss=2.0,
    )
